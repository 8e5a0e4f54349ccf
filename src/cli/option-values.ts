// Reads what people type behind options: amounts, sizes, durations, pairs. Refusals say what was expected.
import type { CommandInfoURI } from '../wire/commands.ts'
import type { Volume } from '../wire/volumes.ts'
import type { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import { parseDuration } from '../base/units.ts'
import type { OptionValues } from './command.ts'

const MB = 1024 ** 2
const SIZES: Readonly<Record<string, number>> = { b: 1, k: 1024, m: MB, g: 1024 ** 3, t: 1024 ** 4 }
const SECONDS: Readonly<Record<string, string>> = { s: 'secs', m: 'mins', h: 'hrs', d: 'days' }

/** The text of an option, undefined when it is not given. */
export function textOf(options: OptionValues, name: string): string | undefined {
  const value = options[name]
  return typeof value === 'string' ? value : undefined
}

export function listOf(options: OptionValues, name: string): readonly string[] {
  const value = options[name]
  return Array.isArray(value) ? (value as readonly string[]) : []
}

export function isSet(options: OptionValues, name: string): boolean {
  return options[name] === true
}

/** A number of at least `least`; `fallback` when the option is not given. @throws OperatingError USAGE */
export function numberOf(options: OptionValues, name: string, fallback: number, least: number): number {
  const text = textOf(options, name)
  if (text === undefined) return fallback
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= least && Number.isFinite(value)) return value
  throw wrong(name, text, `a number of at least ${least}`)
}

/** A whole number within bounds. @throws OperatingError USAGE */
export function wholeOf(
  options: OptionValues,
  name: string,
  fallback: number,
  bounds: readonly [number, number],
): number {
  const value = numberOf(options, name, fallback, bounds[0])
  if (Number.isInteger(value) && value <= bounds[1]) return value
  throw wrong(name, String(options[name]), `a whole number from ${bounds[0]} to ${bounds[1]}`)
}

/** Megabytes of `64`, `64MB`, `64MiB`, `1G`; a bare number is megabytes, as in Mesos. */
export function parseMegabytes(text: string): number | undefined {
  const form = /^(\d+(?:\.\d+)?)\s*(?:([bkmgt])i?b?)?$/i.exec(text.trim())
  const size = SIZES[form?.[2]?.toLowerCase() ?? 'm']
  return form === null || size === undefined ? undefined : (Number(form[1]) * size) / MB
}

/** @throws OperatingError USAGE */
export function megabytesOf(options: OptionValues, name: string, fallback: number): number {
  const text = textOf(options, name)
  if (text === undefined) return fallback
  const value = parseMegabytes(text)
  if (value !== undefined && value > 0) return value
  throw wrong(name, text, 'a size such as 64MB or 1GiB')
}

/** Milliseconds of `30s`, `10m`, `2h`, `500ms`, or a duration of Mesos such as 15secs. */
export function parseTime(text: string): number | undefined {
  const form = /^(\d+(?:\.\d+)?)([smhd])$/.exec(text.trim())
  const value = parseDuration(form === null ? text.trim() : `${form[1]}${SECONDS[form[2] ?? '']}`)
  return value !== undefined && value >= 0 ? value : undefined
}

/** @throws OperatingError USAGE */
export function timeOf(options: OptionValues, name: string): number | undefined {
  const text = textOf(options, name)
  if (text === undefined) return undefined
  const value = parseTime(text)
  if (value === undefined) throw wrong(name, text, 'a duration such as 30s, 10m or 500ms')
  return value
}

/** One of a few words. @throws OperatingError USAGE */
export function choiceOf<const T extends string>(
  options: OptionValues,
  name: string,
  choices: readonly T[],
): T | undefined {
  const text = textOf(options, name)
  if (text === undefined) return undefined
  const found = choices.find((choice) => choice === text)
  if (found === undefined) throw wrong(name, text, `one of ${choices.join(', ')}`)
  return found
}

/** `K=V`; `K` alone takes the value from our own environment. @throws OperatingError USAGE */
export function environmentOf(
  pairs: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const result: Record<string, string> = {}
  for (const pair of pairs) {
    const cut = pair.indexOf('=')
    const name = cut < 0 ? pair : pair.slice(0, cut)
    const value = cut < 0 ? environment[name] : pair.slice(cut + 1)
    if (name === '' || value === undefined) {
      throw wrong('env', pair, 'NAME=VALUE, or the NAME of a variable that is set here')
    }
    result[name] = value
  }
  return result
}

export interface PortWish {
  /** 0: any port of the offer. */
  readonly host: number
  readonly container: number
  readonly protocol?: 'tcp' | 'udp'
}

/** `8080:80`, `80` (any port of the host), `5353:53/udp`. @throws OperatingError USAGE */
export function portsOf(texts: readonly string[]): PortWish[] {
  return texts.map((text) => {
    const form = /^(?:(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text)
    const host = Number(form?.[1] ?? 0)
    const container = Number(form?.[2] ?? 0)
    if (form === null || container < 1 || container > 65_535 || host > 65_535) {
      throw wrong('port', text, 'HOST:CONTAINER or CONTAINER, such as 8080:80')
    }
    const protocol = form[3] as 'tcp' | 'udp' | undefined
    return { host, container, ...(protocol !== undefined && { protocol }) }
  })
}

const URI_WORDS = 'extract, noextract, executable, cache, output=NAME, sha256=HEX'

/** `URI[,extract|noextract][,executable][,cache][,output=NAME][,sha256=HEX]`. @throws OperatingError USAGE */
export function urisOf(texts: readonly string[]): CommandInfoURI[] {
  return texts.map((text) => {
    const [value = '', ...words] = text.split(',')
    const uri: CommandInfoURI = { value }
    if (value === '') throw wrong('uri', text, 'a URI, such as http://host/file.tgz')
    for (const word of words) {
      if (word === 'extract' || word === 'noextract') uri.extract = word === 'extract'
      else if (word === 'executable') uri.executable = true
      else if (word === 'cache') uri.cache = true
      else if (/^output=./.test(word)) uri.output_file = word.slice('output='.length)
      else if (/^sha256=[0-9a-f]{64}$/i.test(word)) uri.value += `#${word}`
      else throw wrong('uri', text, `URI,WORD…, where '${word}' is none of ${URI_WORDS}`)
    }
    return uri
  })
}

/** `/source:/target[:ro]`, absolute on both sides. @throws OperatingError USAGE */
export function volumesOf(texts: readonly string[]): Volume[] {
  return texts.map((text) => {
    const [host = '', inside = '', mode = 'rw', ...rest] = text.split(':')
    const isWhole = host.startsWith('/') && inside.startsWith('/') && rest.length === 0
    if (!isWhole || (mode !== 'ro' && mode !== 'rw'))
      throw wrong('volume', text, '/FOLDER-OF-THE-AGENT:/FOLDER-INSIDE, and :ro to read only')
    return { host_path: host, container_path: inside, mode: mode === 'ro' ? 'RO' : 'RW' }
  })
}

/** `NAME=VALUE`, each. @throws OperatingError USAGE */
export function pairsOf(option: string, texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((one) => {
      const cut = one.indexOf('=')
      if (cut <= 0) throw wrong(option, one, 'NAME=VALUE')
      return [one.slice(0, cut), one.slice(cut + 1)]
    }),
  )
}

function wrong(name: string, text: string, expected: string): OperatingError {
  const typed = name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  return usageError(`Option '--${typed}' has the value '${text}': expected ${expected}`)
}

// Flags as Mesos has them (spec/mesos.md 1.1): one table per daemon gives parsing, help, /flags and the types.
import { readFileSync } from 'node:fs'
import { OperatingError } from './errors.ts'
import { closest } from './words.ts'

/** One flag. `T` is the type of its value; a flag without default and not required may be undefined. */
export interface Flag<T> {
  readonly kind: 'value' | 'bool' | 'path' | 'text-or-path'
  readonly default: string | undefined
  readonly help: string
  readonly alias: readonly string[]
  /** Returns the value or a sentence that says what was expected. */
  readonly parse: (text: string) => { readonly value: T } | { readonly expected: string }
}

export interface FlagOptions {
  readonly alias?: readonly string[]
}

type FlagTable = Readonly<Record<string, Flag<unknown>>>

/** The values of a table: what a daemon's options look like. */
export type FlagValues<T extends FlagTable> = {
  readonly [K in keyof T]: T[K] extends Flag<infer V> ? V : never
}

export interface ParsedFlags<T extends FlagTable> {
  readonly values: FlagValues<T>
  /** Every flag with a value as text, under the name by which it was given: the answer of `/flags`. */
  readonly printed: Readonly<Record<string, string>>
  /** Where each value came from: `command line`, the environment variable, or `default`. */
  readonly origins: Readonly<Record<string, string>>
  /** Sentences to log once the log exists. */
  readonly warnings: readonly string[]
  readonly wants: 'run' | 'help' | 'version'
}

/** One flag as people ask for it. */
export interface FlagRow {
  readonly name: string
  /** Null: none is given, and there is no default. */
  readonly value: string | null
  /** `command line`, the variable of the environment, or `default`. */
  readonly origin: string
}

/** Every flag of the table with its value and where that came from, in the order of their names. */
export function flagRows<T extends FlagTable>(table: T, parsed: ParsedFlags<T>): readonly FlagRow[] {
  const { origins, printed } = parsed
  return Object.entries(table)
    .map(([name, { alias }]) => {
      const given = [name, ...alias].find((one) => printed[one] !== undefined)
      const value = given === undefined ? null : (printed[given] ?? null)
      return { name, value, origin: origins[name] ?? 'default' }
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function flag<T>(
  kind: Flag<T>['kind'],
  fallback: string | undefined,
  help: string,
  parse: Flag<T>['parse'],
  options: FlagOptions = {},
): Flag<T> {
  return { kind, default: fallback, help, alias: options.alias ?? [], parse }
}

/** A flag of any value type. `convert` returns undefined when the text does not fit `expected`. */
export function valueFlag<T>(
  fallback: string,
  help: string,
  expected: string,
  convert: (text: string) => T | undefined,
  options?: FlagOptions,
): Flag<T> {
  return flag('value', fallback, help, parser(expected, convert), options)
}

/** Like `valueFlag`, without a default: undefined when it is not given. */
export function optionalFlag<T>(
  help: string,
  expected: string,
  convert: (text: string) => T | undefined,
  options?: FlagOptions,
): Flag<T | undefined> {
  return flag('value', undefined, help, parser<T | undefined>(expected, convert), options)
}

export function textFlag(help: string, options?: FlagOptions): Flag<string | undefined> {
  return optionalFlag(help, 'text', (text) => text, options)
}

/** A text, or the absolute path of a file that holds it, as Mesos takes its flags of JSON. */
export function textOrPathFlag(help: string, options?: FlagOptions): Flag<string | undefined> {
  return { ...textFlag(help, options), kind: 'text-or-path' }
}

/** A path: `file://` is not followed, as in Mesos. */
export function pathFlag(help: string, options?: FlagOptions): Flag<string | undefined> {
  return flag(
    'path',
    undefined,
    help,
    parser<string | undefined>('a path', (text) => (text === '' ? undefined : text)),
    options,
  )
}

export function boolFlag(fallback: boolean, help: string, options?: FlagOptions): Flag<boolean> {
  return flag('bool', String(fallback), help, parser('true, false, 1 or 0', parseBool), options)
}

function parseBool(text: string): boolean | undefined {
  if (text === 'true' || text === '1' || text === '') return true
  return text === 'false' || text === '0' ? false : undefined
}

function parser<T>(expected: string, convert: (text: string) => T | undefined): Flag<T>['parse'] {
  return (text) => {
    const value = convert(text)
    return value === undefined ? { expected } : { value }
  }
}

interface Given {
  readonly text: string
  readonly origin: string
  readonly as: string
}

/** The wrong use of a command line: ends a program with exit code 64. */
export function usageError(message: string, hint = 'Use --help to see all flags'): OperatingError {
  return new OperatingError('USAGE', message, { hint })
}

/**
 * Parses `argv` and the environment against a table. `notYet` names flags of Mesos that we know and refuse.
 * @throws OperatingError USAGE with the flag as typed and what was expected
 */
export function parseFlags<T extends FlagTable>(
  table: T,
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  notYet: ReadonlySet<string> = new Set(),
): ParsedFlags<T> {
  const names = new Map<string, string>()
  for (const [name, one] of Object.entries(table))
    for (const key of [name, ...one.alias]) names.set(key, name)
  const warnings: string[] = []
  const line = readCommandLine(table, names, argv, notYet)
  const given = withEnvironment(table, names, line.given, environment, notYet, warnings)
  for (const [name, { as }] of given) if (as !== name) warnings.push(`--${as} is deprecated, use --${name}`)
  if (line.wants !== 'run') return { ...convertAll(table, new Map()), warnings, wants: line.wants }
  return { ...convertAll(table, given), warnings, wants: 'run' }
}

function readCommandLine(
  table: FlagTable,
  names: ReadonlyMap<string, string>,
  argv: readonly string[],
  notYet: ReadonlySet<string>,
): { given: Map<string, Given>; wants: 'run' | 'help' | 'version' } {
  const given = new Map<string, Given>()
  let wants: 'run' | 'help' | 'version' = 'run'
  for (const argument of argv) {
    if (argument === '--') break
    if (argument === '-h' || argument === '--help') wants = 'help'
    else if (argument === '--version') wants = 'version'
    else if (!argument.startsWith('--'))
      throw usageError(`Unexpected argument '${argument}': flags have the form --name=value`)
    else {
      const { name, entry } = readArgument(table, names, argument, notYet)
      if (given.has(name)) throw usageError(`Flag '--${name}' is given twice`)
      given.set(name, entry)
    }
  }
  return { given, wants }
}

function readArgument(
  table: FlagTable,
  names: ReadonlyMap<string, string>,
  argument: string,
  notYet: ReadonlySet<string>,
): { name: string; entry: Given } {
  const cut = argument.indexOf('=')
  const typed = cut < 0 ? argument.slice(2) : argument.slice(2, cut)
  const key = typed.toLowerCase().replaceAll('-', '_')
  const origin = 'command line'
  const name = names.get(key)
  if (name !== undefined) {
    if (cut >= 0) return { name, entry: { text: argument.slice(cut + 1), origin, as: key } }
    if (table[name]?.kind !== 'bool') throw usageError(`Flag '--${typed}' needs a value: --${typed}=VALUE`)
    return { name, entry: { text: 'true', origin, as: key } }
  }
  const positive = key.startsWith('no_') ? names.get(key.slice(3)) : undefined
  if (positive !== undefined && table[positive]?.kind === 'bool') {
    if (cut >= 0) throw usageError(`Flag '--${typed}' takes no value`)
    return { name: positive, entry: { text: 'false', origin, as: key.slice(3) } }
  }
  if (notYet.has(key) || notYet.has(key.replace(/^no_/, ''))) {
    throw usageError(`Flag '--${typed}' of Mesos is not supported yet`, 'docs/compatibility.md lists what is')
  }
  const near = closest(key, names.keys())
  throw usageError(`Unknown flag '--${typed}'`, near === undefined ? undefined : `Did you mean --${near}?`)
}

/** Environment: TEPUI_NAME beats MESOS_NAME; both only for flags that are not on the command line. */
function withEnvironment(
  table: FlagTable,
  names: ReadonlyMap<string, string>,
  given: Map<string, Given>,
  environment: Readonly<Record<string, string | undefined>>,
  notYet: ReadonlySet<string>,
  warnings: string[],
): Map<string, Given> {
  const result = new Map(given)
  for (const prefix of ['TEPUI_', 'MESOS_']) {
    for (const [variable, text] of Object.entries(environment)) {
      if (text === undefined || !variable.toUpperCase().startsWith(prefix)) continue
      const key = variable.slice(prefix.length).toLowerCase()
      if (notYet.has(key)) warnings.push(`${variable} is ignored: this flag of Mesos is not supported yet`)
      const positive = key.startsWith('no_') ? names.get(key.slice(3)) : undefined
      if (positive !== undefined && table[positive]?.kind === 'bool' && !result.has(positive)) {
        result.set(positive, { text: 'false', origin: variable, as: key.slice(3) })
      }
      const name = names.get(key)
      if (name !== undefined && !result.has(name)) result.set(name, { text, origin: variable, as: key })
    }
  }
  return result
}

function convertAll<T extends FlagTable>(
  table: T,
  given: ReadonlyMap<string, Given>,
): Pick<ParsedFlags<T>, 'values' | 'printed' | 'origins'> {
  const values: Record<string, unknown> = {}
  const printed: Record<string, string> = {}
  const origins: Record<string, string> = {}
  for (const [name, one] of Object.entries(table)) {
    const entry = given.get(name)
    const text = entry === undefined ? one.default : follow(name, one, entry.text)
    origins[name] = entry?.origin ?? 'default'
    if (text === undefined) {
      values[name] = undefined
      continue
    }
    const result = one.parse(text)
    if ('expected' in result) {
      const where = entry === undefined || entry.origin === 'command line' ? '' : ` (from ${entry.origin})`
      throw usageError(
        `Flag '--${entry?.as ?? name}' has the value '${text}'${where}: expected ${result.expected}`,
      )
    }
    values[name] = result.value
    printed[entry?.as ?? name] = text
  }
  return { values: values as FlagValues<T>, printed, origins }
}

function follow(name: string, one: Flag<unknown>, text: string): string {
  const path = pathIn(one, text)
  if (path === undefined) return text
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    throw new OperatingError('USAGE', `Flag '--${name}' names the file '${path}', which cannot be read`, {
      cause: error,
    })
  }
}

/** Of the file in which a value stands; undefined for one that is the value itself. */
function pathIn({ kind }: Flag<unknown>, text: string): string | undefined {
  if (kind === 'text-or-path' && text.startsWith('/')) return text
  return kind !== 'path' && text.startsWith('file://') ? text.slice('file://'.length) : undefined
}

/** The text of --help: one flag a paragraph, in the order of the table. */
export function flagsHelp(program: string, about: string, table: FlagTable): string {
  const lines = [`Usage: ${program} [flags]`, '', about, '']
  for (const [name, one] of Object.entries(table)) {
    const form = one.kind === 'bool' ? `--[no-]${name}` : `--${name}=VALUE`
    const fallback = one.default === undefined ? '' : ` (default: ${one.default})`
    lines.push(`  ${form}${fallback}`, `      ${one.help}`)
  }
  lines.push(
    '  --help, --version',
    '',
    'Every flag also works as TEPUI_NAME or MESOS_NAME in the environment;',
  )
  lines.push('the command line wins. A value file://PATH is read from that file.')
  return lines.join('\n')
}

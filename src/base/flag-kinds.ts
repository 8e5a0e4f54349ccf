// The kinds of flag values that master, agent and commands share.
import { type Flag, type FlagOptions, optionalFlag, valueFlag } from './flags.ts'
import { formatDuration, parseBytes, parseDuration } from './units.ts'

/** A whole number within bounds. */
export function integerFlag(
  fallback: number,
  min: number,
  max: number,
  help: string,
  options?: FlagOptions,
): Flag<number> {
  return valueFlag(
    String(fallback),
    help,
    `a whole number from ${min} to ${max}`,
    (text) => {
      const value = Number(text)
      return /^-?\d+$/.test(text) && value >= min && value <= max ? value : undefined
    },
    options,
  )
}

export function portFlag(fallback: number, help: string): Flag<number> {
  return integerFlag(fallback, 0, 65_535, help)
}

/** A duration in ms, such as `15secs`, within bounds. */
export function durationFlag(
  fallback: string,
  help: string,
  bounds: { readonly minMs?: number; readonly maxMs?: number } = {},
  options?: FlagOptions,
): Flag<number> {
  return valueFlag(fallback, help, durationWords(bounds), (text) => boundedDuration(text, bounds), options)
}

/** A duration in ms that may be left out. */
export function optionalDurationFlag(
  help: string,
  bounds: { readonly minMs?: number; readonly maxMs?: number } = {},
): Flag<number | undefined> {
  return optionalFlag(help, durationWords(bounds), (text) => boundedDuration(text, bounds))
}

function boundedDuration(
  text: string,
  bounds: { readonly minMs?: number; readonly maxMs?: number },
): number | undefined {
  const value = parseDuration(text)
  if (value === undefined) return undefined
  return value >= (bounds.minMs ?? 0) && value <= (bounds.maxMs ?? Number.POSITIVE_INFINITY)
    ? value
    : undefined
}

function durationWords(bounds: { readonly minMs?: number; readonly maxMs?: number }): string {
  const least = bounds.minMs === undefined ? [] : [`at least ${formatDuration(bounds.minMs)}`]
  const most = bounds.maxMs === undefined ? [] : [`at most ${formatDuration(bounds.maxMs)}`]
  const between = [...least, ...most].join(' and ')
  return `a duration${between === '' ? '' : ` of ${between}`} such as 15secs`
}

/** Bytes, such as `64MB`. */
export function bytesFlag(fallback: string, help: string): Flag<number> {
  return valueFlag(fallback, help, 'a size such as 64MB', parseBytes)
}

/** One of a few words. */
export function choiceFlag<const T extends string>(
  fallback: T,
  choices: readonly T[],
  help: string,
  options?: FlagOptions,
): Flag<T> {
  const expected = `one of ${choices.join(', ')}`
  return valueFlag(fallback, help, expected, (text) => choices.find((choice) => choice === text), options)
}

/** Words parted by commas; none is empty. */
export function listFlag(fallback: string, help: string): Flag<readonly string[]> {
  return valueFlag(fallback, help, 'words parted by commas', (text) => {
    const words = text === '' ? [] : text.split(',').map((word) => word.trim())
    return words.includes('') ? undefined : words
  })
}

// Options of plug-ins: `name?key=value&key=value` as flags carry them, read with clear refusals.
import { OperatingError } from './errors.ts'
import { formatDuration, parseDuration } from './units.ts'
import { closest } from './words.ts'

export interface PluginReference {
  /** A built-in's name or a path to a module. */
  readonly name: string
  readonly options: Readonly<Record<string, string>>
}

/** Splits `usage?headroom=0.2&window=60secs`. @throws OperatingError USAGE */
export function parsePluginReference(text: string): PluginReference {
  const cut = text.indexOf('?')
  const name = cut < 0 ? text : text.slice(0, cut)
  const options: Record<string, string> = {}
  for (const pair of cut < 0 ? [] : text.slice(cut + 1).split('&')) {
    const equals = pair.indexOf('=')
    if (equals <= 0)
      throw new OperatingError('USAGE', `Option '${pair}' of '${name}' must have the form key=value`)
    options[pair.slice(0, equals)] = pair.slice(equals + 1)
  }
  if (name === '') throw new OperatingError('USAGE', `'${text}' names no plug-in`)
  return { name, options }
}

/** How one option is read: a default and a conversion that answers undefined when the text does not fit. */
export interface OptionReader<T> {
  readonly fallback: T
  readonly expected: string
  readonly convert: (text: string) => T | undefined
}

/** A number option within bounds. */
export function numberOption(fallback: number, min: number, max: number): OptionReader<number> {
  return {
    fallback,
    expected: `a number from ${min} to ${max}`,
    convert: (text) => {
      const value = Number(text)
      return text.trim() !== '' && value >= min && value <= max ? value : undefined
    },
  }
}

/** Reads all options of a plug-in by its table. @throws OperatingError USAGE for unknown names and wrong values */
export function readOptions<T extends Readonly<Record<string, OptionReader<unknown>>>>(
  plugin: string,
  table: T,
  given: Readonly<Record<string, string>>,
): { readonly [K in keyof T]: T[K] extends OptionReader<infer V> ? V : never } {
  for (const key of Object.keys(given)) {
    if (Object.hasOwn(table, key)) continue
    const near = closest(key, Object.keys(table))
    const hint = near === undefined ? `It knows: ${Object.keys(table).join(', ')}` : `Did you mean ${near}?`
    throw new OperatingError('USAGE', `'${plugin}' has no option '${key}'`, { hint })
  }
  const values: Record<string, unknown> = {}
  for (const [key, reader] of Object.entries(table)) {
    const text = given[key]
    const value = text === undefined ? reader.fallback : reader.convert(text)
    if (value === undefined && text !== undefined) {
      throw new OperatingError(
        'USAGE',
        `Option '${key}' of '${plugin}' is '${text}': expected ${reader.expected}`,
      )
    }
    values[key] = value
  }
  return values as { readonly [K in keyof T]: T[K] extends OptionReader<infer V> ? V : never }
}

/** A duration option in Mesos' form, in milliseconds. */
export function durationOption(fallbackMs: number, minMs: number): OptionReader<number> {
  return {
    fallback: fallbackMs,
    expected: `a duration of at least ${formatDuration(minMs)}, such as ${formatDuration(fallbackMs)}`,
    convert: (text) => {
      const value = parseDuration(text)
      return value !== undefined && value >= minMs ? value : undefined
    },
  }
}

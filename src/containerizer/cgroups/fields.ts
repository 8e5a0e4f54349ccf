// Finds single numbers in the kernel's small text files without taking the rest apart.

/** The number after `key` in a `key value` file, or undefined. Keys are whole words at the start of a line. */
export function field(text: string | undefined, key: string): number | undefined {
  if (text === undefined) return undefined
  let at = text.startsWith(`${key} `) ? 0 : text.indexOf(`\n${key} `)
  if (at < 0) return undefined
  if (at > 0) at++
  const start = at + key.length + 1
  const end = text.indexOf('\n', start)
  return Number(end < 0 ? text.slice(start) : text.slice(start, end))
}

/** Seconds of a pressure file's `total=` (µs) on the line `some` or `full`. */
export function pressureSeconds(text: string | undefined, kind: 'some' | 'full'): number | undefined {
  const line = text?.indexOf(`${kind} `) ?? -1
  if (text === undefined || line < 0) return undefined
  const total = text.indexOf('total=', line)
  return total < 0 ? undefined : Number.parseInt(text.slice(total + 6), 10) / 1e6
}

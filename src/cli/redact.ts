// Takes out of what daemons tell what must not leave the house: secrets, passwords in addresses, environments. Pure.

const REMOVED = '(removed)'
const SECRET = /secret|token|passw|credential|authorization|cookie|private_?key/i
/** `https://user:password@host`, wherever it stands. */
const LOGIN = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi
const ASSIGNED = /((?:secret|token|passw\w*|credentials?|api_?key)[a-z_]*["']?\s*[=:]\s*["']?)[^\s"',;]+/gi

/** The same, with `(removed)` in the place of what was secret. Values of environment variables always are. */
export function redacted(value: unknown): unknown {
  if (typeof value === 'string') return redactedText(value)
  if (Array.isArray(value)) return value.map(redacted)
  if (typeof value !== 'object' || value === null) return value
  const pairs = Object.entries(value as Readonly<Record<string, unknown>>)
  // A flag, a label or a variable: its name beside its value.
  const name = pairs.find(([key]) => key === 'name' || key === 'key')?.[1]
  const isSecret = typeof name === 'string' && SECRET.test(name)
  return Object.fromEntries(
    pairs.map(([key, one]) => {
      if (key === 'variables' && Array.isArray(one)) return [key, one.map(withoutValue)]
      if (isPlain(one) && (SECRET.test(key) || (isSecret && key === 'value'))) return [key, REMOVED]
      return [key, redacted(one)]
    }),
  )
}

export function redactedText(text: string): string {
  return text.replaceAll(LOGIN, `$1${REMOVED}@`).replaceAll(ASSIGNED, `$1${REMOVED}`)
}

const isPlain = (value: unknown): boolean => typeof value === 'string' && value !== ''

function withoutValue(variable: unknown): unknown {
  if (typeof variable !== 'object' || variable === null) return REMOVED
  const { name } = variable as Readonly<Record<string, unknown>>
  return { name, value: REMOVED }
}

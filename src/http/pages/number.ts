/** Numbers as Mesos writes them in its pages: whole doubles with `.0` (`"cpus":8.0`), counts and ports without. */

/** Stands for a number in JSON text; `JSON.stringify` writes it as it was made. */
export type Double = number | { readonly rawJSON: string }

// Node 24 has it; the type declarations of the language do not yet.
const { rawJSON } = JSON as unknown as {
  readonly rawJSON: (this: void, text: string) => { readonly rawJSON: string }
}

// The same few amounts stand in thousands of tasks; making them once is what makes /state fast.
const MOST_KEPT = 4096
const kept = new Map<number, Double>()

/** A field that is a double in Mesos; what is no finite number is written as 0. */
export function double(value: number): Double {
  if (!Number.isFinite(value)) return double(0)
  if (!Number.isInteger(value) || Math.abs(value) >= 1e15) return value
  const known = kept.get(value)
  if (known !== undefined) return known
  const made = rawJSON(`${value}.0`)
  if (kept.size < MOST_KEPT) kept.set(value, made)
  return made
}

/** Milliseconds since 1970 as the seconds that pages show. */
export function seconds(ms: number): Double {
  return double(ms / 1000)
}

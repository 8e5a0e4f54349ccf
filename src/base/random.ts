// Chance and fresh identifiers, handed in so that a seeded run repeats.
import { randomBytes, randomUUID } from 'node:crypto'

export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** A version 4 UUID in its text form. */
  uuid(): string
}

export const systemRandom: Random = {
  // 48 bits are exact in a double and need no library.
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  uuid: () => randomUUID(),
}

/** A repeatable source (mulberry32: 32 bits of state, good enough for tests and shuffles). */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const hex = (digits: number): string => {
    let text = ''
    while (text.length < digits) text += Math.floor(next() * 16).toString(16)
    return text
  }
  return { next, uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-8${hex(3)}-${hex(12)}` }
}

/** A shuffled copy (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items]
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(random.next() * (index + 1))
    const held = result[index] as T
    result[index] = result[other] as T
    result[other] = held
  }
  return result
}

/** The 16 raw bytes of a UUID as base64, the form in which Mesos' JSON carries status uuids. */
export function uuidBytes(uuid: string): string {
  return Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64')
}

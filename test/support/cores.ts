// How many cores something uses, by readings of its counter. Whoever reads may have had to wait for a core himself.
import { expect } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'

/** CPU seconds since some beginning. */
type Counter = () => number | undefined | Promise<number | undefined>

interface Reading {
  readonly seconds: number
  /** It was read between these two, monotonic ms. */
  readonly from: number
  readonly to: number
}

export interface CoresUsed {
  readonly atLeast: number
  readonly atMost: number
}

/** Over about `ms`; both are the same for a reader who never waits. */
export async function coresOver(ms: number, counter: Counter): Promise<CoresUsed> {
  const before = await readingOf(counter)
  await systemClock.sleep(ms)
  const after = await readingOf(counter)
  const seconds = after.seconds - before.seconds
  return {
    atLeast: (seconds * 1000) / (after.to - before.from),
    atMost: (seconds * 1000) / (after.from - before.to),
  }
}

async function readingOf(counter: Counter): Promise<Reading> {
  const from = systemClock.monotonic()
  const seconds = (await counter()) ?? Number.NaN
  return { seconds, from, to: systemClock.monotonic() }
}

const STRETCH_MS = 5000
const MOST_STRETCHES = 10

/**
 * Holds what wants more than its quota against it, ± 5 % over 5 s: it never has more, and it has no less in a stretch
 * in which others leave it the machine, of which there is one soon.
 */
export async function expectQuota(cpus: number, counter: Counter): Promise<void> {
  const seen: CoresUsed[] = []
  for (let stretch = 0; stretch < MOST_STRETCHES; stretch++) {
    const used = await coresOver(STRETCH_MS, counter)
    seen.push(used)
    expect(used.atLeast).toBeLessThan(cpus * 1.05)
    if (used.atMost > cpus * 0.95) return
  }
  throw new Error(`Never came to ${cpus} cores: ${JSON.stringify(seen)}`)
}

/** Holds that something uses (next to) nothing, once what it was at has ended: soon, and then for `ms`. */
export async function expectStandstill(ms: number, counter: Counter): Promise<void> {
  await expect.poll(async () => (await coresOver(ms, counter)).atLeast).toBeLessThan(0.005)
  expect((await coresOver(ms, counter)).atLeast).toBeLessThan(0.005)
}

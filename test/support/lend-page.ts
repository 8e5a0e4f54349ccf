// What an agent's page says of lending, and readings of its borrowers' counters by the time at which they were taken.
import { vi } from 'vitest'

export interface LendPage {
  readonly quota_cpus: number | 'max'
  readonly frozen: readonly unknown[]
  readonly containers?: readonly {
    readonly tasks: readonly string[]
    readonly statistics?: { readonly at: number; readonly cpuSeconds: number }
  }[]
}

export interface Reading {
  /** Wall time, ms. */
  readonly at: number
  readonly cpuSeconds: number
}

export function readingOf(page: LendPage, task: string): Reading | undefined {
  return page.containers?.find(({ tasks }) => tasks[0] === task)?.statistics
}

/** A reading that was taken after this moment: the page shows the last one, which may be of before. */
export function readingAfter(moment: number, page: () => Promise<LendPage>, task: string): Promise<Reading> {
  return vi.waitFor(
    async () => {
      const reading = readingOf(await page(), task)
      if (reading === undefined || reading.at <= moment) throw new Error(`No new reading of ${task}`)
      return reading
    },
    { timeout: 60_000, interval: 50 },
  )
}

/** Cores that a borrower uses over at least `ms` from this moment on. */
export async function coresFrom(
  moment: number,
  ms: number,
  page: () => Promise<LendPage>,
  task: string,
): Promise<number> {
  const first = await readingAfter(moment, page, task)
  const last = await readingAfter(first.at + ms, page, task)
  return ((last.cpuSeconds - first.cpuSeconds) * 1000) / (last.at - first.at)
}

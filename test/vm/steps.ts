// The steps of a run: each is done within its time, told at once, and kept for the end.
import { systemClock } from '../../src/base/clock.ts'

interface Step {
  readonly name: string
  readonly passed: boolean
  readonly seconds: number
  readonly saw: unknown
}

const MINUTE = 60_000

export class Steps {
  readonly done: Step[] = []

  get passed(): boolean {
    return this.done.length > 0 && this.done.every(({ passed }) => passed)
  }

  /** Never rejects: what the work throws is what was seen, and the step failed. Whether it passed. */
  async step(name: string, work: () => Promise<unknown>, minutes = 15): Promise<boolean> {
    const begun = systemClock.monotonic()
    const late = Promise.withResolvers<never>()
    using _ = systemClock.after(minutes * MINUTE, () =>
      late.reject(new Error(`It was not over after ${minutes} minutes`)),
    )
    let passed = true
    const saw = await Promise.race([work(), late.promise]).catch((error: unknown) => {
      passed = false
      return error instanceof Error ? error.message : String(error)
    })
    const seconds = Math.round((systemClock.monotonic() - begun) / 1000)
    this.done.push({ name, passed, seconds, saw })
    const verdict = passed ? 'PASS' : 'FAIL'
    process.stderr.write(`${verdict}  ${name} (${seconds} s)  ${JSON.stringify(saw)}\n`)
    return passed
  }
}

export function wanted(condition: boolean, what: string, saw: unknown): void {
  if (!condition) throw new Error(`${what}; saw ${JSON.stringify(saw)}`)
}

/**
 * An owner whose demand jumps: two threads that use 5 % of a core each, and on a word all of it. They look at the clock
 * all the time, so that every moment in which they did not run is known to the microsecond.
 *
 * node stepper.ts CONTROL_PORT: takes one `Step` a line, answers with one `Stepped`.
 */
import { isMainThread, parentPort, Worker as Thread } from 'node:worker_threads'
import { once } from 'node:events'
import { systemClock } from '../../src/base/clock.ts'
import { serveWorker } from './worker-line.ts'

export interface Step {
  /** Wall time at which the demand jumps, ms. */
  readonly at: number
  /** For how long all is wanted, ms. */
  readonly highMs: number
  /** Only what is lost within so long after the jump counts as being later, ms. */
  readonly watchMs: number
}

export interface Stepped {
  /** ms by which the slowest thread's work lay behind an undisturbed one. */
  readonly laterMs: number
  /** Longest single time in which a thread did not run, ms. */
  readonly longestMs: number
}

const THREADS = 2
const LOW_PERIOD_MS = 20
const LOW_BUSY_MS = 1
/** A thread that runs sees the clock more often than this. */
const GAP_MS = 0.02

const wait = new Int32Array(new SharedArrayBuffer(4))
const monotonic = (): number => systemClock.monotonic()

function burn(untilMs: number): void {
  while (monotonic() < untilMs);
}

function step({ at, highMs, watchMs }: Step): Stepped {
  const begin = monotonic() + (at - systemClock.now())
  for (let next = monotonic(); next + LOW_PERIOD_MS < begin; next += LOW_PERIOD_MS) {
    burn(monotonic() + LOW_BUSY_MS)
    Atomics.wait(wait, 0, 0, Math.max(0, next + LOW_PERIOD_MS - monotonic()))
  }
  Atomics.wait(wait, 0, 0, Math.max(0, begin - monotonic()))
  let before = begin
  let [later, longest] = [0, 0]
  while (before < begin + highMs) {
    const now = monotonic()
    const gap = now - before
    if (gap > GAP_MS && before < begin + watchMs) {
      later += gap
      longest = Math.max(longest, gap)
    }
    before = now
  }
  return { laterMs: later, longestMs: longest }
}

if (isMainThread) {
  const threads = Array.from({ length: THREADS }, () => new Thread(new URL(import.meta.url)))
  serveWorker<Step, Stepped>(Number(process.argv[2]), async (wanted) => {
    const all = await Promise.all(
      threads.map(async (thread) => {
        thread.postMessage(wanted)
        const [stepped] = (await once(thread, 'message')) as [Stepped]
        return stepped
      }),
    )
    return {
      laterMs: Math.max(...all.map(({ laterMs }) => laterMs)),
      longestMs: Math.max(...all.map(({ longestMs }) => longestMs)),
    }
  })
} else {
  parentPort?.on('message', (wanted: Step) => parentPort?.postMessage(step(wanted)))
}

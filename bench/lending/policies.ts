/**
 * Other ways to hold borrowers back, on the same harness: the kernel's classes, and rules of others as they published
 * them, re-created here in a few lines (spec/lending.md 2.3, 4.4): never the products themselves.
 */
import { readTicks, type CpuTicks } from './machine.ts'
import type { LendRig } from './rig.ts'

export interface Policy {
  readonly name: string
  /** Puts it in force; disposing the result ends it. */
  begin(rig: LendRig): AsyncDisposable
}

const CORES = 2
const TICKS_PER_SECOND = 100

/** What one round of a rule sees, cores. */
interface Seen {
  readonly borrowers: number
  readonly others: number
  readonly idle: number
}

export const POLICIES: readonly Policy[] = [
  { name: 'equal shares', begin: (rig) => byHand(rig, 'equal') },
  { name: '2 shares', begin: (rig) => byHand(rig, 'shares') },
  {
    name: 'rule of Koordinator, re-created here',
    // 65 % of the node less what others use; falls at once, rises by 10 % of the node a second.
    begin: (rig) => {
      let quota = 0.1
      return byHand(rig, 'shares', 100_000, ({ others }) => {
        const wanted = Math.max(0.1, 0.65 * CORES - others)
        quota = Math.min(wanted, quota + 0.1 * CORES)
        return quota
      })
    },
  },
  {
    name: "rule of resctl-demo's sideloader, re-created here",
    // What it used and what is idle, less a fifth of the machine, at least 5 %; in periods of 10 ms.
    begin: (rig) => {
      const used: number[] = []
      return byHand(rig, 'shares', 10_000, ({ borrowers, idle }) => {
        used.unshift(borrowers)
        const five = used.slice(0, 5)
        const mean = five.reduce((sum, one) => sum + one, 0) / five.length
        return Math.max(Math.min(mean, borrowers) + idle - 0.2 * CORES, 0.05 * CORES)
      })
    },
  },
  { name: 'idle class alone', begin: (rig) => byHand(rig, 'idle') },
]

/** The agent only watches; the class is set by hand, and a quota once a second where the rule has one. */
function byHand(
  rig: LendRig,
  of: 'idle' | 'shares' | 'equal',
  periodUs = 100_000,
  quotaOf?: (seen: Seen) => number,
): AsyncDisposable {
  const stop = new AbortController()
  const run = async (): Promise<void> => {
    await rig.set({ mode: 'observe' })
    rig.lent.setClass(of)
    if (quotaOf === undefined) return
    let before = look(rig)
    while (!stop.signal.aborted) {
      await rig.sleep(1000)
      const now = look(rig)
      rig.lent.setQuota(Math.min(CORES, quotaOf(between(before, now))), periodUs)
      before = now
    }
  }
  const running = run()
  // Its failure is told when it is ended, not before.
  void Promise.allSettled([running])
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort()
      await running
      rig.lent.liftQuota()
      rig.lent.setClass('idle')
      await rig.set({ mode: 'full' })
    },
  }
}

interface Looked {
  readonly ticks: CpuTicks
  readonly borrowedSeconds: number
  readonly at: number
}

function look(rig: LendRig): Looked {
  return { ticks: readTicks(), borrowedSeconds: rig.lent.cpuSeconds, at: rig.context.clock.monotonic() }
}

function between(before: Looked, now: Looked): Seen {
  const seconds = (now.at - before.at) / 1000
  const cores = (ticks: number): number => ticks / TICKS_PER_SECOND / seconds
  const borrowers = (now.borrowedSeconds - before.borrowedSeconds) / seconds
  const others = Math.max(0, cores(now.ticks.busy - before.ticks.busy) - borrowers)
  return { borrowers, others, idle: cores(now.ticks.idle - before.ticks.idle) }
}

// What lending gave to a list of jobs, counted from what happened to them.
import type { Clock } from '../base/clock.ts'
import { humanDuration } from '../base/units.ts'
import type { JobNote, JobsFramework } from '../frameworks/jobs.ts'
import { endOf } from './task-end.ts'

/** What lending gave. */
export interface BatchTotals {
  readonly jobs: number
  readonly finished: number
  readonly failed: number
  readonly takenBack: number
  /** Starts of a job that had been taken back, or whose agent was lost. */
  readonly reruns: number
  /** Lent cpus times the hours for which jobs held them. */
  readonly lentCpuHours: number
  /** The same, of runs that were taken back before their end. */
  readonly lostCpuHours: number
  readonly seconds: number
}

const HOUR_MS = 3_600_000

export class BatchMeter {
  readonly #clock: Clock
  readonly #since = new Map<string, number>()
  readonly #start: number
  #held = 0
  #lost = 0
  /** The highest exit code of a job that failed for good; 0 while there is none. */
  worst = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#start = clock.monotonic()
  }

  see(note: JobNote): void {
    const { job, placement } = note.at
    const now = this.#clock.monotonic()
    if (note.kind === 'running') this.#since.set(placement.taskId, now)
    if (note.kind === 'started' || note.kind === 'running') return
    if (note.kind === 'failed' && !note.again) {
      const { exitCode } = endOf({ kind: 'task-ended', placement, status: note.status }, false)
      this.worst = Math.max(this.worst, exitCode)
    }
    const since = this.#since.get(placement.taskId)
    this.#since.delete(placement.taskId)
    if (since === undefined) return
    const cpuHours = ((now - since) / HOUR_MS) * job.wish.cpus
    this.#held += cpuHours
    if (note.kind === 'taken-back' || note.kind === 'lost') this.#lost += cpuHours
  }

  totals(jobs: number, { failed, finished, reruns, takenBack }: JobsFramework): BatchTotals {
    const seconds = (this.#clock.monotonic() - this.#start) / 1000
    const [lentCpuHours, lostCpuHours] = [this.#held, this.#lost]
    return { jobs, finished, failed, takenBack, reruns, lentCpuHours, lostCpuHours, seconds }
  }
}

/** One line for people. Pure. */
export function totalsLine(totals: BatchTotals): string {
  const { failed, finished, jobs, lentCpuHours, lostCpuHours, reruns, seconds, takenBack } = totals
  const ends = `${finished} of ${jobs} jobs done${failed === 0 ? '' : `, ${failed} failed`}`
  const back =
    takenBack === 0
      ? 'nothing was taken back'
      : `taken back ${times(takenBack)} (${hours(lostCpuHours)} of it lost, charged to no job)`
  const again = reruns === 0 ? '' : `, run again ${times(reruns)}`
  return `${ends} in ${humanDuration(seconds * 1000)}; lending gave ${hours(lentCpuHours)}; ${back}${again}`
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`)

function hours(value: number): string {
  if (value === 0) return '0 cpu-hours'
  return value < 0.001 ? `${(value * 3600).toFixed(1)} cpu-seconds` : `${value.toPrecision(3)} cpu-hours`
}

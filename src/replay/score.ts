// What a rule is judged by: what it lent, how often and how far that was too much, and what it left lying idle.
import type { Second } from './seconds.ts'

const HOUR_MS = 3_600_000
/** Thousandths are the grain of resources; less than that is an error of adding. */
const TOLERANCE = 1e-6

/** All amounts are of cores; hours are those of which the recording tells. */
export interface Score {
  readonly hours: number
  readonly lentCpuHours: number
  /** Seconds in which more was lent than was idle: owners or the system used some of it. */
  readonly underSeconds: number
  readonly worstUnderCpus: number
  /** Idle and not lent. */
  readonly slackCpuHours: number
  readonly idleCpuHours: number
  /** How often another amount was published. */
  readonly changes: number
}

/** Adds up second by second. */
export class Tally {
  changes = 0
  #ms = 0
  #lent = 0
  #under = 0
  #worst = 0
  #slack = 0
  #idle = 0

  /** `lent`: what was lent when this second began, cores: owners meet that, not what follows from it. */
  add({ idle, ms, known, owners, system }: Second, lent: number, cores: number): void {
    if (!known) return
    const free = Math.max(0, cores - owners - system)
    this.#ms += ms
    this.#lent += lent * ms
    this.#idle += idle * ms
    this.#slack += Math.max(0, idle - lent) * ms
    if (lent - free <= TOLERANCE) return
    this.#under += ms
    this.#worst = Math.max(this.#worst, lent - free)
  }

  score(): Score {
    return {
      hours: this.#ms / HOUR_MS,
      lentCpuHours: this.#lent / HOUR_MS,
      underSeconds: this.#under / 1000,
      worstUnderCpus: this.#worst,
      slackCpuHours: this.#slack / HOUR_MS,
      idleCpuHours: this.#idle / HOUR_MS,
      changes: this.changes,
    }
  }
}

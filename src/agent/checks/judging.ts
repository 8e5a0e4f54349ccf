// What the result of a check means for its task: pure, one step per result (spec/mesos.md 3.7).
import { isDeepStrictEqual } from 'node:util'
import type { CheckStatusInfo } from '../../wire/health.ts'
import type { HealthPlan, Target } from './plans.ts'

/** What one run found. `value` is undefined when it could find nothing: it timed out, or could not run. */
export interface Finding {
  readonly passed: boolean
  readonly value: CheckStatusInfo | undefined
  /** What was found, for people. */
  readonly words: string
}

/**
 * ```
 *                  failure within the grace period
 *                   ┌──────┐
 *                   ▼      │
 * ─▶ initializing ──┴──────┘
 *      │        └───────────failure, told──────────┐
 *      │ success, told                             ▼
 *      ▼                                      failing (n)  ──n = most──▶ the task is ended
 *   healthy ─────────────failure, told───────────▶ │  ▲ └─┐
 *      ▲ │ ▲──────────────success, told────────────┘  └───┘ failure, told
 *      └─┘ success
 * ```
 */
export interface Health {
  /** Nothing has passed yet. */
  readonly initializing: boolean
  readonly failures: number
  /** What the framework heard last; undefined: nothing. */
  readonly told: boolean | undefined
}

export interface Verdict {
  readonly next: Health
  /** Undefined when there is nothing new to tell. */
  readonly news:
    | {
        readonly healthy: boolean
        readonly message: string | undefined
        /** In a row, this one among them. */
        readonly failures: number
        readonly ends: boolean
      }
    | undefined
}

/** At the start of a task, or of a later life of the agent, which knows what was told: failures in a row go on. */
export function newHealth(told: boolean | undefined, failures = 0): Health {
  return { initializing: told === undefined, failures, told }
}

/**
 * Every failure that counts is told, a success only when it is news.
 *
 * @param ageMs since the task's start
 */
export function judge(plan: HealthPlan, health: Health, finding: Finding, ageMs: number): Verdict {
  const { graceMs, failuresMax } = plan
  if (finding.passed) {
    const next: Health = { initializing: false, failures: 0, told: true }
    return {
      next,
      news:
        health.told === true ? undefined : { healthy: true, message: undefined, failures: 0, ends: false },
    }
  }
  if (health.initializing && graceMs > 0 && ageMs <= graceMs) return { next: health, news: undefined }
  const failures = health.failures + 1
  const message = `health check failed ${failures} of ${failuresMax} times in a row: ${finding.words}`
  return {
    next: { ...health, failures, told: false },
    news: { healthy: false, message, failures, ends: failures >= failuresMax },
  }
}

/** What a check that found nothing reports: its type alone. */
export function unknownStatus({ type }: Target): CheckStatusInfo {
  switch (type) {
    case 'COMMAND':
      return { type, command: {} }
    case 'HTTP':
      return { type, http: {} }
    case 'TCP':
      return { type, tcp: {} }
  }
}

/** The status to report, or undefined when it is what was reported before. */
export function changedStatus(
  target: Target,
  before: CheckStatusInfo,
  { value }: Finding,
): CheckStatusInfo | undefined {
  const now = value ?? unknownStatus(target)
  return isDeepStrictEqual(now, before) ? undefined : now
}

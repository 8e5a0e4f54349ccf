/**
 * Runs the checks of the tasks that the agent supervises: when each is due, how many run at once, how long one may
 * take, and which results do not count. The core hears only what is new.
 */
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import { Turns } from '../../base/turns.ts'
import { formatDuration } from '../../base/units.ts'
import type { Watch } from '../core/checks.ts'
import type { Happening } from '../shell.ts'
import { changedStatus, type Finding, judge, newHealth, unknownStatus } from './judging.ts'
import { checkPlanOf, healthPlanOf, type HealthPlan, type Plan } from './plans.ts'
import type { Probe, Probed } from './probe.ts'

export type CheckNews = Extract<Happening, { type: 'health' | 'check' }>

export interface ChecksDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly probe: Probe
  /** Undefined while it does not run. */
  container(containerId: string): Probed | undefined
  /** Monotonic time at which lending last held the container still, ms; −∞: never. */
  lastFrozen(containerId: string): number
  tell(news: CheckNews): void
}

/** Runs under way at once on one agent; others wait, which does not count as theirs. */
export const CHECKS_AT_ONCE = 100
/** After a thaw a task first catches up. */
export const THAW_SETTLE_MS = 5000
/** A timeout that comes so much too late says that the agent itself stood still. */
export const AGENT_LATE_MS = 1000

const RUNS = 'tepui/checks_run'
const FAILURES = 'tepui/checks_failed'
const DISCARDED = 'tepui/checks_discarded'

interface Life {
  readonly abort: AbortController
  readonly watch: Watch
  /** Monotonic time of the task's start, which may lie before that of the agent, ms. */
  readonly startedAt: number
}

export class Checks implements Disposable {
  readonly #deps: ChecksDeps
  readonly #lives = new Map<string, Life>()
  readonly #turns = new Turns(CHECKS_AT_ONCE)

  constructor(deps: ChecksDeps) {
    this.#deps = deps
    deps.metrics.declare(RUNS, FAILURES, DISCARDED)
    deps.metrics.gauge('tepui/checks_running', () => this.#turns.running)
    deps.metrics.gauge('tepui/checks_waiting', () => this.#turns.waiting)
  }

  /** Begins the checks of a task whose container runs; those of an earlier call for it end. */
  watch(watch: Watch): void {
    const { clock } = this.#deps
    this.unwatch(watch.containerId)
    // The wall clock may have been set since; nothing has started in the future.
    const ageMs = Math.max(0, clock.now() - watch.startedAt)
    const life: Life = { abort: new AbortController(), watch, startedAt: clock.monotonic() - ageMs }
    this.#lives.set(watch.containerId, life)
    const health = healthPlanOf(watch.task)
    if (health !== undefined) this.#begin(life, health, this.#healthCheck(life, health))
    const check = checkPlanOf(watch.task)
    if (check !== undefined) this.#begin(life, check, this.#generalCheck(life, check))
  }

  /** Ends them; nothing more is told. */
  unwatch(containerId: string): void {
    this.#lives
      .get(containerId)
      ?.abort.abort(new OperatingError('STOPPED', 'The task is not checked any more'))
    this.#lives.delete(containerId)
  }

  [Symbol.dispose](): void {
    for (const containerId of this.#lives.keys()) this.unwatch(containerId)
  }

  #begin(life: Life, plan: Plan, take: (finding: Finding) => void): void {
    const { containerId } = life.watch
    this.#repeat(life, plan, take).catch((error: unknown) => {
      if (life.abort.signal.aborted) return
      this.#deps.log.error({ containerId, reason: reasonOf(error) }, 'a check of a task cannot go on')
    })
  }

  /** Until the task is not watched any more. */
  async #repeat(life: Life, plan: Plan, take: (finding: Finding) => void): Promise<never> {
    const { clock } = this.#deps
    const { signal } = life.abort
    let waitMs = Math.max(0, life.startedAt + plan.delayMs - clock.monotonic())
    for (;;) {
      await clock.sleep(waitMs, signal)
      await this.#turns.run(signal, () => this.#run(life, plan, take))
      waitMs = plan.intervalMs
    }
  }

  /** Resolves when nothing of the run is left; its result is judged as soon as it is known. */
  async #run(life: Life, plan: Plan, take: (finding: Finding) => void): Promise<void> {
    const { clock, metrics } = this.#deps
    const { containerId } = life.watch
    const began = clock.monotonic()
    const container = this.#deps.container(containerId)
    if (container === undefined || this.#stoodStill(containerId, began)) return metrics.count(DISCARDED)
    metrics.count(RUNS)
    const stop = new AbortController()
    const { promise: late, resolve: giveUp } = Promise.withResolvers<Finding | undefined>()
    using _timer = clock.after(plan.timeoutMs, () => {
      const agentStoodStill = clock.monotonic() - began > plan.timeoutMs + AGENT_LATE_MS
      giveUp(agentStoodStill ? undefined : timedOut(plan))
      stop.abort(new OperatingError('STOPPED', 'The check took too long'))
    })
    using _end = onAbort(life.abort.signal, () => stop.abort(life.abort.signal.reason))
    const work = this.#look(life, plan, container, stop.signal)
    const finding = await Promise.race([work, late])
    if (!life.abort.signal.aborted) {
      const isGone = this.#deps.container(containerId) !== container
      if (finding === undefined || isGone || this.#stoodStill(containerId, began)) metrics.count(DISCARDED)
      else {
        if (!finding.passed) metrics.count(FAILURES)
        take(finding)
      }
    }
    await work
  }

  /** Undefined when nothing can be said of the task. */
  async #look(life: Life, plan: Plan, container: Probed, signal: AbortSignal): Promise<Finding | undefined> {
    try {
      return await this.#deps.probe(plan.target, container, life.watch.task, signal)
    } catch (error) {
      // An engine that is away says nothing about its containers, which may live on without it.
      if (error instanceof OperatingError && error.code === 'ENGINE') return undefined
      return {
        passed: false,
        value: undefined,
        words: `${nameOf(plan)} could not be run: ${reasonOf(error)}`,
      }
    }
  }

  /** Frozen since a run began, or so shortly before that the task had no time to catch up. */
  #stoodStill(containerId: string, began: number): boolean {
    return this.#deps.lastFrozen(containerId) > began - THAW_SETTLE_MS
  }

  #healthCheck({ startedAt, watch }: Life, plan: HealthPlan): (finding: Finding) => void {
    let health = newHealth(watch.healthy, watch.failures)
    return (finding) => {
      const { next, news } = judge(plan, health, finding, this.#deps.clock.monotonic() - startedAt)
      health = next
      if (news !== undefined) this.#deps.tell({ type: 'health', containerId: watch.containerId, ...news })
    }
  }

  #generalCheck({ watch: { checkStatus, containerId } }: Life, { target }: Plan): (finding: Finding) => void {
    let told = checkStatus ?? unknownStatus(target)
    return (finding) => {
      const status = changedStatus(target, told, finding)
      if (status === undefined) return
      told = status
      const message = finding.value === undefined ? `check found nothing: ${finding.words}` : undefined
      this.#deps.tell({ type: 'check', containerId, status, message })
    }
  }
}

const nameOf = ({ target }: Plan): string => `${target.type} check`

const timedOut = (plan: Plan): Finding => ({
  passed: false,
  value: undefined,
  words: `${nameOf(plan)} did not end within ${formatDuration(plan.timeoutMs)}`,
})

function onAbort(signal: AbortSignal, listener: () => void): Disposable {
  signal.addEventListener('abort', listener, { once: true })
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listener) }
}

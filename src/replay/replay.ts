/**
 * What-if: the very code that decides on an agent (estimators, the publisher, controllers) over usage that was
 * recorded, on a clock that moves with the recording. Every rule sees the same seconds, as if nobody had ever borrowed
 * anything, and is judged by what it lent at the beginning of each.
 */
import { OperatingError } from '../base/errors.ts'
import type { Estimate } from '../estimator/estimator.ts'
import type { QosController } from '../qos/controller.ts'
import { pulseOf } from '../qos/pulse.ts'
import type { Resources } from '../resources/resources.ts'
import type { ResourceUsage } from '../resources/usage.ts'
import { AssumedBorrower } from './assumed-borrower.ts'
import { ReplayClock } from './clock.ts'
import { type Decided, Force } from './decided.ts'
import { type LoadedRule, loadRules, type WantedRules } from './rules.ts'
import { type Score, Tally } from './score.ts'
import { Seconds, type Second } from './seconds.ts'
import { filesOf, momentsOf } from './source.ts'
import { type Survey, survey } from './survey.ts'

/** The agent's way from estimates to what is lent. The agent has it; floors forbid that we know the agent. */
export interface Publishing {
  readonly lent: Resources
  report(usage: ResourceUsage, estimate: Estimate, closed: undefined): void
}

export interface ReplayOptions extends WantedRules {
  /** Instead of what the recording says or lets guess. */
  readonly cores: number | undefined
  /** Makes a publisher that calls `onChange` with every new total. */
  readonly publisher: (clock: ReplayClock, onChange: () => void) => Publishing
  /** Makes one more controller of the kind that is asked about; undefined: none. */
  readonly controller: () => Promise<QosController | undefined>
  readonly signal: AbortSignal
}

export interface RuleReport extends Score {
  readonly rule: string
  /** Re-created here from what was published about another system. */
  readonly recreated: boolean
  /** About a borrower that takes all that the rule lends, with nothing but the controller to hold it back. */
  readonly decided: Decided | undefined
  readonly troubles: number
  readonly firstTrouble: string | undefined
}

export interface ReplayReport {
  readonly recording: Survey
  readonly rules: readonly RuleReport[]
  /** About the borrowers of the recording; undefined when it has none, or there is no controller. */
  readonly recorded: Decided | undefined
}

/** @throws OperatingError USAGE, FILE or LIMIT for the recording, USAGE or PLUGIN for a rule */
export async function replay(path: string, options: ReplayOptions): Promise<ReplayReport> {
  const { signal } = options
  const files = await filesOf(path)
  const found = await survey(momentsOf(files, signal))
  const recording = { ...found, cores: options.cores ?? found.cores }
  if (!(recording.cores > 0))
    throw new OperatingError('USAGE', 'No row says how many cores there are: all limits are 0', {
      hint: 'Give --cores, or a row of the kind machine',
    })
  const clock = new ReplayClock()
  const rules = await loadRules(options, recording.cores)
  const lanes = await Promise.all(rules.map((rule) => laneOf(rule, clock, recording.cores, options)))
  const recorded = found.borrowers > 0 ? await recordedLane(options) : undefined
  const seconds = new Seconds(recording)
  for await (const moment of momentsOf(files, signal)) {
    for (const second of seconds.next(moment)) {
      clock.moveTo(second.usage.at, second.usage.monotonic)
      for (const lane of lanes) await lane.second(second)
      await recorded?.second(second)
    }
  }
  return { recording, rules: lanes.map((lane) => lane.report), recorded: recorded?.decided }
}

async function laneOf(
  rule: LoadedRule,
  clock: ReplayClock,
  cores: number,
  options: ReplayOptions,
): Promise<Lane> {
  const controller = await options.controller()
  return new Lane(rule, cores, {
    publisher: (onChange) => options.publisher(clock, onChange),
    borrower: controller === undefined ? undefined : new AssumedBorrower(controller),
  })
}

/** One rule on its way through the recording. */
class Lane {
  readonly #rule: LoadedRule
  readonly #cores: number
  readonly #tally = new Tally()
  readonly #publisher: Publishing
  readonly #borrower: AssumedBorrower | undefined

  constructor(
    rule: LoadedRule,
    cores: number,
    parts: {
      readonly publisher: (onChange: () => void) => Publishing
      readonly borrower: AssumedBorrower | undefined
    },
  ) {
    this.#rule = rule
    this.#cores = cores
    this.#publisher = parts.publisher(() => this.#tally.changes++)
    this.#borrower = parts.borrower
  }

  get report(): RuleReport {
    const { estimator: _, troubles, name, recreated } = this.#rule
    return {
      rule: name,
      recreated,
      ...this.#tally.score(),
      decided: this.#borrower?.decided,
      troubles: troubles.count,
      firstTrouble: troubles.first,
    }
  }

  async second(second: Second): Promise<void> {
    const lent = this.#publisher.lent.scalar('cpus')
    this.#tally.add(second, lent, this.#cores)
    await this.#borrower?.second(second, lent)
    this.#publisher.report(second.usage, await this.#rule.estimator.estimate(second.usage), undefined)
  }
}

/** What the controller would have decided about those who did borrow, on what they and owners did. */
class RecordedLane {
  readonly #controller: QosController
  readonly #force = new Force()

  constructor(controller: QosController) {
    this.#controller = controller
  }

  get decided(): Decided {
    return this.#force.decided
  }

  async second({ recorded }: Second): Promise<void> {
    if (recorded === undefined) return
    const pulse = pulseOf(recorded)
    this.#force.apply(await this.#controller.decide({ pulse, usage: recorded, allowed: 'full' }))
    this.#force.keepOnly(new Set(pulse.containers.map(({ containerId }) => containerId)))
  }
}

async function recordedLane(options: ReplayOptions): Promise<RecordedLane | undefined> {
  const controller = await options.controller()
  return controller === undefined ? undefined : new RecordedLane(controller)
}

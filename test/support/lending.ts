// Lending without an agent: a machine that a test moves, plug-ins that it scripts, a kernel that only remembers.
import type { TierCheck, TierPort } from '../../src/agent/lending/actions.ts'
import { LendDesk } from '../../src/agent/lending/desk.ts'
import { Lending, type LendingSettings, type Plugins } from '../../src/agent/lending/lending.ts'
import type { PluginFlags } from '../../src/agent/lending/plug-ins.ts'
import { Pulses } from '../../src/agent/lending/pulses.ts'
import { Records } from '../../src/agent/lending/records.ts'
import { LendSwitch } from '../../src/agent/lending/switch.ts'
import { Turns, type TurnTimersPort } from '../../src/agent/lending/turns.ts'
import { silentLogger } from '../../src/base/log.ts'
import { Metrics } from '../../src/base/metrics.ts'
import type { Estimate, ResourceEstimator } from '../../src/estimator/estimator.ts'
import type { Action, EvictAction, QosController, QosInput } from '../../src/qos/controller.ts'
import { pulseOf } from '../../src/qos/pulse.ts'
import { type Decision, type Mode, recompute } from '../../src/resources/decision.ts'
import { parseDecision } from '../../src/resources/decision-form.ts'
import { Resources } from '../../src/resources/resources.ts'
import type { ResourceUsage } from '../../src/resources/usage.ts'
import { Database } from '../../src/store/database.ts'
import { EVENT_LOG_MIGRATIONS, EventLog } from '../../src/store/event-log.ts'
import { Settings } from '../../src/store/settings.ts'
import type { LinkCallLending } from '../../src/wire/link.ts'
import { ManualClock } from './clock.ts'
import { Machine, type Second, START_MS } from './usage.ts'

export const lentCpus = (cpus: number): Resources =>
  Resources.from(
    cpus === 0 ? [] : [{ name: 'cpus', type: 'SCALAR', scalar: { value: cpus } }],
  ).markRevocable()

/** A kernel that does as it is told and remembers it. */
export class FakeTier implements TierPort {
  readonly orders: string[] = []
  readonly frozen = new Set<string>()
  quota = Number.POSITIVE_INFINITY
  found: TierCheck = { tier: 'idle', detail: 'the idle class' }
  /** The next order is refused with it. */
  refuses: Error | undefined
  /** Groups that somebody takes settings from; put right at the next look. */
  taken: readonly string[] = []

  check(): TierCheck {
    return this.found
  }

  mend(): readonly string[] {
    const mended = this.taken
    this.taken = []
    if (mended.length > 0) this.#order(`mend ${mended.join(' ')}`)
    return mended
  }

  squeeze(quotaCpus: number, periodMs: number): void {
    this.#order(`squeeze ${quotaCpus} per ${periodMs} ms`)
    this.quota = quotaCpus
  }

  relax(quotaCpus: number): void {
    this.#order(`relax ${quotaCpus}`)
    this.quota = quotaCpus
  }

  freeze(ids: readonly string[]): readonly string[] {
    this.#order(`freeze ${ids.join(' ')}`)
    for (const id of ids) this.frozen.add(id)
    return ids
  }

  thaw(ids: readonly string[]): void {
    this.#order(`thaw ${ids.join(' ')}`)
    for (const id of ids) this.frozen.delete(id)
  }

  release(): number {
    this.orders.push('release')
    const { size } = this.frozen
    this.frozen.clear()
    this.quota = Number.POSITIVE_INFINITY
    return size
  }

  #order(order: string): void {
    const { refuses } = this
    this.refuses = undefined
    if (refuses !== undefined) throw refuses
    this.orders.push(order)
  }
}

/** Timers that only say whether they run. */
export class FakeTimers implements TurnTimersPort {
  isRunning = false
  starts = 0
  /** They end at once. */
  fails = false

  start(): Promise<void> {
    this.starts++
    this.isRunning = !this.fails
    return Promise.resolve()
  }

  stop(): void {
    this.isRunning = false
  }
}

/** Counters of a container that has just started. */
const unused = {
  cpuSeconds: 0,
  cpuPressureSomeSeconds: 0,
  cpuThrottledSeconds: 0,
  memoryBytes: 0,
  memoryPressureFullSeconds: undefined,
}

export interface RigOptions {
  readonly mode?: Mode
  readonly windows?: string
  /** A file that outlives the rig; in memory when left out. */
  readonly database?: string
  readonly flags?: PluginFlags
  readonly estimator?: ResourceEstimator | undefined
  readonly controller?: QosController
  readonly settings?: Partial<LendingSettings>
  readonly machine?: Machine
}

/** One owner that uses little of what it reserved, and two borrowers. */
export const shop = (): Machine =>
  new Machine()
    .add({ id: 'web', cpus: 1.5 })
    .add({ id: 'b1', cpus: 0.4, revocable: true })
    .add({ id: 'b2', cpus: 0.4, revocable: true })

export class LendingRig implements Disposable {
  readonly clock = new ManualClock(START_MS)
  readonly machine: Machine
  readonly tier = new FakeTier()
  readonly timers = new FakeTimers()
  readonly metrics = new Metrics()
  readonly database: Database
  readonly settings: Settings
  readonly records: Records
  readonly power: LendSwitch
  readonly lending: Lending
  readonly desk: LendDesk
  /** `lent 0.8`, `end b1`, in their order. */
  readonly told: string[] = []
  readonly evicted: EvictAction[] = []
  /** What the master was told of the estimate. */
  readonly sayings: LinkCallLending[] = []
  /** What the controller was shown. */
  readonly seen: QosInput[] = []
  /** What every actor does in the next second. */
  doing: Record<string, Second> = {}
  /** What the scripted estimator says. */
  estimate: Estimate = known(0)
  /** Tells the scripted controller's answer to an input. */
  answer: (input: QosInput) => readonly Action[] = () => []
  /** Told to the scripted estimator, ms. */
  readonly takeBacks: number[] = []
  /** CPU seconds that an actor uses beyond its second, with every look of 100 ms. */
  burst: Readonly<Record<string, number>> = {}
  readonly #burnt = new Map<string, number>()
  #usage: ResourceUsage | undefined

  constructor(options: RigOptions = {}) {
    this.machine = options.machine ?? new Machine().add({ id: 'web', cpus: 1.5 })
    const { clock, metrics, tier } = this
    this.database = Database.open(options.database ?? ':memory:', {
      migrations: EVENT_LOG_MIGRATIONS,
      onDamaged: (message) => {
        throw new Error(message)
      },
    })
    this.settings = new Settings(this.database)
    const flags = options.flags ?? { estimator: 'fixed?resources=cpus:1', controller: undefined }
    this.power = new LendSwitch(this.settings, {
      mode: options.mode ?? 'full',
      windows: options.windows ?? '',
      estimator: flags.estimator,
      controller: flags.controller ?? '',
    })
    this.records = new Records({
      clock,
      log: silentLogger,
      metrics,
      events: new EventLog(this.database),
      agentId: () => 'A1',
      partyOf: (id) => ({ taskId: id.replace(/^c-/, ''), frameworkId: 'f' }),
      figuresNow: (owner) => this.lending.figuresNow(owner),
    })
    const pulses = this.#pulses()
    const sample = (): Promise<ResourceUsage> => Promise.resolve(this.#look())
    this.lending = new Lending(
      {
        clock,
        log: silentLogger,
        metrics,
        sample,
        live: () => this.machine.live(),
        pulses,
        tier,
        turns: new Turns(this.timers),
        power: this.power,
        records: this.records,
        onTotal: (lent) => this.told.push(`lent ${lent.scalar('cpus')}`),
        onSaying: (saying) => this.sayings.push(saying),
        onEvict: (action) => {
          this.told.push(`end ${action.executorId}`)
          this.evicted.push(action)
        },
      },
      { reportMs: 0, correctionMs: 0, ...options.settings },
    )
    this.lending.use(this.#plugins(options))
    this.desk = new LendDesk(
      {
        clock,
        log: silentLogger,
        settings: this.settings,
        lending: this.lending,
        power: this.power,
        records: this.records,
        flags,
      },
      { estimator: flags.estimator, controller: flags.controller ?? 'noop' },
    )
  }

  #look(): ResourceUsage {
    const { clock, machine } = this
    this.#usage = { ...machine.tick(this.doing), at: clock.now(), monotonic: clock.monotonic() }
    return this.#usage
  }

  #pulses(): Pulses {
    const { clock, machine } = this
    return new Pulses({
      clock,
      counters: (id) => {
        const read = this.#usage && pulseOf(this.#usage).containers.find((one) => one.containerId === id)
        if (read === undefined)
          return machine.live().some((one) => one.containerId === id) ? unused : undefined
        const burnt = (this.#burnt.get(id) ?? 0) + (this.burst[id.replace(/^c-/, '')] ?? 0)
        this.#burnt.set(id, burnt)
        return { ...read, cpuSeconds: read.cpuSeconds + burnt }
      },
      host: () => machine.tick({}).host,
      traits: () => new Map(),
    })
  }

  #plugins(options: RigOptions): Plugins {
    const scripted: ResourceEstimator = {
      name: 'scripted',
      estimate: () => this.estimate,
      takeBack: (now) => this.takeBacks.push(now),
    }
    const controller = {
      name: 'scripted',
      decide: (input: QosInput) => {
        this.seen.push(input)
        return this.answer(input)
      },
    }
    return {
      estimator: 'estimator' in options ? options.estimator : scripted,
      controller: options.controller ?? controller,
    }
  }

  /** Seconds pass, with a round in each. */
  async seconds(count: number): Promise<void> {
    for (let second = 0; second < count; second++) {
      await this.clock.advance(1000)
      await this.lending.round()
    }
  }

  /** The records that the log holds, checked: each must read back and lead to its result. */
  decisions(): readonly Decision[] {
    return this.records.query({}).map(({ record }) => {
      const decision = parseDecision(record)
      if ('rejected' in decision) throw new Error(decision.message)
      const gap = recompute(decision)
      if (gap !== undefined) throw new Error(gap)
      return decision
    })
  }

  [Symbol.dispose](): void {
    this.records[Symbol.dispose]()
    this.database[Symbol.dispose]()
  }
}

export function known(cpus: number): Estimate {
  const terms = [{ name: 'idle', value: cpus, unit: 'cpus', of: undefined, why: 'a test says so' }] as const
  return { kind: 'known', additional: lentCpus(cpus), terms }
}

// The `pressure` controller: memory first, then the ladder for cpu, then less is lent. A pure machine of states:
// the same pulses lead to the same actions, whoever runs them (the agent, a test, `lend replay`).
import type { LendDecision } from '../resources/decision.ts'
import { Attribution } from './attribution.ts'
import type { Action, ControllerFactory, PulseContainer, QosController, QosInput } from './controller.ts'
import { CpuLadder, thawThem } from './cpu-ladder.ts'
import { evict } from './evicting.ts'
import { Freezer } from './freezer.ts'
import { MemoryRule } from './memory-rule.ts'
import { PulseMeter } from './meter.ts'
import { type PressureOptions, readPressureOptions } from './pressure-options.ts'
import { borrowersIn, quotaLevel, type Scene, type Signal, told } from './scene.ts'
import { StarvedRule } from './starved.ts'

/** A squeeze that lasts longer means that less should be lent (spec/lending.md 3.3 L4). */
const LONG_SQUEEZE_MS = 2000
/** A borrower that was evicted and is still there after so long may be named again. */
const EVICT_AGAIN_MS = 60_000
/** The least that an eviction for cpu gives back, cores. */
const LEAST_DEFICIT = 0.05

class PressureController implements QosController {
  readonly name = 'pressure'
  #options: PressureOptions
  readonly #meter = new PulseMeter()
  #freezer = new Freezer()
  readonly #attribution = new Attribution()
  #ladder = new CpuLadder(this.#attribution, this.#freezer)
  #memory = new MemoryRule(this.#attribution, this.#freezer)
  readonly #starved = new StarvedRule()
  /** Container → when it was evicted. */
  readonly #evicted = new Map<string, number>()
  #inactiveFile = new Map<string, number>()
  #cpuEvictedAt = Number.NEGATIVE_INFINITY
  #unlentUntil = Number.NEGATIVE_INFINITY

  constructor(options: PressureOptions) {
    this.#options = options
  }

  configure(options: Readonly<Record<string, string>>): void {
    this.#options = readPressureOptions(options)
  }

  reset(): void {
    this.#freezer = new Freezer()
    this.#ladder = new CpuLadder(this.#attribution, this.#freezer)
    this.#memory = new MemoryRule(this.#attribution, this.#freezer)
    this.#unlentUntil = Number.NEGATIVE_INFINITY
  }

  decide(input: QosInput): readonly Action[] {
    const scene = this.#look(input)
    this.#freezer.settle(scene)
    if (borrowersIn(scene).length === 0) return this.#ladder.reset(scene)
    const candidates = this.#candidates(scene)
    const memory = this.#memory.step(scene, candidates, this.#options)
    const actions = [...memory.actions]
    if (actions.length === 0) actions.push(...this.#ladder.step(scene, this.#options))
    if (actions.length === 0) actions.push(...this.#evictForCpu(scene, candidates))
    if (actions.length === 0)
      actions.push(...this.#starved.step(scene, candidates, this.#freezer, this.#options))
    if (actions.length === 0 && !memory.short) actions.push(...this.#thawOne(scene))
    for (const action of actions)
      if (action.kind === 'evict') this.#evicted.set(action.containerId, scene.now)
    return [...actions, ...this.#unlend(scene, actions)]
  }

  #look({ pulse, usage, allowed }: QosInput): Scene {
    const meter = this.#meter
    meter.add(pulse)
    if (usage !== undefined) {
      this.#inactiveFile = new Map(
        usage.containers.map((one) => [one.containerId, one.statistics?.memoryInactiveFileBytes ?? 0]),
      )
    }
    const rates = pulse.containers.flatMap(
      ({ containerId }) => meter.rates(containerId, this.#options.window) ?? [],
    )
    const borrowers = rates.filter(({ container }) => container.revocable)
    return {
      pulse,
      now: pulse.monotonic,
      cores: pulse.host.cpus,
      allowed,
      meter,
      owners: rates.filter(({ container }) => !container.revocable),
      borrowers,
      borrowersUse: borrowers.reduce((sum, { cpus }) => sum + cpus, 0),
      inactiveFile: (id) => this.#inactiveFile.get(id) ?? 0,
    }
  }

  /** Borrowers that are not ending already. */
  #candidates(scene: Scene): readonly PulseContainer[] {
    const borrowers = borrowersIn(scene)
    const present = new Set(borrowers.map(({ containerId }) => containerId))
    for (const [id, at] of this.#evicted) {
      if (!present.has(id) || scene.now - at > EVICT_AGAIN_MS) this.#evicted.delete(id)
    }
    return borrowers.filter(({ containerId }) => !this.#evicted.has(containerId))
  }

  /** For cpu a borrower ends only after long frozen, while owners leave no room: it is better placed elsewhere. */
  #evictForCpu(scene: Scene, candidates: readonly PulseContainer[]): readonly Action[] {
    const options = this.#options
    const { frozenFor } = this.#ladder
    const frozenMs = this.#freezer.frozenWithin(options.frozen_window, scene.now)
    // What they use now, not their peak: a demand that has just ended shall not cost a borrower.
    const owned = scene.owners.reduce((sum, { cpus }) => sum + cpus, 0)
    const room = scene.cores - owned - options.headroom * scene.cores
    if (this.#freezer.isEmpty || frozenFor === undefined || frozenMs <= options.frozen) return []
    if (scene.allowed === 'lend' || room >= options.floor * scene.cores) return []
    if (scene.now - this.#cpuEvictedAt < options.cooldown_cpu) return []
    const { container, cpus } = frozenFor.owner
    const lent = candidates.reduce((sum, { reservedCpus }) => sum + reservedCpus, 0)
    const missing = Math.min(lent, Math.max(LEAST_DEFICIT, container.reservedCpus - cpus))
    const signal: Signal = {
      owner: container.label,
      signal: 'time that borrowers were frozen',
      value: frozenMs / 1000,
      threshold: options.frozen / 1000,
      comparison: 'above',
      unit: `s of the last ${options.frozen_window / 1000}`,
      forMs: frozenMs,
    }
    const actions = evict(
      scene,
      {
        signal,
        candidates: candidates.map((one) => ({ container: one, frees: one.reservedCpus })),
        needs: missing * options.surplus,
        rule: 'cheapest',
        before: { value: lent, unit: 'cpus lent' },
        gain: -1,
        graceMs: options.grace_cpu,
        text:
          `owner '${container.label}' missed ${missing.toFixed(2)} cpus, borrowers were frozen for ` +
          `${signal.value.toFixed(0)} of ${options.frozen_window / 1000} s (limit ${signal.threshold}), ` +
          `and owners leave ${Math.max(0, room).toFixed(2)} cpus`,
      },
      this.#freezer,
    )
    if (actions.length > 0) this.#cpuEvictedAt = scene.now
    return actions
  }

  /** One by one, the most work done first; also while an owner waits, once that is not borrowers' doing. */
  #thawOne(scene: Scene): readonly Action[] {
    if (!this.#freezer.mayThaw(scene.now)) return []
    const frozen = borrowersIn(scene).filter(({ containerId }) => this.#freezer.frozen.has(containerId))
    const overdue = scene.now - this.#freezer.holdUntil
    const some = frozen.length < borrowersIn(scene).length
    const worst = this.#attribution.worst(scene, this.#options)
    if (worst !== undefined && some && overdue < this.#options.hold_cap) return []
    const next = frozen.toSorted((a, b) => b.cpuSeconds - a.cpuSeconds)[0]
    if (next === undefined) return []
    const signal: Signal = {
      owner: 'the machine',
      signal: 'time past the hold of the freeze',
      value: overdue,
      threshold: 0,
      comparison: 'at least',
      unit: 'ms',
      forMs: overdue,
    }
    const why = `The freeze was held long enough: '${next.label}' runs again, ${frozen.length - 1} stay frozen`
    return thawThem(scene, this.#freezer, [next.containerId], signal, why)
  }

  /** Nothing more is lent while borrowers are squeezed for long, frozen or evicted, and half a minute beyond. */
  #unlend(scene: Scene, actions: readonly Action[]): readonly Action[] {
    const squeezedMs = this.#ladder.squeezedFor(scene.now, this.#options)
    const evicts = actions.filter(({ kind }) => kind === 'evict').length
    const frozen = this.#ladder.isProbing ? 0 : this.#freezer.frozen.size
    if (squeezedMs <= LONG_SQUEEZE_MS && frozen === 0 && evicts === 0) return []
    const forMs = this.#options.unlend
    // Renewed at half its time, so that the last trouble counts and not every pulse leaves a record.
    if (this.#unlentUntil - scene.now > forMs / 2) return []
    this.#unlentUntil = scene.now + forMs
    const [signal, value, unit, threshold] =
      evicts > 0
        ? (['evicted borrowers', evicts, 'borrowers', 0] as const)
        : frozen > 0
          ? (['frozen borrowers', frozen, 'borrowers', 0] as const)
          : (['time squeezed', squeezedMs, 'ms', LONG_SQUEEZE_MS] as const)
    const decision: LendDecision = {
      kind: 'unlend',
      ...told(
        scene,
        { owner: 'the machine', signal, value, threshold, comparison: 'above', unit, forMs: squeezedMs },
        {
          before: quotaLevel(Number.POSITIVE_INFINITY),
          after: { value: 0, unit: 'cpus' },
          why: `Owners needed what was lent: nothing more is lent for ${forMs / 1000} s`,
        },
      ),
    }
    return [{ kind: 'unlend', forMs, decision }]
  }
}

const pressureController: ControllerFactory = (options) =>
  new PressureController(readPressureOptions(options))
export default pressureController

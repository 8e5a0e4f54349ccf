// The ladder for memory, which comes before cpu: freeze, then end the cheapest set that brings the reserve back.
import type { Action, PulseContainer } from './controller.ts'
import { freezeAll } from './cpu-ladder.ts'
import type { Attribution } from './attribution.ts'
import { evict } from './evicting.ts'
import type { Freezer } from './freezer.ts'
import type { PressureOptions } from './pressure-options.ts'
import { percent, type Scene, type Signal } from './scene.ts'

const MB = 1024 * 1024
/** A slower fall than this share of all memory a second is no ramp: noise would look like one near the reserve. */
const LEAST_RAMP = 0.005
/** Hits the reserve within so long: freeze. Hits half of it within so long: evict (spec/lending.md 3.3). */
const FREEZE_WITHIN_S = 2
const EVICT_WITHIN_S = 1
/** What is freed must last until the next round has taken effect: a pulse, the end of a process, its pages. */
const AHEAD_S = 0.5
/** One round, then measure again. What was evicted and is not gone counts as coming, so rounds may be short … */
const SETTLE_MS = 250
/** … for so long beyond its grace: an engine that is slow shall not cost others their lives. */
const OVERDUE_MS = 10_000
/** Borrowers with less than this share of all memory are not the reason of a shortage. */
const INNOCENT_SHARE = 0.02

/** The machine's memory at one pulse, bytes and bytes per second. */
interface Memory {
  readonly total: number
  readonly available: number
  readonly reserve: number
  /** How fast it falls; 0 unless that is a ramp. */
  readonly fall: number
  /** Who grows the fastest, for messages. */
  readonly grower: { readonly label: string; readonly perSecond: number } | undefined
}

interface Pending {
  readonly frees: number
  readonly graceEndsAt: number
}

export class MemoryRule {
  readonly #attribution: Attribution
  readonly #freezer: Freezer
  /** Evicted and not yet gone: what they hold will come. */
  readonly #pending = new Map<string, Pending>()
  #evictedAt = Number.NEGATIVE_INFINITY

  constructor(attribution: Attribution, freezer: Freezer) {
    this.#attribution = attribution
    this.#freezer = freezer
  }

  /** `candidates`: borrowers that are not ending already. `short`: memory is what matters now, cpu waits. */
  step(
    scene: Scene,
    candidates: readonly PulseContainer[],
    options: PressureOptions,
  ): { readonly actions: readonly Action[]; readonly short: boolean } {
    this.#settle(scene)
    const memory = memoryOf(scene, options)
    const danger = shortage(scene, memory, options)
    const ramp = danger ?? approach(memory)
    if (ramp === undefined) return { actions: [], short: false }
    const held = scene.pulse.containers.reduce((sum, one) => (one.revocable ? sum + one.memoryBytes : sum), 0)
    if (held < INNOCENT_SHARE * memory.total) {
      return { actions: this.#notOurs(scene, ramp, held, memory, options), short: false }
    }
    const evictions = danger === undefined ? [] : this.#evict(scene, danger, memory, candidates, options)
    if (evictions.length > 0) return { actions: evictions, short: true }
    const frozen = freezeAll(scene, this.#freezer, options, ramp, textOf(ramp, memory))
    return { actions: frozen, short: true }
  }

  #evict(
    scene: Scene,
    signal: Signal,
    memory: Memory,
    candidates: readonly PulseContainer[],
    options: PressureOptions,
  ): readonly Action[] {
    if (scene.allowed === 'lend') return []
    const since = scene.now - this.#evictedAt
    const urgent = signal.signal !== 'memory pressure'
    if (since < (urgent ? SETTLE_MS : options.cooldown_memory)) return []
    const coming = [...this.#pending.values()].reduce((sum, { frees }) => sum + frees, 0)
    // While it falls half the reserve is the aim, because where the fall ends is unknown; then all of it.
    const target = urgent ? memory.reserve / (memory.fall > 0 ? 2 : 1) : 2 * memory.reserve
    const missing = target - (memory.available - memory.fall * AHEAD_S) - coming
    if (missing <= 0) return []
    // A grace that outlasts the memory is none.
    const gone = memory.fall > 0 && memory.available / memory.fall < options.grace_memory / 1000
    const graceMs = memory.available < memory.reserve / 2 || gone ? 0 : options.grace_memory
    const actions = evict(
      scene,
      {
        signal,
        candidates: candidates.map((container) => ({ container, frees: freesMb(scene, container) })),
        needs: (missing / MB) * options.surplus,
        rule: 'cheapest',
        before: { value: memory.available / MB, unit: 'MB available' },
        gain: 1,
        graceMs,
        text: textOf(signal, memory),
      },
      this.#freezer,
    )
    if (actions.length > 0) this.#remember(scene, actions, graceMs)
    return actions
  }

  #remember(scene: Scene, actions: readonly Action[], graceMs: number): void {
    this.#evictedAt = scene.now
    for (const action of actions) {
      if (action.kind !== 'evict') continue
      const candidate = action.decision.candidates.find(({ id }) => id === action.containerId)
      const frees = (candidate?.frees ?? 0) * MB
      this.#pending.set(action.containerId, { frees, graceEndsAt: scene.now + graceMs })
    }
  }

  /** What is gone has given back; what outlives its grace for long is not counted on. */
  #settle(scene: Scene): void {
    const present = new Set(scene.pulse.containers.map(({ containerId }) => containerId))
    for (const [id, { graceEndsAt }] of this.#pending) {
      if (!present.has(id) || scene.now > graceEndsAt + OVERDUE_MS) this.#pending.delete(id)
    }
  }

  #notOurs(
    scene: Scene,
    signal: Signal,
    held: number,
    memory: Memory,
    options: PressureOptions,
  ): readonly Action[] {
    const limit = (INNOCENT_SHARE * memory.total) / MB
    const why =
      `${textOf(signal, memory)}, but borrowers hold ${(held / MB).toFixed(0)} MB, ` +
      `under ${limit.toFixed(0)}: they are not the reason`
    const evidence = { evidence: 'borrowers idle', found: held / MB, limit } as const
    return this.#attribution.record(scene, 'memory', signal, why, evidence, options)
  }
}

function memoryOf(scene: Scene, options: PressureOptions): Memory {
  const { memoryTotalBytes: total, memoryAvailableBytes: available } = scene.pulse.host
  const fall = scene.meter.memoryFall()
  const grower = scene.owners
    .map(({ container, memoryGrowth }) => ({ label: container.label, perSecond: memoryGrowth }))
    .toSorted((a, b) => b.perSecond - a.perSecond)[0]
  const isRamp = fall >= LEAST_RAMP * total
  return {
    total,
    available,
    reserve: options.memory_reserve * total,
    fall: isRamp ? fall : 0,
    grower: isRamp && grower !== undefined && grower.perSecond > fall / 2 ? grower : undefined,
  }
}

/** What calls for an eviction: under half the reserve, there within a second, or an owner that stands still. */
function shortage(scene: Scene, memory: Memory, options: PressureOptions): Signal | undefined {
  const half = memory.reserve / 2
  if (memory.available < half) return signalOf(memory, 'available memory', memory.available, half)
  const projected = memory.available - memory.fall * EVICT_WITHIN_S
  if (projected < half) return signalOf(memory, 'available memory in 1 s', projected, half)
  // An owner at its own limit stands still for its own reasons while the machine has plenty.
  if (memory.available >= 2 * memory.reserve) return undefined
  const stalled = scene.owners
    .filter(({ memoryStall }) => (memoryStall ?? 0) >= options.memory_full)
    .toSorted((a, b) => (b.memoryStall ?? 0) - (a.memoryStall ?? 0))[0]
  if (stalled?.memoryStall === undefined) return undefined
  return {
    owner: stalled.container.label,
    signal: 'memory pressure',
    value: stalled.memoryStall,
    threshold: options.memory_full,
    comparison: 'at least',
    unit: 'share of time standing still',
    forMs: stalled.overMs,
  }
}

function approach(memory: Memory): Signal | undefined {
  const projected = memory.available - memory.fall * FREEZE_WITHIN_S
  if (memory.fall === 0 || projected >= memory.reserve) return undefined
  return signalOf(memory, 'available memory in 2 s', projected, memory.reserve)
}

function signalOf(memory: Memory, signal: string, value: number, threshold: number): Signal {
  const owner = memory.grower?.label ?? 'the machine'
  const figures = { value: value / MB, threshold: threshold / MB, unit: 'MB' }
  return { owner, signal, ...figures, comparison: 'below', forMs: 0 }
}

function textOf(signal: Signal, memory: Memory): string {
  if (signal.signal === 'memory pressure') {
    return (
      `owner '${signal.owner}' stood still for memory ${percent(signal.value)} of the time ` +
      `(limit ${percent(signal.threshold)}) with ${(memory.available / MB).toFixed(0)} MB available`
    )
  }
  const grower =
    memory.grower === undefined
      ? ''
      : `, owner '${memory.grower.label}' grows by ${(memory.grower.perSecond / MB).toFixed(0)} MB/s`
  return (
    `the machine has ${(memory.available / MB).toFixed(0)} MB of memory left (${signal.signal}: ` +
    `${signal.value.toFixed(0)} MB, limit ${signal.threshold.toFixed(0)} MB)${grower}`
  )
}

/** What ending it adds to the available memory: its cache without recent use is available already. */
function freesMb(scene: Scene, container: PulseContainer): number {
  return Math.max(0, container.memoryBytes - scene.inactiveFile(container.containerId)) / MB
}

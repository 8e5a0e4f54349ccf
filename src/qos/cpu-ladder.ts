// The ladder for cpu: squeeze, freeze, and the way back (spec/lending.md 3.3, L1 and L2).
//
//   free ──owner waits ≥ 10 %─▶ squeezed ──still ≥ 10 % after 200 ms──▶ frozen ──hold over──▶ thawed one by one
//    │ ▲                         ▲ ▲  │                                    │                        │
//    │ └── quota × 1.2 a second ─┼─┼──┘◀──── it did not help: not ours ────┘                        │
//    │     after 5 calm seconds  │ └────────────────────────────────────────────────────────────────┘
//    └──≥ 5 %──▶ probe: 50 ms frozen ──it helped three times in a row, and now ≥ 5 % again──▶ squeezed
//
// A little waiting may as well be the owner's own threads or the system's work for it, so borrowers are asked first;
// much of it is answered at once and asked about later.
import type { RelaxDecision, SqueezeDecision, Term } from '../resources/decision.ts'
import type { Action } from './controller.ts'
import { type Attribution, mayMiss, type Sufferer, waitSignal, waitText } from './attribution.ts'
import type { Freezer } from './freezer.ts'
import type { Rates } from './meter.ts'
import type { PressureOptions } from './pressure-options.ts'
import { borrowersIn, frozenLevel, percent, quotaLevel, type Scene, type Signal, told } from './scene.ts'

/** The kernel takes at least 1 ms of quota a period; 10 ms keeps a squeezed thread moving (spec/lending.md 3.3). */
export const SQUEEZE_PERIOD_MS = 10
/** A lower quota than now is worth a write when it is so much lower. */
const NOTABLE = 0.9
/** After a freeze the pressure must have fallen to this share of what it was, else borrowers are innocent. */
const HELPED = 0.5
/** A squeeze that left this share of the pressure makes it unclear whether borrowers matter. */
const UNMOVED = 0.8
/** A probe that helped counts for so long: an owner that waits again later is asked anew. */
const SUSPECT_MS = 2000
/** Within 50 ms an owner may wait less by mere chance, often; so many times in a row it does not. */
const PROBES = 3
/** After so long under a squeeze that changed nothing, a probe asks, also where the pressure is too low to freeze. */
const DOUBT_MS = 1000

const NO_BORROWERS: Signal = {
  owner: 'the machine',
  signal: 'borrowers',
  value: 0,
  threshold: 0,
  comparison: 'at most',
  unit: 'borrowers',
  forMs: 0,
}

interface Trial {
  readonly sufferer: Sufferer
  /** What led to the freeze. */
  readonly signal: Signal
  readonly at: number
  readonly judgeAfterMs: number
  /** A moment's freeze, only to see whether borrowers matter. */
  readonly isProbe: boolean
}

/** An owner whose waiting fell whenever borrowers were frozen for a moment. */
interface Suspicion {
  /** Its container. */
  readonly containerId: string
  readonly probes: number
  /** Monotonic ms. */
  readonly until: number
}

export class CpuLadder {
  quotaCpus = Number.POSITIVE_INFINITY
  /** When the present squeeze began, monotonic ms. */
  squeezedAt: number | undefined
  /** The pressure that led to the last freeze for cpu, for evictions. */
  frozenFor: Sufferer | undefined
  readonly #attribution: Attribution
  readonly #freezer: Freezer
  #pressureAtSqueeze = 0
  #calmSince: number | undefined
  #grownAt = Number.NEGATIVE_INFINITY
  #trial: Trial | undefined
  #suspicion: Suspicion | undefined

  constructor(attribution: Attribution, freezer: Freezer) {
    this.#attribution = attribution
    this.#freezer = freezer
  }

  /** Whether the present freeze is no more than a question. */
  get isProbing(): boolean {
    return this.#trial?.isProbe === true
  }

  get isSqueezed(): boolean {
    return this.squeezedAt !== undefined
  }

  /** For how long borrowers have been squeezed, ms; 0 once owners are calm and the quota only grows again. */
  squeezedFor(now: number, options: PressureOptions): number {
    if (this.squeezedAt === undefined) return 0
    const isOver = this.#calmSince !== undefined && now - this.#calmSince >= options.calm
    return isOver ? 0 : now - this.squeezedAt
  }

  step(scene: Scene, options: PressureOptions): readonly Action[] {
    const verdict = this.#judge(scene, options)
    if (verdict.length > 0) return verdict
    const worst = this.#attribution.worst(scene, options)
    if (worst === undefined) return this.#ease(scene, options)
    this.#calmSince = undefined
    return this.#escalate(scene, worst, options)
  }

  /** With nobody left to squeeze, the next borrower shall not find an old quota. */
  reset(scene: Scene): readonly Action[] {
    this.#trial = undefined
    this.#suspicion = undefined
    this.#calmSince = undefined
    this.frozenFor = undefined
    return this.#lift(scene, NO_BORROWERS)
  }

  #escalate(scene: Scene, worst: Sufferer, options: PressureOptions): readonly Action[] {
    const running = borrowersIn(scene).filter(({ containerId }) => !this.#freezer.frozen.has(containerId))
    if (running.length === 0) return []
    if (this.#freezer.isEmpty && this.#attribution.idle(scene))
      return this.#attribution.borrowersIdle(scene, worst, options)
    if (this.squeezedAt === undefined) {
      if (!this.#attribution.worthSqueezing(scene)) return []
      return this.#isClear(scene, worst, options)
        ? this.#squeeze(scene, worst, options)
        : this.#ask(scene, worst, options)
    }
    const squeezedMs = scene.now - this.squeezedAt
    const serious = squeezedMs >= options.window && worst.waiting >= options.freeze
    const doubtful = squeezedMs >= DOUBT_MS && this.#unmoved(worst)
    if ((serious || doubtful) && !this.#attribution.idle(scene)) {
      const frozen = this.#freeze(scene, worst, options)
      if (frozen.length > 0) return frozen
    }
    return this.#squeeze(scene, worst, options)
  }

  /** Whether borrowers are held back without being asked: the owner waits for long, or probes have just told. */
  #isClear(scene: Scene, { owner, waiting }: Sufferer, options: PressureOptions): boolean {
    if (waiting >= options.freeze || owner.container.latencySensitive === true) return true
    return this.#helpfulProbes(owner.container.containerId, scene.now) >= PROBES
  }

  #helpfulProbes(containerId: string, now: number): number {
    const suspicion = this.#suspicion
    return suspicion?.containerId === containerId && now <= suspicion.until ? suspicion.probes : 0
  }

  /** Freezes for a moment, to see whether the owner waits less without borrowers. */
  #ask(scene: Scene, worst: Sufferer, options: PressureOptions): readonly Action[] {
    if (this.#trial !== undefined || !this.#freezer.isEmpty) return []
    const signal = waitSignal(worst, options.squeeze)
    const why = `${waitText(worst, options.squeeze)}: does it without borrowers?`
    // A question is not held, and makes no later freeze longer.
    const actions = freezeAll(scene, this.#freezer, { ...options, hold: 0 }, signal, why, options.probe)
    if (actions.length === 0) return []
    this.#trial = { sufferer: worst, signal, at: scene.now, judgeAfterMs: options.probe, isProbe: true }
    return actions
  }

  #squeeze(scene: Scene, worst: Sufferer, options: PressureOptions): readonly Action[] {
    const { cores } = scene
    const used = ownersNeed(scene, worst, options)
    const floor = options.floor * cores
    const headroom = options.headroom * cores
    const quota = Math.max(floor, cores - used - headroom)
    if (quota > this.quotaCpus * NOTABLE || quota >= cores) return []
    const why =
      `${waitText(worst, options.squeeze)} while borrowers used ${scene.borrowersUse.toFixed(2)} cpus: ` +
      `they get ${quota.toFixed(2)}`
    const before = quotaLevel(this.quotaCpus)
    const terms = [
      term('cores', cores, 'what the machine has'),
      term(
        'owners need',
        -used,
        'their highest use within a second, or all that one reserved that waits for long',
      ),
      term('headroom', -headroom, `${percent(options.headroom)} of ${cores} cores stay free`),
    ]
    const signal = waitSignal(worst, options.squeeze)
    const borrowers = borrowersIn(scene).map(({ containerId }) => containerId)
    const decision: SqueezeDecision = {
      kind: 'squeeze',
      ...told(scene, signal, { borrowers, terms, before, after: quotaLevel(quota), why }),
      floor,
    }
    this.quotaCpus = quota
    if (this.squeezedAt === undefined) {
      this.#suspicion = undefined
      this.squeezedAt = scene.now
      this.#pressureAtSqueeze = worst.waiting
    }
    return [{ kind: 'squeeze', quotaCpus: quota, periodMs: SQUEEZE_PERIOD_MS, decision }]
  }

  #freeze(scene: Scene, worst: Sufferer, options: PressureOptions): readonly Action[] {
    const limit = worst.waiting < options.freeze ? options.squeeze : options.freeze
    const signal = waitSignal(worst, limit)
    const unclear = this.#unmoved(worst)
    const squeezed = `borrowers were squeezed to ${this.quotaCpus.toFixed(2)} cpus`
    const why = `${waitText(worst, limit)} although ${squeezed}`
    const probe = unclear ? options.probe : undefined
    const actions = freezeAll(scene, this.#freezer, options, signal, why, probe)
    if (actions.length === 0) return []
    this.frozenFor = worst
    const judgeAfterMs = unclear ? options.probe : options.window
    this.#trial = {
      sufferer: worst,
      signal,
      at: scene.now,
      judgeAfterMs,
      isProbe: unclear && worst.waiting < options.freeze,
    }
    return actions
  }

  #unmoved({ waiting }: Sufferer): boolean {
    return waiting >= UNMOVED * this.#pressureAtSqueeze
  }

  /** A freeze is also a question: when the owner waits as before, borrowers were not the reason. */
  #judge(scene: Scene, options: PressureOptions): readonly Action[] {
    const trial = this.#trial
    if (trial === undefined || scene.now - trial.at < trial.judgeAfterMs) return []
    this.#trial = undefined
    const { containerId } = trial.sufferer.owner.container
    const since = scene.meter.rates(containerId, scene.now - trial.at)
    if (since?.waiting === undefined || this.#freezer.isEmpty) return []
    const limit = HELPED * trial.sufferer.waiting
    const found = this.#attribution.waiting(since, scene.now)
    const { signal } = trial
    if (found < limit) {
      if (this.isSqueezed) {
        this.#attribution.learn(scene, containerId, found, options)
        return []
      }
      const probes = this.#helpfulProbes(containerId, scene.now) + 1
      this.#suspicion = { containerId, probes, until: scene.now + SUSPECT_MS }
      const helped = { ...signal, value: found, threshold: limit, comparison: 'below' } as const
      return this.#thawAll(
        scene,
        helped,
        'Freezing borrowers helped: they run again, until the owner waits again',
      )
    }
    const acquitted = this.#attribution.acquit(scene, containerId, signal, found, limit, options)
    const thawSignal: Signal = {
      ...signal,
      signal: 'cpu pressure while frozen',
      value: found,
      threshold: limit,
    }
    const why = 'Freezing borrowers did not help'
    this.frozenFor = undefined
    return [
      ...acquitted,
      ...this.#thawAll(scene, thawSignal, `${why}: they run again`),
      // What was not the reason is not held back for it.
      ...this.#lift(scene, thawSignal, why),
    ]
  }

  #thawAll(scene: Scene, signal: Signal, why: string): readonly Action[] {
    return thawThem(scene, this.#freezer, [...this.#freezer.frozen.keys()], signal, why)
  }

  #ease(scene: Scene, options: PressureOptions): readonly Action[] {
    const loudest = this.#loudest(scene)
    if (loudest >= options.relax) {
      this.#calmSince = undefined
      const squeezedMs = this.squeezedAt === undefined ? 0 : scene.now - this.squeezedAt
      if (squeezedMs >= options.calm && this.#freezer.isEmpty) this.#attribution.learnRest(scene, options)
      return []
    }
    this.#calmSince ??= scene.now
    const calmFor = scene.now - this.#calmSince
    if (!this.isSqueezed || !this.#freezer.isEmpty) return []
    if (calmFor < options.calm || scene.now - this.#grownAt < 1000) return []
    this.#grownAt = scene.now
    const signal: Signal = {
      owner: 'the machine',
      signal: 'highest cpu pressure of an owner',
      value: loudest,
      threshold: options.relax,
      comparison: 'below',
      unit: 'share of time waiting',
      forMs: calmFor,
    }
    return this.#relax(scene, signal, options.growth)
  }

  #lift(scene: Scene, signal: Signal, because?: string): readonly Action[] {
    if (!this.isSqueezed) return []
    return this.#relax(scene, signal, Math.max(1, scene.cores / this.quotaCpus), because)
  }

  #relax(scene: Scene, signal: Signal, factor: number, because?: string): readonly Action[] {
    const before = this.quotaCpus
    const ceiling = scene.cores
    const grown = before * factor
    const quota = grown >= ceiling - 1e-9 ? Number.POSITIVE_INFINITY : grown
    this.quotaCpus = quota
    if (quota === Number.POSITIVE_INFINITY) this.squeezedAt = undefined
    const terms = [
      term('quota', before, 'what borrowers got'),
      term('growth', before * (factor - 1), `${factor.toFixed(2)} times as much`),
    ]
    const reason = because ?? 'Owners do not wait'
    const why =
      quota === Number.POSITIVE_INFINITY
        ? `${reason}: borrowers may use all that is idle again`
        : `${reason}: borrowers get ${quota.toFixed(2)} cpus`
    const decision: RelaxDecision = {
      kind: 'relax',
      ...told(scene, signal, { terms, before: quotaLevel(before), after: quotaLevel(quota), why }),
      factor,
      ceiling,
    }
    return [{ kind: 'relax', quotaCpus: quota, decision }]
  }

  /** The highest net pressure over the last second of an owner that may miss cores. */
  #loudest(scene: Scene): number {
    return scene.owners.reduce((loudest, { container }) => {
      const rates = scene.meter.rates(container.containerId, 1000)
      return rates === undefined || !mayMiss(rates)
        ? loudest
        : Math.max(loudest, this.#attribution.waiting(rates, scene.now))
    }, 0)
  }
}

/** Freezes every borrower that runs and shares nothing with an owner. */
export function freezeAll(
  scene: Scene,
  freezer: Freezer,
  options: PressureOptions,
  signal: Signal,
  why: string,
  probeMs?: number,
): readonly Action[] {
  const containerIds = borrowersIn(scene)
    .filter(({ containerId, boundToOwner }) => boundToOwner !== true && !freezer.frozen.has(containerId))
    .map(({ containerId }) => containerId)
  if (containerIds.length === 0) return []
  const before = freezer.frozen.size
  freezer.freeze(containerIds, scene.now, options)
  const levels = { before: frozenLevel(before), after: frozenLevel(freezer.frozen.size) }
  const probe = probeMs === undefined ? {} : { probeMs }
  const decision = {
    kind: 'freeze',
    ...told(scene, signal, { borrowers: containerIds, why, ...levels }),
    ...probe,
  } as const
  return [{ kind: 'freeze', containerIds, ...probe, decision }]
}

export function thawThem(
  scene: Scene,
  freezer: Freezer,
  containerIds: readonly string[],
  signal: Signal,
  why: string,
): readonly Action[] {
  if (containerIds.length === 0) return []
  const before = frozenLevel(freezer.frozen.size)
  freezer.thaw(containerIds, scene.now)
  const after = frozenLevel(freezer.frozen.size)
  const decision = {
    kind: 'thaw',
    ...told(scene, signal, { borrowers: containerIds, before, after, why }),
  } as const
  return [{ kind: 'thaw', containerIds, decision }]
}

/**
 * Their highest use within a second. In the first moments of a step an owner has used little yet: one that waits long
 * enough for a freeze is counted with all that it reserved.
 */
function ownersNeed(scene: Scene, worst: Sufferer, options: PressureOptions): number {
  const peak = scene.meter.ownersPeak()
  if (worst.waiting < options.freeze) return peak
  const wanted = ({ container, cpus }: Rates): number =>
    container.containerId === worst.owner.container.containerId
      ? Math.max(cpus, container.reservedCpus)
      : cpus
  return Math.max(
    peak,
    scene.owners.reduce((sum, owner) => sum + wanted(owner), 0),
  )
}

function term(name: string, value: number, why: string): Term {
  return { name, value, unit: 'cpus', of: undefined, why }
}

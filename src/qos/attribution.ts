// Whether borrowers are the reason of an owner's trouble: the figures of a suffering owner, and the innocent verdicts.
import type { NotOursDecision } from '../resources/decision.ts'
import type { Action } from './controller.ts'
import type { Rates } from './meter.ts'
import type { PressureOptions } from './pressure-options.ts'
import { percent, type Scene, type Signal, seconds, told } from './scene.ts'

/** Borrowers below this share of the machine are not the reason of an owner's trouble (spec/lending.md 3.3). */
export const INNOCENT_SHARE = 0.02
/** … and below so many cores there is nothing to squeeze. */
const LEAST_BORROWED = 0.05
/** An owner that hardly runs does not miss cores. */
const OWNER_MIN_CPUS = 0.25
/** It has what it reserved: whatever it waits for beyond is its own threads' doing. */
const SATISFIED = 0.98

const SECOND_MS = 1000
const FORGET_MS = 24 * 3_600_000

export interface Sufferer {
  readonly owner: Rates
  readonly waiting: number
  readonly forMs: number
}

export class Attribution {
  /** Owner's container → since when it suffers, monotonic ms. */
  readonly #since = new Map<string, number>()
  /** Owner's container → the share of waiting that stayed while borrowers were frozen, and until when that counts. */
  readonly #baselines = new Map<string, { readonly share: number; readonly until: number }>()
  /** Whom a "not ours" was recorded for, and when last. */
  readonly #recordedAt = new Map<string, number>()

  /** The owner that waits the most, with its own quota, its own excess and innocent verdicts taken off. */
  worst(scene: Scene, options: PressureOptions): Sufferer | undefined {
    let worst: Sufferer | undefined
    for (const owner of scene.owners) {
      const { containerId } = owner.container
      const waiting = this.waiting(owner, scene.now)
      if (waiting < options.squeeze || !mayMiss(owner)) {
        this.#since.delete(containerId)
        continue
      }
      const since = this.#since.get(containerId) ?? scene.now - owner.overMs
      this.#since.set(containerId, since)
      if (worst === undefined || waiting > worst.waiting) worst = { owner, waiting, forMs: scene.now - since }
    }
    this.#sweep(scene)
    return worst
  }

  /** An owner's share of time waiting that may be borrowers' doing: less what stayed when they were frozen. */
  waiting(owner: Rates, now: number): number {
    const baseline = this.#baselines.get(owner.container.containerId)
    const own = baseline !== undefined && now < baseline.until ? baseline.share : 0
    return Math.max(0, (owner.waiting ?? 0) - own)
  }

  /** Keeps what an owner waited for while borrowers were frozen: that much is its own threads' doing. */
  learn(scene: Scene, owner: string, share: number, options: PressureOptions): void {
    const own = this.#baselines.get(owner)
    const known = own !== undefined && scene.now < own.until ? own.share : 0
    this.#baselines.set(owner, { share: known + share, until: scene.now + options.innocent })
  }

  /**
   * A squeeze leaves cores free: the little that owners wait for under one even so is their own doing. If borrowers
   * matter after all, owners wait for that much longer when these get more, and then they are squeezed again.
   */
  learnRest(scene: Scene, options: PressureOptions): void {
    for (const { container } of scene.owners) {
      const rates = scene.meter.rates(container.containerId, SECOND_MS)
      if (rates === undefined || !mayMiss(rates)) continue
      const waiting = this.waiting(rates, scene.now)
      if (waiting >= options.relax) this.learn(scene, container.containerId, waiting, options)
    }
  }

  /** Whether borrowers use too little to be the reason. */
  idle(scene: Scene): boolean {
    return scene.borrowersUse < INNOCENT_SHARE * scene.cores
  }

  worthSqueezing(scene: Scene): boolean {
    return scene.borrowersUse >= LEAST_BORROWED
  }

  /** The record that borrowers are idle while an owner waits; once per minute and owner. */
  borrowersIdle(scene: Scene, sufferer: Sufferer, options: PressureOptions): readonly Action[] {
    const limit = INNOCENT_SHARE * scene.cores
    const why =
      `${waitText(sufferer, options.squeeze)}, but borrowers used ${scene.borrowersUse.toFixed(3)} cpus, ` +
      `under ${percent(INNOCENT_SHARE)} of ${scene.cores}: they are not the reason`
    const signal = waitSignal(sufferer, options.squeeze)
    const evidence = { evidence: 'borrowers idle', found: scene.borrowersUse, limit } as const
    return this.record(scene, sufferer.owner.container.containerId, signal, why, evidence, options)
  }

  /** The verdict of a freeze that did not help: this owner's pressure is not held against borrowers for a minute. */
  acquit(
    scene: Scene,
    owner: string,
    signal: Signal,
    found: number,
    limit: number,
    options: PressureOptions,
  ): readonly Action[] {
    this.#baselines.set(owner, { share: 1, until: scene.now + options.innocent })
    const why =
      `owner '${signal.owner}' waited ${percent(found)} of the time with all borrowers frozen: ` +
      'they are not the reason'
    return this.record(scene, owner, signal, why, { evidence: 'probe freeze', found, limit }, options)
  }

  record(
    scene: Scene,
    key: string,
    signal: Signal,
    why: string,
    evidence: Pick<NotOursDecision, 'evidence' | 'found' | 'limit'>,
    options: PressureOptions,
  ): readonly Action[] {
    const last = this.#recordedAt.get(key)
    if (last !== undefined && scene.now - last < options.innocent) return []
    this.#recordedAt.set(key, scene.now)
    const level = { value: evidence.found, unit: signal.unit }
    const decision: NotOursDecision = {
      kind: 'not-ours',
      ...told(scene, signal, { before: level, after: level, why }),
      ...evidence,
    }
    return [{ kind: 'not-ours', decision }]
  }

  #sweep(scene: Scene): void {
    const present = new Set(scene.pulse.containers.map(({ containerId }) => containerId))
    for (const id of this.#since.keys()) if (!present.has(id)) this.#since.delete(id)
    for (const [id, { until }] of this.#baselines) if (until <= scene.now) this.#baselines.delete(id)
    // Longer than any pause between two records, so that forgetting never makes one come early.
    for (const [id, at] of this.#recordedAt) {
      if (!present.has(id) && scene.now - at > FORGET_MS) this.#recordedAt.delete(id)
    }
  }
}

/** Whether it runs enough to miss cores, and has less than it reserved. */
export function mayMiss({ container, cpus }: Rates): boolean {
  if (cpus >= SATISFIED * container.reservedCpus) return false
  return cpus >= OWNER_MIN_CPUS || container.latencySensitive === true
}

export function waitSignal({ owner, waiting, forMs }: Sufferer, threshold: number): Signal {
  return {
    owner: owner.container.label,
    signal: 'cpu pressure',
    value: waiting,
    threshold,
    comparison: 'at least',
    unit: 'share of time waiting',
    forMs,
  }
}

export function waitText({ owner, waiting, forMs }: Sufferer, threshold: number): string {
  return (
    `owner '${owner.container.label}' waited for cpu ${percent(waiting)} of the time ` +
    `(limit ${percent(threshold)}) for ${seconds(forMs)}`
  )
}

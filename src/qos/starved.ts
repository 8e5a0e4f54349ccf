// Ends borrowers that get next to nothing for long, for their own sake: another machine has room. Off unless asked for.
import type { Action, PulseContainer } from './controller.ts'
import { evict } from './evicting.ts'
import type { Freezer } from './freezer.ts'
import type { PressureOptions } from './pressure-options.ts'
import { percent, type Scene, type Signal, seconds } from './scene.ts'

/** One that does not want to run is not starved: it must wait for this share of the time, or be frozen. */
const WANTS_SHARE = 0.5

export class StarvedRule {
  readonly #since = new Map<string, number>()

  step(
    scene: Scene,
    candidates: readonly PulseContainer[],
    freezer: Freezer,
    options: PressureOptions,
  ): readonly Action[] {
    const present = new Set(candidates.map(({ containerId }) => containerId))
    for (const id of this.#since.keys()) if (!present.has(id)) this.#since.delete(id)
    if (options.starved === 0 || scene.allowed === 'lend') return []
    const lent = candidates.reduce((sum, { reservedCpus }) => sum + reservedCpus, 0)
    // Owners' highest use, or what works outside of all containers too: both leave borrowers as little.
    const others = Math.max(scene.meter.ownersPeak(), scene.meter.othersUse())
    // Only where others leave no room for what is lent has a borrower that gets next to nothing no future.
    const crowded = others + lent > scene.cores + 1e-6
    return candidates.flatMap((container) => {
      const wants = freezer.frozen.has(container.containerId) || waits(scene, container)
      const forMs = this.#starvingFor(scene, container, crowded && wants, options.starved_share)
      if (forMs === undefined || forMs < options.starved) return []
      this.#since.delete(container.containerId)
      return this.#end(scene, container, others, forMs, freezer, options)
    })
  }

  #starvingFor(scene: Scene, container: PulseContainer, hungry: boolean, enough: number): number | undefined {
    const { containerId } = container
    const share = shareOf(scene, container)
    if (!hungry || share === undefined || share >= enough) {
      this.#since.delete(containerId)
      return undefined
    }
    const since = this.#since.get(containerId) ?? scene.now
    this.#since.set(containerId, since)
    return scene.now - since
  }

  #end(
    scene: Scene,
    container: PulseContainer,
    others: number,
    forMs: number,
    freezer: Freezer,
    options: PressureOptions,
  ): readonly Action[] {
    const value = shareOf(scene, container) ?? 0
    const busiest = scene.owners.toSorted((a, b) => b.cpus - a.cpus)[0]
    const lent = container.reservedCpus
    const signal: Signal = {
      owner: busiest?.container.label ?? 'the machine',
      signal: 'starved borrower',
      value,
      threshold: options.starved_share,
      comparison: 'below',
      unit: 'share of its cpus',
      forMs,
    }
    const who =
      busiest === undefined ? '' : `owner '${busiest.container.label}' uses ${busiest.cpus.toFixed(2)}, `
    const text =
      `starved, not harmful: ${who}all but borrowers ${others.toFixed(2)} of ${scene.cores} cpus; ` +
      `this borrower got ${percent(value)} of its ${lent.toFixed(2)} ` +
      `(limit ${percent(options.starved_share)}) for ${seconds(forMs)}`
    const eviction = {
      signal,
      candidates: [{ container, frees: lent }],
      needs: lent,
      rule: 'all',
      before: { value: lent, unit: 'cpus lent' },
      gain: -1,
      graceMs: options.grace_cpu,
      text,
    } as const
    return evict(scene, eviction, freezer)
  }
}

/** What it got of its cores over the last second. */
function shareOf(scene: Scene, { containerId, reservedCpus }: PulseContainer): number | undefined {
  const rates = scene.meter.rates(containerId, 1000)
  if (rates === undefined || rates.overMs < 500) return undefined
  return rates.cpus / Math.max(reservedCpus, 0.001)
}

/** Whether its threads want to run; without PSI that is not known, and it is believed to. */
function waits(scene: Scene, { containerId }: PulseContainer): boolean {
  return (scene.meter.rates(containerId, 1000)?.waiting ?? 1) >= WANTS_SHARE
}

// What one pulse shows: owners and borrowers with their rates, and how a record of it begins.
import type { Comparison, Level, Term, Told } from '../resources/decision.ts'
import type { Allowed, Pulse, PulseContainer } from './controller.ts'
import type { PulseMeter, Rates } from './meter.ts'

export interface Scene {
  readonly pulse: Pulse
  /** Monotonic, ms. */
  readonly now: number
  readonly cores: number
  readonly allowed: Allowed
  readonly meter: PulseMeter
  readonly owners: readonly Rates[]
  readonly borrowers: readonly Rates[]
  /** Cores that all borrowers used over the window. */
  readonly borrowersUse: number
  /** Of a container, the part of its memory that the kernel drops at once, bytes: it is available already. */
  readonly inactiveFile: (containerId: string) => number
}

/** The fields that differ between records; the rest is empty or now. */
export interface Signal {
  readonly owner: string
  readonly signal: string
  readonly value: number
  readonly threshold: number
  readonly comparison: Comparison
  readonly unit: string
  readonly forMs: number
}

export function told(
  scene: Pick<Scene, 'pulse'>,
  signal: Signal,
  more: {
    readonly borrowers?: readonly string[]
    readonly terms?: readonly Term[]
    readonly before: Level
    readonly after: Level
    readonly why: string
  },
): Told {
  return { at: scene.pulse.at, ...signal, borrowers: [], terms: [], effect: {}, ...more }
}

export function quotaLevel(cpus: number): Level {
  return { value: Number.isFinite(cpus) ? cpus : 'max', unit: 'cpus' }
}

export function frozenLevel(count: number): Level {
  return { value: count, unit: 'frozen borrowers' }
}

/** The borrowers that exist now, also those whose rates are not known yet. */
export function borrowersIn(scene: Scene): readonly PulseContainer[] {
  return scene.pulse.containers.filter(({ revocable }) => revocable)
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

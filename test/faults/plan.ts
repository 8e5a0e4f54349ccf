// Which faults happen, when and how long: drawn from one seed alone, so that the same seed plans the same run again.
import { seededRandom, shuffled } from '../../src/base/random.ts'

/** What can happen, with the bounds of how long it lasts in ms; `[0, 0]` is over at once. */
export const FAULT_KINDS = {
  /** kill -9, and started again later. */
  'agent-kill': [100, 4000],
  /** SIGSTOP, and SIGCONT later. */
  'agent-pause': [500, 6000],
  /** SIGTERM, and started again when it has ended, as an upgrade does. */
  'agent-restart': [0, 1500],
  /** kill -9 twice: the second hits the recovery from the first. */
  'agent-kill-twice': [50, 1200],
  'master-kill': [200, 5000],
  'master-pause': [500, 8000],
  /** The engine ends its containers and starts again. */
  'engine-restart': [0, 2000],
  /** The engine starts again, and its containers live on. */
  'engine-restart-live': [0, 2000],
  /** kill -9 of the engine with live-restore on. */
  'engine-kill': [0, 2000],
  /** The engine ends its containers while no agent is there to see it. */
  'agent-and-engine': [0, 2000],
  /** Between agent and engine: cut and refused, silent, or answered with 500. */
  'engine-cut': [100, 5000],
  'engine-hang': [500, 6000],
  'engine-errors': [500, 5000],
  /** By hand, past the agent. */
  'container-kill': [0, 0],
  'container-stop': [0, 0],
  'container-remove': [0, 0],
  'process-kill': [0, 0],
  /** Not a byte more fits into the work folder. */
  'disk-full': [500, 5000],
  /** The agent's wall clock jumps, and later back. */
  'clock-jump': [200, 4000],
  /** Between agent and master. */
  'link-cut': [0, 4000],
  'link-hang': [500, 8000],
  'link-slow': [1000, 6000],
  /** The cable of the agent's network namespace is cut: what is sent is lost, in both directions. */
  partition: [1000, 15_000],
  /** Between framework and master. */
  'framework-cut': [0, 4000],
  'framework-hang': [500, 6000],
} as const satisfies Readonly<Record<string, readonly [number, number]>>

export type FaultKind = keyof typeof FAULT_KINDS

export const ALL_KINDS = Object.keys(FAULT_KINDS) as readonly FaultKind[]

export interface PlannedFault {
  readonly kind: FaultKind
  /** `--only KIND --faults 1 --seed SEED` plans exactly this one. */
  readonly seed: number
  /** Time from the end of the one before, ms. */
  readonly afterMs: number
  readonly lastMs: number
  /** Whether the agent must be back at its master before the next fault may come. */
  readonly settles: boolean
  /** In [0, 1): which of several victims, which way of several. */
  readonly pick: number
}

const GAP_MS = [200, 4000] as const
/** Of so many faults the next one does not wait for the recovery. */
const HASTY = 0.3

/**
 * The faults of a run. Every kind comes before one comes again; the seed of each is the run's plus its number, and all
 * but its kind is drawn from it.
 */
export function planFaults(seed: number, count: number, kinds: readonly FaultKind[]): PlannedFault[] {
  const deckRandom = seededRandom(seed)
  const deck: FaultKind[] = []
  while (deck.length < count) deck.push(...shuffled(kinds, deckRandom))
  return deck.slice(0, count).map((kind, index) => planFault(kind, (seed + index) % 2 ** 32))
}

function planFault(kind: FaultKind, seed: number): PlannedFault {
  const random = seededRandom(seed)
  const between = ([least, most]: readonly [number, number]): number =>
    Math.round(least + random.next() * (most - least))
  return {
    kind,
    seed,
    afterMs: between(GAP_MS),
    lastMs: between(FAULT_KINDS[kind]),
    settles: random.next() >= HASTY,
    pick: random.next(),
  }
}

/** Reads `--only a,b`; undefined when a name is no kind. */
export function parseKinds(text: string): FaultKind[] | undefined {
  const names = text.split(',').map((name) => name.trim())
  const known = ALL_KINDS.filter((kind) => names.includes(kind))
  return known.length > 0 && names.every((name) => name in FAULT_KINDS) ? known : undefined
}

// The explanation record: what lending did, to whom, on which figures, and whether those figures lead to it.
import { counted } from '../base/words.ts'

/** One line of the sum behind a decision, for `lend status` and the explanation records. */
export interface Term {
  readonly name: string
  /** Signed as it enters the sum. */
  readonly value: number
  readonly unit: 'cpus' | 'MB'
  /** The task, executor or part of the machine that it belongs to. */
  readonly of: string | undefined
  readonly why: string
}

/** The figures behind a correction; every field ends up in the status message and in the explanation record. */
export interface Cause {
  /** The task or executor that misses something, or 'the machine'. */
  readonly owner: string
  readonly signal: string
  readonly value: number
  readonly threshold: number
  readonly unit: string
  /** How long the signal had been over its threshold, ms. */
  readonly forMs: number
}

/** How value and threshold stood to each other when it acted. */
export type Comparison = 'at least' | 'above' | 'below' | 'at most'

/** An amount before or after; `max` says that nothing limits it (JSON has no infinity). */
export interface Level {
  readonly value: number | 'max'
  readonly unit: string
}

/** Named figures measured some time after it acted, such as `{ 'owner waits': 0.01, 'owner cpus': 1.8 }`. */
export type Figures = Readonly<Record<string, number>>

/** Filled in later by whoever keeps the records. */
export interface Effect {
  readonly after1s?: Figures
  readonly after10s?: Figures
}

/** What every decision tells. */
export interface Told extends Cause {
  /** Wall time, ms. */
  readonly at: number
  /** Ids of the borrowers' containers that it is about; empty where it is about none or all. */
  readonly borrowers: readonly string[]
  readonly comparison: Comparison
  readonly terms: readonly Term[]
  readonly before: Level
  readonly after: Level
  /** One sentence for people. */
  readonly why: string
  readonly effect: Effect
  /** Why it was recorded and not done, such as the mode `observe`; left out when it was done. */
  readonly heldBack?: string
}

/** One that could have been evicted. */
export interface EvictCandidate {
  /** Its container. */
  readonly id: string
  readonly task: string
  /** What ending it gives back, in the unit of `needs`. */
  readonly frees: number
  /** Work that would be lost, CPU seconds. */
  readonly progress: number
  /** What losing it counts: progress times its label `preemptible-cost`; nothing when it exceeds its own request. */
  readonly cost: number
  /** Cost per unit freed: the least goes first. */
  readonly score: number
}

/** How the chosen ones were found: all of them (Mesos' `load`), the cheapest sufficient set, or by a plug-in. */
export type EvictRule = 'cheapest' | 'all' | 'plug-in'

export type Mode = 'off' | 'observe' | 'lend' | 'full'

/** More (`lend`) or less (`unlend`) is published than before; the terms add up to `after`. */
export type LendDecision = Told & { readonly kind: 'lend' | 'unlend' }
/** after = max(floor, Σ terms): C − owners' use − headroom (spec/lending.md 3.3 L1). */
export type SqueezeDecision = Told & { readonly kind: 'squeeze'; readonly floor: number }
/** after = before × factor, lifted (`max`) once that reaches the ceiling. */
export type RelaxDecision = Told & {
  readonly kind: 'relax'
  readonly factor: number
  readonly ceiling: number
}
/** before and after count frozen borrowers; `probeMs`: only to see whether it helps. */
export type FreezeDecision = Told & { readonly kind: 'freeze'; readonly probeMs?: number }
export type ThawDecision = Told & { readonly kind: 'thaw' }
/** |after − before| = what the chosen ones free. */
export type EvictDecision = Told & {
  readonly kind: 'evict'
  readonly rule: EvictRule
  /** What must be freed, surplus included, in the unit of the candidates. */
  readonly needs: number
  readonly candidates: readonly EvictCandidate[]
  readonly chosen: readonly string[]
  readonly workLostCpuSeconds: number
}
/** An owner suffers and no borrower is the reason: they use next to nothing, or a probe freeze did not help. */
export type NotOursDecision = Told & {
  readonly kind: 'not-ours'
  readonly evidence: 'borrowers idle' | 'probe freeze'
  /** Borrowers' cores (idle), or the owner's pressure while they were frozen (probe). */
  readonly found: number
  /** Below this use they are innocent (idle); a probe at or above this pressure did not help. */
  readonly limit: number
}
/** Somebody turned the switch: another mode, a pause or its end, or both. */
export type ModeDecision = Told & {
  readonly kind: 'mode'
  readonly from: Mode
  readonly to: Mode
  readonly by: string
  /** Left out where the pause stayed what it was. */
  readonly paused?: boolean
}

/** A plain value: survives JSON unchanged. `parseDecision` in decision-form.ts reads it back. */
export type Decision =
  | LendDecision
  | SqueezeDecision
  | RelaxDecision
  | FreezeDecision
  | ThawDecision
  | EvictDecision
  | NotOursDecision
  | ModeDecision

export type DecisionKind = Decision['kind']

/** Up to this many candidates every set is compared; beyond, a member that could be spared is looked for. */
const EXHAUSTIVE_LIMIT = 16

/** The sentence that says where a record's figures do not lead to its result; undefined when they do. */
export function recompute(decision: Decision): string | undefined {
  const reason = actedWithoutReason(decision)
  if (reason !== undefined) return reason
  switch (decision.kind) {
    case 'lend':
    case 'unlend':
      return expectLevel(decision, sumOf(decision.terms), 'the sum of its terms')
    case 'squeeze':
      return expectLevel(
        decision,
        Math.max(decision.floor, sumOf(decision.terms)),
        'its terms, not below the floor,',
      )
    case 'relax':
      return recomputeRelax(decision)
    case 'freeze':
      return recomputeCount(decision, decision.borrowers.length)
    case 'thaw':
      return recomputeCount(decision, -decision.borrowers.length)
    case 'evict':
      return recomputeEvict(decision)
    case 'not-ours':
      return recomputeNotOurs(decision)
    case 'mode':
      return decision.from === decision.to && decision.paused === undefined
        ? `The mode ${decision.to} is what it was before`
        : undefined
  }
}

function actedWithoutReason(told: Told): string | undefined {
  const { value, threshold, comparison } = told
  const holds: Readonly<Record<Comparison, boolean>> = {
    'at least': value >= threshold,
    above: value > threshold,
    below: value < threshold,
    'at most': value <= threshold,
  }
  if (holds[comparison]) return undefined
  return `It acted although ${told.signal} of ${told.owner} was ${value} ${told.unit}, not ${comparison} ${threshold}`
}

function sumOf(terms: readonly Term[]): number {
  return terms.reduce((sum, term) => sum + term.value, 0)
}

function near(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b))
}

function expectLevel(decision: Decision, expected: number, of: string): string | undefined {
  const foreign = decision.terms.find((term) => term.unit !== decision.after.unit)
  if (foreign !== undefined)
    return `The term '${foreign.name}' is in ${foreign.unit} but the result in ${decision.after.unit}`
  const { value, unit } = decision.after
  if (value !== 'max' && near(value, expected)) return undefined
  return `After the ${decision.kind} it was ${value} ${unit}, but ${of} is ${expected}`
}

function recomputeRelax(decision: RelaxDecision): string | undefined {
  const { before, after, factor, ceiling } = decision
  if (before.value === 'max') return 'There was no quota to relax'
  const grown = before.value * factor
  if (grown >= ceiling - 1e-6 && after.value === 'max') return undefined
  if (after.value !== 'max' && near(after.value, grown)) return undefined
  const expected = `${factor} times more is ${grown} (lifted at ${ceiling})`
  return `The quota went from ${before.value} to ${counted(after.value, 'cpu')}, but ${expected}`
}

function recomputeCount(decision: Decision, change: number): string | undefined {
  const { before, after } = decision
  if (before.value !== 'max' && after.value !== 'max' && after.value - before.value === change)
    return undefined
  const told = `the frozen ones went from ${before.value} to ${after.value}`
  return `${decision.borrowers.length} borrowers are named, but ${told}`
}

function recomputeNotOurs(decision: NotOursDecision): string | undefined {
  const { evidence, found, limit } = decision
  if (evidence === 'borrowers idle' ? found < limit : found >= limit) return undefined
  return evidence === 'borrowers idle'
    ? `Borrowers used ${counted(found, 'cpu')}, which is not below ${limit}`
    : `The pressure fell to ${found} during the probe, below ${limit}: borrowers were the reason`
}

function recomputeEvict(decision: EvictDecision): string | undefined {
  const { candidates, needs, rule, before, after } = decision
  const chosen = candidates.filter(({ id }) => decision.chosen.includes(id))
  if (chosen.length !== decision.chosen.length || new Set(decision.chosen).size !== chosen.length)
    return 'A chosen one is not among the candidates'
  if (chosen.length === 0) return 'Nobody was chosen'
  const freed = total(chosen, 'frees')
  const lost = total(chosen, 'progress')
  if (!near(lost, decision.workLostCpuSeconds))
    return `The work lost is ${lost} CPU seconds, not ${decision.workLostCpuSeconds}`
  if (before.value === 'max' || after.value === 'max' || !near(Math.abs(after.value - before.value), freed))
    return `The chosen ones free ${freed}, but it went from ${before.value} to ${after.value} ${after.unit}`
  if (rule === 'plug-in') return undefined
  if (rule === 'all') return chosen.length === candidates.length ? undefined : 'Not all were chosen'
  return notCheapest(candidates, chosen, needs)
}

function total(candidates: readonly EvictCandidate[], figure: 'frees' | 'progress' | 'cost'): number {
  return candidates.reduce((sum, candidate) => sum + candidate[figure], 0)
}

function notCheapest(
  candidates: readonly EvictCandidate[],
  chosen: readonly EvictCandidate[],
  needs: number,
): string | undefined {
  const useful = candidates.filter(({ frees }) => frees > 0)
  const freed = total(chosen, 'frees')
  // Sums in another order differ in the last digits: what is chosen may lack so little, what is better may not.
  const slack = 1e-9 * Math.max(1, Math.abs(needs))
  if (freed < needs - slack) {
    return chosen.length === useful.length
      ? undefined
      : `The chosen ones free ${freed} of ${needs}, and others were spared`
  }
  const superfluous = chosen.find((one) => freed - one.frees >= needs + slack)
  if (superfluous !== undefined) return `'${superfluous.task}' could have been spared`
  if (useful.length > EXHAUSTIVE_LIMIT) return undefined
  const cost = total(chosen, 'cost')
  const least = leastCost(useful, needs + slack)
  return least < cost && !near(least, cost)
    ? `A set that costs ${least} would have freed enough, this one costs ${cost}`
    : undefined
}

/** The least cost of any sufficient set: each set's sums from those of the set without its lowest member. */
function leastCost(candidates: readonly EvictCandidate[], needs: number): number {
  const sets = 1 << candidates.length
  const frees = new Float64Array(sets)
  const costs = new Float64Array(sets)
  let least = Number.POSITIVE_INFINITY
  for (let set = 1; set < sets; set++) {
    const rest = set & (set - 1)
    const lowest = candidates[31 - Math.clz32(set ^ rest)]
    frees[set] = (frees[rest] ?? 0) + (lowest?.frees ?? 0)
    costs[set] = (costs[rest] ?? 0) + (lowest?.cost ?? 0)
    if ((frees[set] ?? 0) >= needs) least = Math.min(least, costs[set] ?? 0)
  }
  return least
}

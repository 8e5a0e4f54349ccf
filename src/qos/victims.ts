// Which borrowers to end: the set that frees enough and loses the least work (spec/lending.md 3.3, kill order).

export interface Candidate {
  readonly id: string
  readonly task: string
  /** What ending it gives back, in the unit of the deficit. */
  readonly frees: number
  /** Work that is lost with it, CPU seconds. */
  readonly progress: number
  /** What the loss counts: progress times `preemptible-cost`; 0 for one that exceeds its own memory request. */
  readonly cost: number
  /** Wall time of its start, ms: of equals the younger goes. */
  readonly startedAt: number
}

/** Up to this many candidates all sets are tried, 65 536 sums at most: 2 ms. */
const EXHAUSTIVE_LIMIT = 16

/**
 * The candidates whose freed amounts reach `deficit` at the least cost (then with the least progress lost, then the
 * fewest, then the least freed, then the youngest). Everything that frees something, when all together do not reach it.
 */
export function cheapestSet(candidates: readonly Candidate[], deficit: number): readonly Candidate[] {
  const useful = candidates.filter((candidate) => candidate.frees > 0).sort(byScore)
  const total = useful.reduce((sum, candidate) => sum + candidate.frees, 0)
  if (total <= deficit || useful.length === 0) return useful
  return useful.length <= EXHAUSTIVE_LIMIT ? exhaustive(useful, deficit) : greedy(useful, deficit)
}

/** Cost per unit freed: what goes first has the least. */
export function scoreOf({ cost, frees }: Candidate): number {
  return frees > 0 ? cost / frees : Number.MAX_VALUE
}

function byScore(a: Candidate, b: Candidate): number {
  return (
    scoreOf(a) - scoreOf(b) ||
    a.progress / a.frees - b.progress / b.frees ||
    b.startedAt - a.startedAt ||
    (a.id < b.id ? -1 : 1)
  )
}

/** The sums of each set come from those of the set without its lowest member. */
function exhaustive(candidates: readonly Candidate[], deficit: number): readonly Candidate[] {
  const sets = 1 << candidates.length
  const sums = {
    frees: new Float64Array(sets),
    cost: new Float64Array(sets),
    progress: new Float64Array(sets),
    count: new Float64Array(sets),
  }
  let best = sets - 1
  for (let set = 1; set < sets; set++) {
    const rest = set & (set - 1)
    const lowest = candidates[31 - Math.clz32(set ^ rest)]
    if (lowest === undefined) continue
    sums.frees[set] = (sums.frees[rest] ?? 0) + lowest.frees
    sums.cost[set] = (sums.cost[rest] ?? 0) + lowest.cost
    sums.progress[set] = (sums.progress[rest] ?? 0) + lowest.progress
    sums.count[set] = (sums.count[rest] ?? 0) + 1
  }
  const figure = (name: keyof typeof sums, set: number): number => sums[name][set] ?? 0
  for (let set = 1; set < sets; set++) {
    if (figure('frees', set) < deficit) continue
    // Of sets that are equal in all of these the first one stays, and the candidates are in the order of byScore.
    const order =
      figure('cost', set) - figure('cost', best) ||
      figure('progress', set) - figure('progress', best) ||
      figure('count', set) - figure('count', best) ||
      figure('frees', set) - figure('frees', best)
    if (order < 0) best = set
  }
  return candidates.filter((_, index) => (best & (1 << index)) !== 0)
}

/** Takes the cheapest per unit until it is enough, then drops what turned out superfluous, dearest first. */
function greedy(candidates: readonly Candidate[], deficit: number): readonly Candidate[] {
  const chosen: Candidate[] = []
  let freed = 0
  for (const candidate of candidates) {
    if (freed >= deficit) break
    chosen.push(candidate)
    freed += candidate.frees
  }
  for (const candidate of chosen.toSorted((a, b) => b.cost - a.cost || b.progress - a.progress)) {
    if (freed - candidate.frees < deficit) continue
    freed -= candidate.frees
    chosen.splice(chosen.indexOf(candidate), 1)
  }
  return chosen
}

// Which borrowers to end: the set that frees enough and loses the least work (spec/lending.md 3.3, kill order).

export interface Candidate {
  readonly id: string
  /** What ending it gives back, in the unit of the deficit. */
  readonly frees: number
  /** Work that is lost with it, CPU seconds. */
  readonly progress: number
}

/** Up to this many candidates all sets are tried; 2^12 sums take well under a millisecond. */
const EXHAUSTIVE_LIMIT = 12

/**
 * The candidates whose freed amounts reach `deficit` with the least progress lost (then the fewest, then by id).
 * Everything that frees something, when all together do not reach it.
 */
export function cheapestSet(candidates: readonly Candidate[], deficit: number): readonly Candidate[] {
  const useful = candidates.filter((candidate) => candidate.frees > 0).sort(byCost)
  const total = useful.reduce((sum, candidate) => sum + candidate.frees, 0)
  if (total <= deficit) return useful
  return useful.length <= EXHAUSTIVE_LIMIT ? exhaustive(useful, deficit) : greedy(useful, deficit)
}

function byCost(a: Candidate, b: Candidate): number {
  return a.progress / a.frees - b.progress / b.frees || (a.id < b.id ? -1 : 1)
}

function exhaustive(candidates: readonly Candidate[], deficit: number): readonly Candidate[] {
  let best: readonly Candidate[] = candidates
  let bestCost = Number.POSITIVE_INFINITY
  for (let mask = 1; mask < 1 << candidates.length; mask++) {
    const chosen = candidates.filter((_, index) => (mask & (1 << index)) !== 0)
    const frees = chosen.reduce((sum, candidate) => sum + candidate.frees, 0)
    const cost = chosen.reduce((sum, candidate) => sum + candidate.progress, 0)
    const better = cost < bestCost || (cost === bestCost && chosen.length < best.length)
    if (frees >= deficit && better) {
      best = chosen
      bestCost = cost
    }
  }
  return best
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
  for (const candidate of [...chosen].sort((a, b) => b.progress - a.progress)) {
    if (freed - candidate.frees < deficit) continue
    freed -= candidate.frees
    chosen.splice(chosen.indexOf(candidate), 1)
  }
  return chosen
}

/**
 * Finds what changed in the cluster since the last look, as JSON that all readers of the page share: each row is
 * written once when it changes, and the snapshot is put together from the rows that are written already.
 */
import type { MasterFactsRow, RowKind } from '../../wire/page.ts'
import type { Cluster, Task } from '../core/cluster.ts'
import { allFrameworks, tallyOf, type Tally } from '../tally.ts'
import { agentRow, frameworkRow, offerRow, shownTasks, taskKey, taskRow } from './rows.ts'

interface Written {
  /** What the row was made of: the row is made anew when this is another. */
  readonly mark: string
  readonly json: string
}

interface Difference {
  readonly changed: readonly string[]
  readonly gone: readonly string[]
}

export const MOST_ENDED_TASKS = 2000
const KINDS: readonly RowKind[] = ['agents', 'frameworks', 'tasks', 'offers']

export class Changes {
  readonly #cluster: Cluster
  readonly #master: () => MasterFactsRow
  readonly #rows: Readonly<Record<RowKind, Map<string, Written>>> = {
    agents: new Map(),
    frameworks: new Map(),
    tasks: new Map(),
    offers: new Map(),
  }
  readonly #offeredAt = new Map<string, number>()

  constructor(cluster: Cluster, master: () => MasterFactsRow) {
    this.#cluster = cluster
    this.#master = master
  }

  /** The JSON of a `change`; undefined when nothing did. */
  look(now: number): string | undefined {
    const tally = tallyOf(this.#cluster)
    const parts = KINDS.map((kind) => ({ kind, ...this.#compare(kind, this.#read(kind, tally, now)) }))
    if (parts.every(({ changed, gone }) => changed.length === 0 && gone.length === 0)) return undefined
    const lists = parts.map(({ changed, kind }) => `"${kind}":[${changed.join(',')}]`)
    const gone = Object.fromEntries(parts.map((part) => [part.kind, part.gone]))
    return `{"type":"change","now":${now},${lists.join(',')},"gone":${JSON.stringify(gone)}}`
  }

  /** The JSON of a `snapshot` of what `look` saw last. */
  snapshot(now: number): string {
    const lists = KINDS.map((kind) => {
      const rows = [...this.#rows[kind].values()].map(({ json }) => json)
      return `"${kind}":[${rows.join(',')}]`
    })
    const master = JSON.stringify(this.#master())
    return `{"type":"snapshot","now":${now},"master":${master},${lists.join(',')}}`
  }

  /** Nobody reads any more: the next look begins anew. */
  forget(): void {
    for (const kind of KINDS) this.#rows[kind].clear()
  }

  /** For each row its key, its mark, and how it is made. */
  *#read(kind: RowKind, tally: Tally, now: number): Generator<readonly [string, string, () => object]> {
    const cluster = this.#cluster
    switch (kind) {
      case 'agents':
        for (const agent of cluster.agents.values()) yield whole(agent.id, agentRow(agent, tally))
        return
      case 'frameworks':
        for (const framework of allFrameworks(cluster)) {
          const isCompleted = cluster.completedFrameworks.has(framework.id)
          yield whole(framework.id, frameworkRow(framework, isCompleted, tally))
        }
        return
      case 'tasks':
        for (const task of shownTasks(cluster, MOST_ENDED_TASKS))
          yield [taskKey(task), markOf(task), () => taskRow(task)]
        return
      case 'offers':
        for (const id of this.#offeredAt.keys()) if (!cluster.offers.has(id)) this.#offeredAt.delete(id)
        for (const offer of cluster.offers.values()) {
          const since = this.#offeredAt.get(offer.id) ?? now
          this.#offeredAt.set(offer.id, since)
          yield [offer.id, '', () => offerRow(offer, since)]
        }
    }
  }

  #compare(kind: RowKind, found: Iterable<readonly [string, string, () => object]>): Difference {
    const rows = this.#rows[kind]
    const changed: string[] = []
    const seen = new Set<string>()
    for (const [key, mark, make] of found) {
      // Ids of tasks may be used again: the one that runs counts, then the newest.
      if (seen.has(key)) continue
      seen.add(key)
      if (rows.get(key)?.mark === mark) continue
      const json = JSON.stringify(make())
      rows.set(key, { mark, json })
      changed.push(json)
    }
    const gone: string[] = []
    if (seen.size < rows.size) for (const key of rows.keys()) if (!seen.has(key)) gone.push(key)
    for (const key of gone) rows.delete(key)
    return { changed, gone }
  }
}

/** Rows of which there are few are made each time, and are their own mark. */
function whole(id: string, row: object): readonly [string, string, () => object] {
  return [id, JSON.stringify(row), () => row]
}

/** All that changes in the life of a task: its state, and one status more or another newest one. */
function markOf({ state, statuses }: Task): string {
  return `${state} ${statuses.length} ${statuses.at(-1)?.timestamp ?? 0} ${statuses.at(-1)?.healthy ?? ''}`
}

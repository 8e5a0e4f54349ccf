/**
 * Finds what changed in the cluster since the last look, as JSON that all readers of the page share: each row is
 * written once when it changes, and the snapshot is put together from the rows that are written already.
 */
import type { MasterFactsRow, RowKind } from '../../wire/page.ts'
import type { Cluster, Task } from '../core/cluster.ts'
import { allFrameworks, tallyOf, type Tally } from '../tally.ts'
import { agentRow, frameworkRow, offerRow, shownTasks, taskKey, taskRow, taskValues } from './rows.ts'

interface Row {
  /** The beginning of the group that it stands in; undefined when rows of its kind stand alone. */
  readonly group: string | undefined
  readonly json: string
}

interface Written {
  /** What the row was made of: the row is made anew when this is another. */
  readonly mark: string
  readonly row: Row
}

interface Found {
  readonly key: string
  readonly mark: string
  readonly write: () => Row
}

interface Difference {
  readonly changed: readonly Row[]
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
    const lists = parts.map(({ changed, kind }) => `"${kind}":${listOf(changed)}`)
    const gone = Object.fromEntries(parts.map((part) => [part.kind, part.gone]))
    return `{"type":"change","now":${now},${lists.join(',')},"gone":${JSON.stringify(gone)}}`
  }

  /** The JSON of a `snapshot` of what `look` saw last. */
  snapshot(now: number): string {
    const lists = KINDS.map(
      (kind) => `"${kind}":${listOf([...this.#rows[kind].values()].map(({ row }) => row))}`,
    )
    const master = JSON.stringify(this.#master())
    return `{"type":"snapshot","now":${now},"master":${master},${lists.join(',')}}`
  }

  /** Nobody reads any more: the next look begins anew. */
  forget(): void {
    for (const kind of KINDS) this.#rows[kind].clear()
  }

  *#read(kind: RowKind, tally: Tally, now: number): Generator<Found> {
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
        for (const task of shownTasks(cluster, MOST_ENDED_TASKS)) yield foundTask(task)
        return
      case 'offers':
        for (const id of this.#offeredAt.keys()) if (!cluster.offers.has(id)) this.#offeredAt.delete(id)
        for (const offer of cluster.offers.values()) {
          const since = this.#offeredAt.get(offer.id) ?? now
          this.#offeredAt.set(offer.id, since)
          yield { key: offer.id, mark: '', write: () => alone(JSON.stringify(offerRow(offer, since))) }
        }
    }
  }

  #compare(kind: RowKind, found: Iterable<Found>): Difference {
    const rows = this.#rows[kind]
    const changed: Row[] = []
    const seen = new Set<string>()
    for (const { key, mark, write } of found) {
      // Ids of tasks may be used again: the one that runs counts, then the newest.
      if (seen.has(key)) continue
      seen.add(key)
      if (rows.get(key)?.mark === mark) continue
      const row = write()
      rows.set(key, { mark, row })
      changed.push(row)
    }
    const gone: string[] = []
    if (seen.size < rows.size) for (const key of rows.keys()) if (!seen.has(key)) gone.push(key)
    for (const key of gone) rows.delete(key)
    return { changed, gone }
  }
}

const alone = (json: string): Row => ({ group: undefined, json })

/** Rows of which there are few are made each time, and are their own mark. */
function whole(key: string, shown: object): Found {
  const json = JSON.stringify(shown)
  return { key, mark: json, write: () => alone(json) }
}

function foundTask(task: Task): Found {
  return { key: taskKey(task), mark: markOf(task), write: () => writtenTask(task) }
}

function writtenTask(task: Task): Row {
  const [framework, agent] = [JSON.stringify(task.frameworkId), JSON.stringify(task.agentId)]
  return {
    group: `{"framework":${framework},"agent":${agent},"tasks":[`,
    json: JSON.stringify(taskValues(taskRow(task))),
  }
}

/** All that changes in the life of a task: its agent, its state, and one status more or another newest one. */
function markOf({ agentId, state, statuses }: Task): string {
  const last = statuses.at(-1)
  return `${agentId} ${state} ${statuses.length} ${last?.timestamp ?? 0} ${last?.healthy ?? ''}`
}

/** Rows one after the other, those of one group together. */
function listOf(rows: readonly Row[]): string {
  const list: string[] = []
  const groups = new Map<string, string[]>()
  for (const { group, json } of rows) {
    if (group === undefined) list.push(json)
    else {
      const own = groups.get(group)
      if (own === undefined) groups.set(group, [json])
      else own.push(json)
    }
  }
  for (const [beginning, own] of groups) list.push(`${beginning}${own.join(',')}]}`)
  return `[${list.join(',')}]`
}

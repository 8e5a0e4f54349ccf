/**
 * The history of the cluster: what the core tells is gathered, written in one transaction every 200 ms, and told to
 * those who follow. What repeats is counted. A master that dies loses the last 200 ms of it.
 */
import { counted } from '../../base/words.ts'
import type { Clock } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { EventLog, EventQuery, StoredEntry } from '../../store/event-log.ts'
import type { Agent, Cluster } from '../core/cluster.ts'
import type { Occurrence } from '../core/occurrences.ts'
import { type Entry, entryOf, type Names, sameOffer } from './entries.ts'

export interface HistoryDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly cluster: Cluster
  readonly events: EventLog
}

const FLUSH_MS = 200
/** With so many waiting they are written at once, so that what waits is bounded. */
const MOST_WAITING = 250
/** An idle framework declines the same every few seconds: told once, then counted for so long. */
const SAME_OFFER_MS = 600_000
const MOST_REMEMBERED = 10_000
const LENT_EVERY_MS = 10_000
const LOST = 'tepui/events_lost'

interface Repeated {
  readonly since: number
  readonly entry: Entry
  times: number
}

/** Not turned into words before it is written: that is cheaper than a launch may notice. */
type Waiting = Entry | { readonly what: Occurrence; readonly at: number }

export type Follower = (entries: readonly StoredEntry[]) => void

export class History implements Disposable {
  readonly #deps: HistoryDeps
  readonly #names: Names
  readonly #followers = new Set<Follower>()
  readonly #offers = new Map<string, Repeated>()
  readonly #lent = new Map<string, { readonly at: number; readonly cpus: number }>()
  #waiting: Waiting[] = []
  #timer: Disposable | undefined
  #failing = false
  #closed = false

  constructor(deps: HistoryDeps) {
    this.#deps = deps
    const { cluster, metrics } = deps
    this.#names = {
      agent: (id) => cluster.agents.get(id),
      framework: (id) => cluster.frameworks.get(id) ?? cluster.completedFrameworks.get(id),
    }
    metrics.declare(LOST)
  }

  /** The core's watcher: keeps what it needs and returns at once. */
  readonly watch = (what: Occurrence, at: number): void => {
    switch (what.kind) {
      case 'offer-made':
        return
      // Of these nothing changes any more.
      case 'offer-ended':
      case 'task-added':
      case 'task-refused':
        return this.#wait({ what, at })
      case 'task-updated':
        // A moment between two others, of every task.
        if (what.status.state !== 'TASK_STARTING') this.#wait({ what, at })
        return
      case 'lent-changed':
        if (this.#isSmallChange(what.agent, at)) return
        break
      default:
    }
    const entry = entryOf(what, at, this.#names)
    if (entry !== undefined) this.#wait(entry)
  }

  /** For what the core does not tell: the life of the master, what operators do. */
  add(entry: Entry): void {
    this.#wait(entry)
  }

  /** What an operator asked for, and from where. */
  operator(asked: Pick<Entry, 'agentId' | 'frameworkId' | 'taskId' | 'text'>, from: string): void {
    this.add({ ...asked, at: this.#deps.clock.now(), kind: 'operator', record: { from } })
  }

  /** Including what was not written yet. @throws OperatingError FILE */
  query(wanted: EventQuery = {}): readonly StoredEntry[] {
    this.flush()
    return this.#deps.events.query(wanted)
  }

  span(): ReturnType<EventLog['span']> {
    return this.#deps.events.span()
  }

  /** Tells what is written from now on; disposing the result ends it. */
  follow(follower: Follower): Disposable {
    this.flush()
    this.#followers.add(follower)
    return { [Symbol.dispose]: () => void this.#followers.delete(follower) }
  }

  /** Writes what waits. */
  flush(): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (this.#waiting.length === 0 || this.#closed) return
    const entries = this.#waiting.splice(0).flatMap((one) => this.#entriesOf(one))
    if (entries.length === 0) return
    try {
      const stored = this.#deps.events.appendAll(entries)
      this.#failing = false
      for (const follower of this.#followers) follower(stored)
    } catch (error) {
      const { log, metrics } = this.#deps
      metrics.count(LOST, entries.length)
      if (!this.#failing) log.warn({ reason: reasonOf(error) }, 'What happened could not be written down')
      this.#failing = true
    }
  }

  [Symbol.dispose](): void {
    for (const repeated of this.#offers.values())
      if (repeated.times > 0) this.#waiting.push(summaryOf(repeated))
    this.#offers.clear()
    this.flush()
    this.#closed = true
  }

  #wait(one: Waiting): void {
    if (this.#closed) return
    this.#waiting.push(one)
    if (this.#waiting.length >= MOST_WAITING) return this.flush()
    this.#timer ??= this.#deps.clock.after(FLUSH_MS, () => this.flush())
  }

  #entriesOf(one: Waiting): readonly Entry[] {
    if ('kind' in one) return [one]
    const { at, what } = one
    const entry = entryOf(what, at, this.#names)
    if (entry === undefined) return []
    if (what.kind !== 'offer-ended' || what.how === 'accepted') return [entry]
    return this.#newOf(sameOffer(what.how, what.offer), entry)
  }

  /** The entry if it is new, with the count of the former ones; nothing for one that repeats the last. */
  #newOf(key: string, entry: Entry): readonly Entry[] {
    const before = this.#offers.get(key)
    if (before !== undefined && entry.at - before.since < SAME_OFFER_MS) {
      before.times++
      return []
    }
    if (this.#offers.size >= MOST_REMEMBERED) this.#offers.clear()
    this.#offers.set(key, { since: entry.at, entry, times: 0 })
    return before === undefined || before.times === 0 ? [entry] : [summaryOf(before), entry]
  }

  /** What is lent moves all the time; its coming and going is always told. */
  #isSmallChange(agent: Agent, at: number): boolean {
    const cpus = agent.oversubscribed.scalar('cpus')
    const last = this.#lent.get(agent.id)
    if (last !== undefined && at - last.at < LENT_EVERY_MS && cpus > 0 === last.cpus > 0) return true
    if (this.#lent.size >= MOST_REMEMBERED) this.#lent.clear()
    this.#lent.set(agent.id, { at, cpus })
    return false
  }
}

function summaryOf({ entry, since, times }: Repeated): Entry {
  const minutes = SAME_OFFER_MS / 60_000
  return {
    ...entry,
    text: `${entry.text} (${counted(times, 'time')} more within ${minutes} minutes)`,
    record: { ...(entry.record as object), times, since },
  }
}

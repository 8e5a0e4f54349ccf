/**
 * `/api/x1/stream`: server-sent events for the web page. A reader gets a snapshot, or what it missed when it names the
 * last event that it saw, and then what changes. All readers share what is computed; without readers nothing is.
 */
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { HttpRequest } from '../../http/request.ts'
import { type Answer, json, stream, text } from '../../http/response.ts'
import type { RecordStream } from '../../http/stream.ts'
import type { LendEvent, MasterFactsRow, StreamEvent } from '../../wire/page.ts'
import type { Resources } from '../../resources/resources.ts'
import type { Agent, Cluster } from '../core/cluster.ts'
import { tallyOf } from '../tally.ts'
import { Changes } from './changes.ts'
import { ClusterDay } from './cluster-day.ts'
import { type Booked, ClusterHistory } from './cluster-history.ts'
import { type Told, UsageWatch } from './usage-watch.ts'

export interface PageStreamDeps {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly master: () => MasterFactsRow
  /** Grows with every change of the cluster. */
  readonly version: () => number
}

const MOST_READERS = 200
const QUARTER_MS = 900_000
const LOOK_MS = 1000
/** Looking never takes more than a tenth of the time. */
const LOOK_SHARE = 10
/** After the last reader has gone, for the next one who comes soon. */
const LINGER_MS = 60_000
/** Events that are kept for readers who come back. */
const KEPT_BYTES = 4 * 1024 * 1024

export class PageStream implements Disposable {
  readonly #deps: PageStreamDeps
  readonly #readers = new Set<RecordStream>()
  readonly #changes: Changes
  readonly #watch: UsageWatch
  readonly #day: ClusterDay
  readonly #epoch: string
  #history = new ClusterHistory()
  #kept: { readonly number: number; readonly block: Uint8Array }[] = []
  #keptBytes = 0
  #number = 0
  #version = -1
  #timer: Disposable | undefined
  #asking = false
  /** Clock time until which it goes on without readers; undefined while it rests. */
  #restsAt: number | undefined

  constructor(deps: PageStreamDeps) {
    this.#deps = deps
    this.#changes = new Changes(deps.cluster, deps.master)
    this.#watch = new UsageWatch(deps)
    this.#day = new ClusterDay(deps.clock, this.#watch)
    // Numbers of one life of the master mean nothing to the next.
    this.#epoch = deps.master().id.slice(0, 8)
    deps.metrics.gauge('tepui/page_readers', () => this.#readers.size)
    deps.metrics.declare('tepui/page_readers_refused')
  }

  handle(request: HttpRequest): Answer {
    if (this.#readers.size >= MOST_READERS) {
      this.#deps.metrics.count('tepui/page_readers_refused')
      return text(503, `${MOST_READERS} pages are open already: close one and try again`)
    }
    const last = request.header('last-event-id')
    return stream({
      contentType: 'text/event-stream',
      headers: { 'Cache-Control': 'no-cache', 'X-Accel-Buffering': 'no' },
      open: (reader) => this.#open(reader, last),
    })
  }

  /** `/api/x1/usage`: the last day of the whole cluster. */
  async day(): Promise<Answer> {
    return json(await this.#day.page())
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    this.#watch[Symbol.dispose]()
  }

  #open(reader: RecordStream, last: string | undefined): void {
    const { clock } = this.#deps
    const isFirst = this.#restsAt === undefined
    this.#restsAt = Number.POSITIVE_INFINITY
    // Everybody else hears what is new first, so that the snapshot stands between two events.
    this.#look()
    const missed = this.#missedSince(last)
    if (missed === undefined) {
      reader.sendFramed(this.#block(this.#changes.snapshot(clock.now())))
      reader.sendFramed(this.#block(JSON.stringify(this.#historyEvent())))
    } else for (const block of missed) reader.sendFramed(block)
    this.#readers.add(reader)
    reader.onClose(() => {
      this.#readers.delete(reader)
      if (this.#readers.size === 0) this.#restsAt = clock.monotonic() + LINGER_MS
    })
    if (isFirst) void this.#begin()
  }

  /** What agents remember, and from now on each second. */
  async #begin(): Promise<void> {
    const before = this.#deps.clock.now()
    this.#tick()
    const remembered = new Map<string, Told['points']>()
    await this.#watch.askHistory({ step: 10, ms: QUARTER_MS }, (told) => {
      remembered.set(told.agentId, told.points)
      this.#history.addEvents(told.agentId, told.events)
    })
    this.#history.fill(remembered, before)
    this.#broadcast(JSON.stringify(this.#historyEvent()))
  }

  #tick(): void {
    const { clock } = this.#deps
    if (this.#restsAt === undefined) return
    if (this.#restsAt <= clock.monotonic()) {
      this.#rest()
      return
    }
    const before = clock.monotonic()
    this.#look()
    void this.#ask()
    const took = clock.monotonic() - before
    this.#timer = clock.after(Math.max(LOOK_MS, took * LOOK_SHARE), () => this.#tick())
  }

  #rest(): void {
    this.#restsAt = undefined
    this.#changes.forget()
    this.#history = new ClusterHistory()
    this.#kept = []
    this.#keptBytes = 0
    this.#version = -1
  }

  #look(): void {
    const version = this.#deps.version()
    if (version === this.#version) return
    this.#version = version
    const change = this.#changes.look(this.#deps.clock.now())
    if (change !== undefined) this.#broadcast(change)
  }

  async #ask(): Promise<void> {
    if (this.#asking) return
    this.#asking = true
    const { clock, cluster } = this.#deps
    const usage: Record<string, readonly number[]> = {}
    const events: LendEvent[] = []
    try {
      await this.#watch.ask(
        (agentId) => this.#history.lastEvent(agentId),
        (told) => {
          const point = told.points.at(-1)
          if (point !== undefined) {
            this.#history.hear(told.agentId, point, clock.now())
            usage[told.agentId] = point
          }
          events.push(...this.#history.addEvents(told.agentId, told.events))
        },
      )
    } finally {
      this.#asking = false
    }
    if (this.#restsAt === undefined) return
    const now = clock.now()
    const tally = tallyOf(cluster)
    const here = [...cluster.agents.values()].filter(({ state }) => state.kind === 'connected')
    const booked = here.map((agent) => bookedOf(agent, tally.used.of(agent.id)))
    const told: StreamEvent = { type: 'usage', now, point: this.#history.sum(booked, now), usage, events }
    this.#broadcast(JSON.stringify(told))
  }

  #historyEvent(): StreamEvent {
    const { events, points, usage } = this.#history
    return { type: 'history', now: this.#deps.clock.now(), points, events, usage }
  }

  #broadcast(json: string): void {
    this.#number++
    const block = this.#block(json)
    this.#keep(block)
    for (const reader of this.#readers) reader.sendFramed(block)
  }

  #keep(block: Uint8Array): void {
    this.#kept.push({ number: this.#number, block })
    this.#keptBytes += block.length
    while (this.#keptBytes > KEPT_BYTES) this.#keptBytes -= this.#kept.shift()?.block.length ?? 0
  }

  /** Undefined when too much was missed, or nothing is known of what was. */
  #missedSince(last: string | undefined): readonly Uint8Array[] | undefined {
    const [epoch, number] = (last ?? '').split('-')
    if (epoch !== this.#epoch || !/^\d+$/.test(number ?? '')) return undefined
    const seen = Number(number)
    const first = this.#kept[0]?.number
    if (seen > this.#number || first === undefined || seen < first - 1) return undefined
    return this.#kept.flatMap((one) => (one.number > seen ? [one.block] : []))
  }

  /** Written once for all readers. */
  #block(json: string): Uint8Array {
    return Buffer.from(`id: ${this.#epoch}-${this.#number}\nretry: 1000\ndata: ${json}\n\n`)
  }
}

function bookedOf(agent: Agent, used: Resources): Booked {
  const own = used.nonRevocable()
  return {
    id: agent.id,
    cpus: agent.own.scalar('cpus'),
    mem: agent.own.scalar('mem'),
    cpusAllocated: own.scalar('cpus'),
    memAllocated: own.scalar('mem'),
    cpusLent: agent.oversubscribed.scalar('cpus'),
  }
}

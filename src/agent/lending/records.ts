/**
 * The explanation records of this agent: each decision goes to the durable log with the tasks that it is about, and
 * gets its effect one and ten seconds later. Trouble with the disk costs records, never lending.
 */
import type { Clock } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Decision, Effect, Figures } from '../../resources/decision.ts'
import { type EventLog, type EventQuery, type LogEntry, MAX_RECORD_BYTES } from '../../store/event-log.ts'

/** A container that a decision is about, in words for people. */
export interface Party {
  readonly taskId: string
  readonly frameworkId: string
}

export interface RecordsDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly events: EventLog
  readonly agentId: () => string
  /** Who a container is; undefined when it is gone. */
  readonly partyOf: (containerId: string) => Party | undefined
  /** What is measured now about the owner of a decision. */
  readonly figuresNow: (owner: string) => Figures
}

/** A decision as the log has it: with its number, and the tasks behind the ids of containers. */
export interface Recorded {
  readonly id: number
  readonly at: number
  readonly decision: Decision
  readonly tasks: readonly string[]
}

const EFFECT_AFTER_MS = [1000, 10_000] as const
/**
 * One `not ours` per owner in so long, and one of each step that is held back: an owner that suffers from itself, or a
 * controller that asks again with every round, would fill the log.
 */
const NOT_OURS_EVERY_MS = 60_000
const MAX_OWNERS_REMEMBERED = 1000
/** The newest, for pages. */
const MAX_REMEMBERED = 200
/** Lines of a list in a record that is too long. */
const MOST_KEPT = 200
const REFUSED = 'tepui/lend_records_lost'

export class Records {
  readonly #deps: RecordsDeps
  readonly #newest: Recorded[] = []
  readonly #notOursAt = new Map<string, number>()
  readonly #timers = new Set<Disposable>()
  #failing = false

  constructor(deps: RecordsDeps) {
    this.#deps = deps
    deps.metrics.declare(REFUSED)
  }

  /** The newest decisions, oldest first. */
  get newest(): readonly Recorded[] {
    return this.#newest
  }

  /** Stores one decision, with the reason when it was not carried out. */
  add(decision: Decision, heldBack?: string): void {
    if (decision.kind === 'not-ours' && this.#isTooSoon(decision.owner)) return
    if (heldBack !== undefined && isStep(decision) && this.#isTooSoon(`${heldBack} ${stepText(decision)}`))
      return
    const stored = heldBack === undefined ? decision : { ...decision, heldBack }
    const parties = stored.borrowers.flatMap((id) => this.#deps.partyOf(id) ?? [])
    const tasks = parties.map(({ taskId }) => taskId)
    const id = this.#write(stored, parties, tasks)
    const recorded = { id: id ?? 0, at: stored.at, decision: stored, tasks }
    this.#newest.push(recorded)
    if (this.#newest.length > MAX_REMEMBERED) this.#newest.shift()
    if (id !== undefined) this.#follow(recorded)
  }

  /** @throws OperatingError FILE */
  query(wanted: EventQuery): ReturnType<EventLog['query']> {
    return this.#deps.events.query(wanted)
  }

  /** Effects that are not measured yet stay unknown. */
  [Symbol.dispose](): void {
    for (const timer of this.#timers) timer[Symbol.dispose]()
    this.#timers.clear()
  }

  #isTooSoon(owner: string): boolean {
    const now = this.#deps.clock.monotonic()
    const last = this.#notOursAt.get(owner)
    if (last !== undefined && now - last < NOT_OURS_EVERY_MS) return true
    if (this.#notOursAt.size >= MAX_OWNERS_REMEMBERED) this.#notOursAt.clear()
    this.#notOursAt.set(owner, now)
    return false
  }

  #write(decision: Decision, parties: readonly Party[], tasks: readonly string[]): number | undefined {
    const [first] = parties
    const single = tasks.length === 1 ? first?.taskId : undefined
    const agentId = this.#deps.agentId()
    const entry: LogEntry = {
      at: Math.round(decision.at),
      kind: decision.kind,
      ...(agentId !== '' && { agentId }),
      ...(first !== undefined && { frameworkId: first.frameworkId }),
      taskId: single ?? decision.owner,
      otherTaskIds: [...new Set([decision.owner, ...tasks])],
      text:
        decision.heldBack === undefined ? decision.why : `${decision.why} (not done: ${decision.heldBack})`,
      record: fitting({ ...decision, tasks }),
    }
    return this.#guarded(() => this.#deps.events.append(entry))
  }

  #follow(recorded: Recorded): void {
    let effect: Effect = recorded.decision.effect
    for (const ms of EFFECT_AFTER_MS) {
      const timer = this.#deps.clock.after(ms, () => {
        this.#timers.delete(timer)
        const figures = this.#deps.figuresNow(recorded.decision.owner)
        effect = { ...effect, ...(ms === 1000 ? { after1s: figures } : { after10s: figures }) }
        const decision = { ...recorded.decision, effect }
        const at = this.#newest.findIndex(({ id }) => id === recorded.id)
        if (at >= 0) this.#newest[at] = { ...recorded, decision }
        this.#guarded(() =>
          this.#deps.events.amend(recorded.id, fitting({ ...decision, tasks: recorded.tasks })),
        )
      })
      this.#timers.add(timer)
    }
  }

  #guarded<T>(work: () => T): T | undefined {
    try {
      const value = work()
      this.#failing = false
      return value
    } catch (error) {
      this.#deps.metrics.count(REFUSED)
      if (!this.#failing)
        this.#deps.log.warn({ reason: reasonOf(error) }, 'a record of lending could not be kept')
      this.#failing = true
      return undefined
    }
  }
}

/** A record that is too long for the log keeps its result and says that it was shortened. */
function fitting(record: Decision & { readonly tasks: readonly string[] }): unknown {
  if (JSON.stringify(record).length <= MAX_RECORD_BYTES * 0.9) return record
  const short = { ...record, terms: record.terms.slice(0, MOST_KEPT), shortened: true }
  if (record.kind !== 'evict') return short
  const { candidates, chosen } = record
  const others = candidates.filter(({ id }) => !chosen.includes(id)).slice(0, MOST_KEPT)
  return { ...short, candidates: [...candidates.filter(({ id }) => chosen.includes(id)), ...others] }
}

const isStep = ({ kind }: Decision): boolean => kind === 'squeeze' || kind === 'freeze' || kind === 'evict'

function stepText({ after, borrowers, kind, owner }: Decision): string {
  return `${kind} ${owner} ${borrowers.join(' ')} ${after.value}`
}

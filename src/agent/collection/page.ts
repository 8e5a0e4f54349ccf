// What is kept of ended work, what goes next, when and why, and what went last: the page behind `tepui gc`.
import { json, text, type Answer } from '../../http/response.ts'
import type { HttpRequest } from '../../http/request.ts'
import type { Route } from '../../http/routes.ts'
import type { Clock } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { parseDuration } from '../../base/units.ts'
import type { Collection, Entry, Removed } from '../../gc/entry.ts'
import { byWorth, dueAt, maxAllowedAge, whyDue } from '../../gc/plan.ts'
import type { Holder } from './holders.ts'
import type { OpenCollection } from './open.ts'
import { othersOf } from './others.ts'

/** Rows of a page; the first ones go first. */
const MAX_ROWS = 1000
/** Sandboxes are measured while somebody waits, at most so long. */
const MEASURE_MS = 1500
const MAX_BODY_BYTES = 4096

export function collectionRoutes(open: OpenCollection, deps: { clock: Clock; log: Logger }): Route[] {
  const page = async (): Promise<Answer> => {
    const enough = new AbortController()
    using _ = deps.clock.after(MEASURE_MS, () => enough.abort())
    await Promise.all([
      open.collector.measureAll(enough.signal),
      atMost(enough.signal, open.engine.measure(enough.signal)),
      atMost(enough.signal, open.engine.images?.look()),
    ])
    return json(collectionPage(open, deps.clock))
  }
  return [
    { path: '/api/x1/gc', methods: ['GET'], handle: page },
    { path: '/api/x1/gc', methods: ['POST'], handle: (request) => collect(open, request, deps) },
  ]
}

/** Waits for the engine no longer than until the signal aborts; what it does goes on. */
async function atMost(signal: AbortSignal, work: Promise<void> | undefined): Promise<void> {
  const late = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => late.resolve(), { once: true })
  await Promise.race([work, late.promise])
}

/** `{"older_than": "1hrs"}` collects everything that ended so long ago; without it, what is due. Answers at once. */
async function collect(
  open: OpenCollection,
  request: HttpRequest,
  { clock, log }: { clock: Clock; log: Logger },
): Promise<Answer> {
  const body = await request.body(MAX_BODY_BYTES)
  if (!body.ok) return body.answer
  const wanted = readWish(body.bytes.toString())
  if (typeof wanted === 'string') return text(400, wanted)
  void open
    .sweep(wanted.olderThanMs)
    .catch((error: unknown) => log.warn({ reason: reasonOf(error) }, 'what is due could not be collected'))
  return json(collectionPage(open, clock))
}

/** What is wanted, or the sentence that says what is wrong. */
export function readWish(written: string): { readonly olderThanMs: number | undefined } | string {
  if (written.trim() === '') return { olderThanMs: undefined }
  let value: unknown
  try {
    value = JSON.parse(written)
  } catch (error) {
    return `Expecting a JSON object: ${reasonOf(error)}`
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'Expecting a JSON object'
  const { older_than: age, ...others } = value as Record<string, unknown>
  const [other] = Object.keys(others)
  if (other !== undefined) return `Unknown field '${other.slice(0, 100)}': expecting 'older_than' or nothing`
  if (age === undefined) return { olderThanMs: undefined }
  const ms = typeof age === 'string' ? parseDuration(age) : undefined
  if (ms === undefined || ms < 0) return "Expecting 'older_than' to be a duration such as '1hrs'"
  return { olderThanMs: ms }
}

function collectionPage(open: OpenCollection, clock: Clock): object {
  const { collector, disk, reserve, tombstones } = open
  const use = disk()
  const now = clock.now()
  const moment = { now, usage: use.usage }
  const all = Array.from(collector.scheduled, (entry) => ({
    entry,
    due: dueAt(entry, collector.rules, use.usage),
    why: whyDue(entry, collector.rules, moment),
  }))
  all.sort(byTurn)
  const running = open.running()
  return {
    now: now / 1000,
    disk: {
      total_bytes: use.totalBytes,
      used_bytes: use.usedBytes,
      free_bytes: use.freeBytes,
      usage: use.usage,
      reserve_bytes: reserve.heldBytes,
      is_full: open.guard.isLow,
    },
    rules: {
      gc_delay_secs: collector.rules.delayMs / 1000,
      gc_disk_headroom: collector.rules.headroom,
      max_allowed_age_secs: maxAllowedAge(collector.rules, use.usage) / 1000,
    },
    running_total: running.length,
    running_bytes: running.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    running: running.slice(0, MAX_ROWS).map((holder) => runningRow(holder, open.holdsToQuota)),
    scheduled_total: all.length,
    scheduled_bytes: all.reduce((sum, { entry }) => sum + (entry.bytes ?? 0), 0),
    scheduled: all.slice(0, MAX_ROWS).map(rowOf),
    ...othersOf(open, now),
    collecting: open.isRunning,
    current: collector.current ?? null,
    last: collector.last === undefined ? null : collectionOf(collector.last),
    tombstones: tombstones.totals,
  }
}

interface Turn {
  readonly entry: Entry
  /** Wall time, ms. */
  readonly due: number
  /** Undefined for one that is not due. */
  readonly why: string | undefined
}

/** What is due goes first, in the order in which it is collected; then what will be due next. */
function byTurn(a: Turn, b: Turn): number {
  const [first, second] = [a.why !== undefined, b.why !== undefined]
  if (first !== second) return first ? -1 : 1
  return first ? byWorth(a.entry, b.entry) : a.due - b.due
}

function rowOf({ entry, due, why }: Turn): object {
  const { bytes, ending, facts, kind, path, since } = entry
  return {
    path,
    kind,
    ending,
    ended: since / 1000,
    due: due / 1000,
    // When it is not due: its time will be over.
    due_now: why !== undefined,
    why: why ?? 'age',
    bytes: bytes ?? null,
    framework_id: facts?.frameworkId ?? null,
    executor_id: facts?.executorId ?? null,
    container_id: facts?.containerId ?? null,
    task_ids: facts?.taskIds ?? [],
    cause: facts?.cause ?? null,
  }
}

/** One that has no disk reserved may take what there is. */
function runningRow({ bytes, container, limitBytes }: Holder, holdsToQuota: boolean): object {
  return {
    framework_id: container.frameworkId,
    executor_id: container.executorId,
    container_id: container.containerId,
    task_ids: container.taskIds,
    bytes: bytes ?? null,
    limit_bytes: limitBytes ?? null,
    is_held_to_it: holdsToQuota && limitBytes !== undefined,
  }
}

const removedOf = ({ bytes, ending, failures, kind, path, since, why }: Removed): object => ({
  path,
  kind,
  ending: ending ?? null,
  why,
  ended: since / 1000,
  bytes: bytes ?? null,
  ...(failures !== undefined && { failures }),
})

const collectionOf = ({ endedAt, failed, removed, startedAt }: Collection): object => ({
  started: startedAt / 1000,
  ended: endedAt / 1000,
  removed: removed.map(removedOf),
  failed: failed.map(removedOf),
})

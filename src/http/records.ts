// A request whose body is an endless stream of records: the server's end of it.
import { OperatingError, reasonOf } from '../base/errors.ts'
import { RECORD_LIMITS, RecordDecoder, type RecordLimits } from '../wire/recordio.ts'
import { passCall, type Gate } from './gate.ts'
import type { HttpRequest } from './request.ts'
import { accepted, text, type Answer } from './response.ts'
import { RECORDS_TYPE } from './upload.ts'

/** Whether the body of a request is records rather than one message. */
export const hasRecords = (request: HttpRequest): boolean =>
  request.method === 'POST' && request.header('content-type') === RECORDS_TYPE

/**
 * Takes every record of the body as a call of an API, which passes the API's gate as one that came alone.
 *
 * @param onRecord of each that comes, whether it passes or not
 * @param take answers a call; an answer with a text refuses it
 * @returns 202 at the end of the records; the first refusal ends them
 */
export async function takeCalls<Call>(
  request: HttpRequest,
  gate: Gate<Call>,
  onRecord: () => void,
  take: (call: Call) => Answer,
): Promise<Answer> {
  const refusal = await takeRecords(request, RECORD_LIMITS, (record) => {
    onRecord()
    const passed = passCall(gate, record)
    if (!passed.ok) return passed.answer
    const answer = take(passed.call)
    return answer.kind === 'empty' ? undefined : answer
  })
  return refusal ?? accepted()
}

/** Only a `take` that has to wait answers with a promise. */
type Taken = Answer | undefined | Promise<Answer | undefined>

/**
 * Gives each record of the body to `take` as it comes. Nothing piles up: the peer is read no faster than `take` works.
 *
 * @param limits of each record; how many come, and for how long, is not limited
 * @param take refuses a record with an answer, which ends the upload; while it waits, what comes stays with the peer
 * @param over ends the upload without a refusal when it aborts
 * @returns the refusal (of `take`, or a 400, 415 or 503 of its own); undefined when the body came to its end
 */
export async function takeRecords(
  request: HttpRequest,
  limits: RecordLimits,
  take: (record: string) => Taken,
  over?: AbortSignal,
): Promise<Answer | undefined> {
  const coding = request.header('content-encoding') ?? 'identity'
  if (coding !== 'identity')
    return text(415, `Expecting no 'Content-Encoding' of records, but received '${coding}'`)
  const { raw, signal } = request
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>()
  const decoder = new RecordDecoder(limits)
  const utf8 = new TextDecoder()
  let [isWaiting, isRead, isOver] = [false, false, false]
  const end = (refusal?: Answer): void => {
    isOver = true
    resolve(refusal)
  }
  const fail = (error: unknown): void => {
    if (error instanceof OperatingError) end(text(400, reasonOf(error)))
    else reject(error)
  }
  const onEnd = (): void => {
    isRead = true
    if (isWaiting) return
    try {
      decoder.end()
      end()
    } catch (error) {
      fail(error)
    }
  }
  const wait = async (taken: Promise<Answer | undefined>): Promise<void> => {
    isWaiting = true
    raw.pause()
    try {
      const refusal = await taken
      if (refusal !== undefined) end(refusal)
    } catch (error) {
      fail(error)
    }
    isWaiting = false
    raw.resume()
    if (isRead) onEnd()
  }
  const onData = (piece: Buffer): void => {
    if (isOver) return
    try {
      const taken = takeAll(decoder.push(piece).values(), (record) => take(utf8.decode(record)))
      if (taken instanceof Promise) void wait(taken)
      else if (taken !== undefined) end(taken)
    } catch (error) {
      fail(error)
    }
  }
  // Also when the client has left, and then nobody reads the answer.
  const onAbort = (): void => end(over?.aborted === true ? undefined : text(503, reasonOf(signal.reason)))
  const life = over === undefined ? signal : AbortSignal.any([signal, over])
  life.addEventListener('abort', onAbort, { once: true })
  if (life.aborted) onAbort()
  raw.on('data', onData).on('end', onEnd)
  return promise.finally(() => {
    raw.off('data', onData).off('end', onEnd)
    life.removeEventListener('abort', onAbort)
  })
}

/** The first refusal; a promise only when one of them has to be waited for. */
function takeAll(records: Iterable<Uint8Array>, take: (record: Uint8Array) => Taken): Taken {
  for (const record of records) {
    const taken = take(record)
    if (taken instanceof Promise) return taken.then((refusal) => refusal ?? takeAll(records, take))
    if (taken !== undefined) return taken
  }
  return undefined
}

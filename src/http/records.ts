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

/**
 * Gives each record of the body to `take` as it comes. Nothing piles up: the peer is read no faster than `take` works.
 *
 * @param limits of each record; how many come, and for how long, is not limited
 * @param take refuses a record with an answer, which ends the upload
 * @returns the refusal (of `take`, or a 400, 415 or 503 of its own); undefined when the body came to its end
 */
export async function takeRecords(
  request: HttpRequest,
  limits: RecordLimits,
  take: (record: string) => Answer | undefined,
): Promise<Answer | undefined> {
  const coding = request.header('content-encoding') ?? 'identity'
  if (coding !== 'identity')
    return text(415, `Expecting no 'Content-Encoding' of records, but received '${coding}'`)
  const { raw, signal } = request
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>()
  const decoder = new RecordDecoder(limits)
  const utf8 = new TextDecoder()
  const attempt = (work: () => Answer | undefined): Answer | undefined => {
    try {
      return work()
    } catch (error) {
      if (!(error instanceof OperatingError)) reject(error)
      return text(400, reasonOf(error))
    }
  }
  const push = (piece: Buffer): Answer | undefined => {
    for (const record of decoder.push(piece)) {
      const refusal = take(utf8.decode(record))
      if (refusal !== undefined) return refusal
    }
    return undefined
  }
  const onData = (piece: Buffer): void => {
    const refusal = attempt(() => push(piece))
    if (refusal === undefined) return
    raw.off('data', onData)
    resolve(refusal)
  }
  const onEnd = (): void => {
    resolve(
      attempt(() => {
        decoder.end()
        return undefined
      }),
    )
  }
  // Also when the client has left, and then nobody reads the answer.
  const onAbort = (): void => resolve(text(503, reasonOf(signal.reason)))
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  raw.on('data', onData).on('end', onEnd)
  return promise.finally(() => {
    raw.off('data', onData).off('end', onEnd)
    signal.removeEventListener('abort', onAbort)
  })
}

/**
 * As `takeRecords`, for a `take` that may wait: what comes meanwhile stays with the peer.
 *
 * @param over ends the upload without a refusal when it aborts
 */
export async function takeRecordsInTurn(
  request: HttpRequest,
  limits: RecordLimits,
  take: (record: string) => Promise<Answer | undefined>,
  over: AbortSignal,
): Promise<Answer | undefined> {
  const { raw, signal } = request
  const decoder = new RecordDecoder(limits)
  const utf8 = new TextDecoder()
  const { promise, resolve, reject } = Promise.withResolvers<Answer | undefined>()
  const takeAll = async (records: readonly Uint8Array[]): Promise<void> => {
    for (const record of records) {
      const refusal = await take(utf8.decode(record))
      if (refusal !== undefined) return resolve(refusal)
    }
  }
  let last = Promise.resolve()
  const inTurn = (records: () => readonly Uint8Array[]): void => {
    raw.pause()
    last = last
      .then(() => takeAll(records()))
      .then(() => void raw.resume())
      .catch((error: unknown) => {
        if (error instanceof OperatingError) resolve(text(400, reasonOf(error)))
        else reject(error)
      })
  }
  const onData = (piece: Buffer): void => inTurn(() => decoder.push(piece))
  const onEnd = (): void => {
    inTurn(() => {
      decoder.end()
      return []
    })
    void last.then(() => resolve(undefined))
  }
  const onOver = (): void => resolve(undefined)
  const life = AbortSignal.any([over, signal])
  life.addEventListener('abort', onOver, { once: true })
  if (life.aborted) onOver()
  raw.on('data', onData).on('end', onEnd)
  return promise.finally(() => {
    raw.off('data', onData).off('end', onEnd)
    life.removeEventListener('abort', onOver)
  })
}

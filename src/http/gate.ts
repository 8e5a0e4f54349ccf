/**
 * The checks that every call to the scheduler, executor and operator APIs passes, in the order and words of Mesos
 * (spec/mesos.md 2.1 steps 4 to 9, 3.1). What comes before (leader, recovery) and after (who calls) is the API's own.
 */
import { decodeMessage } from '../wire/json.ts'
import type { Message } from '../wire/message.ts'
import { acceptsMedia } from './accept.ts'
import type { HttpRequest } from './request.ts'
import { methodNotAllowed, text, type Answer } from './response.ts'
import { RECORDS_TYPE } from './upload.ts'

export interface Gate<T> {
  /** The message that the body has to be. */
  readonly message: Message<T>
  /** How Mesos names it in errors: `scheduler::Call`, `executor::Call`, `master::Call`. */
  readonly label: string
  /** Says what is wrong with a call that decoded well; the text follows `Failed to validate LABEL: `. */
  readonly validate: (call: T) => string | undefined
  /** Whether a call is answered with a body, so that `Accept` matters. */
  readonly answered: (call: T) => boolean
  /** Which calls are answered with records; without it there are none, and no header about them is looked at. */
  readonly streamed?: (call: T) => boolean
  /** Told of every call that fails validation, for the metric of invalid calls. */
  readonly onInvalid?: (call: T, problem: string) => void
}

export type Passed<T> =
  | { readonly ok: true; readonly call: T }
  /** The refusal, to be returned as it is. */
  | { readonly ok: false; readonly answer: Answer }

const JSON_TYPE = 'application/json'
const PROTOBUF_TYPE = 'application/x-protobuf'
const ONLY_JSON = `${PROTOBUF_TYPE} is not supported yet`

const refuse = (status: number, sentence: string): { readonly ok: false; readonly answer: Answer } => ({
  ok: false,
  answer: text(status, sentence),
})

/**
 * Lets a call through or refuses it.
 *
 * @example
 * const passed = await passGate(request, { message: SchedulerCall, label: 'scheduler::Call', validate, answered })
 * if (!passed.ok) return passed.answer
 * handle(passed.call)
 *
 * @throws OperatingError UNREACHABLE when the client leaves before its body is complete
 */
export async function passGate<T>(request: HttpRequest, gate: Gate<T>): Promise<Passed<T>> {
  if (request.method !== 'POST') return { ok: false, answer: methodNotAllowed(['POST'], request.method) }
  const type = request.header('content-type')
  if (type === undefined) return refuse(400, "Expecting 'Content-Type' to be present")
  if (type === PROTOBUF_TYPE) return refuse(415, `Expecting 'Content-Type' of ${JSON_TYPE}: ${ONLY_JSON}`)
  // Mesos compares the whole value: with a charset behind it, it is another type.
  if (type !== JSON_TYPE) return refuse(415, `Expecting 'Content-Type' of ${JSON_TYPE} or ${PROTOBUF_TYPE}`)
  if (gate.streamed !== undefined && request.header('message-content-type') !== undefined)
    return refuse(415, "Expecting 'Message-Content-Type' not to be set for a request that is no stream")
  const body = await request.body()
  if (!body.ok) return body
  const call = passCall(gate, body.bytes.toString('utf8'))
  if (!call.ok) return call
  const refusal = gate.answered(call.call) ? notAcceptable(request, gate.streamed?.(call.call)) : undefined
  return refusal === undefined ? call : { ok: false, answer: refusal }
}

/** The part of the gate that looks at the call itself: one JSON object that is a valid message. */
export function passCall<T>(gate: Gate<T>, body: string): Passed<T> {
  const call = readCall(gate, body)
  if (!call.ok) return call
  const problem = gate.validate(call.call)
  if (problem === undefined) return call
  gate.onInvalid?.(call.call, problem)
  return refuse(400, `Failed to validate ${gate.label}: ${problem}`)
}

function readCall<T>(gate: Gate<T>, body: string): Passed<T> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch (error) {
    return refuse(400, `Failed to parse body into JSON: ${syntaxProblem(body, error as SyntaxError)}`)
  }
  const prefix = 'Failed to convert JSON into Call protobuf: '
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse(400, `${prefix}Expecting a JSON object`)
  const decoded = decodeMessage(gate.message, value)
  if (decoded.ok) return { ok: true, call: decoded.value }
  const missing = decoded.missing.length > 0
  return refuse(
    400,
    prefix + (missing ? `Missing required fields: ${decoded.missing.join(', ')}` : decoded.error),
  )
}

/** Whether the client asks for records by their type; JSON is looked for first. */
export function asksForRecords(request: HttpRequest): boolean {
  const accept = request.header('accept')
  return !acceptsMedia(accept, JSON_TYPE) && acceptsMedia(accept, RECORDS_TYPE)
}

/** @param streamed undefined where no call is answered with records */
function notAcceptable(request: HttpRequest, streamed: boolean | undefined): Answer | undefined {
  const within = request.header('message-accept')
  if (streamed === undefined) return unacceptable(request.header('accept'))
  if (!asksForRecords(request))
    return within === undefined
      ? unacceptable(request.header('accept'))
      : text(406, "Expecting 'Message-Accept' not to be set where 'Accept' is not 'application/recordio'")
  if (!streamed) return text(406, 'The answer to this call is no stream of records')
  if (within === undefined) return text(406, "Expecting 'Message-Accept' to be set for a stream of records")
  return acceptsMedia(within, JSON_TYPE)
    ? undefined
    : text(406, `Expecting 'Message-Accept' to allow '${JSON_TYPE}'`)
}

/** Refuses an `Accept` header that leaves no format; JSON is looked for first. */
export function unacceptable(accept: string | undefined): Answer | undefined {
  if (acceptsMedia(accept, JSON_TYPE)) return undefined
  if (acceptsMedia(accept, PROTOBUF_TYPE))
    return text(406, `Expecting 'Accept' to allow '${JSON_TYPE}': ${ONLY_JSON}`)
  return text(406, `Expecting 'Accept' to allow '${PROTOBUF_TYPE}' or '${JSON_TYPE}'`)
}

const SHOWN = 80

/** Names the line and what stands there, as Mesos' parser does. */
function syntaxProblem(body: string, error: SyntaxError): string {
  const at = /at position (\d+)/.exec(error.message)?.[1]
  // Node tells the place of most errors; of the others it shows the text around, and an early end is at the end.
  const atEnd = at === undefined && error.message.includes('end of JSON input')
  if (at === undefined && !atEnd) return `syntax error: ${error.message.slice(0, 2 * SHOWN)}`
  const place = at === undefined ? body.length : Number(at)
  const line = body.slice(0, place).split('\n').length
  const rest = /^[^\n]*/.exec(body.slice(place, place + SHOWN))?.[0] ?? ''
  return `syntax error at line ${line} near: ${rest}`
}

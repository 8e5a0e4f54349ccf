/**
 * The dispatcher of both operator APIs (`POST /api/v1` of master and agent; spec/mesos.md 4.1, 4.3): the gate, whether
 * a call has what it needs, and a table with a handler for every type.
 */
import type { Message } from '../../wire/message.ts'
import { passGate } from '../gate.ts'
import type { HttpRequest } from '../request.ts'
import { text, type Answer } from '../response.ts'

export interface OperatorCall<Type extends string> {
  readonly type?: Type
}

export type CallHandler<Call> = (call: Call, request: HttpRequest) => Answer | Promise<Answer>

export interface OperatorCalls<Type extends string, Call extends OperatorCall<Type>> {
  readonly message: Message<Call>
  /** How Mesos names it in errors: `master::Call`. */
  readonly label: string
  /** The part without which a call of this type is refused. */
  readonly payloads: Readonly<Partial<Record<Type, keyof Call & string>>>
  /** The types of calls that are answered with records, where there are any. */
  readonly streamed?: ReadonlySet<Type>
  /** What else is wrong with a call whose part is there. */
  readonly validate?: (call: Call) => string | undefined
  readonly handlers: Readonly<Record<Exclude<Type, 'UNKNOWN'>, CallHandler<Call>>>
}

/** Answers one call; every refusal is in the words of Mesos. */
export async function answerCall<Type extends string, Call extends OperatorCall<Type>>(
  request: HttpRequest,
  calls: OperatorCalls<Type, Call>,
): Promise<Answer> {
  const { streamed } = calls
  const passed = await passGate(request, {
    message: calls.message,
    label: calls.label,
    validate: (call) => problemWith(call, calls),
    // Mesos looks at `Accept` for every call of these APIs.
    answered: () => true,
    ...(streamed === undefined
      ? {}
      : { streamed: ({ type }: Call) => type !== undefined && streamed.has(type) }),
  })
  if (!passed.ok) return passed.answer
  const { type } = passed.call
  const handlers = calls.handlers as Readonly<Partial<Record<string, CallHandler<Call>>>>
  const handle = type === undefined ? undefined : handlers[type]
  if (handle === undefined) return text(501, 'Calls of the type UNKNOWN are not implemented')
  return handle(passed.call, request)
}

function problemWith<Type extends string, Call extends OperatorCall<Type>>(
  call: Call,
  { payloads, validate }: OperatorCalls<Type, Call>,
): string | undefined {
  if (call.type === undefined) return "Expecting 'type' to be present"
  const payload = payloads[call.type]
  if (payload !== undefined && call[payload] === undefined) return `Expecting '${payload}' to be present`
  return validate?.(call)
}

/** Handlers of the calls that come with later work, by what they are about: they say so, and change nothing. */
export function notYet<Call extends OperatorCall<string>, Type extends string>(
  later: Readonly<Record<string, readonly Type[]>>,
): Readonly<Record<Type, CallHandler<Call>>> {
  const pairs = Object.entries(later).flatMap(([subject, types]) => {
    const handler: CallHandler<Call> = ({ type }) =>
      text(501, `${type} is not there yet: ${subject} comes with a later version (docs/compatibility.md)`)
    return types.map((type) => [type, handler] as const)
  })
  return Object.fromEntries(pairs) as Record<Type, CallHandler<Call>>
}

/** The door of the JSON codec: text or JSON values to messages and back, with the habits of Mesos. */
import { compileDecoder, type MessageDecoder, type Undecodable } from './json-decode.ts'
import { compileEncoder, type Encode } from './json-encode.ts'
import type { Message } from './message.ts'

/** A message, or what is wrong with it. */
export type Decoded<T> = { readonly ok: true; readonly value: T } | Undecodable

const decoders = new WeakMap<Message<unknown>, MessageDecoder>()
const encoders = new WeakMap<Message<unknown>, Encode>()

/**
 * Reads a message from a JSON value, leniently as Mesos does (spec/mesos.md 2.0, spec/clients.md Q11): unknown fields
 * are ignored, null is unset, numbers and booleans may be strings, one value stands for a list of one, an unknown enum
 * name in an optional field is dropped. Unset optional fields with a default have it in the result, except deprecated
 * ones; empty lists and maps are left out. Never throws.
 *
 * @param declared the message that the value should be
 * @param value what `JSON.parse` returned
 * @returns the message, or an error such as `accept.operations[0].type: required, but missing`
 */
export function decodeMessage<T>(declared: Message<T>, value: unknown): Decoded<T> {
  let decode = decoders.get(declared)
  if (decode === undefined) {
    decode = compileDecoder(declared)
    decoders.set(declared, decode)
  }
  return decode(value) as Decoded<T>
}

/**
 * Reads a message from JSON text; see `decodeMessage`. Bad JSON and anything after the value are errors.
 */
export function parseMessage<T>(declared: Message<T>, text: string): Decoded<T> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { ok: false, error: `Not valid JSON: ${(error as SyntaxError).message}`, missing: [] }
  }
  return decodeMessage(declared, value)
}

/**
 * Writes a message as one line of ASCII JSON, as Mesos does (spec/mesos.md 2.0): fields in declaration order, defaults
 * of unset fields written unless deprecated, empty lists and maps left out, whole doubles with `.0`, infinities as
 * strings, 64-bit integers plain, everything beyond ASCII as `\uXXXX`.
 *
 * @throws Error when the value is not what its type says (a required field unset, not a number): a bug of the caller
 */
export function encodeMessage<T>(declared: Message<T>, value: T): string {
  let encode = encoders.get(declared)
  if (encode === undefined) {
    encode = compileEncoder(declared)
    encoders.set(declared, encode)
  }
  return encode(value)
}

/** Compiles a declared message into a function that writes it as one line of ASCII JSON, the way Mesos writes it. */
import type { FieldType, Message, NamedField, Scalar } from './message.ts'

export type Encode = (value: unknown) => string

interface FieldWriter {
  readonly name: string
  /** The name as it stands in the text, colon included. */
  readonly label: string
  readonly required: boolean
  /** The text for an unset field; undefined leaves it out. */
  readonly fill: string | undefined
  /** Returns '' for a list or map without elements. */
  readonly write: Encode
}

/**
 * Compiles the encoder of a message and of all messages in it.
 *
 * @param declared the message at the root
 * @returns a function from a value to its text; it throws when the value is not what its type says
 */
export function compileEncoder(declared: Message<unknown>): Encode {
  return messageWriter(declared, new Map())
}

function messageWriter(declared: Message<unknown>, known: Map<string, Encode>): Encode {
  const done = known.get(declared.name)
  if (done !== undefined) return done
  const writers: FieldWriter[] = []
  const write: Encode = (value) => {
    let text = ''
    for (const writer of writers) {
      const written = writeField(writer, (value as Record<string, unknown>)[writer.name], declared.name)
      if (written === '') continue
      text += text === '' ? writer.label + written : `,${writer.label}${written}`
    }
    return `{${text}}`
  }
  // Known before its fields are compiled: a message may contain itself.
  known.set(declared.name, write)
  for (const field of declared.fields) writers.push(fieldWriter(field, known))
  return write
}

function writeField(writer: FieldWriter, value: unknown, messageName: string): string {
  if (value !== undefined) return writer.write(value)
  if (writer.required) throw new Error(`A ${messageName} was to be written without its ${writer.name}.`)
  return writer.fill ?? ''
}

function fieldWriter(field: NamedField, known: Map<string, Encode>): FieldWriter {
  const item = typeWriter(field.type, known)
  const fill = field.default === undefined || field.deprecated ? undefined : item(field.default)
  const write = field.rule === 'repeated' ? listWriter(item) : field.rule === 'map' ? mapWriter(item) : item
  return { name: field.name, label: `"${field.name}":`, required: field.rule === 'required', fill, write }
}

function listWriter(item: Encode): Encode {
  return (value) => {
    const list = value as readonly unknown[]
    if (list.length === 0) return ''
    let text = `[${item(list[0])}`
    for (let at = 1; at < list.length; at++) text += `,${item(list[at])}`
    return `${text}]`
  }
}

function mapWriter(item: Encode): Encode {
  return (value) => {
    const entries = Object.entries(value as Record<string, unknown>)
    if (entries.length === 0) return ''
    return `{${entries.map(([key, element]) => `${quote(key)}:${item(element)}`).join(',')}}`
  }
}

function typeWriter(type: FieldType<unknown>, known: Map<string, Encode>): Encode {
  switch (type.kind) {
    case 'scalar':
      return scalarWriter(type)
    case 'enum':
      return enumWriter(type.name, type.numbers)
    case 'message':
      return messageWriter(type, known)
    case 'lazy':
      return messageWriter(type.get(), known)
  }
}

function enumWriter(name: string, numbers: Readonly<Record<string, number>>): Encode {
  const texts = new Map<unknown, string>(Object.keys(numbers).map((value) => [value, `"${value}"`]))
  return (value) => {
    const text = texts.get(value)
    if (text === undefined) throw new Error(`${String(value)} was to be written as a ${name}, but is none.`)
    return text
  }
}

function scalarWriter(type: Scalar<unknown>): Encode {
  switch (type.name) {
    case 'string':
    case 'bytes':
      return quote
    case 'bool':
      return (value) => (value === true ? 'true' : 'false')
    case 'double':
      return writeDouble
    case 'int32':
    case 'uint32':
      return (value) => whole(value, 2n ** 32n - 1n)
    case 'int64':
      return (value) => whole(value, 2n ** 63n - 1n)
    case 'uint64':
      return (value) => whole(value, 2n ** 64n - 1n)
  }
}

// Quotes, backslashes and control characters need JSON's escapes, DEL and beyond would not be plain ASCII.
const PLAIN = /^[ !#-[\]-~]*$/
const BEYOND_ASCII = /[\u0080-\uffff]/g

/** Escapes what is beyond ASCII, because clients in the field lose count of bytes (spec/clients.md 1). */
const quote: Encode = (value) => {
  if (typeof value !== 'string') throw new Error(`${String(value)} was to be written as a string.`)
  if (PLAIN.test(value)) return `"${value}"`
  return JSON.stringify(value).replace(
    BEYOND_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const writeDouble: Encode = (value) => {
  const number = value as number
  if (Number.isInteger(number)) {
    const text = Object.is(number, -0) ? '-0' : String(number)
    return text.includes('e') ? text.replace('e+', 'e') : `${text}.0`
  }
  if (Number.isFinite(number)) return String(number)
  if (number === Infinity) return '"Infinity"'
  if (number === -Infinity) return '"-Infinity"'
  throw new Error(`${String(value)} was to be written as a number.`)
}

/** Integers beyond 2^53 are written digit by digit; the ends of 64 bits had been rounded up to 2^63 or 2^64. */
function whole(value: unknown, largest: bigint): string {
  if (Number.isSafeInteger(value)) return String(value)
  if (!Number.isInteger(value)) throw new Error(`${String(value)} was to be written as a whole number.`)
  const exact = BigInt(value as number)
  return String(exact > largest ? largest : exact)
}

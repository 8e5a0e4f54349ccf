/** Compiles a declared message into a function that reads it from a JSON value; troubles are collected, not thrown. */
import { type FieldType, type Message, type NamedField, RANGES, type Scalar } from './message.ts'

/** Limits on what a decoded message may look like; the size of the text is limited by who reads it. */
export const DECODE_LIMITS = {
  /** Messages in messages; protobuf itself stops at 100. */
  depth: 100,
  /** Elements of one list or map. */
  items: 1_000_000,
} as const

export interface Undecodable {
  readonly ok: false
  /** One sentence that names the path of the field, what was expected and what was there. */
  readonly error: string
  /** Paths of missing required fields, at most 16; empty when something else is wrong. */
  readonly missing: readonly string[]
}

export type MessageDecoder = (value: unknown) => { readonly ok: true; readonly value: unknown } | Undecodable

/** Returns the value; `undefined` when it is to be left out, or wrong and then reported. */
type Read = (raw: unknown, report: Report) => unknown
type JsonObject = Record<string, unknown>

interface FieldReader {
  readonly name: string
  readonly required: boolean
  readonly fill: unknown
  readonly read: Read
}

const MISSING = 'required, but missing'
const REPORTED = 16
const LISTED = 5

/** Collects what is wrong; paths grow from the leaf to the root while the readers return. */
class Report {
  readonly troubles: { readonly path: (string | number)[]; readonly text: string }[] = []
  depth = 0

  add(text: string): undefined {
    if (this.troubles.length < REPORTED) this.troubles.push({ path: [], text })
  }

  /** Says that the troubles reported since `from` were found under `segment`. */
  within(segment: string | number, from: number): void {
    for (let at = from; at < this.troubles.length; at++) this.troubles[at]?.path.push(segment)
  }

  undecodable(name: string): Undecodable {
    const found = this.troubles.map(({ path, text }) => ({ path: pathText(path) || name, text }))
    const wrong = found.find(({ text }) => text !== MISSING)
    if (wrong !== undefined) return { ok: false, error: `${wrong.path}: ${wrong.text}`, missing: [] }
    const listed = found.slice(0, LISTED).map(({ path, text }) => `${path}: ${text}`)
    const more = found.length > LISTED ? '; and more' : ''
    return { ok: false, error: listed.join('; ') + more, missing: found.map(({ path }) => path) }
  }
}

function pathText(fromLeaf: readonly (string | number)[]): string {
  return fromLeaf.reduceRight<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    // The key of a map can be any text.
    if (!/^[\w.-]{1,60}$/.test(part)) return `${text}[${quoted(part)}]`
    return text === '' ? part : `${text}.${part}`
  }, '')
}

/** Names what was found in an error, short enough for a log line. */
function found(raw: unknown): string {
  if (Array.isArray(raw)) return 'a list'
  if (typeof raw === 'object') return raw === null ? 'null' : 'an object'
  if (typeof raw === 'string') return quoted(raw)
  return typeof raw === 'number' || typeof raw === 'boolean' ? String(raw) : typeof raw
}

const quoted = (text: string): string => JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text)

const expected = (report: Report, what: string, raw: unknown): undefined =>
  report.add(`expected ${what}, but found ${found(raw)}`)

/**
 * Compiles the decoder of a message and of all messages in it.
 *
 * @param declared the message at the root
 * @returns a function that never throws; see `decodeMessage`
 */
export function compileDecoder(declared: Message<unknown>): MessageDecoder {
  const read = messageReader(declared, new Map())
  return (value) => {
    const report = new Report()
    const result = read(value, report)
    return report.troubles.length === 0 ? { ok: true, value: result } : report.undecodable(declared.name)
  }
}

function messageReader(declared: Message<unknown>, known: Map<string, Read>): Read {
  const done = known.get(declared.name)
  if (done !== undefined) return done
  const readers: FieldReader[] = []
  const groups = oneofGroups(declared)
  const read: Read = (raw, report) => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
      return expected(report, 'an object', raw)
    if (report.depth >= DECODE_LIMITS.depth)
      return report.add(`expected at most ${DECODE_LIMITS.depth} messages in one another, but found more`)
    report.depth++
    const result: JsonObject = {}
    for (const reader of readers) readField(reader, raw as JsonObject, result, report)
    for (const group of groups) checkOneof(group, result, report)
    report.depth--
    return result
  }
  // Known before its fields are compiled: a message may contain itself.
  known.set(declared.name, read)
  for (const field of declared.fields) readers.push(fieldReader(field, known))
  return read
}

function readField(reader: FieldReader, source: JsonObject, result: JsonObject, report: Report): void {
  const raw = source[reader.name]
  const from = report.troubles.length
  let value: unknown
  if (raw !== undefined && raw !== null) value = reader.read(raw, report)
  else if (reader.required) report.add(MISSING)
  if (report.troubles.length > from) report.within(reader.name, from)
  else if (value !== undefined) result[reader.name] = value
  else if (reader.fill !== undefined) result[reader.name] = reader.fill
}

function oneofGroups(declared: Message<unknown>): string[][] {
  const groups = Object.groupBy(
    declared.fields.filter((field) => field.oneof !== undefined),
    (field) => field.oneof ?? '',
  )
  return Object.values(groups).map((fields) => (fields ?? []).map((field) => field.name))
}

function checkOneof(group: readonly string[], result: JsonObject, report: Report): void {
  const set = group.filter((name) => result[name] !== undefined)
  if (set.length > 1) report.add(`expected only one of ${group.join(', ')}, but found ${set.join(' and ')}`)
}

function fieldReader(field: NamedField, known: Map<string, Read>): FieldReader {
  const required = field.rule === 'required'
  const item = typeReader(field.type, required, known)
  const read = field.rule === 'repeated' ? listReader(item) : field.rule === 'map' ? mapReader(item) : item
  return { name: field.name, required, fill: field.deprecated ? undefined : field.default, read }
}

function typeReader(type: FieldType<unknown>, required: boolean, known: Map<string, Read>): Read {
  switch (type.kind) {
    case 'scalar':
      return scalarReader(type)
    case 'enum':
      return enumReader(type.name, type.numbers, required)
    case 'message':
      return messageReader(type, known)
    case 'lazy':
      return messageReader(type.get(), known)
  }
}

function listReader(item: Read): Read {
  return (raw, report) => {
    // Mentos and others send a list of one without the list.
    const list = Array.isArray(raw) ? (raw as unknown[]) : [raw]
    if (list.length > DECODE_LIMITS.items) return tooMany(report, list.length)
    const result: unknown[] = []
    for (let at = 0; at < list.length; at++) {
      const element = list[at]
      if (element === null) continue
      const from = report.troubles.length
      const value = item(element, report)
      if (report.troubles.length > from) report.within(at, from)
      else if (value !== undefined) result.push(value)
    }
    return result.length === 0 ? undefined : result
  }
}

function mapReader(item: Read): Read {
  return (raw, report) => {
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw))
      return expected(report, 'an object', raw)
    const entries = Object.entries(raw)
    if (entries.length > DECODE_LIMITS.items) return tooMany(report, entries.length)
    const result: [string, unknown][] = []
    for (const [key, element] of entries) {
      if (element === null) continue
      const from = report.troubles.length
      const value = item(element, report)
      if (report.troubles.length > from) report.within(key, from)
      else result.push([key, value])
    }
    // fromEntries defines properties, so that a key such as __proto__ stays a key.
    return result.length === 0 ? undefined : Object.fromEntries(result)
  }
}

const tooMany = (report: Report, count: number): undefined =>
  report.add(`expected at most ${DECODE_LIMITS.items} elements, but found ${count}`)

function enumReader(name: string, numbers: Readonly<Record<string, number>>, required: boolean): Read {
  const names = new Set(Object.keys(numbers))
  return (raw, report) => {
    if (typeof raw !== 'string') return expected(report, `the name of a ${name}`, raw)
    if (names.has(raw)) return raw
    return required ? expected(report, `one of ${[...names].join(', ')}`, raw) : undefined
  }
}

function scalarReader(type: Scalar<unknown>): Read {
  switch (type.name) {
    case 'string':
      return (raw, report) => (typeof raw === 'string' ? raw : expected(report, 'a string', raw))
    case 'bytes':
      return readBytes
    case 'bool':
      return readBool
    case 'double':
      return readDouble
    case 'int32':
    case 'uint32':
    case 'int64':
    case 'uint64':
      return wholeReader(type.name)
  }
}

const readBytes: Read = (raw, report) => {
  if (typeof raw !== 'string') return expected(report, 'base64 text', raw)
  const padding = raw.endsWith('==') ? 2 : raw.endsWith('=') ? 1 : 0
  const digits = padding === 0 ? raw : raw.slice(0, -padding)
  const rest = digits.length % 4
  const paddable = rest === 0 ? padding === 0 : rest !== 1 && (padding === 0 || rest + padding === 4)
  if (!paddable || /[^A-Za-z0-9+/]/.test(digits)) return expected(report, 'base64 text', raw)
  return rest === 0 ? raw : digits.padEnd(digits.length + 4 - rest, '=')
}

const readBool: Read = (raw, report) => {
  if (typeof raw === 'boolean') return raw
  if (raw === 'true') return true
  if (raw === 'false') return false
  return expected(report, 'true or false', raw)
}

const readDouble: Read = (raw, report) => {
  if (raw === 'Infinity') return Infinity
  if (raw === '-Infinity') return -Infinity
  const value = numberIn(raw)
  return Number.isFinite(value) ? value : expected(report, 'a number', raw)
}

function wholeReader(kind: keyof typeof RANGES): Read {
  const [smallest, largest] = RANGES[kind]
  return (raw, report) => {
    const value = numberIn(raw)
    if (Number.isInteger(value) && value >= smallest && value <= largest) return value === 0 ? 0 : value
    return expected(report, `a whole number that fits ${kind}`, raw)
  }
}

/** The number, also one written as a string in the form that JSON has for numbers; NaN for everything else. */
function numberIn(raw: unknown): number {
  if (typeof raw === 'number') return raw
  if (typeof raw === 'string' && /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(raw)) return Number(raw)
  return NaN
}

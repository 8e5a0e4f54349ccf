// Laws of the codec that hold for every declared message: round trips, true schemas, no input that makes it throw.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ExecutorCall, ExecutorEvent } from '../../../src/wire/executor.ts'
import { decodeMessage, encodeMessage, parseMessage } from '../../../src/wire/json.ts'
import { LinkCall, LinkEvent } from '../../../src/wire/link.ts'
import { type FieldType, type Message, type NamedField, type Scalar } from '../../../src/wire/message.ts'
import { SchedulerCall, SchedulerEvent } from '../../../src/wire/scheduler.ts'
import { compileSchemaCheck } from '../../../src/wire/schema-check.ts'

const declared = [
  SchedulerCall,
  SchedulerEvent,
  ExecutorCall,
  ExecutorEvent,
  LinkCall,
  LinkEvent,
] as Message<unknown>[]
const named = declared.map((one) => [one.name, one] as const)

function scalar(type: Scalar<unknown>): fc.Arbitrary<unknown> {
  switch (type.name) {
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 8 })
    case 'bytes':
      return fc.base64String({ maxLength: 12 })
    case 'bool':
      return fc.boolean()
    case 'double':
      return fc.double({ noNaN: true })
    case 'int32':
      return fc.integer()
    case 'uint32':
      return fc.nat()
    case 'int64':
      return fc.maxSafeInteger()
    case 'uint64':
      return fc.maxSafeNat()
  }
}

function valueOf(type: FieldType<unknown>, depth: number): fc.Arbitrary<unknown> {
  switch (type.kind) {
    case 'scalar':
      return scalar(type)
    case 'enum':
      return fc.constantFrom(...Object.keys(type.numbers))
    case 'message':
      return messageOf(type, depth)
    case 'lazy':
      return messageOf(type.get(), depth)
  }
}

function fieldOf(field: NamedField, depth: number): fc.Arbitrary<unknown> {
  const item = valueOf(field.type, depth - 1)
  if (field.rule === 'repeated') return fc.array(item, { minLength: 1, maxLength: 2 })
  if (field.rule === 'map')
    return fc.dictionary(fc.string(), item, { minKeys: 1, maxKeys: 2, noNullPrototype: true })
  return item
}

/** Messages of which few optional fields are set, and none of those below a depth, for else they never end. */
function messageOf(type: Message<unknown>, depth: number): fc.Arbitrary<unknown> {
  const filled = (field: NamedField): boolean => field.default !== undefined && !field.deprecated
  const always = type.fields.filter((field) => field.rule === 'required' || filled(field))
  const onlyOne = (field: NamedField): boolean =>
    field.oneof === undefined || field === type.fields.find(({ oneof }) => oneof === field.oneof)
  const sometimes = type.fields.filter((field) => !always.includes(field) && onlyOne(field))
  const chosen =
    depth <= 0 ? fc.constant([]) : fc.subarray(sometimes, { maxLength: Math.min(4, sometimes.length) })
  return chosen.chain((some) =>
    fc.record(Object.fromEntries([...always, ...some].map((field) => [field.name, fieldOf(field, depth)]))),
  )
}

describe.each(named)('%s', (_name, one) => {
  const samples = messageOf(one, 6)
  const fits = compileSchemaCheck(one)

  test('what is written is read back the same', () => {
    fc.assert(
      fc.property(samples, (value) => {
        expect(parseMessage(one, encodeMessage(one, value))).toEqual({ ok: true, value })
      }),
      { numRuns: 100 },
    )
  })

  test('what is written is one line of ASCII that the schema accepts', () => {
    fc.assert(
      fc.property(samples, (value) => {
        const text = encodeMessage(one, value)
        expect(text).toMatch(/^[ -~\u007f]*$/)
        expect(fits(JSON.parse(text))).toBe(true)
      }),
      { numRuns: 100 },
    )
  })

  test('no JSON makes it throw', () => {
    fc.assert(fc.property(fc.jsonValue(), (value) => void decodeMessage(one, value)))
  })
})

test('the schema refuses what the decoder refuses: it is no empty promise', () => {
  const fits = compileSchemaCheck(SchedulerCall)
  expect(fits({ type: 'KILL', kill: { task_id: { value: 't' } } })).toBe(true)
  expect(fits({ type: 'KILL', kill: { task_id: {} } })).toBe(false)
  expect(fits({ type: 'KISS' })).toBe(false)
})

interface Sample {
  readonly message: string
  readonly json: unknown
}
const recorded = JSON.parse(
  readFileSync(new URL('../../recorded/sample-messages.json', import.meta.url), 'utf8'),
) as Sample[]

/** Replaces, removes or doubles something at a place that the numbers choose. */
function mutated(json: unknown, way: readonly number[], put: unknown): unknown {
  const [step = 0, ...rest] = way
  if (typeof json !== 'object' || json === null || way.length === 0) return put
  const keys = Object.keys(json)
  const key = keys[step % Math.max(keys.length, 1)]
  if (key === undefined) return put
  const inside = mutated((json as Record<string, unknown>)[key], rest, put)
  if (Array.isArray(json)) return json.map((element: unknown, at) => (String(at) === key ? inside : element))
  return { ...json, [key]: inside }
}

test('a damaged message is an error or a message, never a throw, and what is read can be written', () => {
  const way = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 10 })
  fc.assert(
    fc.property(fc.constantFrom(...recorded), way, fc.jsonValue(), (sample, steps, put) => {
      const one = declared.find(({ name }) => name === sample.message)
      if (one === undefined) throw new Error(`There is no ${sample.message}`)
      const result = decodeMessage(one, mutated(sample.json, steps, put))
      if (result.ok) expect(parseMessage(one, encodeMessage(one, result.value))).toEqual(result)
      else expect(result.error).toMatch(/^\S+.*: /)
    }),
    { numRuns: 3000 },
  )
})

test('no text makes parsing throw', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseMessage(SchedulerCall, text)))
})

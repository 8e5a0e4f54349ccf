// The rules of Mesos for JSON, one by one (spec/mesos.md 2.0, spec/clients.md Q11 and Q12).
import { describe, expect, test } from 'vitest'
import { ContainerID } from '../../../src/wire/ids.ts'
import { DECODE_LIMITS } from '../../../src/wire/json-decode.ts'
import { decodeMessage, encodeMessage, parseMessage } from '../../../src/wire/json.ts'
import {
  bool,
  bytes,
  double,
  enumeration,
  int32,
  int64,
  mapOf,
  message,
  optional,
  repeated,
  required,
  string,
  uint32,
  uint64,
} from '../../../src/wire/message.ts'
import { SchedulerCall, SchedulerEvent } from '../../../src/wire/scheduler.ts'

const Colour = enumeration('test.Colour', { RED: 1, BLUE: 2 })
const Leaf = message('test.Leaf', { colour: required(1, Colour), name: optional(2, string) })
const All = message('test.All', {
  text: optional(1, string),
  data: optional(2, bytes),
  flag: optional(3, bool),
  small: optional(4, int32),
  count: optional(5, uint32),
  signed: optional(6, int64),
  big: optional(7, uint64),
  real: optional(8, double),
  colour: optional(9, Colour),
  leaf: optional(10, Leaf),
  words: repeated(11, string),
  leaves: repeated(12, Leaf),
  colours: repeated(13, Colour),
  sizes: mapOf(14, double),
  waits: optional(15, double, { default: 5 }),
  old: optional(16, string, { default: '*', deprecated: true }),
  left: optional(17, string, { oneof: 'side' }),
  right: optional(18, string, { oneof: 'side' }),
})

const value = (json: unknown) => {
  const result = decodeMessage(All, json)
  if (!result.ok) throw new Error(result.error)
  const { waits: _filled, ...rest } = result.value
  return rest
}
const error = (json: unknown) => {
  const result = decodeMessage(All, json)
  return result.ok ? `no error: ${JSON.stringify(result.value)}` : result.error
}

describe('decoding is as lenient as Mesos', () => {
  test.each([
    ['an unknown field is ignored', { slave_id: { value: 1 }, text: 'a' }, { text: 'a' }],
    ['null is unset', { text: null, leaf: null, words: null, sizes: null }, {}],
    ['an empty list is unset', { words: [], leaves: [], sizes: {} }, {}],
    ['null in a list is skipped', { words: ['a', null, 'b'] }, { words: ['a', 'b'] }],
    ['one scalar for a list is a list of one', { words: 'a' }, { words: ['a'] }],
    [
      'one object for a list is a list of one',
      { leaves: { colour: 'RED' } },
      { leaves: [{ colour: 'RED' }] },
    ],
    ['numbers may be strings', { small: '-7', big: '7', real: '2.5e1' }, { small: -7, big: 7, real: 25 }],
    ['booleans may be strings', { flag: 'true' }, { flag: true }],
    ['a whole number may be written as a real one', { small: '7.0' }, { small: 7 }],
    [
      'Infinity is a double',
      { real: '-Infinity', sizes: { a: 'Infinity' } },
      { real: -Infinity, sizes: { a: Infinity } },
    ],
    ['an unknown enum name in an optional field is dropped', { colour: 'PINK' }, {}],
    ['an unknown enum name in a list is dropped', { colours: ['RED', 'PINK'] }, { colours: ['RED'] }],
    ['base64 without padding is padded', { data: 'aGk' }, { data: 'aGk=' }],
    [
      '__proto__ is a key like any other',
      { sizes: JSON.parse('{"__proto__":1}') },
      { sizes: JSON.parse('{"__proto__":1}') },
    ],
  ] as const)('%s', (_name, json, expected) => {
    expect(value(json)).toStrictEqual(expected)
  })

  test('an unset field has its default, unless it is deprecated', () => {
    expect(decodeMessage(All, {})).toEqual({ ok: true, value: { waits: 5 } })
    expect(decodeMessage(All, { waits: 0, old: 'x' })).toEqual({ ok: true, value: { waits: 0, old: 'x' } })
  })
})

describe('decoding says what is wrong and where', () => {
  test.each([
    [{ text: 5 }, 'text: expected a string, but found 5'],
    [{ text: ['a'] }, 'text: expected a string, but found a list'],
    [{ text: {} }, 'text: expected a string, but found an object'],
    [{ flag: 1 }, 'flag: expected true or false, but found 1'],
    [{ small: 2 ** 31 }, 'small: expected a whole number that fits int32, but found 2147483648'],
    [{ small: 1.5 }, 'small: expected a whole number that fits int32, but found 1.5'],
    [{ count: -1 }, 'count: expected a whole number that fits uint32, but found -1'],
    [{ big: -1 }, 'big: expected a whole number that fits uint64, but found -1'],
    [{ signed: 1e19 }, 'signed: expected a whole number that fits int64, but found 10000000000000000000'],
    [{ signed: '' }, 'signed: expected a whole number that fits int64, but found ""'],
    [{ real: 'much' }, 'real: expected a number, but found "much"'],
    [JSON.parse('{"real":1e999}'), 'real: expected a number, but found Infinity'],
    [{ colour: 1 }, 'colour: expected the name of a test.Colour, but found 1'],
    [{ leaf: { colour: 'PINK' } }, 'leaf.colour: expected one of RED, BLUE, but found "PINK"'],
    [{ leaf: [{ colour: 'RED' }] }, 'leaf: expected an object, but found a list'],
    [{ leaves: [{ colour: 'RED' }, 'x'] }, 'leaves[1]: expected an object, but found "x"'],
    [{ leaves: [{ colour: 'RED' }, {}] }, 'leaves[1].colour: required, but missing'],
    [{ data: '####' }, 'data: expected base64 text, but found "####"'],
    [{ data: 'aGk==' }, 'data: expected base64 text, but found "aGk=="'],
    [{ sizes: [1] }, 'sizes: expected an object, but found a list'],
    [{ sizes: { 'a b': 'x' } }, 'sizes["a b"]: expected a number, but found "x"'],
    [{ left: 'a', right: 'b' }, 'test.All: expected only one of left, right, but found left and right'],
    [[], 'test.All: expected an object, but found a list'],
    [null, 'test.All: expected an object, but found null'],
    [undefined, 'test.All: expected an object, but found undefined'],
  ] as const)('%j', (json, expected) => {
    expect(error(json)).toBe(expected)
  })

  test('a long value is cut in the sentence', () => {
    expect(error({ flag: 'x'.repeat(1000) }).length).toBeLessThan(120)
  })

  test('the whole path of a missing field is named, through lists', () => {
    const call = {
      type: 'ACCEPT',
      accept: { offer_ids: [], operations: [{ type: 'LAUNCH', launch: { task_infos: [{}] } }] },
    }
    expect(decodeMessage(SchedulerCall, call)).toEqual({
      ok: false,
      error: ['name', 'task_id', 'agent_id']
        .map((name) => `accept.operations[0].launch.task_infos[0].${name}: required, but missing`)
        .join('; '),
      missing: ['name', 'task_id', 'agent_id'].map(
        (name) => `accept.operations[0].launch.task_infos[0].${name}`,
      ),
    })
  })

  test('of many missing fields five are listed', () => {
    const result = decodeMessage(All, { leaves: Array.from({ length: 30 }, () => ({})) })
    expect(result.ok ? '' : result.error).toMatch(
      /^leaves\[0\].*leaves\[4\]\.colour: required, but missing; and more$/,
    )
    expect(result.ok ? [] : result.missing).toHaveLength(16)
  })

  test('messages in messages are limited', () => {
    let id: unknown = { value: 'a' }
    for (let depth = 1; depth < DECODE_LIMITS.depth; depth++) id = { value: 'a', parent: id }
    expect(decodeMessage(ContainerID, id).ok).toBe(true)
    const result = decodeMessage(ContainerID, { value: 'a', parent: id })
    expect(result.ok ? '' : result.error).toMatch(/parent: expected at most 100 messages in one another/)
  })

  test('messages beside messages are not', () => {
    const leaves = Array.from({ length: DECODE_LIMITS.depth * 2 }, () => ({ colour: 'RED' }))
    expect(value({ leaves })).toEqual({ leaves })
  })

  test('lists are limited', () => {
    expect(error({ colours: new Array(DECODE_LIMITS.items + 1).fill('RED') })).toBe(
      'colours: expected at most 1000000 elements, but found 1000001',
    )
  })
})

describe('text', () => {
  test.each(['', '{', '{} {}', '{}x', "{'a':1}", 'NaN'])('%j is not valid JSON', (text) => {
    const result = parseMessage(All, text)
    expect(result.ok ? '' : result.error).toMatch(/^Not valid JSON: /)
  })

  test('a hundred thousand open brackets are an error like any other', () => {
    expect(parseMessage(All, '['.repeat(100_000)).ok).toBe(false)
    expect(parseMessage(All, `{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`).ok).toBe(true)
  })
})

describe('encoding is as strict as Mesos', () => {
  test.each([
    ['whole doubles end in .0', { real: 15 }, '"real":15.0'],
    [
      'other doubles are the shortest that read back the same',
      { real: 1795369639.113569 },
      '"real":1795369639.113569',
    ],
    ['large doubles have an exponent', { real: 1e30 }, '"real":1e30'],
    ['minus zero keeps its sign', { real: -0 }, '"real":-0.0'],
    ['infinity is a string', { real: Infinity }, '"real":"Infinity"'],
    ['64-bit integers are plain and exact', { signed: 1795369638989129984 }, '"signed":1795369638989129984'],
    [
      'the largest 64-bit integers stay in range',
      { signed: 2 ** 63, big: 2 ** 64 },
      '"signed":9223372036854775807,"big":18446744073709551615',
    ],
    [
      'text beyond ASCII is escaped',
      { text: 'é€😀"\n\u007f' },
      '"text":"\\u00e9\\u20ac\\ud83d\\ude00\\"\\n\u007f"',
    ],
    ['keys are escaped too', { sizes: { é: 1 } }, '"sizes":{"\\u00e9":1.0}'],
    ['empty lists and maps are left out', { words: [], sizes: {} }, ''],
    ['fields come in declaration order', { real: 0.5, text: 'a' }, '"text":"a","real":0.5'],
  ] as const)('%s', (_name, message_, expected) => {
    expect(encodeMessage(All, { ...message_, waits: 1 } as never)).toBe(
      `{${expected}${expected === '' ? '' : ','}"waits":1.0}`,
    )
  })

  test('defaults of unset fields are written, deprecated ones are not', () => {
    expect(encodeMessage(All, {})).toBe('{"waits":5.0}')
  })

  test('an event that we build has the bytes of Mesos', () => {
    const event = {
      type: 'SUBSCRIBED',
      subscribed: { framework_id: { value: 'F' }, heartbeat_interval_seconds: 15 },
    } as const
    expect(encodeMessage(SchedulerEvent, event)).toBe(
      '{"type":"SUBSCRIBED","subscribed":{"framework_id":{"value":"F"},"heartbeat_interval_seconds":15.0}}',
    )
  })

  test.each([
    ['a required field unset', { leaf: {} }, /test\.Leaf was to be written without its colour/],
    ['an enum name that is none', { colour: 'PINK' }, /PINK was to be written as a test\.Colour/],
    ['not a number', { real: NaN }, /NaN/],
    ['a fraction for a whole number', { small: 1.5 }, /1\.5 was to be written as a whole number/],
    ['a number for a string', { text: 5 }, /5 was to be written as a string/],
  ])('%s is a bug of the caller and throws', (_name, message_, expected) => {
    expect(() => encodeMessage(All, message_ as never)).toThrow(expected)
  })
})

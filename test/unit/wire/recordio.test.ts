// RecordIO in any split, and its limits.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { decodeRecords, encodeRecord, RECORD_LIMITS, RecordDecoder } from '../../../src/wire/recordio.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (record: Uint8Array): string => new TextDecoder().decode(record)

async function* split(whole: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of sizes) {
    yield whole.subarray(at, at + size)
    at += size
  }
  yield whole.subarray(at)
}

function trouble(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof OperatingError) return `${error.code} ${error.message}`
    throw error
  }
  return 'none'
}

test('a record is its length in bytes, a newline and its bytes', () => {
  expect(text(encodeRecord('{"a":"é"}'))).toBe('10\n{"a":"é"}')
  expect(text(encodeRecord(''))).toBe('0\n')
})

test('records come out as they went in, however the bytes are split', async () => {
  const records = fc.array(fc.string({ unit: 'grapheme', maxLength: 40 }), { maxLength: 8 })
  const sizes = fc.array(fc.nat({ max: 12 }), { maxLength: 80 })
  await fc.assert(
    fc.asyncProperty(records, sizes, async (wanted, cuts) => {
      const whole = Buffer.concat(wanted.map(encodeRecord))
      const got = await Array.fromAsync(decodeRecords(split(whole, cuts)), text)
      expect(got).toEqual(wanted)
    }),
  )
})

test('each byte alone is enough', () => {
  const decoder = new RecordDecoder()
  const whole = bytes('3\nabc0\n12\nabcdefghijkl')
  const got = [...whole].flatMap((byte) => decoder.push(Uint8Array.of(byte)))
  decoder.end()
  expect(got.map(text)).toEqual(['abc', '', 'abcdefghijkl'])
})

test('a kept record does not change when the next one is read', () => {
  const decoder = new RecordDecoder()
  const first = [...decoder.push(bytes('6\nabc')), ...decoder.push(bytes('def6\ngh'))]
  decoder.push(bytes('ijkl'))
  expect(first.map(text)).toEqual(['abcdef'])
})

describe('what is not RecordIO', () => {
  test.each([
    ['x', 'PROTOCOL Record 1 does not begin with its length in decimal digits: found byte 120.'],
    ['-1\n', 'PROTOCOL Record 1 does not begin with its length in decimal digits: found byte 45.'],
    ['1\na\n', 'PROTOCOL Record 2 has an empty line for its length.'],
    ['1\r\na', 'PROTOCOL Record 1 does not begin with its length in decimal digits: found byte 13.'],
    ['0'.repeat(21), 'LIMIT The length of record 1 has more than 20 digits.'],
    ['67108865\n', 'LIMIT Record 1 has 67108865 bytes, but at most 67108864 are taken.'],
    [
      '99999999999999999999\n',
      'LIMIT Record 1 has 99999999999999999999 bytes, but at most 67108864 are taken.',
    ],
  ])('%j is refused', (stream, expected) => {
    expect(trouble(() => new RecordDecoder().push(bytes(stream)))).toBe(expected)
  })

  test.each([
    ['12', 'PROTOCOL The stream ended in the header of record 1.'],
    ['1\na5\nab', 'PROTOCOL The stream ended 3 bytes before the end of record 2.'],
    ['5\n', 'PROTOCOL The stream ended 5 bytes before the end of record 1.'],
  ])('a stream that ends as %j is refused', (stream, expected) => {
    const decoder = new RecordDecoder()
    decoder.push(bytes(stream))
    expect(trouble(() => decoder.end())).toBe(expected)
  })

  test('a cut stream makes the generator throw after the whole records', async () => {
    const records = decodeRecords(split(bytes('1\na3\nb'), []))
    expect(text((await records.next()).value ?? bytes('none'))).toBe('a')
    await expect(records.next()).rejects.toThrow('2 bytes before the end of record 2')
  })

  test('limits can be set', () => {
    const decoder = new RecordDecoder({ ...RECORD_LIMITS, recordBytes: 3 })
    expect(decoder.push(bytes('3\nabc'))).toHaveLength(1)
    expect(trouble(() => decoder.push(bytes('4\n')))).toMatch(/^LIMIT Record 2 has 4 bytes/)
  })

  test('no bytes make it throw anything but a trouble with a sentence', () => {
    fc.assert(fc.property(fc.uint8Array(), (stream) => void trouble(() => new RecordDecoder().push(stream))))
  })
})

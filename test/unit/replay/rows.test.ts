// The reader of recordings: what it takes, and how it says what is wrong with the rest.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { cellsOf } from '../../../src/replay/csv.ts'
import { type Moment, RecordingReader } from '../../../src/replay/rows.ts'
import { RECORDING_HEADER, recordingLine } from '../../../src/resources/recording.ts'

const HEAD = 'time,owner,cpu,mem,limit\n'

function read(text: string | Uint8Array, piece = Number.POSITIVE_INFINITY): Moment[] {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const reader = new RecordingReader('day.csv')
  const moments: Moment[] = []
  for (let at = 0; at < bytes.length; at += Math.min(piece, bytes.length))
    moments.push(...reader.push(bytes.subarray(at, at + piece)))
  return [...moments, ...reader.end()]
}

describe('A recording', () => {
  test('is put together to moments, in seconds or ISO 8601, with limits named once', () => {
    const moments = read(
      `${HEAD}10,web,0.5,100,2\n10,db,.25,200,1\n\n11.5,web,1e-1,100,\r\n2026-11-22T00:00:00Z,db,,,\n`,
    )
    expect(
      moments.map(({ at, rows }) => [at, rows.map(({ name, cpu, limit }) => [name, cpu, limit])]),
    ).toEqual([
      [
        10_000,
        [
          ['web', 0.5, 2],
          ['db', 0.25, 1],
        ],
      ],
      [11_500, [['web', 0.1, 2]]],
      [1_795_305_600_000, [['db', undefined, 1]]],
    ])
  })

  test('may have its columns in any order and case, others beside them, quotes, and a byte order mark', () => {
    const [moment] = read('\uFEFF"Owner",note,LIMIT,Cpu,mem,time\n"a, ""b""","x,y",1,0.5,3,7\n')
    expect(moment?.rows[0]).toMatchObject({ name: 'a, "b"', limit: 1, cpu: 0.5, memMb: 3 })
  })

  test('tells memory in MB, or in bytes where the column says so', () => {
    const [moment] = read('time,owner,cpu,mem_bytes,limit,mem_limit_bytes\n1,a,0,1048576,1,536870912\n')
    expect(moment?.rows[0]).toMatchObject({ memMb: 1, memLimitMb: 512 })
  })
})

describe('What is wrong with a recording is told by line and column', () => {
  const cases: readonly (readonly [text: string, words: string])[] = [
    ['', 'line 1: the file is empty'],
    ['time,owner,cpu,memory,limit\n', "line 1, column 'mem': there is no such column"],
    ['time;owner;cpu;mem;limit\n', "line 1, column 'time': there is no such column"],
    ['time,owner,cpus,mem,limit\n', "'cpus' may be meant"],
    ['time,owner,cpu,mem,limit,mem_bytes\n', "column 'mem_bytes': it is there twice"],
    [`${HEAD}1,a,0.1,1\n`, 'line 2: it has 4 cells, the header names 5'],
    [`${HEAD}1,a,much,1,1\n`, "line 2, column 'cpu': 'much' is not a number"],
    [`${HEAD}1,a,0x10,1,1\n`, "column 'cpu': '0x10' is not a number"],
    [`${HEAD}1,a,NaN,1,1\n`, "column 'cpu': 'NaN' is not a number"],
    [`${HEAD}1,a,-0.1,1,1\n`, "column 'cpu': it is -0.1: expected a number from 0 to 100000"],
    [`${HEAD}1,a,1e9,1,1\n`, "column 'cpu': it is 1e9"],
    [`${HEAD}1,a,0,1,\n`, "line 2, column 'limit': 'a' has no limit yet"],
    [`${HEAD}1,a,0,1,1\n3,a,0,1,1\n2,a,0,1,1\n`, "line 4, column 'time': it is 1 s before the row above"],
    [`${HEAD}yesterday,a,0,1,1\n`, "line 2, column 'time': it is 'yesterday': expected seconds or ISO 8601"],
    [`${HEAD}1795305600000,a,0,1,1\n`, 'seconds are expected, not milliseconds'],
    [`${HEAD}1,,0,1,1\n`, "line 2, column 'owner': it is empty"],
    [`${HEAD}1,a,0,1,1\n1,a,0,1,1\n`, "line 3, column 'owner': 'a' is there twice at the same time"],
    [`${HEAD}1,${'a'.repeat(257)},0,1,1\n`, "column 'owner': it has more than 256 characters"],
    [`${HEAD}1,"a,0,1,1\n`, 'line 2: a quote is opened and not closed'],
    [`${HEAD}${'1'.repeat(5000)}`, 'line 2: it has more than 4096 characters'],
    [`kind,${HEAD}lender,1,a,0,1,1\n`, "line 2, column 'kind': it is 'lender': expected one of owner"],
    [`waiting,${HEAD}1.1,1,a,0,1,1\n`, "column 'waiting': it is 1.1: expected a number from 0 to 1"],
  ]
  test.each(cases)('%j', (text, words) => {
    expect(() => read(text)).toThrow(words)
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })

  test('bytes that are no text, such as a packed file', () => {
    expect(() => read(Uint8Array.of(0x1f, 0x8b, 8, 0, 0xff, 0xfe))).toThrow('line 1: there or soon after')
  })

  test('a line without end, before all of it is held', () => {
    const reader = new RecordingReader('day.csv')
    expect(() => reader.push(new TextEncoder().encode(HEAD + '1'.repeat(5000)))).toThrow(
      'line 2: it has more than',
    )
  })

  test('more rows of one time than any machine has', () => {
    const rows = Array.from({ length: 2501 }, (_, index) => `1,o${index},0,1,1\n`).join('')
    expect(() => read(HEAD + rows)).toThrow(expect.objectContaining({ code: 'LIMIT' }))
  })
})

describe('Whatever the bytes', () => {
  const shape = fc.array(
    fc.constantFrom(
      'time',
      'owner',
      'cpu',
      'mem',
      'limit',
      ',',
      '"',
      '\n',
      '\r\n',
      '1',
      '.',
      '-',
      'e',
      ' ',
      'ä',
      'a',
    ),
    { maxLength: 60 },
  )
  const texts = fc.oneof(
    shape.map((parts) => parts.join('')),
    shape.map((parts) => HEAD + parts.join('')),
    fc.string({ unit: 'binary', maxLength: 200 }).map((text) => HEAD + text),
  )
  const bytes = fc.oneof(
    texts.map((text) => new TextEncoder().encode(text)),
    fc.uint8Array({ maxLength: 200 }),
  )
  /** The moments, or what was wrong; anything but a refusal of ours fails the test. */
  const outcome = (given: Uint8Array, piece?: number): unknown => {
    try {
      return read(given, piece)
    } catch (error) {
      if (error instanceof OperatingError && error.code === 'USAGE') return error.message
      throw error
    }
  }

  test('it is read or refused with a reason, and however it is cut into pieces comes out the same', () => {
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1, max: 20 }), (given, piece) => {
        const whole = outcome(given)
        const cut = outcome(given, piece)
        // Where bytes are no text, the line that is named may be one before or after.
        if (typeof whole === 'string' && whole.includes('no text')) expect(typeof cut).toBe('string')
        else expect(cut).toEqual(whole)
        if (typeof whole === 'string') expect(whole).toMatch(/^day\.csv, line \d+/)
      }),
      { numRuns: 2000 },
    )
  })

  test('times rise, and every figure is a finite one from 0 on', () => {
    const cell = fc.oneof(
      fc.double({ min: -1, max: 5 }).map(String),
      fc.constantFrom('', '0', '1e3', '1e999'),
    )
    const line = fc
      .tuple(fc.nat(20), fc.constantFrom('a', 'b'), cell, cell, cell)
      .map((cells) => cells.join(','))
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const result = outcome(new TextEncoder().encode(`${HEAD}${lines.join('\n')}`))
        if (typeof result === 'string') return
        const moments = result as Moment[]
        expect(moments.every(({ at }, index) => index === 0 || at > (moments[index - 1]?.at ?? 0))).toBe(true)
        for (const { cpu = 0, memMb = 0, limit } of moments.flatMap(({ rows }) => rows))
          for (const value of [cpu, memMb, limit]) expect(value >= 0 && Number.isFinite(value)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})

test('Our own lines come back as they were written, whatever the name', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 256 }), fc.double({ min: 0, max: 64, noNaN: true }), (owner, cpu) => {
      const cells = cellsOf(recordingLine({ time: 1, owner, cpu })) ?? []
      expect(cells).toHaveLength(RECORDING_HEADER.split(',').length)
      expect(cells[2]?.trim()).toBe(owner.replaceAll(/[\r\n]+/g, ' ').trim())
      expect(Math.abs(Number(cells[3]) - cpu)).toBeLessThanOrEqual(0.0005)
    }),
  )
})

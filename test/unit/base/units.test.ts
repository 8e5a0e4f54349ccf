// Durations and sizes follow Mesos' grammar in both directions.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  formatBytes,
  formatDuration,
  humanBytes,
  humanDuration,
  parseBytes,
  parseDuration,
} from '../../../src/base/units.ts'
import { closest } from '../../../src/base/words.ts'

test.each([
  ['15secs', 15_000],
  ['1.5hrs', 5_400_000],
  ['2weeks', 1_209_600_000],
  ['0ns', 0],
  ['250us', 0.25],
])('%s is %d ms', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each(['', '15', '15 secs', 'secs', '1e3ms', '15seconds', '99999999999weeks'])(
  '%j is no duration',
  (text) => {
    expect(parseDuration(text)).toBeUndefined()
  },
)

test.each([
  [1000, '1secs'],
  [15_000, '15secs'],
  [60_000, '1mins'],
  [90_000, '90secs'],
  [604_800_000, '1weeks'],
  [0.001, '1us'],
  [0, '0ns'],
])('%d ms prints as %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text)
})

test('printing and parsing durations of whole microseconds agree', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1e12 }),
      (us) => parseDuration(formatDuration(us / 1000)) === us / 1000,
    ),
  )
})

test.each([
  ['64MB', 64 * 1024 ** 2],
  ['2gb', 2 * 1024 ** 3],
  ['0B', 0],
])('%s is %d bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes)
})

test.each(['1.5MB', '10', 'MB', '-1B', '9999999999TB'])('%j is no size', (text) => {
  expect(parseBytes(text)).toBeUndefined()
})

test('printing and parsing sizes agree', () => {
  fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseBytes(formatBytes(bytes)) === bytes))
})

test('people get three digits', () => {
  expect([humanBytes(512), humanBytes(1_342_177_280), humanDuration(240), humanDuration(134_000)]).toEqual([
    '512 B',
    '1.25 GiB',
    '240 ms',
    '2m14s',
  ])
})

test('a near name is suggested, a far one is not', () => {
  expect(closest('atributes', ['attributes', 'resources'])).toBe('attributes')
  expect(closest('zebra', ['attributes', 'resources'])).toBeUndefined()
})

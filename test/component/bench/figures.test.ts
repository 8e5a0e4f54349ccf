// The form in which every bench, suite and demo prints what it measured.
import { describe, expect, test } from 'vitest'
import { figure, figureSheet, parseLevel, sheetText } from '../../../src/base/figures.ts'

const AT = 1_769_860_800_000

describe('a level', () => {
  test.each([
    ['<= 10', 10, true],
    ['<= 10', 10.001, false],
    ['>= 0.95', 0.95, true],
    ['>= 0.95', 0.9499, false],
    ['< 3', 3, false],
    ['> -1', 0, true],
    ['=0', 0, true],
    ['= 0', 1, false],
  ])('%s is held against %d: %s', (level, value, reached) => {
    expect(parseLevel(level)(value)).toBe(reached)
  })

  test('is reached by no value that is not a number', () => {
    for (const level of ['<= 10', '>= 0', '= 0', '< 1']) {
      expect(parseLevel(level)(Number.NaN)).toBe(false)
      expect(parseLevel(level)(Number.POSITIVE_INFINITY)).toBe(false)
    }
  })

  test.each(['10', '<= ten', '~ 3', '', '<= 1 ms'])("'%s' is none", (text) => {
    expect(() => parseLevel(text)).toThrow(`'${text}' is no level`)
  })
})

describe('a sheet', () => {
  test('is ok when every figure reaches its level', () => {
    const sheet = figureSheet('launch', [figure('a', 1, 'ms', '<= 2'), figure('b', 7, 'ms')], AT)
    expect(sheet).toMatchObject({ name: 'launch', ok: true, date: '2026-01-31T12:00:00.000Z' })
  })

  test('is not ok when one figure misses its level', () => {
    const sheet = figureSheet('launch', [figure('a', 1, 'ms', '<= 2'), figure('b', 3, 'ms', '<= 2')], AT)
    expect(sheet.ok).toBe(false)
    expect(sheet.figures.map(({ ok }) => ok)).toEqual([true, false])
  })

  test('is not ok when it has nothing to show', () => {
    expect(figureSheet('launch', [], AT).ok).toBe(false)
  })

  test('is not ok with a figure that could not be measured', () => {
    expect(figureSheet('launch', [figure('a', Number.NaN, 'ms')], AT).ok).toBe(false)
  })

  test('judges what was measured, not what is shown after rounding', () => {
    const [shown] = figureSheet('launch', [figure('a', 2.00000001, 'ms', '<= 2')], AT).figures
    expect(shown).toMatchObject({ value: 2, ok: false })
  })

  test('keeps its own fields whatever is added', () => {
    const sheet = figureSheet('launch', [figure('a', 3, 'ms', '<= 2')], AT, { ok: true, rounds: 3 })
    expect(sheet).toMatchObject({ ok: false, rounds: 3 })
  })

  test('tells the machine that it was measured on', () => {
    const { machine } = figureSheet('launch', [figure('a', 1, 'ms')], AT)
    expect(machine.cpus).toBeGreaterThan(0)
    expect(machine.node).toBe(process.version)
  })

  test('says in words which level was missed', () => {
    const text = sheetText(figureSheet('launch', [figure('a', 3, 'ms', '<= 2'), figure('bb', 1, 's')], AT))
    expect(text).toContain('launch: NOT OK')
    expect(text).toMatch(/a {3}3 ms {3}level <= 2: MISSED/)
    expect(text).toMatch(/bb {2}1 s$/m)
  })
})

// What stands behind -l: which rows it means, and how it is refused.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { parseTime } from '../../../src/cli/option-values.ts'
import { type Field, parseSelection } from '../../../src/cli/select.ts'

const ROW: Readonly<Record<string, Field>> = {
  os: { value: 'debian-12' },
  rack: { value: '7' },
  cpus: { value: 0.5 },
  since: { value: 120_000, parse: parseTime },
  lent: { value: 0 },
  note: { value: '' },
}
const fits = (text: string): boolean => parseSelection(text).fits((name) => ROW[name] ?? { value: undefined })

describe('A selection', () => {
  test.each([
    'os==debian-12',
    'os = debian-12',
    "os=='debian-12'",
    'os!=ubuntu',
    'gpu!=yes',
    'os=~^debian',
    'os!~ubuntu',
    'cpus==0.5',
    'cpus==0.50',
    'cpus>=.5 && cpus<1',
    'rack>6',
    'since>1m',
    'since<=2m',
    'cpus',
    '!lent',
    '!note',
    '!gpu',
    'lent || cpus',
    'os==ubuntu || os==debian-12 && cpus>0',
    '!(os==ubuntu || lent)',
    'os==debian-12,cpus==0.5',
    'os=~"debian|ubuntu"',
    'os=~debian|ubuntu',
  ])('%s means the row', (text) => expect(fits(text)).toBe(true))

  test.each([
    'os==debian',
    'os!=debian-12',
    'gpu==yes',
    'gpu>1',
    'gpu<1',
    'os>3',
    'cpus>0.5',
    'since>3m',
    'lent',
    'note',
    'gpu',
    '(os==ubuntu || os==debian-12) && lent',
    'os==ubuntu || !cpus',
    'os=~^bian',
  ])('%s does not mean the row', (text) => expect(fits(text)).toBe(false))

  test('names what it asks for', () => {
    expect(parseSelection('a==1 && !(b || a>2)').names).toEqual(['a', 'b'])
  })

  test.each([
    ['', 'a name, such as agent at its end'],
    ['os==', 'what os is compared with at its end'],
    ['os==a b', "&& or || where it has 'b'"],
    ['(os', "')' at its end"],
    ['&& os', "a name, such as agent where it has '&&'"],
    ['os=="a', `no '"'`],
    ['os=~[', "a regular expression, not '['"],
    [`${'('.repeat(60)}os`, 'at most 50 brackets'],
  ])('%s is refused with what was expected', (text, words) => {
    expect(() => parseSelection(text)).toThrow(words)
  })

  test('wants a figure where it compares more and less', () => {
    expect(() => fits('cpus>many')).toThrow("'cpus' cannot be > 'many': expected a figure")
    expect(() => fits('since>1x')).toThrow("'since' cannot be > '1x': expected a figure")
  })

  test('that is anything at all is understood or refused as wrong usage', () => {
    const piece = fc.constantFrom(
      'os',
      'cpus',
      '==',
      '=~',
      '>',
      '&&',
      '||',
      '!',
      '(',
      ')',
      ' ',
      '"',
      "'",
      '|',
      '1',
      '[',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 30 }).map((all) => all.join('')),
        ),
        (text) => {
          try {
            fits(text)
          } catch (error) {
            if (!(error instanceof OperatingError) || error.code !== 'USAGE') throw error
          }
        },
      ),
    )
  })
})

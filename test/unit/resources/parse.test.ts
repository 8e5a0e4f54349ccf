// Whatever is thrown at the readers, they answer with resources or with a sentence, in time.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { attributesText, parseAttributes } from '../../../src/resources/attributes.ts'
import { MAX_TEXT } from '../../../src/resources/parse.ts'
import { parseMinAllocatable, quantitiesText } from '../../../src/resources/quantities.ts'
import { Resources } from '../../../src/resources/resources.ts'
import { validateResources } from '../../../src/resources/validate.ts'

const marks = fc.string({
  unit: fc.constantFrom(...Array.from('cpus:;()[]{},-. 0123456789*/"e+|\u0000\n')),
  maxLength: 40,
})
const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 60 }), marks)

test('any text is read or refused with a sentence', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const resources = Resources.parse(text)
      if ('rejected' in resources) {
        expect(resources.message.length).toBeGreaterThan(10)
        return
      }
      expect(validateResources(resources.toWire())).toBeUndefined()
      const again = Resources.parse(resources.toFlag())
      expect('rejected' in again ? again.message : again.toText()).toBe(resources.toText())
    }),
    { numRuns: 2_000 },
  )
})

test('any JSON is read or refused with a sentence', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const resources = Resources.parse(`[${text}]`)
      if ('rejected' in resources) expect(resources.message.length).toBeGreaterThan(10)
    }),
  )
})

test('a text that is too long is not read at all', () => {
  const resources = Resources.parse('x'.repeat(MAX_TEXT + 1))
  expect('rejected' in resources && resources.message).toContain(`expected at most ${MAX_TEXT}`)
})

test('attributes are numbers, ranges and words', () => {
  const attributes = parseAttributes('rack:a-1/b.c;cores:[0-3, 5-5];ghz:2.5')
  expect(attributes).toEqual([
    { name: 'rack', type: 'TEXT', text: { value: 'a-1/b.c' } },
    {
      name: 'cores',
      type: 'RANGES',
      ranges: {
        range: [
          { begin: 0, end: 3 },
          { begin: 5, end: 5 },
        ],
      },
    },
    { name: 'ghz', type: 'SCALAR', scalar: { value: 2.5 } },
  ])
  if ('rejected' in attributes) throw new Error(attributes.message)
  expect(attributesText(attributes)).toBe('rack:a-1/b.c;cores:[0-3, 5-5];ghz:2.5')
})

test.each([
  [
    'zones:{a,b}',
    "Cannot read the attribute 'zones:{a,b}': sets are not supported, expected a number, ranges or text",
  ],
  ['rack', "Cannot read the attribute 'rack': expected NAME:VALUE, such as rack:a1"],
  [':a', "Cannot read the attribute ':a': expected NAME:VALUE, such as rack:a1"],
  ['a:b c', "Cannot read the attribute 'a:b c': a text may hold letters, digits, '_', '/', '.' and '-' only"],
])('the attribute %s is refused: %s', (text, message) => {
  expect(parseAttributes(text)).toEqual({ rejected: true, message })
})

test('any attribute text is read or refused', () => {
  fc.assert(
    fc.property(texts, (text) => {
      const attributes = parseAttributes(text)
      if ('rejected' in attributes) expect(attributes.message.length).toBeGreaterThan(10)
    }),
  )
})

test('the least that is worth an offer is any of several sets', () => {
  const sets = parseMinAllocatable('cpus:0.01|mem:32;disk:5')
  if ('rejected' in sets) throw new Error(sets.message)
  expect(sets.map(quantitiesText)).toEqual(['cpus:0.01', 'mem:32;disk:5'])
  expect(parseMinAllocatable('')).toEqual([])
  expect(parseMinAllocatable('cpus:x')).toEqual({
    rejected: true,
    message: "Cannot read the quantity 'cpus:x': expected NAME:NUMBER, for example cpus:0.01|mem:32",
  })
})

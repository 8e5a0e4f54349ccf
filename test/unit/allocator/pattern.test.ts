// Patterns against JavaScript's own engine, and the ones that would bring it to its knees.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_PATTERN, compilePattern } from '../../../src/allocator/pattern.ts'

function compiled(pattern: string): (text: string) => boolean {
  const matches = compilePattern(pattern)
  if (typeof matches !== 'function') throw new Error(matches.message)
  return matches
}

const piece = fc.constantFrom(
  'a',
  'b',
  '.',
  '[ab]',
  '[^a]',
  '\\d',
  '\\w',
  '(a|b)',
  '(?:ab)',
  'a|',
  '|b',
  '()',
  '1',
  '-',
  '^',
  '$',
)
const repeat = fc.constantFrom('', '', '*', '+', '?', '{2}', '{1,2}', '{0,3}', '{1,}', '*?')
const patterns = fc
  .array(fc.tuple(piece, repeat), { maxLength: 6 })
  // JavaScript refuses what it cannot repeat; RE2 does not mind.
  .map((parts) =>
    parts.map(([one, times]) => (one.length === 1 && '^$'.includes(one) ? one : one + times)).join(''),
  )
  .filter((pattern) => !/(^|\|)[*+?{]/.test(pattern))
const subjects = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-', '\n'), maxLength: 7 })

test('a pattern matches exactly what JavaScript says', () => {
  fc.assert(
    fc.property(patterns, fc.array(subjects, { minLength: 5, maxLength: 5 }), (pattern, texts) => {
      const expected = new RegExp(`^(?:${pattern})$`, 'u')
      const matches = compiled(pattern)
      for (const text of texts)
        expect([pattern, text, matches(text)]).toEqual([pattern, text, expected.test(text)])
    }),
    { numRuns: 2_000 },
  )
})

test.each(['(a+)+b', '(a|a)*b', '(a*)*b', '(.*)(.*)(.*)(.*)(.*)(.*)b', '(a|aa)+b'])(
  'the evil pattern %s takes no longer than any other',
  (pattern) => {
    expect(compiled(pattern)('a'.repeat(1_000))).toBe(false)
  },
)

test.each([
  ['(', "the regex '(' cannot be read at character 2: a group is not closed"],
  ['a)', "the regex 'a)' cannot be read at character 2: unexpected ')'"],
  ['*', "the regex '*' cannot be read at character 2: '*' has nothing to repeat"],
  ['[a', "the regex '[a' cannot be read at character 3: it ends too early"],
  ['[b-a]', "the regex '[b-a]' cannot be read at character 5: the range b-a is empty"],
  ['(?=a)', "the regex '(?=a)' cannot be read at character 2: flags and look-around are not supported"],
  ['(a)\\1', "the regex '(a)\\1' cannot be read at character 6: '\\1' is not supported"],
  ['a{2,1}', "the regex 'a{2,1}' cannot be read at character 7: a repetition from 2 to 1"],
  ['((a{1000}){1000}){1000}', "the regex '((a{1000}){1000}){1000}' repeats too much: more than 10000 states"],
  [
    '(((){1000}){1000}){1000}',
    "the regex '(((){1000}){1000}){1000}' repeats too much: more than 10000 states",
  ],
])('%s is refused: %s', (pattern, message) => {
  expect(compilePattern(pattern)).toEqual({ rejected: true, message })
})

test('any pattern is compiled or refused', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 30 }), (pattern) => {
      const matches = compilePattern(pattern)
      if (typeof matches === 'function') expect(typeof matches('a1-b')).toBe('boolean')
      else expect(matches.message).toContain('the regex')
    }),
    { numRuns: 2_000 },
  )
})

test('a pattern that is too long is not read', () => {
  const answer = compilePattern('a'.repeat(MAX_PATTERN + 1))
  expect(typeof answer === 'function' ? 'accepted' : answer.message).toBe(
    'the regex has 1001 characters, expected at most 1000',
  )
})

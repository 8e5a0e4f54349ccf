// Words for messages: numbers with their nouns and units, the name that somebody may have meant.
import { expect, test } from 'vitest'
import { closest, counted, withUnit } from '../../../src/base/words.ts'

test.each([
  [counted(0, 'task'), '0 tasks'],
  [counted(1, 'task'), '1 task'],
  [counted('0.50', 'cpu'), '0.50 cpus'],
  [counted('1', 'more cpu'), '1 more cpu'],
  [withUnit(1, 'cpus'), '1 cpu'],
  [withUnit('1', 'cpus lent'), '1 cpu lent'],
  [withUnit(1, 'lent cpus'), '1 lent cpu'],
  [withUnit(2, 'cpus'), '2 cpus'],
  [withUnit(1, 'borrowers'), '1 borrower'],
  [withUnit(1, 'MB'), '1 MB'],
])('%s', (said, wanted) => expect(said).toBe(wanted))

test('a name that is mistyped is meant as the nearest one, and nonsense as none', () => {
  expect(closest('agnets', ['agents', 'tasks'])).toBe('agents')
  expect(closest('xyzzy', ['agents', 'tasks'])).toBeUndefined()
})

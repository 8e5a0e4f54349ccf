// Mesos' formula says what is due, and what is worth least goes first.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  byWorth,
  dueAt,
  type Ending,
  FRESH_MS,
  maxAllowedAge,
  next,
  type Scheduled,
  whyDue,
} from '../../../src/gc/plan.ts'

const WEEK_MS = 7 * 86_400_000
const RULES = { delayMs: WEEK_MS, headroom: 0.1 }
const NOW = 100 * WEEK_MS

const item = (path: string, ageMs: number, ending: Ending = 'succeeded'): Scheduled => ({
  path,
  kind: 'sandbox',
  ending,
  since: NOW - ageMs,
})
const at = (usage: number): { now: number; usage: number } => ({ now: NOW, usage })

test('the allowed age is gc_delay * max(0, 1 - headroom - usage)', () => {
  expect(maxAllowedAge(RULES, 0)).toBeCloseTo(0.9 * WEEK_MS)
  expect(maxAllowedAge(RULES, 0.5)).toBeCloseTo(0.4 * WEEK_MS)
  expect(maxAllowedAge(RULES, 0.9)).toBeCloseTo(0)
  expect(maxAllowedAge(RULES, 0.95)).toBe(0)
  expect(maxAllowedAge({ delayMs: WEEK_MS, headroom: 1 }, 0)).toBe(0)
  expect(maxAllowedAge({ delayMs: WEEK_MS, headroom: 0 }, 1)).toBe(0)
})

test('after gc_delay everything goes by its age, earlier by the room that the disk needs', () => {
  expect(whyDue(item('a', WEEK_MS), RULES, at(0))).toBe('age')
  expect(whyDue(item('a', 0.5 * WEEK_MS), RULES, at(0.3))).toBeUndefined()
  expect(whyDue(item('a', 0.5 * WEEK_MS), RULES, at(0.5))).toBe('space')
  expect(whyDue(item('a', 0.5 * WEEK_MS), RULES, { ...at(0), olderThanMs: WEEK_MS / 4 })).toBe('asked')
  expect(whyDue({ ...item('a', WEEK_MS), notBefore: NOW + 1 }, RULES, at(1))).toBeUndefined()
})

test('what failed a moment ago stays even on a full disk, what succeeded or was killed does not', () => {
  expect(whyDue(item('a', FRESH_MS - 1, 'failed'), RULES, at(1))).toBeUndefined()
  expect(whyDue(item('a', FRESH_MS - 1, 'unknown'), RULES, at(1))).toBeUndefined()
  expect(whyDue(item('a', FRESH_MS, 'failed'), RULES, at(1))).toBe('space')
  expect(whyDue(item('a', 0), RULES, at(1))).toBe('space')
  expect(whyDue(item('a', 0, 'killed'), RULES, at(1))).toBe('space')
})

test('succeeded go before killed before failed, each oldest first', () => {
  const all = [
    item('failed-old', 9e6, 'failed'),
    item('failed-new', 1e6, 'failed'),
    item('lost', 5e6, 'unknown'),
    item('killed', 8e6, 'killed'),
    item('good-new', 1e5),
    item('good-old', 2e6),
  ]
  const order: string[] = []
  const left = new Map(all.map((one) => [one.path, one]))
  for (;;) {
    const choice = next(left.values(), RULES, at(1))
    if (choice === undefined) break
    order.push(choice.item.path)
    left.delete(choice.item.path)
  }
  expect(order).toEqual(['good-old', 'good-new', 'killed', 'failed-old', 'lost', 'failed-new'])
})

const anyItem = fc
  .record({
    path: fc.string({ minLength: 1, maxLength: 5 }),
    ageMs: fc.integer({ min: 0, max: 2 * WEEK_MS }),
    ending: fc.constantFrom<Ending>('succeeded', 'killed', 'failed', 'unknown'),
  })
  .map(({ ageMs, ending, path }) => item(path, ageMs, ending))

test('law: what goes next is due, and nothing that is due is worth less', () => {
  fc.assert(
    fc.property(fc.array(anyItem), fc.double({ min: 0, max: 1, noNaN: true }), (all, usage) => {
      const choice = next(all, RULES, at(usage))
      const due = all.filter((one) => whyDue(one, RULES, at(usage)) !== undefined)
      expect(choice === undefined).toBe(due.length === 0)
      for (const other of due) expect(byWorth(choice?.item as Scheduled, other)).toBeLessThanOrEqual(0)
    }),
  )
})

test('law: a fuller disk keeps nothing that an emptier one takes, and the time that is told is when it goes', () => {
  const part = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(anyItem, part, part, (one, a, b) => {
      const [less, more] = [Math.min(a, b), Math.max(a, b)]
      if (whyDue(one, RULES, at(less)) !== undefined) expect(whyDue(one, RULES, at(more))).toBeDefined()
      const due = dueAt(one, RULES, less)
      const isHeld = one.ending !== 'succeeded' && one.ending !== 'killed' && due - one.since < FRESH_MS
      if (!isHeld) expect(whyDue(one, RULES, { now: Math.ceil(due) + 1, usage: less })).toBeDefined()
      expect(whyDue(one, RULES, { now: Math.floor(due) - 1, usage: less })).toBeUndefined()
    }),
  )
})

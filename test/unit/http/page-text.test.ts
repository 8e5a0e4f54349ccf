// Pages written in slices are the pages that would be written at once.
import { expect, test } from 'vitest'
import { lazily, pageText } from '../../../src/http/pages/page-text.ts'

test('a page with lists in lists is written as JSON writes it', async () => {
  const numbers = Array.from({ length: 450 }, (_, index) => index)
  const page = {
    name: 'a "quoted" name',
    left_out: undefined,
    empty: lazily([], () => ({})),
    outer: lazily([1, 2], (one) => ({ one, inner: lazily(numbers, (number) => ({ number })), after: null })),
    nothing: {},
  }
  expect(JSON.parse(await pageText(page))).toEqual({
    name: 'a "quoted" name',
    empty: [],
    outer: [1, 2].map((one) => ({ one, inner: numbers.map((number) => ({ number })), after: null })),
    nothing: {},
  })
  expect(await pageText({})).toBe('{}')
})

test('others are served between the slices of a long page', async () => {
  let served = 0
  let writing = true
  const serve = (): void => {
    served++
    if (writing) setImmediate(serve)
  }
  setImmediate(serve)
  await pageText({ list: lazily(Array.from({ length: 2000 }).keys(), () => ({ at: 'x'.repeat(500) })) })
  writing = false
  expect(served).toBeGreaterThanOrEqual(9)
})

test('a list has the entries that were there when the page was made', async () => {
  const tasks = new Map([['a', 1]])
  const list = lazily(tasks.keys(), (id) => ({ id }))
  tasks.delete('a')
  expect(await pageText({ list })).toBe('{"list":[{"id":"a"}]}')
})

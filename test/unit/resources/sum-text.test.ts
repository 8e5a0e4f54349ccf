// A sum of terms in one line.
import { expect, test } from 'vitest'
import { sumText } from '../../../src/resources/sum-text.ts'

test('each term is shown with its sign and its owner', () => {
  const terms = [
    { name: 'idle', value: 1.333, of: 'web' },
    { name: 'system', value: -0.2, of: 'the machine' },
    { name: 'rest', value: 0.05 },
  ]
  expect(sumText(terms)).toBe('1.33 idle (web) − 0.20 system + 0.05 rest')
  expect(sumText([])).toBe('')
})

test('the terms of many owners become one, which is their sum', () => {
  const owners = Array.from({ length: 50 }, (_, index) => ({ name: 'idle', value: 0.1, of: `web-${index}` }))
  expect(sumText([...owners, { name: 'headroom', value: -0.2 }])).toBe(
    '5.00 idle (web-0 and 49 others) − 0.20 headroom',
  )
})

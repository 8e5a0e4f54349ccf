// What the master is told of the estimate: at once when its kind changes, seldom otherwise, nothing twice.
import { expect, test } from 'vitest'
import { Saying, type Word } from '../../../../src/agent/lending/saying.ts'
import { Resources } from '../../../../src/resources/resources.ts'
import type { LinkCallLending } from '../../../../src/wire/link.ts'

const known = (cpus: number): Word['estimate'] => ({
  kind: 'known',
  additional: Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value: cpus }, revocable: {} }]),
  terms: [
    { name: 'idle', value: cpus, unit: 'cpus', of: 'web', why: '' },
    { name: 'idle', value: 64, unit: 'MB', of: 'web', why: '' },
  ],
})

test('an estimate is told with its sum, again when it differs, and at once when it becomes unknown', () => {
  const told: LinkCallLending[] = []
  const saying = new Saying(
    (one) => told.push(one),
    (name) => (name === 'tepui/lend_squeezes' ? 2 : 0),
  )
  const hear = (now: number, estimate: Word['estimate'], closed?: string): void =>
    saying.hear({ now, mode: 'full', estimate, closed })
  hear(0, known(0.5))
  expect(told).toEqual([
    {
      mode: 'full',
      additional: [expect.objectContaining({ name: 'cpus', scalar: { value: 0.5 } })],
      sum: '0.50 idle (web)',
      counters: [{ name: 'tepui/lend_squeezes', value: 2 }],
    },
  ])
  hear(1000, known(0.6))
  expect(told).toHaveLength(1)
  hear(6000, known(0.5))
  expect(told).toHaveLength(1)
  hear(6001, known(0.7))
  expect(told.at(-1)).toMatchObject({ sum: '0.70 idle (web)' })
  hear(6002, { kind: 'unknown', reason: 'it threw' })
  expect(told.at(-1)).toMatchObject({ unknown: 'it threw' })
  hear(6003, { kind: 'unknown', reason: 'it threw' }, 'lending is paused')
  expect(told.at(-1)).toMatchObject({ closed: 'lending is paused' })
  expect(told).toHaveLength(4)
})

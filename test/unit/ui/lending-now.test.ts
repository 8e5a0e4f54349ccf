// What the page makes of lending at this moment: what is held, used, held back, and what was taken back lately.
import { describe, expect, test } from 'vitest'
import { type AgentRow, type LendEvent, USAGE_COLUMNS } from '../../../src/wire/page.ts'
import { attention } from '../../../ui/data/attention.ts'
import { lendingOf, MOST_EVENTS, signsOf, takenBack } from '../../../ui/data/lending-now.ts'
import { Recent } from '../../../ui/data/recent.ts'

const NONE = { cpus: 0, mem: 0, disk: 0, gpus: 0 }
const agent = (id: string, more: Partial<AgentRow> = {}): AgentRow => ({
  id,
  name: `name of ${id}`,
  hostname: 'h1',
  ip: '10.0.0.1',
  port: 5051,
  state: 'connected',
  since: 0,
  version: '0.1.0',
  attributes: {},
  total: { ...NONE, cpus: 4 },
  allocated: { ...NONE, cpus: 3 },
  offered: NONE,
  lent: { ...NONE, cpus: 2 },
  lentHeld: { ...NONE, cpus: 0.5 },
  mode: 'full',
  sum: '',
  unknown: '',
  closed: '',
  ...more,
})
const point = (values: Partial<Record<(typeof USAGE_COLUMNS)[number], number>>): number[] =>
  USAGE_COLUMNS.map((name) => values[name] ?? (name === 'cpusQuota' ? -1 : 0))
const deed = (at: number, kind: string, more: Partial<LendEvent> = {}): LendEvent => ({
  agent: 'S1',
  event: at,
  at,
  kind,
  owner: 'web',
  tasks: ['batch'],
  why: '',
  signal: '',
  value: 0,
  threshold: 0,
  unit: '',
  before: '',
  after: '',
  ...more,
})

describe('what is lent now', () => {
  test('is summed over agents, and what an agent that is away used last does not count as in use', () => {
    const away = agent('S2', { state: 'disconnected' })
    const usage = { S1: point({ cpusBorrowers: 0.25 }), S2: point({ cpusBorrowers: 0.4 }) }
    expect(lendingOf([agent('S1'), away], usage)).toMatchObject({ held: 1, inUse: 0.25, toLend: 4 })
  })

  test.each([
    ['no limit', -1, 0],
    ['a limit below what they hold', 0.2, 1],
    ['a limit of nothing at all', 0, 1],
    ['a limit above what they hold', 3, 0],
  ])('with %s borrowers are held back on so many agents', (_, cpusQuota, squeezed) => {
    expect(lendingOf([agent('S1')], { S1: point({ cpusQuota }) })).toMatchObject({ squeezed })
  })

  test.each([
    [[], 'no agents'],
    [[agent('S1')], 'lending is on'],
    [[agent('S1'), agent('S2')], 'lending is on everywhere'],
    [
      [agent('S1'), agent('S2', { closed: 'lending is paused by an operator' })],
      'lending by agent: 1 on, 1 paused',
    ],
    [
      [agent('S1', { mode: 'observe' }), agent('S2', { mode: 'off' })],
      'lending by agent: 1 only observed, 1 off',
    ],
  ])('%#: how it is switched is said in words', (agents, modes) => {
    expect(lendingOf(agents, {})).toMatchObject({ modes })
  })
})

describe('what was taken back', () => {
  const NOW = 10_000_000

  test('counts the deeds of the last hour that were done, and names the newest', () => {
    const events = [
      deed(NOW - 3_700_000, 'squeeze'),
      deed(NOW - 60_000, 'squeeze'),
      deed(NOW - 50_000, 'evict'),
      deed(NOW - 40_000, 'freeze', { heldBack: 'only observed' }),
      deed(NOW - 30_000, 'relax'),
    ]
    expect(takenBack(events, NOW)).toEqual({ times: 2, ended: 1, last: events[2], spanMs: 3_600_000 })
  })

  test('speaks of no longer than is remembered', () => {
    const events = Array.from({ length: MOST_EVENTS }, (_, index) => deed(NOW - 60_000 + index, 'squeeze'))
    expect(takenBack(events, NOW)).toMatchObject({ times: MOST_EVENTS, spanMs: 60_000 })
  })

  test('needs attention when one agent does it again and again, not when many do it once', () => {
    const agents = Array.from({ length: 30 }, (_, index) => agent(`S${index}`))
    const known = { agents, frameworks: [], tasks: [] }
    const once = agents.map(({ id }, index) => deed(NOW - index, 'squeeze', { agent: id }))
    expect(attention(NOW, { ...known, events: once })).toEqual([])
    const often = Array.from({ length: 20 }, (_, index) => deed(NOW - index, 'squeeze'))
    expect(attention(NOW, { ...known, events: often })).toMatchObject([
      { text: 'name of S1 took back 20 times in 15 minutes', href: '#/agents/S1' },
    ])
  })
})

test('steps of giving back are one sign of each agent, until something else is done there', () => {
  const events = [
    deed(1, 'squeeze'),
    deed(2, 'relax'),
    deed(3, 'relax', { agent: 'S2' }),
    deed(4, 'lend'),
    deed(5, 'relax'),
    deed(6, 'freeze'),
    deed(7, 'relax'),
  ]
  expect(signsOf(events).map(({ event, steps }) => [event.at, event.kind, steps])).toEqual([
    [1, 'squeeze', 1],
    [3, 'relax', 1],
    [5, 'relax', 2],
    [6, 'freeze', 1],
    [7, 'relax', 1],
  ])
})

describe('the recent values of a figure', () => {
  test('are those of each agent, once each, bounded, and begin anew after a silence', () => {
    const recent = new Recent('cpuPressure')
    for (let second = 1; second <= 200; second++)
      recent.add({ S1: point({ at: second * 1000, cpuPressure: second / 1000 }) })
    recent.add({ S1: point({ at: 200_000, cpuPressure: 1 }), S2: point({ at: 5000, cpuPressure: -1 }) })
    expect(recent.of('S1')).toHaveLength(120)
    expect(recent.of('S1').at(-1)).toEqual({ at: 200_000, value: 0.2 })
    expect(recent.of('S2')).toEqual([{ at: 5000, value: -1 }])
    recent.add({ S1: point({ at: 300_000, cpuPressure: 0.5 }) })
    expect(recent.of('S1')).toEqual([{ at: 300_000, value: 0.5 }])
    expect(recent.of('nobody')).toEqual([])
  })
})

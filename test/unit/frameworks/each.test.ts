// The framework behind `tepui each`: once on every agent, whatever the agents do.
import { describe, expect, test } from 'vitest'
import { EachFramework, foldOutputs } from '../../../src/frameworks/each.ts'
import { offerOf, offers, update, WISH } from './offers.ts'

const AGENTS = ['a1', 'a2', 'a3'].map((name) => ({ id: `id-${name}`, name }))
const all = AGENTS.map(({ name }) => offerOf({ agent: name }))

describe('Each', () => {
  test('launches once on every agent, and not again when it is offered again', () => {
    const each = new EachFramework(WISH, 'each', AGENTS, 10)
    const accepts = each.step(offers(...all)).filter(({ type }) => type === 'accept')
    expect(accepts).toHaveLength(3)
    expect(each.step(offers(...all)).map(({ type }) => type)).toEqual(['decline'])
  })

  test('runs at most so many at a time, and asks for the others when one is done', () => {
    const each = new EachFramework(WISH, 'each', AGENTS, 1)
    const first = each.step(offers(...all))
    expect(first.map(({ type }) => type)).toEqual(['accept', 'decline'])
    expect(each.step(update('each.1', 'TASK_FINISHED')).map(({ type }) => type)).toEqual([
      'acknowledge',
      'revive',
    ])
    expect(each.step(offers(...all.slice(1))).map(({ type }) => type)).toEqual(['accept', 'decline'])
  })

  test('is done when every agent has a result, in the order of the agents', () => {
    const each = new EachFramework(WISH, 'each', AGENTS, 10)
    each.step(offers(...all))
    for (const number of [3, 1, 2]) each.step(update(`each.${number}`, 'TASK_FINISHED'))
    expect(each.done).toBe(true)
    expect(each.results.map(({ agent }) => agent.name)).toEqual(['a1', 'a2', 'a3'])
  })

  test('kills what is late, and tells which agents never had room', () => {
    const each = new EachFramework(WISH, 'each', AGENTS, 10)
    each.step(offers(offerOf({ agent: 'a1' }), offerOf({ agent: 'a2', cpus: 0.1 })))
    expect(each.step({ type: 'time-over' })).toEqual([{ type: 'kill', taskId: 'each.1', agentId: 'id-a1' }])
    expect(each.results.map(({ result }) => result.kind)).toEqual(['late', 'never', 'never'])
    expect(each.results[1]?.result).toMatchObject({ missing: [{ what: 'cpus' }] })
    expect(each.results[2]?.result).toMatchObject({ missing: undefined })
  })

  test('tries an agent again whose offer was gone', () => {
    const each = new EachFramework(WISH, 'each', AGENTS.slice(0, 1), 10)
    each.step(offers(offerOf()))
    each.step(update('each.1', 'TASK_DROPPED', { reason: 'REASON_INVALID_OFFERS' }))
    expect(each.step(offers(offerOf())).map(({ type }) => type)).toEqual(['accept'])
  })
})

test('Equal outputs are folded, the largest group first, line ends at the end aside', () => {
  const folds = foldOutputs([
    { agent: 'a1', output: '6.1\n' },
    { agent: 'a2', output: '6.12' },
    { agent: 'a3', output: '6.1' },
  ])
  expect(folds).toEqual([
    { output: '6.1', agents: ['a1', 'a3'] },
    { output: '6.12', agents: ['a2'] },
  ])
})

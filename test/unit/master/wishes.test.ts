// When the master allocates between its batches, so that short tasks do not wait for the next one.
import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import type { MasterEffect, MasterEvent } from '../../../src/master/core/events.ts'
import { Shell } from '../../../src/master/shell.ts'
import type { Offer } from '../../../src/wire/offers.ts'
import type { TaskInfo } from '../../../src/wire/tasks.ts'
import { ManualClock } from '../../support/clock.ts'
import { MasterRig, task } from '../../support/master-rig.ts'

function offered() {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  rig.agent('a2')
  const id = rig.framework('f1')
  const offer = rig.offers('f1').find((one) => one.agent_id.value === agentId)
  return { rig, agentId, id, offer: offer as Offer }
}

const wishes = (effects: readonly MasterEffect[]): MasterEffect[] =>
  effects.filter(({ type }) => type === 'allocate-soon')

function accept(rig: MasterRig, id: string, offer: Offer, tasks: TaskInfo[]): readonly MasterEffect[] {
  const operations = [{ type: 'LAUNCH' as const, launch: { task_infos: tasks } }]
  const call = {
    type: 'ACCEPT' as const,
    framework_id: { value: id },
    accept: { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } },
  }
  return rig.step({ type: 'framework-call', frameworkId: id, call })
}

test('what a launch leaves of an offer is offered again at once, on its agent alone', () => {
  const { rig, agentId, id, offer } = offered()
  expect(wishes(accept(rig, id, offer, [task('t', agentId)]))).toEqual([{ type: 'allocate-soon', agentId }])
  rig.heard('f1')
  rig.step({ type: 'allocate', agentIds: [agentId] })
  expect(rig.lastOffers('f1').map((one) => one.agent_id.value)).toEqual([agentId])
})

test('who accepts without launching, or declines, waits for the batch: else it would be asked without end', () => {
  const { rig, agentId, id, offer } = offered()
  const refused = task('t', agentId, 'cpus:1000')
  expect(wishes(accept(rig, id, offer, [refused]))).toEqual([])
  const [again] = rig.offers('f1')
  const decline = { offer_ids: [(again as Offer).id], filters: { refuse_seconds: 0 } }
  const call = { type: 'DECLINE' as const, framework_id: { value: id }, decline }
  expect(wishes(rig.step({ type: 'framework-call', frameworkId: id, call }))).toEqual([])
})

test('what a task held is offered again as soon as it ended', () => {
  const { rig, agentId, id, offer } = offered()
  accept(rig, id, offer, [task('t', agentId)])
  const ended = (state: 'TASK_RUNNING' | 'TASK_FINISHED'): readonly MasterEffect[] =>
    rig.step({
      type: 'agent-call',
      agentId,
      call: {
        type: 'UPDATE',
        agent_id: { value: agentId },
        update: {
          framework_id: { value: id },
          status: { task_id: { value: 't' }, state, uuid: 'AAAAAAAAAAAAAAAAAAAAAA==', timestamp: 1 },
        },
      },
    })
  expect(wishes(ended('TASK_RUNNING'))).toEqual([])
  expect(wishes(ended('TASK_FINISHED'))).toEqual([{ type: 'allocate-soon', agentId }])
})

/** Every run takes `runMs`. */
function shellThatWishes(runMs: number) {
  const clock = new ManualClock()
  const runs: (readonly string[] | 'everywhere')[] = []
  let took = 0
  const step = (event: MasterEvent): readonly MasterEffect[] => {
    if (event.type === 'allocate') {
      runs.push(event.agentIds ?? 'everywhere')
      took += runMs
    }
    if (event.type !== 'framework-disconnected') return []
    return [{ type: 'allocate-soon', ...(event.connection !== 'all' && { agentId: event.connection }) }]
  }
  const shell = new Shell({
    step,
    clock: {
      now: () => clock.now(),
      monotonic: () => clock.monotonic() + took,
      after: (ms, fn) => clock.after(ms, fn),
      sleep: (ms, signal) => clock.sleep(ms, signal),
    },
    log: silentLogger,
    metrics: new Metrics(),
    allocationIntervalMs: 1000,
  })
  const wish = (where: string): unknown =>
    shell.dispatch({ type: 'framework-disconnected', connection: where })
  return { clock, runs, wish }
}

test('wishes for single agents become one run for them, a wish for all becomes a run for all', async () => {
  const { clock, runs, wish } = shellThatWishes(0)
  for (const where of ['a', 'b', 'a']) wish(where)
  await clock.advance(0)
  for (const where of ['a', 'all', 'b']) wish(where)
  await clock.advance(0)
  wish('c')
  await clock.advance(0)
  expect(runs).toEqual([['a', 'b'], 'everywhere', ['c']])
})

test('after a long run the next one that is wished for waits twice as long, at most a batch', async () => {
  const { clock, runs, wish } = shellThatWishes(200)
  wish('a')
  await clock.advance(0)
  wish('b')
  await clock.advance(399)
  expect(runs).toEqual([['a']])
  await clock.advance(1)
  expect(runs).toEqual([['a'], ['b']])
  const slow = shellThatWishes(60_000)
  slow.wish('a')
  await slow.clock.advance(0)
  slow.wish('b')
  await slow.clock.advance(1000)
  expect(slow.runs).toEqual([['a'], ['b']])
})

// The shell around the master's core: order of events, timers, streams, times of allocation.
import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import type { MasterEffect, MasterEvent } from '../../../src/master/core/events.ts'
import { Shell, type Sink } from '../../../src/master/shell.ts'
import { ManualClock } from '../../support/clock.ts'

class FakeSink implements Sink {
  readonly sent: string[] = []
  ended = false
  #onClose: ((end: 'ended' | 'left' | 'slow') => void) | undefined

  send(record: string): boolean {
    if (this.ended) return false
    this.sent.push((JSON.parse(record) as { type: string }).type)
    return true
  }

  end(): void {
    this.ended = true
    this.#onClose?.('ended')
  }

  onClose(fn: (end: 'ended' | 'left' | 'slow') => void): void {
    if (this.ended) fn('ended')
    else this.#onClose = fn
  }
}

/** A shell around a core that answers each event with the effects of a table. */
function shellWith(answers: (event: MasterEvent) => readonly MasterEffect[] = () => []) {
  const clock = new ManualClock()
  const metrics = new Metrics()
  const events: MasterEvent[] = []
  const step = (event: MasterEvent): readonly MasterEffect[] => {
    events.push(event)
    return answers(event)
  }
  const shell = new Shell({ step, clock, log: silentLogger, metrics, allocationIntervalMs: 1000 })
  const kinds = (): string[] => events.map(({ type }) => type)
  return { shell, clock, metrics, events, kinds }
}

const SUBSCRIBE = { type: 'SUBSCRIBE' } as const
const subscribed = (connection: string): MasterEffect => ({
  type: 'to-framework',
  connection,
  event: { type: 'SUBSCRIBED', subscribed: { framework_id: { value: 'f' } } },
})

test('batch allocations come every interval, and none after the end', async () => {
  const { shell, clock, kinds } = shellWith()
  shell.start()
  await clock.advance(3500)
  expect(kinds()).toEqual(['allocate', 'allocate', 'allocate'])
  shell[Symbol.dispose]()
  expect(clock.pending).toBe(0)
})

test('many wishes for an allocation become one, with the time of its event', async () => {
  const { shell, clock, events, kinds } = shellWith((event) =>
    event.type === 'allocate' ? [] : [{ type: 'allocate-soon' }, { type: 'allocate-soon' }],
  )
  shell.dispatch({ type: 'framework-disconnected', connection: 'a' })
  shell.dispatch({ type: 'framework-disconnected', connection: 'b' })
  await clock.advance(0)
  expect(kinds()).toEqual(['framework-disconnected', 'framework-disconnected', 'allocate'])
  expect(events.at(-1)?.now).toBe(clock.now())
})

test('a timer comes back once as an event, and a later one of the same thing takes its place', async () => {
  const timer = { kind: 'ping', agentId: 'a', connection: 'c1' } as const
  const { shell, clock, events } = shellWith((event) => {
    if (event.type === 'timer') return []
    const connection = (event as { connection: string }).connection
    return [{ type: 'timer', afterMs: 100, timer: { ...timer, connection } }]
  })
  shell.dispatch({ type: 'agent-disconnected', connection: 'c1' })
  await clock.advance(50)
  shell.dispatch({ type: 'agent-disconnected', connection: 'c2' })
  await clock.advance(1000)
  expect(events.filter(({ type }) => type === 'timer')).toEqual([
    { type: 'timer', timer: { ...timer, connection: 'c2' }, now: 1_700_000_000_150 },
  ])
})

test('what happens during a step waits for its end', () => {
  const sink = new FakeSink()
  const { shell, kinds } = shellWith((event) => {
    if (event.type === 'framework-subscribe') return [subscribed('c')]
    return event.type === 'framework-call'
      ? [{ type: 'close-framework', connection: 'c' }, subscribed('c')]
      : []
  })
  shell.openScheduler('c', sink, SUBSCRIBE, undefined)
  shell.dispatch({ type: 'framework-call', frameworkId: 'f', call: { type: 'TEARDOWN' } })
  expect(kinds()).toEqual(['framework-subscribe', 'framework-call', 'framework-disconnected'])
  expect(sink.sent).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
})

test('heartbeats end with their stream', async () => {
  const sink = new FakeSink()
  const { shell, clock } = shellWith((event) =>
    event.type === 'framework-subscribe' ? [subscribed('c')] : [],
  )
  shell.openScheduler('c', sink, SUBSCRIBE, undefined)
  await clock.advance(30_000)
  expect(sink.sent).toEqual(['SUBSCRIBED', 'HEARTBEAT', 'HEARTBEAT', 'HEARTBEAT'])
  sink.end()
  await clock.advance(30_000)
  expect(sink.sent).toHaveLength(4)
  expect(clock.pending).toBe(0)
})

test('a stream that is refused is told why and never hears a heartbeat', async () => {
  const sink = new FakeSink()
  const { shell, clock } = shellWith((event) =>
    event.type === 'framework-subscribe'
      ? [
          { type: 'to-framework', connection: 'c', event: { type: 'ERROR', error: { message: 'no' } } },
          { type: 'close-framework', connection: 'c' },
        ]
      : [],
  )
  shell.openScheduler('c', sink, SUBSCRIBE, undefined)
  await clock.advance(30_000)
  expect(sink.sent).toEqual(['ERROR'])
  expect(sink.ended).toBe(true)
})

test('the answer to a call comes back to who made it', () => {
  const { shell } = shellWith(() => [{ type: 'answer', status: 400, message: 'no' }])
  const call = { type: 'UPDATE_FRAMEWORK' } as const
  expect(shell.dispatch({ type: 'framework-call', frameworkId: 'f', call })).toMatchObject({ status: 400 })
})

test('counts and the number of steps are kept', () => {
  const { shell, metrics } = shellWith(() => [{ type: 'count', metric: 'master/dropped_messages', by: 2 }])
  shell.dispatch({ type: 'agent-disconnected', connection: 'a' })
  expect(metrics.value('master/dropped_messages')).toBe(2)
  expect(shell.steps).toBe(1)
})

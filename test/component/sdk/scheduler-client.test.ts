// A framework's client against masters that redirect, refuse, vanish, and lie.
import { describe, expect, test, vi } from 'vitest'
import { type Answer, empty, redirect, text } from '../../../src/http/response.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { Refused, Retry } from '../../../src/sdk/errors.ts'
import { SchedulerClient, type SubscribeOptions } from '../../../src/sdk/scheduler-client.ts'
import { commandTask, launch } from '../../../src/sdk/sdk.ts'
import type { Offer } from '../../../src/wire/offers.ts'
import type { SchedulerCall, SchedulerEvent } from '../../../src/wire/scheduler.ts'
import { ManualClock } from '../../support/clock.ts'
import { serving } from '../http/serving.ts'
import { subscribed, toyMaster, type ToyMaster } from './toy-master.ts'

const FRAMEWORK = { user: 'root', name: 'test', roles: ['a', 'b'] }
const AT_ONCE = { firstMs: 1, factor: 1, maxMs: 1, jitter: 0 }

const STATUS = { task_id: { value: 't' }, state: 'TASK_RUNNING', agent_id: { value: 'S1' } } as const
const UUID = 'AAAAAAAAAAAAAAAAAAAAAA=='

const offer: Offer = {
  id: { value: 'O1' },
  framework_id: { value: 'F-0001' },
  agent_id: { value: 'S1' },
  hostname: 'agent',
}

function connect(
  master: ToyMaster | string,
  options: Partial<SubscribeOptions> = {},
): Promise<SchedulerClient> {
  const address = typeof master === 'string' ? master : master.address
  return SchedulerClient.subscribe({ master: address, framework: FRAMEWORK, reconnect: AT_ONCE, ...options })
}

/** The types of all events until the end, and what the loop threw. */
async function drain(client: SchedulerClient): Promise<{ types: (string | undefined)[]; trouble: unknown }> {
  const types: (string | undefined)[] = []
  try {
    for await (const event of client.events) types.push(event.type)
    return { types, trouble: undefined }
  } catch (trouble) {
    return { types, trouble }
  }
}

async function take(client: SchedulerClient, count: number): Promise<SchedulerEvent[]> {
  const events: SchedulerEvent[] = []
  for await (const event of client.events) {
    events.push(event)
    if (events.length === count) break
  }
  return events
}

describe('a scheduler client', () => {
  test('subscribes, shows events without heartbeats, and sends every call with its stream id', async () => {
    await using master = await toyMaster()
    await using client = await connect(master)
    const { stream } = await master.subscription()
    expect(client.frameworkId).toBe('F-0001')
    stream.send('{"type":"HEARTBEAT"}')
    stream.send('{"type":"SOMETHING_NEW","something_new":{}}')
    stream.send('{"type":"OFFERS","offers":{"offers":[]}}')
    expect((await take(client, 2)).map(({ type }) => type)).toEqual(['SUBSCRIBED', 'OFFERS'])

    const task = commandTask({ id: 't', offer, command: 'true', cpus: 0.1, mem: 32 })
    await client.accept([offer], [launch([task])], { refuse_seconds: 1 })
    await client.decline([offer])
    await client.revive()
    await client.suppress(['a'])
    await client.kill('t', { agentId: 'S1', graceMs: 1500 })
    await client.acknowledge({ ...STATUS, uuid: UUID })
    await client.acknowledge(STATUS)
    await client.reconcile([{ taskId: 't' }])
    await client.message('S1', 'E1', 'hello')
    await client.shutdown('E1', 'S1')
    await client.request([])
    await client.updateFramework({ ...FRAMEWORK, id: { value: 'F-0001' } })
    const told = master.calls.slice(1)
    expect(told.map(({ call }) => call.type).join(' ')).toBe(
      'ACCEPT DECLINE REVIVE SUPPRESS KILL ACKNOWLEDGE RECONCILE MESSAGE SHUTDOWN REQUEST UPDATE_FRAMEWORK',
    )
    expect(new Set(told.map(({ call, streamId }) => `${call.framework_id?.value} ${streamId}`))).toEqual(
      new Set(['F-0001 stream-1']),
    )
    expect(told[0]?.call.accept?.operations?.[0]?.launch?.task_infos?.[0]?.command?.value).toBe('true')
    expect(told[4]?.call.kill).toEqual({
      task_id: { value: 't' },
      agent_id: { value: 'S1' },
      kill_policy: { grace_period: { nanoseconds: 1.5e9 } },
    })
    expect(told[7]?.call.message?.data).toBe('aGVsbG8=')
  })

  test('sends acknowledgements as records to a master that takes them, and the last before it leaves', async () => {
    await using master = await toyMaster({ records: true })
    {
      await using client = await connect(master)
      await client.acknowledge({ ...STATUS, uuid: UUID })
      await master.next('ACKNOWLEDGE')
      await client.revive()
      await client.acknowledge({ ...STATUS, uuid: UUID })
    }
    expect(master.calls.slice(1).map(({ call, byRecord }) => `${call.type} ${byRecord}`)).toEqual([
      'ACKNOWLEDGE true',
      'REVIVE false',
      'ACKNOWLEDGE true',
    ])
    expect(new Set(master.calls.slice(1).map(({ streamId }) => streamId))).toEqual(new Set(['stream-1']))
  })

  test('sends acknowledgements in requests again when their records are refused', async () => {
    const answer = ({ type }: SchedulerCall): Answer | undefined =>
      type === 'ACKNOWLEDGE' && asRecords() ? text(400, 'no records today') : undefined
    await using master = await toyMaster({ records: true, answer })
    const asRecords = (): boolean => master.calls.at(-1)?.byRecord === true
    await using client = await connect(master)
    await client.acknowledge({ ...STATUS, uuid: UUID })
    await vi.waitFor(async () => {
      await client.acknowledge({ ...STATUS, uuid: UUID })
      expect(master.calls.at(-1)).toMatchObject({ call: { type: 'ACKNOWLEDGE' }, byRecord: false })
    }, 30_000)
    expect(client.connected).toBe(true)
  })

  test('sends calls in the order in which they were made, waited for or not', async () => {
    await using master = await toyMaster()
    await using client = await connect(master)
    await Promise.all(Array.from({ length: 100 }, (_, index) => client.kill(`t${index}`)))
    expect(master.calls.slice(1).map(({ call }) => call.kill?.task_id.value)).toEqual(
      Array.from({ length: 100 }, (_, index) => `t${index}`),
    )
  })

  test('follows redirects to the leader, and comes back to it with its id', async () => {
    await using leader = await toyMaster()
    await using follower = await toyMaster({ answer: () => redirect(`//${leader.address}/api/v1/scheduler`) })
    await using client = await connect(follower)
    const first = await leader.subscription()
    first.stream.cut()
    const second = await leader.subscription()
    expect(second.call.framework_id?.value).toBe('F-0001')
    expect(second.call.subscribe?.framework_info.id?.value).toBe('F-0001')
    expect(follower.calls.length).toBe(2)
    await take(client, 2)
    await client.revive()
    expect(leader.calls.at(-1)?.streamId).toBe('stream-2')
  })

  test.each(['', 'nonsense://x', 'http://', '//'])('does not follow a redirect to %j', async (location) => {
    await using master = await toyMaster({ answer: () => empty(307, { Location: location }) })
    await expect(connect(master, { reconnect: false })).rejects.toMatchObject({ code: 'PROTOCOL' })
  })

  test('does not follow masters that redirect in a circle for ever', async () => {
    let self = ''
    await using master = await toyMaster({ answer: () => redirect(`//${self}/`) })
    self = master.address
    await expect(connect(master, { reconnect: false })).rejects.toThrow('do not agree who leads')
    expect(master.calls.length).toBe(6)
  })

  test('tries the next of several masters when one does not answer or has no leader', async () => {
    const gone = await serving([])
    await gone[Symbol.asyncDispose]()
    await using undecided = await toyMaster({ answer: () => text(503, 'No leader elected') })
    await using master = await toyMaster()
    await using client = await connect(`127.0.0.1:${gone.port},http://${undecided.address},${master.address}`)
    expect(client.connected).toBe(true)
    expect(undecided.calls.length).toBe(1)
  })

  test('gives up at the first failure when it is told so', async () => {
    await using master = await toyMaster({ answer: () => text(503, 'No leader elected') })
    const trouble = await connect(master, { reconnect: false }).catch((error: unknown) => error)
    expect(trouble).toBeInstanceOf(Retry)
    expect((trouble as Error).message).toMatch(/503: No leader elected$/)
  })

  test('says in the words of the master why it was refused, and does not try again', async () => {
    await using master = await toyMaster({
      answer: () => text(400, 'Failed to validate scheduler::Call: no'),
    })
    const trouble = await connect(master).catch((error: unknown) => error)
    expect(trouble).toBeInstanceOf(Refused)
    expect(trouble).toMatchObject({ status: 400, text: 'Failed to validate scheduler::Call: no' })
    expect(master.calls.length).toBe(1)
  })

  test('ends with the words of an ERROR event, whether it comes first or later', async () => {
    const failed = { type: 'ERROR', error: { message: 'Framework has been removed' } } as const
    await using refusing = await toyMaster({ welcome: (subscription) => subscription.send(failed) })
    await expect(connect(refusing)).rejects.toMatchObject({ text: 'Framework has been removed' })

    await using master = await toyMaster()
    await using client = await connect(master)
    ;(await master.subscription()).send(failed)
    const { types, trouble } = await drain(client)
    expect(types).toEqual(['SUBSCRIBED', 'ERROR'])
    expect(trouble).toBeInstanceOf(Refused)
    expect(master.calls.length).toBe(1)
    await expect(client.revive()).rejects.toBeInstanceOf(Error)
  })

  test.each([
    ['ends', (one: { end(): void }) => one.end()],
    ['is cut', (one: { cut(): void }) => one.cut()],
    ['brings a record that is no JSON', (one: { send(text: string): unknown }) => one.send('{')],
    [
      'brings a record that is no event',
      (one: { send(text: string): unknown }) => one.send('{"type":"UPDATE","update":{}}'),
    ],
    ['brings an empty record', (one: { send(text: string): unknown }) => one.send('')],
  ])('subscribes again with its id when the stream %s', async (_what, spoil) => {
    await using master = await toyMaster()
    await using client = await connect(master)
    spoil((await master.subscription()).stream)
    const again = await master.subscription()
    expect(again.call.framework_id?.value).toBe('F-0001')
    expect((await take(client, 2)).map(({ type }) => type)).toEqual(['SUBSCRIBED', 'SUBSCRIBED'])
  })

  test('keeps suppressed roles over subscriptions, as calls changed them', async () => {
    await using master = await toyMaster()
    await using client = await connect(master, { suppressedRoles: ['a'] })
    const first = await master.subscription()
    expect(first.call.subscribe?.suppressed_roles).toEqual(['a'])
    await client.suppress()
    await client.revive(['a'])
    first.stream.cut()
    expect((await master.subscription()).call.subscribe?.suppressed_roles).toEqual(['b'])
  })

  test('takes five silent heartbeats for a dead connection', async () => {
    const clock = new ManualClock()
    await using master = await toyMaster({
      welcome: (subscription) => subscription.send(subscribed('F-0001', 2)),
    })
    await using client = await connect(master, { clock })
    const first = await master.subscription()
    await clock.advance(9000)
    first.stream.send('{"type":"HEARTBEAT"}')
    first.stream.send('{"type":"RESCIND","rescind":{"offer_id":{"value":"O1"}}}')
    await take(client, 2)
    await clock.advance(9999)
    expect(first.stream.closed).toBe(false)
    const closed = new Promise((resolve) => first.stream.onClose(resolve))
    await clock.advance(1)
    await closed
    while (clock.pending === 0) await clock.settle()
    await clock.advance(1)
    expect((await master.subscription()).call.framework_id?.value).toBe('F-0001')
  })

  test('waits longer and longer between attempts that fail, and little again after a success', async () => {
    const clock = new ManualClock()
    let refuse = true
    await using master = await toyMaster({ answer: () => (refuse ? text(503, 'not yet') : undefined) })
    const waits: number[] = []
    const sleep = clock.sleep.bind(clock)
    clock.sleep = (ms, signal) => {
      waits.push(ms)
      return sleep(ms, signal)
    }
    const backoff = { firstMs: 1000, factor: 2, maxMs: 4000, jitter: 0.5 }
    const options = {
      master: master.address,
      framework: FRAMEWORK,
      clock,
      random: seededRandom(1),
      reconnect: backoff,
    }
    const connecting = SchedulerClient.subscribe(options)
    for (let attempt = 1; attempt <= 5; attempt++) {
      while (waits.length < attempt) await clock.settle()
      if (attempt === 5) refuse = false
      await clock.advance(waits[attempt - 1] ?? 0)
    }
    await using client = await connecting
    for (const [index, base] of [1000, 2000, 4000, 4000, 4000].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(base / 2)
      expect(waits[index]).toBeLessThanOrEqual(base)
    }
    ;(await master.subscription()).stream.cut()
    while (waits.length < 6) await clock.settle()
    expect(client.connected).toBe(false)
    expect(waits[5]).toBeLessThanOrEqual(1000)
  })

  test('throws Retry for calls while it is not connected, and Refused with words for refused calls', async () => {
    await using master = await toyMaster({
      answer(call) {
        if (call.type === 'REVIVE') return text(400, 'The stream ID did not match')
        return call.type === 'SUPPRESS' ? text(403, 'Framework is not subscribed') : undefined
      },
    })
    await using client = await connect(master, { reconnect: { ...AT_ONCE, firstMs: 60_000, maxMs: 60_000 } })
    await expect(client.revive()).rejects.toMatchObject({ text: 'The stream ID did not match', status: 400 })
    await expect(client.suppress()).rejects.toBeInstanceOf(Retry)
    ;(await master.subscription()).stream.cut()
    while (client.connected) await new Promise((resolve) => setImmediate(resolve))
    await expect(client.kill('t')).rejects.toThrow('Cannot send KILL: not subscribed at the moment')
  })

  test('tears down and is over: no new subscription, its events end', async () => {
    await using master = await toyMaster()
    const client = await connect(master)
    await client.teardown()
    expect(await drain(client)).toEqual({ types: ['SUBSCRIBED'], trouble: undefined })
    expect(master.calls.map(({ call }) => call.type)).toEqual(['SUBSCRIBE', 'TEARDOWN'])
  })

  test('waits for calls under way when it is closed, and then leaves', async () => {
    await using master = await toyMaster()
    const client = await connect(master)
    const { stream } = await master.subscription()
    const left = new Promise((resolve) => stream.onClose(resolve))
    const killed = client.kill('t')
    await client[Symbol.asyncDispose]()
    await killed
    expect(await left).toBe('left')
    await expect(client.revive()).rejects.toMatchObject({ code: 'STOPPED' })
  })

  test('goes on after its loop was left, because calls need the subscription', async () => {
    await using master = await toyMaster()
    await using client = await connect(master)
    await take(client, 1)
    const { stream } = await master.subscription()
    stream.send('{"type":"OFFERS","offers":{"offers":[]}}')
    await client.revive()
    expect(stream.closed).toBe(false)
  })

  test('fails when its loop is too slow for the events', async () => {
    await using master = await toyMaster()
    await using client = await connect(master, { queueLimit: 3 })
    const { stream } = await master.subscription()
    for (let count = 0; count < 3; count++) stream.send('{"type":"OFFERS","offers":{"offers":[]}}')
    await new Promise((resolve) => stream.onClose(resolve))
    expect(await drain(client)).toMatchObject({ types: ['SUBSCRIBED', 'OFFERS', 'OFFERS'] })
    expect(client.connected).toBe(false)
  })

  test('ends with the reason of its signal, also before it was ever subscribed', async () => {
    await using master = await toyMaster()
    const controller = new AbortController()
    const reason = new Error('enough')
    const client = await SchedulerClient.subscribe(
      { master: master.address, framework: FRAMEWORK },
      controller.signal,
    )
    controller.abort(reason)
    expect(await drain(client)).toEqual({ types: ['SUBSCRIBED'], trouble: reason })

    await using silent = await toyMaster({ welcome: () => undefined })
    const second = new AbortController()
    const connecting = SchedulerClient.subscribe(
      { master: silent.address, framework: FRAMEWORK },
      second.signal,
    )
    await silent.subscription()
    second.abort(reason)
    await expect(connecting).rejects.toBe(reason)
  })

  test.each(['', 'zk://a:2181/mesos', 'https://a:5050', 'a b'])(
    'does not take %j for an address',
    async (address) => {
      await expect(connect(address)).rejects.toMatchObject({ code: 'USAGE' })
    },
  )
})

// An executor's client against agents that restart, refuse, and tell it to end.
import { describe, expect, test } from 'vitest'
import { accepted, stream, text, type Answer } from '../../../src/http/response.ts'
import type { HttpRequest } from '../../../src/http/request.ts'
import type { RecordStream } from '../../../src/http/stream.ts'
import { Refused } from '../../../src/sdk/errors.ts'
import { ExecutorClient, type ExecutorOptions } from '../../../src/sdk/executor-client.ts'
import { ExecutorCall, type ExecutorEvent } from '../../../src/wire/executor.ts'
import { parseMessage } from '../../../src/wire/json.ts'
import { ManualClock } from '../../support/clock.ts'
import { serving } from '../http/serving.ts'

const SUBSCRIBED = JSON.stringify({
  type: 'SUBSCRIBED',
  subscribed: {
    executor_info: { executor_id: { value: 'E1' } },
    framework_info: { user: 'root', name: 'test' },
    agent_info: { hostname: 'agent' },
  },
})
const launch = (id: string): string =>
  JSON.stringify({
    type: 'LAUNCH',
    launch: { task: { name: id, task_id: { value: id }, agent_id: { value: 'S1' } } },
  })
const acknowledged = (id: string, uuid: string): string =>
  JSON.stringify({ type: 'ACKNOWLEDGED', acknowledged: { task_id: { value: id }, uuid } })

interface ToyAgent extends AsyncDisposable {
  readonly port: number
  readonly calls: ExecutorCall[]
  readonly requests: HttpRequest[]
  /** The next subscription that was not handed out yet. */
  subscription(): Promise<RecordStream>
  /** Waits until that many calls of a type have come. */
  until(type: string, count: number): Promise<ExecutorCall[]>
}

async function toyAgent(answer?: (call: ExecutorCall) => Answer | undefined, port = 0): Promise<ToyAgent> {
  const calls: ExecutorCall[] = []
  const requests: HttpRequest[] = []
  const streams: RecordStream[] = []
  const waiting: (() => void)[] = []
  const wake = (): void => {
    for (const one of waiting.splice(0)) one()
  }
  const changed = (): Promise<void> => new Promise((resolve) => waiting.push(resolve))
  let handed = 0
  const handle = async (request: HttpRequest): Promise<Answer> => {
    const body = await request.body()
    if (!body.ok) return body.answer
    const decoded = parseMessage(ExecutorCall, body.bytes.toString())
    if (!decoded.ok) throw new Error(decoded.error)
    calls.push(decoded.value)
    requests.push(request)
    wake()
    const other = answer?.(decoded.value)
    if (other !== undefined || decoded.value.type !== 'SUBSCRIBE') return other ?? accepted()
    return stream({
      contentType: 'application/json',
      open(one) {
        one.send(SUBSCRIBED)
        streams.push(one)
        wake()
      },
    })
  }
  const served = await serving([{ path: '/api/v1/executor', handle }], { port })
  return {
    port: served.port,
    calls,
    requests,
    async subscription() {
      while (streams.length <= handed) await changed()
      return streams[handed++] as RecordStream
    },
    async until(type, count) {
      for (;;) {
        const found = calls.filter((call) => call.type === type)
        if (found.length >= count) return found
        await changed()
      }
    },
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
  }
}

const environmentOf = (
  port: number,
  more: Record<string, string> = {},
): Record<string, string | undefined> => ({
  MESOS_FRAMEWORK_ID: 'F1',
  MESOS_EXECUTOR_ID: 'E1',
  MESOS_AGENT_ENDPOINT: `127.0.0.1:${port}`,
  MESOS_SLAVE_PID: `slave(1)@127.0.0.1:${port}`,
  MESOS_SLAVE_ID: 'S1',
  MESOS_CHECKPOINT: '1',
  MESOS_SUBSCRIPTION_BACKOFF_MAX: '2ms',
  ...more,
})

const afterGrace = (): void => {
  throw new Error('the grace period is over')
}

function connect(
  agent: ToyAgent,
  more: Record<string, string> = {},
  options: ExecutorOptions = {},
): Promise<ExecutorClient> {
  return ExecutorClient.subscribe(environmentOf(agent.port, more), undefined, { afterGrace, ...options })
}

async function take(client: ExecutorClient, count: number): Promise<ExecutorEvent[]> {
  const events: ExecutorEvent[] = []
  for await (const event of client.events) {
    events.push(event)
    if (events.length === count) break
  }
  return events
}

async function types(client: ExecutorClient): Promise<(string | undefined)[]> {
  return (await take(client, Number.POSITIVE_INFINITY)).map(({ type }) => type)
}

const running = { task_id: { value: 't1' }, state: 'TASK_RUNNING' } as const
const finished = { task_id: { value: 't1' }, state: 'TASK_FINISHED' } as const

describe('an executor client', () => {
  test('subscribes below the name of its agent with its token, which is not passed on', async () => {
    await using agent = await toyAgent()
    const environment = environmentOf(agent.port, { MESOS_EXECUTOR_AUTHENTICATION_TOKEN: 'secret' })
    await using client = await ExecutorClient.subscribe(environment, undefined, { afterGrace })
    const request = agent.requests[0]
    expect(request?.url).toBe('/slave(1)/api/v1/executor')
    expect(request?.header('Authorization')).toBe('Bearer secret')
    expect('MESOS_EXECUTOR_AUTHENTICATION_TOKEN' in environment).toBe(false)
    expect(client.environment.checkpoint).toBe(true)
  })

  test('tells updates in order, complete, and as from an executor', async () => {
    const clock = new ManualClock()
    await using agent = await toyAgent()
    await using client = await connect(agent, {}, { clock })
    await Promise.all([client.update(running), client.update({ ...finished, message: 'done' })])
    const updates = await agent.until('UPDATE', 2)
    expect(updates.map((call) => call.update?.status.state)).toEqual(['TASK_RUNNING', 'TASK_FINISHED'])
    expect(updates[1]?.update?.status).toMatchObject({
      task_id: { value: 't1' },
      message: 'done',
      source: 'SOURCE_EXECUTOR',
      executor_id: { value: 'E1' },
      agent_id: { value: 'S1' },
      timestamp: clock.now() / 1000,
    })
    const uuids = updates.map((call) => call.update?.status.uuid ?? '')
    expect(new Set(uuids).size).toBe(2)
    expect(Buffer.from(uuids[0] ?? '', 'base64').length).toBe(16)
  })

  test('after a restart of its agent tells again what was not acknowledged, and nothing else', async () => {
    let port = 0
    let client: ExecutorClient
    {
      await using agent = await toyAgent()
      port = agent.port
      client = await connect(agent)
      const one = await agent.subscription()
      for (const id of ['t1', 't2']) one.send(launch(id))
      await take(client, 3)
      await Promise.all([client.update(running), client.update(finished)])
      const [first] = await agent.until('UPDATE', 2)
      one.send(acknowledged('t1', first?.update?.status.uuid ?? ''))
      one.send('{"type":"MESSAGE","message":{"data":"aGk="}}')
      await client.message('the acknowledgement has been read when this has been answered')
    }
    await using agent = await toyAgent(undefined, port)
    await agent.subscription()
    const subscribe = agent.calls[0]?.subscribe
    expect(subscribe?.unacknowledged_tasks?.map((task) => task.task_id.value)).toEqual(['t2'])
    expect(subscribe?.unacknowledged_updates?.map(({ status }) => status.state)).toEqual(['TASK_FINISHED'])
    await client[Symbol.asyncDispose]()
  })

  test('delivers an update made while its agent was away with the new subscription, and only so', async () => {
    const clock = new ManualClock()
    let client: ExecutorClient
    let port = 0
    {
      await using agent = await toyAgent()
      port = agent.port
      client = await connect(agent, {}, { clock })
    }
    // Beside the heartbeat there is now the wait before the next attempt.
    while (clock.pending < 2) await clock.settle()
    const told = client.update(finished)
    await using agent = await toyAgent(undefined, port)
    await clock.advance(2)
    await told
    await client.message('what was sent before this has arrived before this')
    expect(agent.calls.map(({ type }) => type)).toEqual(['SUBSCRIBE', 'MESSAGE'])
    const carried = agent.calls[0]?.subscribe?.unacknowledged_updates ?? []
    expect(carried.map(({ status }) => status.state)).toEqual(['TASK_FINISHED'])
    await client[Symbol.asyncDispose]()
  })

  test('fails an update that is refused, does not tell it again, and goes on with the next', async () => {
    await using agent = await toyAgent((call) =>
      call.update?.status.state === 'TASK_RUNNING'
        ? text(400, 'Failed to validate executor::Call: no')
        : undefined,
    )
    await using client = await connect(agent)
    const one = await agent.subscription()
    await expect(client.update(running)).rejects.toMatchObject({
      text: 'Failed to validate executor::Call: no',
    })
    await client.update(finished)
    one.cut()
    await agent.subscription()
    const [, second] = await agent.until('SUBSCRIBE', 2)
    expect(second?.subscribe?.unacknowledged_updates?.map(({ status }) => status.state)).toEqual([
      'TASK_FINISHED',
    ])
  })

  test('takes only so many updates without acknowledgement', async () => {
    await using agent = await toyAgent()
    await using client = await connect(agent, {}, { updateLimit: 2 })
    await client.update(running)
    await client.update(running)
    await expect(client.update(finished)).rejects.toMatchObject({ code: 'LIMIT' })
  })

  test('shuts down at once when its agent is lost and nothing is checkpointed', async () => {
    const agent = await toyAgent()
    const clock = new ManualClock()
    const { promise: killed, resolve } = Promise.withResolvers<void>()
    await using client = await connect(agent, { MESOS_CHECKPOINT: '0' }, { clock, afterGrace: resolve })
    await agent[Symbol.asyncDispose]()
    expect(await types(client)).toEqual(['SUBSCRIBED', 'SHUTDOWN'])
    await clock.advance(5000)
    await killed
  })

  test('shuts down when its checkpointing agent stays away for the recovery timeout', async () => {
    const agent = await toyAgent()
    const clock = new ManualClock()
    const options = { clock, random: { next: () => 1, uuid: () => '' } }
    await using client = await connect(
      agent,
      { MESOS_RECOVERY_TIMEOUT: '10secs', MESOS_SUBSCRIPTION_BACKOFF_MAX: '4secs' },
      options,
    )
    const events = types(client)
    let over = false
    void events.then(() => {
      over = true
    })
    await agent[Symbol.asyncDispose]()
    // 4 s between attempts: the one at 12 s is the first after 10 s.
    for (const atLeast of [4000, 8000]) {
      while (clock.monotonic() < atLeast) {
        await clock.settle()
        if (clock.pending > 1) await clock.advance(4000)
      }
      expect(over).toBe(false)
    }
    while (!over) {
      await clock.settle()
      if (clock.monotonic() < 12_000 && clock.pending > 1) await clock.advance(4000)
    }
    expect(await events).toEqual(['SUBSCRIBED', 'SHUTDOWN'])
  })

  test('on SHUTDOWN ends its events, still tells its last updates, and is killed only if it does not end', async () => {
    const clock = new ManualClock()
    let kills = 0
    const options = { clock, afterGrace: () => void kills++ }
    await using agent = await toyAgent()
    const client = await connect(agent, { MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '3secs' }, options)
    ;(await agent.subscription()).send('{"type":"SHUTDOWN"}')
    expect(await types(client)).toEqual(['SUBSCRIBED', 'SHUTDOWN'])
    await client.update({ task_id: { value: 't1' }, state: 'TASK_KILLED' })
    await clock.advance(2999)
    expect(kills).toBe(0)
    await client[Symbol.asyncDispose]()
    await clock.advance(10_000)
    expect(kills).toBe(0)
    expect(clock.pending).toBe(0)
  })

  test('sends a heartbeat every half hour, and shows none', async () => {
    const clock = new ManualClock()
    await using agent = await toyAgent()
    await using client = await connect(agent, {}, { clock })
    const one = await agent.subscription()
    one.send('{"type":"HEARTBEAT"}')
    one.send(launch('t1'))
    expect((await take(client, 2)).map(({ type }) => type)).toEqual(['SUBSCRIBED', 'LAUNCH'])
    await clock.advance(30 * 60_000 - 1)
    expect(agent.calls.length).toBe(1)
    await clock.advance(1)
    await agent.until('HEARTBEAT', 1)
  })

  test('waits for an agent that is still recovering, but takes no for an answer', async () => {
    let refusals = 2
    await using agent = await toyAgent(() =>
      refusals-- > 0 ? text(503, 'Agent has not finished recovery') : undefined,
    )
    await using client = await ExecutorClient.subscribe(environmentOf(agent.port), undefined, {
      afterGrace,
      random: { next: () => 0, uuid: () => '' },
    })
    expect(client.environment.executorId).toBe('E1')
    expect(agent.calls.length).toBe(3)

    await using strict = await toyAgent(() => text(400, 'Framework cannot be found'))
    const trouble = await connect(strict).catch((error: unknown) => error)
    expect(trouble).toBeInstanceOf(Refused)
    expect(strict.calls.length).toBe(1)
  })

  test('gives up after a minute when there is no agent', async () => {
    const agent = await toyAgent()
    await agent[Symbol.asyncDispose]()
    const clock = new ManualClock()
    const random = { next: () => 1, uuid: () => '' }
    const connecting = connect(agent, {}, { clock, random }).catch((error: unknown) => error)
    let trouble: unknown
    void connecting.then((error) => {
      trouble = error
    })
    while (trouble === undefined) {
      await clock.settle()
      if (clock.pending > 1) await clock.advance(1000)
    }
    expect(trouble).toMatchObject({ code: 'UNREACHABLE' })
    expect(clock.monotonic()).toBe(60_000)
    expect(clock.pending).toBe(0)
  })

  test('ends with the reason of its signal', async () => {
    await using agent = await toyAgent()
    const controller = new AbortController()
    const client = await ExecutorClient.subscribe(environmentOf(agent.port), controller.signal, {
      afterGrace,
    })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(types(client)).rejects.toBe(reason)
    await expect(client.update(running)).rejects.toBe(reason)
  })
})

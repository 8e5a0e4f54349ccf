// The executor API over HTTP: as a real Mesos answers, from SUBSCRIBE to the end, raw and with our client.
import { describe, expect, test } from 'vitest'
import { ExecutorClient } from '../../../src/sdk/sdk.ts'
import recorded from '../../recorded/gate.json' with { type: 'json' }
import { type OpenLink, runTask, TestAgent, ToyMaster } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'
import { EventStream } from '../../support/event-stream.ts'
import { exchange, requestText } from '../../support/raw-http.ts'

const PATH = '/slave(1)/api/v1/executor'
const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' }
const IDS = { framework_id: { value: 'F1' }, executor_id: { value: 'e' } }
const UUID = Buffer.alloc(16, 7).toString('base64')
const HEARTBEAT_MS = 30 * 60_000

interface World extends AsyncDisposable {
  readonly clock: ManualClock
  readonly master: ToyMaster
  readonly agent: TestAgent
  readonly link: OpenLink
}

/** An agent that was given a task for the executor `e`, whose container runs. */
async function world(...argv: string[]): Promise<World> {
  const clock = new ManualClock()
  const undo = new AsyncDisposableStack()
  const master = undo.use(await ToyMaster.start(clock))
  const agent = undo.use(await TestAgent.start(master.address, { clock, argv }))
  const link = await master.link()
  link.send(runTask('one', 'e'))
  await expect.poll(() => agent.containers.containers.size).toBe(1)
  return { clock, master, agent, link, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

const subscribe = (agent: TestAgent, more: object = {}): Promise<EventStream> => {
  const body = JSON.stringify({ type: 'SUBSCRIBE', ...IDS, subscribe: {}, ...more })
  return EventStream.open(agent.port, requestText(`POST ${PATH}`, JSON_HEADERS, body))
}

const update = (more: object = {}): string =>
  JSON.stringify({
    type: 'UPDATE',
    ...IDS,
    update: {
      status: {
        task_id: { value: 'one' },
        state: 'TASK_RUNNING',
        source: 'SOURCE_EXECUTOR',
        uuid: UUID,
        ...more,
      },
    },
  })

describe('the gate of the executor API', () => {
  for (const { why, request, response } of recorded.filter(({ request: { to } }) => to === 'agent')) {
    test(`answers as Mesos does: ${why} (${request.method} ${request.path})`, async () => {
      const clock = new ManualClock()
      await using agent = await TestAgent.start('127.0.0.1:1', { clock })
      const { method, path, headers, body } = request as typeof request & { readonly body?: string }
      const given = headers as Readonly<Record<string, string>>
      const answer = await exchange(agent.port, requestText(`${method} ${path}`, given, body))
      const { Date: _, ...theirs } = response.headers as Readonly<Record<string, string>>
      const { Date: __, ...ours } = answer.headers
      expect({ ...answer, headers: ours }).toEqual({
        status: response.status,
        headers: theirs,
        body: response.body,
      })
    })
  }

  const wrong: readonly (readonly [number, string | RegExp, string])[] = [
    [
      400,
      'Framework cannot be found',
      JSON.stringify({ ...JSON.parse(update()), framework_id: { value: 'F2' } }),
    ],
    [
      400,
      'Executor cannot be found',
      JSON.stringify({ ...JSON.parse(update()), executor_id: { value: 'x' } }),
    ],
    [400, /'subscribe'/, JSON.stringify({ type: 'SUBSCRIBE', ...IDS })],
    [400, /'update'/, JSON.stringify({ type: 'UPDATE', ...IDS })],
    [400, /'message'/, JSON.stringify({ type: 'MESSAGE', ...IDS })],
    [400, /'type'/, JSON.stringify(IDS)],
    [400, /'uuid'/, update({ uuid: undefined })],
    [400, /Not a valid UUID/, update({ uuid: 'AAAA' })],
    [400, /does not match/, update({ executor_id: { value: 'other' } })],
    [400, /SOURCE_EXECUTOR/, update({ source: 'SOURCE_AGENT' })],
    [400, /TASK_STAGING/, update({ state: 'TASK_STAGING' })],
    [400, /CheckStatusInfo must specify 'type'/, update({ check_status: {} })],
    [400, /'http'/, update({ check_status: { type: 'HTTP', command: {} } })],
    [501, /UNKNOWN/, JSON.stringify({ type: 'UNKNOWN', ...IDS })],
  ]
  test.each(wrong)('says %i %s', async (status, sentence, body) => {
    await using here = await world()
    using _ = await subscribe(here.agent)
    const answer = await here.agent.post(PATH, body)
    expect(answer.status).toBe(status)
    expect(answer.body).toMatch(sentence)
    expect(await here.agent.page('/metrics/snapshot')).toMatchObject({ 'slave/invalid_executor_calls': 1 })
  })

  test('takes no call but SUBSCRIBE and HEARTBEAT of an executor that has not subscribed', async () => {
    await using here = await world()
    expect(await here.agent.post(PATH, update())).toMatchObject({
      status: 403,
      body: 'Executor is not subscribed',
    })
    const heartbeat = { type: 'HEARTBEAT', framework_id: { value: 'x' }, executor_id: { value: 'y' } }
    expect(await here.agent.post(PATH, JSON.stringify(heartbeat))).toMatchObject({ status: 202, body: '' })
  })

  test('knows no executor behind a command task', async () => {
    await using here = await world()
    here.link.send(runTask('t'))
    await expect.poll(() => here.agent.containers.containers.size).toBe(2)
    const call = {
      type: 'SUBSCRIBE',
      framework_id: { value: 'F1' },
      executor_id: { value: 't' },
      subscribe: {},
    }
    expect(await here.agent.post(PATH, JSON.stringify(call))).toMatchObject({
      status: 400,
      body: 'Executor cannot be found',
    })
  })
})

describe('an executor', () => {
  test('is given its environment as Mesos gives it', async () => {
    await using here = await world('--executor_environment_variables={"MINE":"1","MESOS_DIRECTORY":"no"}')
    const { agent } = here
    const launched = here.agent.containers.specs[0]
    const directory = `${agent.workDir}/slaves/M-S0/frameworks/F1/executors/e/runs/${launched?.containerId}`
    expect(launched?.environment).toEqual({
      LIBPROCESS_IP: '127.0.0.1',
      LIBPROCESS_PORT: '0',
      MINE: '1',
      MESOS_FRAMEWORK_ID: 'F1',
      MESOS_EXECUTOR_ID: 'e',
      MESOS_DIRECTORY: directory,
      MESOS_SANDBOX: directory,
      MESOS_SLAVE_ID: 'M-S0',
      MESOS_SLAVE_PID: `slave(1)@127.0.0.1:${agent.port}`,
      MESOS_AGENT_ENDPOINT: `127.0.0.1:${agent.port}`,
      MESOS_CHECKPOINT: '1',
      MESOS_HTTP_COMMAND_EXECUTOR: '0',
      MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: '5secs',
      MESOS_RECOVERY_TIMEOUT: '15mins',
      // A quarter of --executor_reregistration_timeout.
      MESOS_SUBSCRIPTION_BACKOFF_MAX: '500ms',
    })
  })

  test('tries to come back several times within the time that it is waited for', async () => {
    for (const [timeout, most] of [
      ['1secs', '250ms'],
      ['15secs', '2secs'],
    ]) {
      await using here = await world(`--executor_reregistration_timeout=${timeout}`)
      const [launched] = here.agent.containers.specs
      expect(launched?.environment).toMatchObject({ MESOS_SUBSCRIPTION_BACKOFF_MAX: most })
    }
  })

  test('lives from SUBSCRIBE to its exit', async () => {
    await using here = await world()
    const { agent, link, master, clock } = here
    using stream = await subscribe(agent)
    expect(stream.status).toBe(200)
    expect(stream.header('Mesos-Stream-Id')).toBe('')
    expect(await stream.next('SUBSCRIBED')).toMatchObject({
      subscribed: {
        executor_info: { executor_id: { value: 'e' }, framework_id: { value: 'F1' } },
        framework_info: { id: { value: 'F1' } },
        agent_info: { id: { value: 'M-S0' }, port: agent.port },
        container_id: { value: agent.containers.specs[0]?.containerId },
      },
    })
    expect(await stream.next('LAUNCH')).toMatchObject({ launch: { task: { task_id: { value: 'one' } } } })
    expect(await agent.post(PATH, update())).toMatchObject({ status: 202, body: '' })
    expect(await stream.next('ACKNOWLEDGED')).toEqual({
      type: 'ACKNOWLEDGED',
      acknowledged: { task_id: { value: 'one' }, uuid: UUID },
    })
    const [told] = await master.callsOf('UPDATE', 1)
    expect(told?.update?.status).toMatchObject({
      agent_id: { value: 'M-S0' },
      executor_id: { value: 'e' },
      uuid: UUID,
      timestamp: clock.now() / 1000,
      container_status: {
        container_id: {},
        network_infos: [{ ip_addresses: [{ ip_address: '172.17.0.2' }] }],
      },
    })
    // Sent again, it is acknowledged again and told once.
    await agent.post(PATH, update())
    await stream.next('ACKNOWLEDGED')
    expect(master.calls.filter(({ type }) => type === 'UPDATE')).toHaveLength(1)
    await agent.post(PATH, JSON.stringify({ type: 'MESSAGE', ...IDS, message: { data: 'aGk=' } }))
    expect((await master.callsOf('MESSAGE', 1))[0]).toMatchObject({ message: { data: 'aGk=' } })
    link.send({ type: 'MESSAGE', message: { ...IDS, data: 'eW8=' } })
    expect(await stream.next('MESSAGE')).toMatchObject({ message: { data: 'eW8=' } })
    link.send(runTask('two', 'e', false))
    expect(await stream.next('LAUNCH')).toMatchObject({ launch: { task: { task_id: { value: 'two' } } } })
    const [container] = agent.containers.containers.values()
    expect(container?.updates.at(-1)?.scalar('cpus')).toBe(1.1)
    link.send({ type: 'KILL_TASK', kill_task: { framework_id: IDS.framework_id, task_id: { value: 'two' } } })
    await stream.next('KILL')
    link.send({ type: 'SHUTDOWN_EXECUTOR', shutdown_executor: IDS })
    await stream.next('SHUTDOWN')
    container?.end({ kind: 'exited', code: 7 })
    const [exited] = await master.callsOf('EXITED_EXECUTOR', 1)
    expect(exited?.exited_executor?.status).toBe(7 << 8)
    await stream.end()
  })

  test('is sent a heartbeat every half hour, and none earlier', async () => {
    await using here = await world()
    using stream = await subscribe(here.agent)
    await stream.next('LAUNCH')
    await here.clock.advance(HEARTBEAT_MS - 1)
    expect(stream.events.some(({ type }) => type === 'HEARTBEAT')).toBe(false)
    await here.clock.advance(1)
    await stream.next('HEARTBEAT')
    await here.clock.advance(HEARTBEAT_MS)
    await stream.next('HEARTBEAT')
  })

  test('that does not subscribe in time is ended, and its task says so', async () => {
    await using here = await world('--executor_registration_timeout=10secs')
    await here.clock.advance(10_000)
    const [container] = here.agent.containers.containers.values()
    await expect.poll(() => container?.kills).toEqual([0])
    container?.end({ kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    const [told] = await here.master.callsOf('UPDATE', 1)
    expect(told?.update?.status).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_EXECUTOR_REGISTRATION_TIMEOUT',
    })
  })

  test('that subscribes again takes the place of its earlier connection', async () => {
    await using here = await world()
    using first = await subscribe(here.agent)
    await first.next('LAUNCH')
    const unacknowledged_tasks = [(runTask('one', 'e') as { run_task: { task: object } }).run_task.task]
    using second = await subscribe(here.agent, { subscribe: { unacknowledged_tasks } })
    await second.next('SUBSCRIBED')
    await first.end()
    await here.agent.post(PATH, update())
    await second.next('ACKNOWLEDGED')
  })

  test('written with our client works', async () => {
    await using here = await world()
    const environment = here.agent.containers.specs[0]?.environment ?? {}
    await using client = await ExecutorClient.subscribe(environment, undefined, {
      afterGrace: () => undefined,
    })
    for await (const event of client.events) {
      if (event.launch !== undefined) {
        await client.update({ task_id: event.launch.task.task_id, state: 'TASK_RUNNING' })
        break
      }
    }
    const [told] = await here.master.callsOf('UPDATE', 1)
    expect(told?.update?.status.state).toBe('TASK_RUNNING')
  })
})

// Commands and Docker tasks from RUN_TASK to their end, held against what a real Mesos sent.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ContainerExit } from '../../../../src/containerizer/containerizer.ts'
import type { TaskInfo, TaskStatus } from '../../../../src/wire/tasks.ts'
import { CoreUnderTest, framework, scalar, START, taskInfo } from '../../../support/agent-core.ts'

const SESSION = new URL('../../../recorded/scheduler-session.json', import.meta.url)

const command = (id: string, more: Partial<TaskInfo> = {}): TaskInfo =>
  taskInfo(id, { command: { value: 'echo hi; sleep 3' }, ...more })

const docker = (id: string, more: Partial<TaskInfo> = {}): TaskInfo =>
  command(id, { container: { type: 'DOCKER', docker: { image: 'busybox' } }, ...more })

/** Launches, starts, and acknowledges what came so far. */
function running(
  info: TaskInfo,
  agent = CoreUnderTest.registered(),
): { agent: CoreUnderTest; container: string } {
  agent.run(info)
  const container = agent.lastContainer
  agent.started(container)
  agent.ackAll(info.task_id.value)
  return { agent, container }
}

/** How it ends: the only status that is left after the exit. */
function endOf(info: TaskInfo, exit: ContainerExit): TaskStatus {
  const { agent, container } = running(info)
  agent.exited(container, exit)
  return agent.ack(info.task_id.value)
}

describe('a command task', () => {
  test('is STARTING at once, RUNNING when its process runs, FINISHED with status 0', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('hello'))
    const container = agent.lastContainer
    agent.started(container)
    agent.exited(container, { kind: 'exited', code: 0 })
    const seen = agent.ackAll('hello')
    const common = {
      task_id: { value: 'hello' },
      source: 'SOURCE_EXECUTOR',
      agent_id: { value: 'M-S0' },
      executor_id: { value: 'hello' },
      timestamp: START / 1000,
      uuid: expect.stringMatching(/^[A-Za-z0-9+/]{22}==$/),
    }
    const network_infos = [{ ip_addresses: [{ protocol: 'IPv4', ip_address: '10.0.0.7' }] }]
    const container_id = { value: container }
    const withPid = { container_id, network_infos, executor_pid: 4242 }
    expect(seen).toEqual([
      { ...common, state: 'TASK_STARTING', container_status: { container_id, network_infos } },
      { ...common, state: 'TASK_RUNNING', container_status: withPid },
      {
        ...common,
        state: 'TASK_FINISHED',
        message: 'Command exited with status 0',
        container_status: withPid,
      },
    ])
  })

  test('has an executor of its own id with the name that Mesos gives it', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('hello'))
    expect(agent.executor('hello')?.info).toMatchObject({
      executor_id: { value: 'hello' },
      framework_id: { value: 'F1' },
      name: "Command Executor (Task: hello) (Command: sh -c 'echo hi; sle...')",
      source: 'hello',
    })
  })

  test('is launched with its own resources, limits, role and user', () => {
    const agent = CoreUnderTest.registered()
    agent.run(
      command('hello', {
        command: { value: 'x', user: 'alice', uris: [{ value: 'http://here/file' }] },
        limits: { mem: { value: 128 }, cpus: { value: Number.POSITIVE_INFINITY } },
        resources: [scalar('cpus', 2, { allocation_info: { role: 'web' } })],
      }),
    )
    const [launch] = agent.of('launch')
    expect(launch?.request).toMatchObject({
      taskId: 'hello',
      executorId: 'hello',
      user: 'alice',
      role: 'web',
      uris: [{ value: 'http://here/file' }],
      limits: { mem: 128, cpus: Number.POSITIVE_INFINITY },
      revocable: false,
      checkpoint: true,
      shutdownGraceMs: 5000,
    })
    expect(launch?.request.resources.toText()).toBe('cpus(allocated: web):2')
  })

  test('that exits with a status other than 0 fails, and says which', () => {
    expect(endOf(command('t'), { kind: 'exited', code: 3 })).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Command exited with status 3',
      source: 'SOURCE_EXECUTOR',
    })
  })

  test('that dies by a signal fails, and names it as the C library does', () => {
    const exit = { kind: 'signaled', signal: 'SIGSEGV', detail: undefined } as const
    expect(endOf(command('t'), exit)).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Command terminated with signal Segmentation fault',
    })
  })

  test('that the kernel killed for its memory says so with the figures', () => {
    const status = endOf(command('t'), {
      kind: 'memory',
      level: 'own',
      limitBytes: 64 * 1024 ** 2,
      peakBytes: 64 * 1024 ** 2,
      detail: 'the kernel killed process 17',
    })
    expect(status).toMatchObject({
      state: 'TASK_FAILED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
      message: 'Memory limit exceeded (limit 64 MiB, peak 64 MiB): the kernel killed process 17',
      limitation: { resources: [{ name: 'mem', type: 'SCALAR', scalar: { value: 64 } }] },
    })
  })

  test('that went over its limit is told the figures once, also when the containerizer has them in words', () => {
    const status = endOf(command('t'), {
      kind: 'memory',
      level: 'own',
      limitBytes: 64 * 1024 ** 2,
      peakBytes: 64 * 1024 ** 2,
      detail: 'Memory limit exceeded: limit 64 MiB, highest use 64 MiB; the kernel killed 1 process',
    })
    expect(status?.message).toBe(
      'Memory limit exceeded (limit 64 MiB, peak 64 MiB): the kernel killed 1 process',
    )
  })

  test('that the host ran out of memory for has no limitation of its own', () => {
    const status = endOf(command('t'), {
      kind: 'memory',
      level: 'host',
      limitBytes: undefined,
      peakBytes: undefined,
      detail: 'no memory left',
    })
    expect(status.message).toBe('Host out of memory: no memory left')
    expect(status.limitation).toBeUndefined()
  })

  test('that cannot be launched fails with the whole reason and no container', () => {
    const agent = CoreUnderTest.registered()
    agent.run(docker('noimage'))
    agent.ack('noimage')
    const containerId = agent.lastContainer
    agent.step({ type: 'launch-failed', containerId, message: 'no such image' })
    const { container_status, ...status } = agent.ack('noimage')
    expect(container_status).toBeUndefined()
    expect(status).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Failed to launch container: no such image',
      source: 'SOURCE_AGENT',
      reason: 'REASON_CONTAINER_LAUNCH_FAILED',
    })
    expect(agent.core.state.frameworks.size).toBe(0)
  })

  test('reports progress in words that change, and forgets what is overtaken', () => {
    const agent = CoreUnderTest.registered()
    agent.run(docker('slow'))
    const containerId = agent.lastContainer
    for (const message of ['pulling 10 %', 'pulling 10 %', 'pulling 20 %', 'pulling 90 %'])
      agent.step({ type: 'progress', containerId, message })
    agent.ack('slow')
    agent.step({ type: 'progress', containerId, message: 'extracting' })
    agent.started(containerId)
    expect(agent.ackAll('slow').map(({ state, message }) => [state, message])).toEqual([
      ['TASK_STARTING', 'pulling 90 %'],
      ['TASK_RUNNING', undefined],
    ])
  })

  test('keeps only its newest progress while there is no master to tell', () => {
    const agent = CoreUnderTest.registered()
    agent.run(docker('slow'))
    agent.ackAll('slow')
    agent.step({ type: 'link-lost' })
    for (const message of ['pulling 10 %', 'pulling 20 %'])
      agent.step({ type: 'progress', containerId: agent.lastContainer, message })
    agent.register()
    expect(agent.ackAll('slow').map(({ message }) => message)).toEqual(['pulling 20 %'])
  })

  test('is over its max_completion_time: killed at once, FAILED, never KILLING', () => {
    const limited = command('t', { max_completion_time: { nanoseconds: 5e9 } })
    const agent = CoreUnderTest.registered()
    agent.run(limited)
    const container = agent.lastContainer
    agent.started(container)
    const timer = agent.of('timer').find((effect) => effect.timer.kind === 'max-completion')
    expect(timer?.afterMs).toBe(5000)
    agent.ackAll('t')
    agent.step({ type: 'timer', timer: { kind: 'max-completion', containerId: container } })
    expect(agent.of('kill')).toEqual([{ type: 'kill', containerId: container, graceMs: 0 }])
    expect(agent.sent()).toEqual([])
    agent.exited(container, { kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    expect(agent.ack('t')).toMatchObject({
      state: 'TASK_FAILED',
      source: 'SOURCE_EXECUTOR',
      reason: 'REASON_MAX_COMPLETION_TIME_REACHED',
      message: 'Command terminated with signal Killed; its max_completion_time of 5secs was over',
    })
  })
})

describe('a kill', () => {
  test('is KILLING, then KILLED with the signal', () => {
    const { agent, container } = running(command('t'))
    agent.kill('t', 1000)
    expect(agent.of('kill')).toEqual([{ type: 'kill', containerId: container, graceMs: 1000 }])
    agent.exited(container, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    expect(agent.ackAll('t').map(({ state, message, source }) => [state, message, source])).toEqual([
      ['TASK_KILLING', undefined, 'SOURCE_EXECUTOR'],
      ['TASK_KILLED', 'Command terminated with signal Terminated', 'SOURCE_EXECUTOR'],
    ])
  })

  test('is not told as KILLING to a framework without the capability', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('t'), { framework: framework('F1', []) })
    agent.started(agent.lastContainer)
    agent.ackAll('t')
    agent.kill('t')
    expect(agent.sent()).toEqual([])
  })

  test.each([
    ['the call', 1000, command('t', { kill_policy: { grace_period: { nanoseconds: 7e9 } } }), 1000],
    ['the task', undefined, command('t', { kill_policy: { grace_period: { nanoseconds: 7e9 } } }), 7000],
    ['the default of commands', undefined, command('t'), 3000],
    ['the shutdown grace for Docker', undefined, docker('t'), 5000],
  ])('takes its grace from %s', (_name, asked, info, expected) => {
    const { agent } = running(info)
    agent.kill('t', asked)
    expect(agent.of('kill')[0]?.graceMs).toBe(expected)
  })

  test('that comes again hands on its grace and repeats no KILLING', () => {
    const { agent, container } = running(command('t'))
    agent.kill('t', 60_000)
    agent.ackAll('t')
    agent.kill('t', 100)
    expect(agent.of('kill')).toEqual([{ type: 'kill', containerId: container, graceMs: 100 }])
    expect(agent.sent()).toEqual([])
  })

  test('of a task that finishes by itself in the meantime leaves it FINISHED', () => {
    const { agent, container } = running(command('t'))
    agent.kill('t')
    agent.exited(container, { kind: 'exited', code: 0 })
    expect(agent.ackAll('t').at(-1)?.state).toBe('TASK_FINISHED')
  })

  test('while the container is prepared ends the task once the container is surely gone', () => {
    const agent = CoreUnderTest.registered()
    agent.run(docker('t'))
    agent.ackAll('t')
    const containerId = agent.lastContainer
    agent.kill('t')
    expect(agent.sent()).toEqual([])
    agent.step({ type: 'launch-failed', containerId, message: 'stopped' })
    expect(agent.ack('t')).toMatchObject({
      state: 'TASK_KILLED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
    })
  })

  test('that a start overtakes is never told as RUNNING', () => {
    const agent = CoreUnderTest.registered()
    agent.run(command('t'))
    agent.kill('t')
    agent.started(agent.lastContainer)
    agent.exited(agent.lastContainer, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    expect(agent.ackAll('t').map(({ state, reason }) => [state, reason])).toEqual([
      ['TASK_STARTING', undefined],
      ['TASK_KILLED', 'REASON_TASK_KILLED_DURING_LAUNCH'],
    ])
  })

  test('of a task that is not here ends it, so that nobody waits', () => {
    const agent = CoreUnderTest.registered()
    agent.kill('ghost')
    expect(agent.sent()).toMatchObject([
      { state: 'TASK_LOST', reason: 'REASON_EXECUTOR_TERMINATED', message: 'Cannot find executor' },
    ])
    agent.kill('ghost')
    expect(agent.sent()).toEqual([])
  })
})

describe('a Docker task', () => {
  test('runs with its addresses, its inspected container as data, and no pid', () => {
    const agent = CoreUnderTest.registered()
    const network_infos = [{ name: 'backend' }]
    agent.run(docker('t', { container: { type: 'DOCKER', docker: { image: 'busybox' }, network_infos } }))
    agent.ack('t')
    agent.started(agent.lastContainer, { addresses: ['172.17.0.2', 'fd00::2'], inspect: '{"Id":"abc"}' })
    const status = agent.ack('t')
    expect(Buffer.from(status.data ?? '', 'base64').toString()).toBe('[{"Id":"abc"}]')
    expect(status.container_status).toEqual({
      container_id: { value: agent.lastContainer },
      network_infos: [
        {
          name: 'backend',
          ip_addresses: [
            { protocol: 'IPv4', ip_address: '172.17.0.2' },
            { protocol: 'IPv6', ip_address: 'fd00::2' },
          ],
        },
      ],
    })
  })

  test('speaks of its container where a command speaks of itself', () => {
    expect(endOf(docker('t'), { kind: 'exited', code: 137 }).message).toBe('Container exited with status 137')
  })

  test('keeps no inspected data in its history', () => {
    const agent = CoreUnderTest.registered()
    agent.run(docker('t'))
    agent.started(agent.lastContainer, { inspect: '{"Id":"abc"}' })
    const history = agent.executor('t')?.tasks.get('t')?.statuses
    expect(history?.map(({ state, data }) => [state, data])).toEqual([
      ['TASK_STARTING', undefined],
      ['TASK_RUNNING', undefined],
    ])
  })
})

interface Recorded {
  readonly event?: { readonly type: string; readonly update?: { readonly status: TaskStatus } }
}

test('says every field that a real Mesos said in the recorded session', () => {
  const session = JSON.parse(readFileSync(SESSION, 'utf8')) as Recorded[]
  const recorded = (id: string): TaskStatus[] =>
    session.flatMap(({ event }) => (event?.update?.status.task_id.value === id ? [event.update.status] : []))
  const shape = (statuses: readonly TaskStatus[]) =>
    statuses.map(({ state, message, source, reason, ...rest }) => ({
      state,
      message,
      source,
      reason,
      // Our STARTING comes before there is a process.
      fields: state === 'TASK_STARTING' ? [] : Object.keys(rest).toSorted(),
      container: state === 'TASK_STARTING' ? [] : Object.keys(rest.container_status ?? {}).toSorted(),
    }))
  const play = (info: TaskInfo, end: (agent: CoreUnderTest, container: string) => void): TaskStatus[] => {
    const agent = CoreUnderTest.registered()
    agent.run(info)
    agent.started(agent.lastContainer, { inspect: info.container === undefined ? undefined : '{}' })
    end(agent, agent.lastContainer)
    return agent.ackAll(info.task_id.value)
  }
  const exit = (code: number) => (agent: CoreUnderTest, container: string) =>
    void agent.exited(container, { kind: 'exited', code })
  expect(shape(play(command('hello'), exit(0)))).toEqual(shape(recorded('hello')))
  expect(shape(play(command('fails'), exit(3)))).toEqual(shape(recorded('fails')))
  expect(shape(play(docker('indocker'), exit(0)))).toEqual(shape(recorded('indocker')))
  const killed = play(command('killed'), (agent, container) => {
    agent.kill('killed', 1000)
    agent.exited(container, { kind: 'signaled', signal: 'SIGTERM', detail: undefined })
  })
  expect(shape(killed)).toEqual(shape(recorded('killed')))
})

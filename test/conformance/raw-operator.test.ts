// An operator's client that knows nothing of us, on a real master with a real agent: it follows, looks and steers.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Cluster, nothingLeft } from '../support/cluster.ts'
import { leftovers } from '../support/engine.ts'
import { operate, type OperatorState, OperatorView } from '../support/raw-operator.ts'
import { framework, task } from '../support/raw-scheduler.ts'

const AWARE = { capabilities: [{ type: 'PARTITION_AWARE' }] }

let before: string[]
let cluster: Cluster

beforeAll(async () => {
  before = await leftovers()
  cluster = await Cluster.start()
})

afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
  await nothingLeft(before)
})

test('a view that is kept by the events alone comes to what GET_STATE says', async () => {
  using view = await OperatorView.subscribe(cluster.port)
  expect(view.types.slice(0, 2)).toEqual(['SUBSCRIBED', 'HEARTBEAT'])
  expect(view.heartbeatSeconds).toBe(15)
  await using scheduler = await framework(cluster.port, AWARE)
  const offer = await scheduler.offer()
  const tasks = [
    task(offer, 'ends', 'echo hi'),
    task(offer, 'fails', 'exit 3'),
    task(offer, 'stays', 'sleep 100'),
  ]
  await scheduler.launch(offer, tasks)
  await scheduler.end('ends')
  await scheduler.end('fails')
  await scheduler.status('stays', 'TASK_RUNNING')
  await view.until(
    () => view.tasks.get('ends') === 'TASK_FINISHED' && view.tasks.get('fails') === 'TASK_FAILED',
  )
  await view.until(() => view.tasks.get('stays') === 'TASK_RUNNING')
  const state = await operate<OperatorState>(cluster.port, 'GET_STATE')
  const { tasks: running = [], completed_tasks: completed = [] } = state.get_tasks
  const told = new Map([...completed, ...running].map((one) => [one.task_id.value, one.state]))
  expect(Object.fromEntries(told)).toEqual(Object.fromEntries(view.tasks))
  expect(view.frameworks).toContain(scheduler.frameworkId)
  // Who comes now hears the same in its first event.
  using late = await OperatorView.subscribe(cluster.port)
  expect(late.tasks.get('stays')).toBe('TASK_RUNNING')
  await operate(cluster.port, 'TEARDOWN', { framework_id: { value: scheduler.frameworkId } })
  await view.until(() => !view.frameworks.has(scheduler.frameworkId))
  await view.until(() => view.tasks.get('stays') === 'TASK_KILLED')
})

test('the agent is found by its pid, tells the task too, and its files are read through the master', async () => {
  await using scheduler = await framework(cluster.port, AWARE)
  const offer = await scheduler.offer()
  await scheduler.launch(offer, [task(offer, 'writes', 'echo one; echo two; sleep 100')])
  await scheduler.status('writes', 'TASK_RUNNING')
  const { agents = [] } = await operate<OperatorState['get_agents']>(cluster.port, 'GET_AGENTS')
  const [agent] = agents
  expect(agent?.pid).toMatch(/^slave\(1\)@127\.0\.0\.1:\d+$/)
  const agentPort = Number(agent?.pid.split(':')[1])
  const { launched_tasks } = await operate<{ launched_tasks: { task_id: { value: string } }[] }>(
    agentPort,
    'GET_TASKS',
  )
  expect(launched_tasks.map(({ task_id }) => task_id.value)).toContain('writes')
  const { containers } = await operate<{
    containers: { executor_id: { value: string }; container_id: object }[]
  }>(agentPort, 'GET_CONTAINERS', { show_nested: true })
  const container = containers.find(({ executor_id }) => executor_id.value === 'writes')
  expect(container).toBeDefined()
  const { directory } = await sandboxOf(agentPort, 'writes')
  const { file_infos } = await operate<{ file_infos: { path: string }[] }>(cluster.port, 'LIST_FILES', {
    path: directory,
  })
  expect(file_infos.map(({ path }) => path)).toContain(`${directory}/stdout`)
  const read = { path: `${directory}/stdout`, offset: 4 }
  await expect
    .poll(async () => (await operate<{ data: string }>(cluster.port, 'READ_FILE', read)).data, {
      timeout: 10_000,
    })
    .toBe(Buffer.from('two\n').toString('base64'))
  const waiting = operate<{ state: string }>(agentPort, 'WAIT_CONTAINER', {
    container_id: container?.container_id,
  })
  await operate(agentPort, 'KILL_CONTAINER', { container_id: container?.container_id })
  expect(await waiting).toMatchObject({ state: 'TASK_FAILED' })
  expect(await scheduler.end('writes')).toMatchObject({ state: 'TASK_FAILED' })
})

test('an agent that is deactivated is offered to nobody until it is put to use again', async () => {
  const { agents = [] } = await operate<OperatorState['get_agents']>(cluster.port, 'GET_AGENTS')
  const agent_id = agents[0]?.agent_info.id
  await operate(cluster.port, 'DEACTIVATE_AGENT', { agent_id })
  await using scheduler = await framework(cluster.port, AWARE)
  await expect(scheduler.offer(undefined, 1500)).rejects.toThrow('went by')
  await operate(cluster.port, 'REACTIVATE_AGENT', { agent_id })
  await scheduler.offer()
})

interface AgentState {
  readonly frameworks: readonly {
    readonly executors: readonly { readonly id: string; readonly directory: string }[]
  }[]
}

/** As clients find it: in the agent's own /state. */
async function sandboxOf(agentPort: number, taskId: string): Promise<{ readonly directory: string }> {
  const state = (await cluster.page('/state', agentPort)) as unknown as AgentState
  const executor = state.frameworks.flatMap(({ executors }) => executors).find(({ id }) => id === taskId)
  if (executor === undefined) throw new Error(`The agent does not know ${taskId}`)
  return executor
}

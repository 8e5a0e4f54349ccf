// Random steps of everything that can happen to an agent's core; which are possible depends on what it asked for.
import type { AgentTimer } from '../../src/agent/core/events.ts'
import { isTerminal } from '../../src/wire/terminal-states.ts'
import type { ContainerExit } from '../../src/containerizer/containerizer.ts'
import type { TaskState } from '../../src/wire/tasks.ts'
import { AGENT_ID, CoreUnderTest, executorInfo, framework, taskInfo } from './agent-core.ts'

const EXITS: readonly ContainerExit[] = [
  { kind: 'exited', code: 0 },
  { kind: 'exited', code: 2 },
  { kind: 'signaled', signal: 'SIGKILL', detail: undefined },
  { kind: 'memory', level: 'own', limitBytes: 1, peakBytes: 1, detail: 'killed' },
  { kind: 'lost', detail: 'nobody saw it' },
]
const STATES: readonly TaskState[] = ['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED', 'TASK_FAILED']
const TASKS = ['a', 'b', 'c', 'd', 'E1']

/** One walk, of a first life of the agent or of a later one. */
export class Walk {
  readonly agent: CoreUnderTest
  readonly timers: AgentTimer[] = []
  readonly preparing = new Set<string>()
  readonly running = new Set<string>()
  readonly acknowledged: string[] = []
  connections = 0
  uuids = 0

  constructor(agent = CoreUnderTest.registered()) {
    this.agent = agent
  }

  after(): void {
    this.timers.push(...this.agent.of('timer').map(({ timer }) => timer))
    for (const { request } of this.agent.of('launch')) this.preparing.add(request.containerId)
    this.agent.effects = []
  }

  acknowledge(index: number): void {
    const ready = [...this.agent.core.state.streams.values()].filter(({ sending }) => sending > 0)
    const stream = pick(ready, index)
    if (stream === undefined || this.agent.core.state.link.kind !== 'registered') return
    const status = this.agent.ack(stream.taskId, stream.frameworkId)
    if (isTerminal(status.state)) this.acknowledged.push(`${stream.frameworkId}/${stream.taskId}`)
  }

  exit(index: number, kind: number): void {
    const containerId = pick([...this.running], index)
    if (containerId === undefined) return
    this.running.delete(containerId)
    this.agent.exited(containerId, pick(EXITS, kind) ?? { kind: 'exited', code: 0 })
  }

  fail(index: number): void {
    const containerId = pick([...this.preparing], index)
    if (containerId === undefined) return
    this.preparing.delete(containerId)
    this.agent.step({ type: 'launch-failed', containerId, message: 'no' })
  }

  start(index: number): void {
    const containerId = pick([...this.preparing], index)
    if (containerId === undefined) return
    this.preparing.delete(containerId)
    this.running.add(containerId)
    this.agent.started(containerId)
  }

  /** Everything ends and heals. */
  drain(): void {
    this.agent.register()
    this.after()
    for (let round = 0; round < 1000; round++) {
      this.fail(0)
      this.after()
      this.exit(0, round)
      this.after()
      this.acknowledge(0)
      this.after()
    }
  }
}

const pick = <T>(items: readonly T[], index: number): T | undefined =>
  items[index % Math.max(1, items.length)]

export const STEPS: readonly ((walk: Walk, x: number, y: number) => void)[] = [
  ({ agent }, x) => agent.run(taskInfo(pick(TASKS, x) ?? 'a', { command: { value: 'x' } })),
  ({ agent }, x, y) =>
    agent.run(taskInfo(pick(TASKS, x) ?? 'a'), {
      executor: executorInfo(y % 4 === 0 ? 'E2' : 'E1'),
      launchExecutor: y % 2 === 0,
      framework: framework('F1', y % 3 === 0 ? [] : ['PARTITION_AWARE']),
    }),
  (walk, x) => walk.start(x),
  (walk, x) => walk.start(x),
  (walk, x, y) => walk.exit(x, y),
  (walk, x) => walk.fail(x),
  (walk, x) => walk.acknowledge(x),
  (walk, x) => walk.acknowledge(x),
  ({ agent }, x, y) => agent.kill(pick(TASKS, x) ?? 'a', y % 2 === 0 ? undefined : 100),
  (walk, _x, y) =>
    walk.agent.subscribe(
      `c${walk.connections++}`,
      y % 2 === 0 ? {} : { unacknowledged_tasks: TASKS.map((id) => taskInfo(id)) },
    ),
  (walk, x) => walk.agent.step({ type: 'executor-disconnected', connection: `c${x % 8}` }),
  (walk, x, y) =>
    walk.agent.update({
      task_id: { value: pick(TASKS, x) ?? 'a' },
      state: pick(STATES, y) ?? 'TASK_RUNNING',
      source: 'SOURCE_EXECUTOR',
      uuid: Buffer.from(String(y % 5 === 0 ? 0 : walk.uuids++)).toString('base64'),
    }),
  ({ agent }, x, y) =>
    agent.step({ type: 'progress', containerId: containerOf(agent, x), message: `at ${y % 3}` }),
  ({ agent }) => agent.step({ type: 'link-lost' }),
  ({ agent }, x) => agent.register(AGENT_ID, x % 2 === 0 ? [] : [['F1', pick(TASKS, x) ?? 'a']]),
  ({ agent, timers }, x) => {
    const timer = pick(timers, x)
    if (timer !== undefined) agent.step({ type: 'timer', timer })
  },
  ({ agent }, x) =>
    agent.step({
      type: 'correction',
      correction: {
        kind: 'kill',
        frameworkId: 'F1',
        executorId: ownerOf(agent, containerOf(agent, x)),
        containerId: containerOf(agent, x),
        message: 'taken back',
        cause: { owner: 'o', signal: 's', value: 1, threshold: 0, unit: '%', forMs: 1 },
      },
    }),
  ({ agent }, x) =>
    agent.link({
      type: 'SHUTDOWN_EXECUTOR',
      shutdown_executor: { framework_id: { value: 'F1' }, executor_id: { value: pick(TASKS, x) ?? 'a' } },
    }),
  ({ agent }, x) => {
    if (x % 8 === 0)
      agent.link({ type: 'SHUTDOWN_FRAMEWORK', shutdown_framework: { framework_id: { value: 'F1' } } })
  },
  ({ agent }, x) => {
    if (x % 16 === 0) agent.step({ type: 'shutdown', message: 'asked to' })
  },
  ({ agent }, x, y) =>
    agent.step({
      type: 'health',
      containerId: containerOf(agent, x),
      healthy: y % 3 === 0,
      message: 'looked',
      failures: y % 3 === 0 ? 0 : x % 5,
      ends: y % 3 === 1,
    }),
]

const containerOf = (agent: CoreUnderTest, x: number): string =>
  pick([...agent.core.state.containers.keys()], x) ?? 'none'
const ownerOf = (agent: CoreUnderTest, containerId: string): string =>
  agent.core.state.containers.get(containerId)?.executorId ?? 'none'

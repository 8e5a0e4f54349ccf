// An agent's core at work in a test: registered, checked after every step, its effects sorted by kind.
import { deepStrictEqual } from 'node:assert/strict'
import { seededRandom } from '../../src/base/random.ts'
import type { CoreSettings } from '../../src/agent/core/turn.ts'
import { AgentCore } from '../../src/agent/core/core.ts'
import type { AgentEffect, AgentEvent } from '../../src/agent/core/events.ts'
import { Changes } from '../../src/agent/core/changes.ts'
import { checkAgent } from '../../src/agent/core/invariants.ts'
import { type FoundRow, restore } from '../../src/agent/core/restore.ts'
import { type Identity, type SavedRow, savedRows } from '../../src/agent/core/saved.ts'
import { type AgentState, DEFAULT_LIMITS, type CoreLimits } from '../../src/agent/core/state.ts'
import type { ContainerExit } from '../../src/containerizer/containerizer.ts'
import type { ExecutorCall } from '../../src/wire/executor.ts'
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../../src/wire/frameworks.ts'
import type { LinkCall, LinkEvent } from '../../src/wire/link.ts'
import type { Resource } from '../../src/wire/resources.ts'
import type { ExecutorInfo, TaskInfo, TaskStatus } from '../../src/wire/tasks.ts'

type WithoutTime<E> = E extends unknown ? Omit<E, 'now'> : never
type OfType<U, T> = Extract<U, { type: T }>

export const AGENT_ID = 'M-S0'
export const START = 1_700_000_000_000

export const scalar = (name: string, value: number, more: Partial<Resource> = {}): Resource => ({
  name,
  type: 'SCALAR',
  scalar: { value },
  allocation_info: { role: '*' },
  ...more,
})

export const taskInfo = (id: string, more: Partial<TaskInfo> = {}): TaskInfo => ({
  name: id,
  task_id: { value: id },
  agent_id: { value: AGENT_ID },
  resources: [scalar('cpus', 0.1), scalar('mem', 64)],
  ...more,
})

export const executorInfo = (id: string, more: Partial<ExecutorInfo> = {}): ExecutorInfo => ({
  executor_id: { value: id },
  command: { value: './executor' },
  resources: [scalar('cpus', 0.1), scalar('mem', 32)],
  ...more,
})

export class CoreUnderTest {
  readonly core: AgentCore
  now = START
  /** Effects of the last step. */
  effects: AgentEffect[] = []
  /** Effects of all steps. */
  readonly all: AgentEffect[] = []
  /** What a store would hold: the rows of all steps. */
  readonly rows = new Map<string, FoundRow>()
  /** The rows of each step, as a store writes them in one transaction. */
  readonly writes: (readonly SavedRow[])[] = []

  constructor(
    options: {
      readonly limits?: Partial<CoreLimits>
      readonly seed?: number
      readonly unlimited?: CoreSettings['unlimited']
      /** Of an earlier life. */
      readonly state?: AgentState
    } = {},
  ) {
    this.core = new AgentCore(
      { random: seededRandom(options.seed ?? 1), ...(options.state && { state: options.state }) },
      {
        info: { hostname: 'agent.example', port: 5051, resources: [scalar('cpus', 8)] },
        ip: '10.0.0.7',
        version: '1.12.0',
        capabilities: [{ type: 'MULTI_ROLE' }],
        registrationTimeoutMs: 60_000,
        reregistrationTimeoutMs: 2000,
        shutdownGraceMs: 5000,
        cfs: false,
        unlimited: options.unlimited ?? [],
        limits: { ...DEFAULT_LIMITS, ...options.limits },
      },
    )
  }

  static registered(options: ConstructorParameters<typeof CoreUnderTest>[0] = {}): CoreUnderTest {
    const agent = new CoreUnderTest(options)
    agent.register()
    return agent
  }

  /** The life after this one, from the rows that were written (or some of them). */
  next(
    more: Partial<OfType<AgentEvent, 'recover'>> & { readonly rows?: Iterable<FoundRow> } = {},
  ): CoreUnderTest {
    const { rows = this.rows.values(), found = new Set(), rebooted = false, cleanup = false } = more
    const { problems, state } = restore([...rows])
    deepStrictEqual(problems, [])
    const next = new CoreUnderTest({ state, seed: 2 })
    next.now = this.now
    next.step({ type: 'recover', found, rebooted, cleanup })
    return next
  }

  step(event: WithoutTime<AgentEvent>): AgentEffect[] {
    this.effects = this.core.step({ ...event, now: this.now })
    this.all.push(...this.effects)
    checkAgent(this.core.state)
    this.#write()
    return this.effects
  }

  /** What a step left unsaid would be missing after a restart. */
  #write(): void {
    const rows = this.core.takeRows(IDENTITY)
    this.writes.push(rows)
    applyRows(this.rows, rows)
    const whole = new Changes()
    whole.all(this.core.state)
    const wanted = new Map<string, FoundRow>()
    applyRows(wanted, savedRows(this.core.state, whole, IDENTITY))
    deepStrictEqual(sorted(this.rows), sorted(wanted))
  }

  register(id = AGENT_ID, reconcile: readonly [string, string][] = [], cluster?: string): AgentEffect[] {
    this.step({ type: 'link-open' })
    return this.link({
      type: 'REGISTERED',
      registered: {
        agent_id: { value: id },
        master_info: { id: 'M', ip: 0, port: 5050 },
        total_ping_timeout_seconds: 75,
        ...(cluster === undefined ? {} : { cluster }),
        reconcile_tasks: reconcile.map(([framework, task]) => ({
          framework_id: { value: framework },
          task_id: { value: task },
        })),
      },
    })
  }

  link(event: LinkEvent): AgentEffect[] {
    return this.step({ type: 'link', event })
  }

  run(
    task: TaskInfo,
    more: {
      readonly framework?: FrameworkInfo
      readonly executor?: ExecutorInfo
      readonly launchExecutor?: boolean
    } = {},
  ): AgentEffect[] {
    return this.link({
      type: 'RUN_TASK',
      run_task: {
        framework_info: more.framework ?? framework('F1'),
        task,
        ...(more.executor !== undefined && { executor_info: more.executor }),
        launch_executor: more.launchExecutor ?? true,
      },
    })
  }

  kill(taskId: string, graceMs?: number, frameworkId = 'F1'): AgentEffect[] {
    const policy =
      graceMs === undefined ? {} : { kill_policy: { grace_period: { nanoseconds: graceMs * 1e6 } } }
    return this.link({
      type: 'KILL_TASK',
      kill_task: { framework_id: { value: frameworkId }, task_id: { value: taskId }, ...policy },
    })
  }

  started(containerId: string, more: Partial<OfType<AgentEvent, 'started'>> = {}): AgentEffect[] {
    return this.step({ type: 'started', containerId, pid: 4242, addresses: [], inspect: undefined, ...more })
  }

  exited(containerId: string, exit: ContainerExit): AgentEffect[] {
    return this.step({ type: 'exited', containerId, exit })
  }

  subscribe(connection: string, more: Partial<ExecutorCall['subscribe']> = {}): AgentEffect[] {
    return this.step({
      type: 'executor-subscribe',
      connection,
      call: { ...this.#call(), subscribe: { ...more } },
    })
  }

  update(status: TaskStatus): AgentEffect[] {
    return this.step({
      type: 'executor-call',
      call: { ...this.#call(), type: 'UPDATE', update: { status } },
    })
  }

  #call(): ExecutorCall {
    return { framework_id: { value: 'F1' }, executor_id: { value: 'E1' }, type: 'SUBSCRIBE' }
  }

  /** Acknowledges the update in flight for a task; returns its status. */
  ack(taskId: string, frameworkId = 'F1'): TaskStatus {
    const stream = this.core.state.streams.get(`${frameworkId}\n${taskId}`)
    const status = stream?.pending[0]?.status
    if (status?.uuid === undefined) throw new Error(`no update of ${taskId} waits`)
    this.link({
      type: 'ACKNOWLEDGE',
      acknowledge: {
        framework_id: { value: frameworkId },
        task_id: { value: taskId },
        uuid: status.uuid,
      },
    })
    return status
  }

  /** Acknowledges all that waits for a task; the statuses in order. */
  ackAll(taskId: string, frameworkId = 'F1'): TaskStatus[] {
    const statuses: TaskStatus[] = []
    while (this.core.state.streams.get(`${frameworkId}\n${taskId}`)?.pending.length)
      statuses.push(this.ack(taskId, frameworkId))
    return statuses
  }

  /** Effects of a kind in the last step, or in all. */
  of<T extends AgentEffect['type']>(type: T, among = this.effects): OfType<AgentEffect, T>[] {
    return among.filter((effect): effect is OfType<AgentEffect, T> => effect.type === type)
  }

  /** Calls to the master in the last step. */
  calls(among = this.effects): LinkCall[] {
    return this.of('to-master', among).map(({ call }) => call)
  }

  /** Statuses sent to the master in the last step. */
  sent(among = this.effects): TaskStatus[] {
    return this.calls(among).flatMap(({ update }) => (update === undefined ? [] : [update.status]))
  }

  /** The id of the container asked for last. */
  get lastContainer(): string {
    const launch = this.of('launch', this.all).at(-1)
    if (launch === undefined) throw new Error('no container was asked for')
    return launch.request.containerId
  }

  executor(id: string, frameworkId = 'F1') {
    return this.core.state.frameworks.get(frameworkId)?.executors.get(id)
  }
}

/** What every test's agent says of itself in its own row. */
export const IDENTITY: Identity = {
  info: { hostname: 'agent.example', port: 5051, resources: [scalar('cpus', 8)] },
  bootId: 'boot-1',
}

const sorted = (rows: ReadonlyMap<string, FoundRow>): FoundRow[] =>
  [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)

export function applyRows(store: Map<string, FoundRow>, rows: readonly SavedRow[]): void {
  for (const { key, kind, value } of rows) {
    if (value === undefined) store.delete(`${kind}/${key}`)
    else store.set(`${kind}/${key}`, { kind, key, value })
  }
}

export const framework = (
  id: string,
  capabilities: readonly FrameworkInfoCapabilityType[] = ['PARTITION_AWARE', 'TASK_KILLING_STATE'],
): FrameworkInfo => ({
  user: 'nobody',
  name: id,
  id: { value: id },
  roles: ['*'],
  checkpoint: true,
  capabilities: capabilities.map((type) => ({ type })),
})

// An agent without machines under it: it runs tasks by remembering them, and keeps the rules of the link.
import type { Random } from '../../src/base/random.ts'
import { isTerminal } from '../../src/wire/terminal-states.ts'
import { Resources } from '../../src/resources/resources.ts'
import type { FrameworkInfo } from '../../src/wire/frameworks.ts'
import type { LinkCall, LinkEvent, LinkEventRunTask } from '../../src/wire/link.ts'
import type { ExecutorInfo, TaskInfo, TaskState, TaskStatus, TaskStatusReason } from '../../src/wire/tasks.ts'
import { uuidBytes } from '../../src/base/random.ts'
import type { Pipe } from './pipe.ts'

interface ToyTask {
  readonly info: TaskInfo
  readonly frameworkId: string
  state: TaskState
  /** Not yet acknowledged, oldest first. */
  readonly waiting: TaskStatus[]
}

export type AgentPipe = Pipe<LinkCall, LinkEvent>

export class ToyAgent {
  readonly hostname: string
  readonly own: Resources
  id: string | undefined
  pipe: AgentPipe | undefined
  /** Reads nothing and answers nothing, though its stream is up. */
  hung = false
  lent = Resources.empty
  readonly tasks = new Map<string, ToyTask>()
  readonly frameworks = new Map<string, FrameworkInfo>()
  readonly executors = new Map<string, { readonly frameworkId: string; readonly info: ExecutorInfo }>()
  registered = false
  readonly #random: Random

  constructor(hostname: string, own: Resources, random: Random) {
    this.hostname = hostname
    this.own = own
    this.#random = random
  }

  /** What tells the master everything that this agent still has. */
  subscribeCall(): LinkCall {
    return {
      type: 'SUBSCRIBE',
      subscribe: {
        agent_info: { hostname: this.hostname, port: 5051, resources: this.own.toWire() },
        version: '1.12.0',
        ...(this.id === undefined ? {} : { agent_id: { value: this.id } }),
        frameworks: [...this.frameworks.values()],
        executors: [...this.executors.values()].map(({ frameworkId, info }) => ({
          framework_id: { value: frameworkId },
          executor_info: info,
          command_executor: false,
        })),
        tasks: [...this.tasks.values()].map(({ info, frameworkId, state, waiting: [told] }) => ({
          task: info,
          framework_id: { value: frameworkId },
          state,
          ...(told?.uuid !== undefined && {
            statuses: [told],
            status_update_state: told.state,
            status_update_uuid: told.uuid,
          }),
        })),
        oversubscribed_resources: this.lent.toWire(),
      },
    }
  }

  send(call: LinkCall): void {
    if (this.pipe?.open !== true || !this.registered || this.id === undefined) return
    this.pipe.toMaster.push({ ...call, agent_id: { value: this.id } })
  }

  /** Returns a sentence when the master asks for what cannot be. */
  handle(event: LinkEvent): string | undefined {
    const { registered, run_task, kill_task, acknowledge, shutdown_framework, update_framework } = event
    if (registered !== undefined) {
      this.id = registered.agent_id.value
      this.registered = true
      for (const { framework_id, task_id } of registered.reconcile_tasks ?? []) {
        this.#unknownTask(framework_id.value, task_id.value)
      }
      this.resend()
    } else if (run_task !== undefined) {
      return this.#run(run_task)
    } else if (kill_task !== undefined) {
      const task = this.tasks.get(keyOf(kill_task.framework_id.value, kill_task.task_id.value))
      if (task !== undefined) this.#move(task, 'TASK_KILLED')
      else this.#unknownTask(kill_task.framework_id.value, kill_task.task_id.value)
    } else if (acknowledge !== undefined) {
      this.#acknowledged(acknowledge.framework_id.value, acknowledge.task_id.value, acknowledge.uuid)
    } else if (shutdown_framework !== undefined) {
      this.#forget(shutdown_framework.framework_id.value)
    } else if (update_framework !== undefined) {
      const info = update_framework.framework_info
      if (info.id !== undefined && this.frameworks.has(info.id.value))
        this.frameworks.set(info.id.value, info)
      this.resend()
    } else if (event.type === 'PING') {
      this.send({ type: 'PONG' })
    } else if (event.type === 'SHUTDOWN' || event.type === 'ERROR') {
      return `Agent ${this.hostname} was told ${JSON.stringify(event)}`
    }
    return undefined
  }

  #run(asked: LinkEventRunTask): string | undefined {
    const { framework_info: framework, task, executor_info: executor, launch_executor: launches } = asked
    const frameworkId = framework.id?.value ?? ''
    const key = keyOf(frameworkId, task.task_id.value)
    if (this.tasks.has(key)) return `Agent ${this.hostname} is to run ${key} twice`
    this.frameworks.set(frameworkId, framework)
    const toy: ToyTask = { info: task, frameworkId, state: 'TASK_STAGING', waiting: [] }
    this.tasks.set(key, toy)
    if (executor !== undefined) {
      const executorKey = keyOf(frameworkId, executor.executor_id.value)
      if (!launches && !this.executors.has(executorKey)) {
        this.#move(toy, 'TASK_DROPPED', 'REASON_EXECUTOR_TERMINATED')
        return undefined
      }
      this.executors.set(executorKey, { frameworkId, info: executor })
    }
    return this.#overbooked()
  }

  /** The truth at the machine: what runs must fit, whatever the master believes. */
  #overbooked(): string | undefined {
    const running = [...this.tasks.values()].filter((task) => !isTerminal(task.state))
    const held = Resources.sum([
      ...running.map((task) => Resources.from(task.info.resources)),
      ...[...this.executors.values()].map(({ info }) => Resources.from(info.resources)),
    ]).unallocated()
    if (this.own.contains(held.nonRevocable())) return undefined
    return `Agent ${this.hostname} has ${this.own.toText()} and is to run ${held.nonRevocable().toText()}`
  }

  /** A task goes on by itself: starts, runs, ends. */
  live(): void {
    for (const task of this.tasks.values()) {
      if (isTerminal(task.state) || this.#random.next() < 0.7) continue
      const ends: TaskState[] = ['TASK_FINISHED', 'TASK_FAILED', 'TASK_GONE']
      if (task.state === 'TASK_STAGING') this.#move(task, 'TASK_RUNNING')
      else if (this.#random.next() < 0.2) {
        const end = ends[Math.floor(this.#random.next() * ends.length)] ?? 'TASK_FINISHED'
        this.#move(task, end)
      }
    }
    for (const [key, { frameworkId, info }] of this.executors) {
      const busy = [...this.tasks.values()].some(
        (task) =>
          task.frameworkId === frameworkId && !isTerminal(task.state) && task.info.executor !== undefined,
      )
      if (busy || this.#random.next() < 0.8) continue
      this.executors.delete(key)
      this.send({
        type: 'EXITED_EXECUTOR',
        exited_executor: { framework_id: { value: frameworkId }, executor_id: info.executor_id, status: 0 },
      })
    }
    this.resend()
  }

  /** The first update of each task that waits, once more. */
  resend(): void {
    for (const task of this.tasks.values()) this.#sendFirst(task)
  }

  #sendFirst(task: ToyTask): void {
    const [status] = task.waiting
    if (status === undefined) return
    const framework_id = { value: task.frameworkId }
    this.send({ type: 'UPDATE', update: { framework_id, status, latest_state: task.state } })
  }

  #move(task: ToyTask, state: TaskState, reason?: TaskStatusReason): void {
    if (isTerminal(task.state)) return
    task.state = state
    task.waiting.push({
      task_id: task.info.task_id,
      state,
      source: 'SOURCE_AGENT',
      uuid: uuidBytes(this.#random.uuid()),
      ...(reason === undefined ? {} : { reason }),
    })
    if (task.waiting.length === 1) this.#sendFirst(task)
  }

  #unknownTask(frameworkId: string, taskId: string): void {
    const key = keyOf(frameworkId, taskId)
    if (this.tasks.has(key)) return
    const info: TaskInfo = { name: taskId, task_id: { value: taskId }, agent_id: { value: this.id ?? '' } }
    const task: ToyTask = { info, frameworkId, state: 'TASK_STAGING', waiting: [] }
    this.tasks.set(key, task)
    this.#move(task, 'TASK_DROPPED', 'REASON_RECONCILIATION')
  }

  #acknowledged(frameworkId: string, taskId: string, uuid: string): void {
    const key = keyOf(frameworkId, taskId)
    const task = this.tasks.get(key)
    if (task?.waiting[0]?.uuid !== uuid) return
    task.waiting.shift()
    if (task.waiting.length > 0) this.#sendFirst(task)
    else if (isTerminal(task.state)) this.tasks.delete(key)
  }

  #forget(frameworkId: string): void {
    this.frameworks.delete(frameworkId)
    for (const [key, task] of this.tasks) if (task.frameworkId === frameworkId) this.tasks.delete(key)
    for (const [key, one] of this.executors) if (one.frameworkId === frameworkId) this.executors.delete(key)
  }

  /** The process starts anew: what is not checkpointed is gone with it. */
  restart(): void {
    for (const [id, info] of this.frameworks) if (info.checkpoint !== true) this.#forget(id)
  }

  /** The machine is wiped: it knows nothing, not even its id. */
  wipe(): void {
    this.id = undefined
    this.tasks.clear()
    this.executors.clear()
    this.frameworks.clear()
  }
}

function keyOf(frameworkId: string, id: string): string {
  return `${frameworkId}/${id}`
}

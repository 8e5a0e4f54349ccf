// RUN_TASK: which executor a task goes to, what its container is to be, and when it is refused (spec/mesos.md 5.9).
import { Resources } from '../../resources/resources.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import type { ContainerInfo } from '../../wire/containers.ts'
import type { FrameworkInfo } from '../../wire/frameworks.ts'
import type { LinkEventRunTask } from '../../wire/link.ts'
import type { ExecutorInfo, TaskInfo } from '../../wire/tasks.ts'
import { begin } from './command-tasks.ts'
import { takeTask } from './executors.ts'
import { tellExited } from './lifetimes.ts'
import { requestLaunch } from './requests.ts'
import {
  findTask,
  streamKey,
  type CustomExecutor,
  type Executor,
  type Framework,
  type SupervisedExecutor,
} from './state.ts'
import { lostAs, type Draft } from './statuses.ts'
import { newTask, reportOrphan } from './tasks.ts'
import { log, type Turn } from './turn.ts'

export function runTask(turn: Turn, run: LinkEventRunTask): void {
  const frameworkId = run.framework_info.id?.value ?? ''
  const taskId = run.task.task_id.value
  const framework = turn.state.frameworks.get(frameworkId)
  const ignored = reasonToIgnore(turn, framework, frameworkId, taskId)
  if (ignored !== undefined) {
    log(turn, 'warn', `task not launched: ${ignored}`, { frameworkId, taskId })
    return
  }
  const info = run.executor_info ?? run.task.executor
  const refusal = reasonToRefuse(turn, framework, run, info)
  if (refusal !== undefined) {
    refuse(turn, run, info, refusal)
    return
  }
  const home = framework ?? addFramework(turn, frameworkId, run.framework_info)
  if (info === undefined) launchCommand(turn, home, run.task)
  else giveToExecutor(turn, home, run.task, info)
}

/** Cases in which a status would do harm, or nobody listens. */
function reasonToIgnore(
  turn: Turn,
  framework: Framework | undefined,
  frameworkId: string,
  taskId: string,
): string | undefined {
  if (frameworkId === '') return 'its framework has no id'
  if (framework?.life === 'terminating') return 'its framework is being torn down'
  // A refusal would end the task that already runs under this id.
  if (findTask(turn.state, frameworkId, taskId) !== undefined) return 'a task of this id is here already'
  if (turn.state.streams.has(streamKey(frameworkId, taskId)))
    return 'the end of a task of this id is not acknowledged yet'
  return undefined
}

type Refusal = Pick<Draft, 'reason' | 'message'>

function reasonToRefuse(
  turn: Turn,
  framework: Framework | undefined,
  run: LinkEventRunTask,
  info: ExecutorInfo | undefined,
): Refusal | undefined {
  if (turn.state.life.kind !== 'running')
    return { reason: 'REASON_AGENT_DRAINING', message: 'The agent is shutting down' }
  if (turn.state.draining !== undefined)
    return { reason: 'REASON_AGENT_DRAINING', message: 'The agent is being drained' }
  const unlimited = unlimitedRefusal(turn, run.task, info?.container ?? run.task.container)
  if (unlimited !== undefined) return unlimited
  const executorId = info?.executor_id.value ?? run.task.task_id.value
  const existing = framework?.executors.get(executorId)
  if (info === undefined)
    return existing === undefined
      ? undefined
      : {
          reason: 'REASON_TASK_INVALID',
          message: `Cannot run a command task: an executor with its id '${executorId}' exists`,
        }
  return customRefusal(turn, run, executorId, existing)
}

/** Mesos gives this reason when the isolator of a limit is missing (spec/mesos.md 5.9, 3). */
function unlimitedRefusal(
  turn: Turn,
  { limits = {} }: TaskInfo,
  container: ContainerInfo | undefined,
): Refusal | undefined {
  if (container?.type === 'DOCKER') return undefined
  const name = turn.settings.unlimited.find((one) => limits[one] !== undefined)
  if (name === undefined) return undefined
  const message = `The limit on ${name} cannot be enforced on this machine: it has no such control group`
  return { reason: 'REASON_GC_ERROR', message }
}

function customRefusal(
  turn: Turn,
  run: LinkEventRunTask,
  executorId: string,
  existing: Executor | undefined,
): Refusal | undefined {
  const terminated = (message: string): Refusal => ({ reason: 'REASON_EXECUTOR_TERMINATED', message })
  if (existing === undefined)
    return run.launch_executor
      ? undefined
      : terminated(`Executor '${executorId}' was expected to run here and does not`)
  if (existing.kind === 'supervised')
    return {
      reason: 'REASON_TASK_INVALID',
      message: `Executor '${executorId}' belongs to a command task and takes no other`,
    }
  const { kind } = existing.life
  if (kind === 'terminating' || kind === 'terminated')
    return terminated(`Executor '${executorId}' is ${kind}`)
  if (run.launch_executor) return terminated(`Executor '${executorId}' was to be launched and runs already`)
  const queued = [...existing.tasks.values()].filter(({ life }) => life.kind === 'queued').length
  const limit = turn.settings.limits.queuedTasks
  if (queued < limit) return undefined
  return {
    reason: 'REASON_TASK_INVALID',
    message: `Executor '${executorId}' has not subscribed and ${limit} tasks wait for it already`,
  }
}

function refuse(turn: Turn, run: LinkEventRunTask, info: ExecutorInfo | undefined, refusal: Refusal): void {
  const frameworkId = run.framework_info.id?.value ?? ''
  const executorId = info?.executor_id.value
  const task = { frameworkId, taskId: run.task.task_id.value, executorId }
  const state = lostAs(run.framework_info, 'TASK_DROPPED')
  reportOrphan(turn, task, { state, source: 'SOURCE_AGENT', ...refusal })
  // The master counts on an executor that will not come (spec/mesos.md 5.9, 6), unless one of this id is here.
  const here = turn.state.frameworks.get(frameworkId)?.executors.get(executorId ?? '')
  if (executorId !== undefined && run.launch_executor && here === undefined)
    tellExited(turn, frameworkId, executorId, -1)
}

function addFramework(turn: Turn, id: string, info: FrameworkInfo): Framework {
  const past = turn.state.completedFrameworks.findIndex((framework) => framework.id === id)
  const remembered = past < 0 ? undefined : turn.state.completedFrameworks.splice(past, 1)[0]
  const framework: Framework = {
    id,
    info,
    life: 'active',
    executors: new Map(),
    completedExecutors: remembered?.completedExecutors ?? [],
  }
  turn.state.frameworks.set(id, framework)
  turn.changes.framework(framework)
  return framework
}

function launchCommand(turn: Turn, framework: Framework, info: TaskInfo): void {
  const task = newTask(info, info.task_id.value)
  const executor: SupervisedExecutor = {
    ...commonOf(turn, framework, generatedInfo(framework.id, info), task.resources),
    kind: 'supervised',
    taskId: info.task_id.value,
    docker: info.container?.type === 'DOCKER',
    life: { kind: 'preparing', progress: undefined },
  }
  executor.tasks.set(info.task_id.value, task)
  addExecutor(turn, framework, executor)
  begin(turn, { framework, executor, task })
  requestLaunch(turn, framework, executor)
}

function giveToExecutor(turn: Turn, framework: Framework, info: TaskInfo, wanted: ExecutorInfo): void {
  const existing = framework.executors.get(wanted.executor_id.value)
  const task = newTask(info, wanted.executor_id.value)
  if (existing?.kind === 'custom') {
    takeTask(turn, existing, task)
    return
  }
  const executor: CustomExecutor = {
    ...commonOf(turn, framework, { ...wanted, framework_id: { value: framework.id } }, task.resources),
    kind: 'custom',
    sentTask: false,
    life: { kind: 'registering' },
  }
  addExecutor(turn, framework, executor)
  takeTask(turn, executor, task)
  requestLaunch(turn, framework, executor)
}

function commonOf(turn: Turn, framework: Framework, info: ExecutorInfo, first: Resources) {
  const resources = Resources.from(info.resources)
  const all = resources.plus(first)
  return {
    id: info.executor_id.value,
    frameworkId: framework.id,
    info,
    containerId: turn.random.uuid(),
    role: roleOf(all, framework.info),
    createdAt: turn.now,
    resources,
    revocable: !all.revocable().isEmpty,
    process: undefined,
    tasks: new Map(),
    completedTasks: [],
  }
}

function roleOf(resources: Resources, info: FrameworkInfo): string {
  const [allocated] = resources.byAllocation().keys()
  return allocated ?? info.roles?.[0] ?? info.role ?? '*'
}

function addExecutor(turn: Turn, framework: Framework, executor: Executor): void {
  framework.executors.set(executor.id, executor)
  turn.changes.executor(executor)
  turn.state.containers.set(executor.containerId, { frameworkId: framework.id, executorId: executor.id })
}

/**
 * The executor that stands for a command task, as in spec/mesos.md 3.6. It has no resources of its own: Mesos adds 0.1
 * cpus and 32 MB for the process of its executor, and there is no such process here.
 */
function generatedInfo(frameworkId: string, task: TaskInfo): ExecutorInfo {
  const command: CommandInfo = task.command ?? {}
  return {
    executor_id: { value: task.task_id.value },
    framework_id: { value: frameworkId },
    command,
    ...(task.container !== undefined && { container: task.container }),
    name: `Command Executor (Task: ${task.task_id.value}) (Command: ${shortCommand(command)})`,
    source: task.task_id.value,
    ...(task.discovery !== undefined && { discovery: task.discovery }),
    ...(task.labels !== undefined && { labels: task.labels }),
  }
}

// Longer texts are cut to twelve characters (spec/recorded/endpoints.json).
const shortened = (text: string): string => (text.length > 15 ? `${text.slice(0, 12)}...` : text)

function shortCommand(command: CommandInfo): string {
  if (command.value === undefined) return command.shell === false ? 'NO EXECUTABLE' : 'NO COMMAND'
  if (command.shell !== false) return `sh -c '${shortened(command.value)}'`
  return `[${command.value}, ${shortened(command.arguments?.join(', ') ?? '')}]`
}

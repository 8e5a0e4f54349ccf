// Whether a task may be launched out of an offer, in Mesos' order and words (spec/mesos.md 2.5, 2.9).
import { isDeepStrictEqual } from 'node:util'
import { Resources } from '../../resources/resources.ts'
import { validateResources } from '../../resources/validate.ts'
import { identifierError } from '../../wire/identifiers.ts'
import type { Resource } from '../../wire/resources.ts'
import type { ExecutorInfo, TaskInfo } from '../../wire/tasks.ts'
import { type Agent, type Executor, type Framework, executorsOf } from './cluster.ts'
import { problemWithCheck, problemWithCommand, problemWithContainer } from './task-parts.ts'
import { problemWithHealthCheck, problemWithLimits } from './task-parts.ts'

/** Below these an executor is launched with a warning (spec/mesos.md 1.6). */
const LEAST_EXECUTOR = { cpus: 10, mem: 32_000 } as const

/** Where a task would be launched. */
export interface LaunchPlace {
  readonly framework: Framework
  readonly agent: Agent
  /** Role of the offers. */
  readonly role: string
  /** What is left of the offers after what was launched before in the same call. */
  readonly available: Resources
}

/** A task that may be launched, in the form in which it is kept and sent. */
export interface ValidTask {
  readonly info: TaskInfo
  readonly resources: Resources
  /** Set when the task brings an executor that does not run on the agent yet. */
  readonly newExecutor: Executor | undefined
  /** What to tell the operator although the task is launched. */
  readonly warning: string | undefined
}

/** Returns the task made ready, or the sentence for its TASK_ERROR. */
export function validateTask(asked: TaskInfo, place: LaunchPlace): ValidTask | string {
  const problem = problemWithTask(asked, place)
  if (problem !== undefined) return problem
  const resources = allocated(asked.resources, place.role)
  const mixed = problemWithAmounts(resources) ?? problemWithTaskLimits(asked, resources, place.agent)
  if (mixed !== undefined) return mixed
  const info: TaskInfo = { ...asked, resources: resources.toWire() }
  if (asked.health_check !== undefined) info.health_check = withType(asked.health_check)
  if (asked.executor === undefined) return fitting({ info, resources }, undefined, place)
  const executor = validateExecutor(asked.executor, place)
  if (typeof executor === 'string') return executor
  const overlap = problemWithOverlap(resources, executor.resources)
  if (overlap !== undefined) return overlap
  info.executor = executor.info
  return fitting({ info, resources }, executor, place)
}

function fitting(
  task: Pick<ValidTask, 'info' | 'resources'>,
  executor: Executor | undefined,
  place: LaunchPlace,
): ValidTask | string {
  const { framework, agent, available } = place
  const runs = executor !== undefined && executorsOf(agent, framework.id).has(executor.info.executor_id.value)
  const newExecutor = runs ? undefined : executor
  const total = newExecutor === undefined ? task.resources : task.resources.plus(newExecutor.resources)
  if (!available.contains(total)) {
    return (
      `Total resources ${total.toText()} required by task and its executor ` +
      `is more than available ${available.toText()}`
    )
  }
  return { ...task, newExecutor, warning: newExecutor === undefined ? undefined : warningOf(newExecutor) }
}

function warningOf({ info, resources }: Executor): string | undefined {
  const { cpus, mem } = LEAST_EXECUTOR
  if (resources.milli('cpus') >= cpus && resources.milli('mem') >= mem) return undefined
  return (
    `Executor '${info.executor_id.value}' uses less than ${cpus / 1000} cpus or ${mem / 1000} MB: ` +
    'give executors at least that'
  )
}

function problemWithTask(task: TaskInfo, place: LaunchPlace): string | undefined {
  return (
    problemWithTaskId(task, place.framework) ??
    problemWithAgent(task, place.agent) ??
    problemWithSpans(task) ??
    within('Task uses invalid check', problemWithCheck(task.check)) ??
    within('Task uses invalid health check', problemWithHealthCheck(withType(task.health_check))) ??
    problemWithResources('Task', task.resources) ??
    within("Task's `CommandInfo` is invalid", problemWithCommand(task.command)) ??
    within("Task's `ContainerInfo` is invalid", problemWithContainer(task.container)) ??
    problemWithSharing(task) ??
    problemWithKind(task)
  )
}

function within(what: string, problem: string | undefined): string | undefined {
  return problem === undefined ? undefined : `${what}: ${problem}`
}

function problemWithTaskId(task: TaskInfo, framework: Framework): string | undefined {
  const id = task.task_id.value
  const problem = identifierError(id, 'Task ID')
  if (problem !== undefined) return problem
  if (framework.tasks.has(id)) return `Task has duplicate ID: ${id}`
  if (framework.unreachableTasks.has(id)) return `Task reuses the ID of an unreachable task: ${id}`
  return undefined
}

function problemWithAgent(task: TaskInfo, agent: Agent): string | undefined {
  if (task.agent_id.value === agent.id) return undefined
  return `Task uses invalid agent ${task.agent_id.value} while agent ${agent.id} is expected`
}

function problemWithSpans(task: TaskInfo): string | undefined {
  if ((task.kill_policy?.grace_period?.nanoseconds ?? 0) < 0) {
    return "Task's 'kill_policy.grace_period' must be non-negative"
  }
  if ((task.max_completion_time?.nanoseconds ?? 0) < 0) {
    return "Task's 'max_completion_time' must be non-negative"
  }
  return undefined
}

function problemWithResources(whose: string, resources: readonly Resource[] | undefined): string | undefined {
  if (whose === 'Task' && (resources ?? []).length === 0) return 'Task uses no resources'
  const problem = validateResources(resources)
  if (problem !== undefined) return `${whose} uses invalid resources: ${problem}`
  const roles = new Set((resources ?? []).flatMap((one) => one.allocation_info?.role ?? []))
  if (roles.size < 2) return undefined
  const [first, second] = [...roles]
  return (
    `${whose} uses invalid resources: The resources have multiple allocation roles ` +
    `('${first}' and '${second}') but only one allocation role is allowed`
  )
}

function problemWithSharing(task: TaskInfo): string | undefined {
  return task.container?.linux_info?.share_cgroups === false
    ? 'Only tasks of a task group may set `share_cgroups` to false'
    : undefined
}

function problemWithKind(task: TaskInfo): string | undefined {
  return (task.executor === undefined) === (task.command === undefined)
    ? 'Task should have at least one (but not both) of CommandInfo or ExecutorInfo present'
    : undefined
}

function problemWithTaskLimits(task: TaskInfo, requested: Resources, agent: Agent): string | undefined {
  return problemWithLimits(task, requested, agent.capabilities.includes('TASK_RESOURCE_LIMITS'))
}

/** Of what came without a role, the offers' role is meant (spec/mesos.md 2.5 step 4). */
function allocated(wire: readonly Resource[] | undefined, role: string): Resources {
  return Resources.from(
    (wire ?? []).map((one) =>
      one.allocation_info?.role === undefined ? { ...one, allocation_info: { role } } : one,
    ),
  )
}

function problemWithAmounts(resources: Resources): string | undefined {
  const lent = new Set(resources.revocable().entries.map((entry) => entry.identity.name))
  const mixed = resources.nonRevocable().entries.find((entry) => lent.has(entry.identity.name))
  if (mixed !== undefined) {
    return `Cannot use both revocable and non-revocable '${mixed.identity.name}' at the same time`
  }
  return resources.milli('gpus') % 1000 === 0 ? undefined : "The 'gpus' resource must be an unsigned integer"
}

/** Old clients leave the type out; what is set says it (spec/mesos.md 2.5 step 4). */
function withType<T extends TaskInfo['health_check']>(check: T): T {
  if (check === undefined || check.type !== undefined) return check
  if (check.command !== undefined) return { ...check, type: 'COMMAND' }
  return check.http === undefined ? check : { ...check, type: 'HTTP' }
}

function validateExecutor(asked: ExecutorInfo, place: LaunchPlace): Executor | string {
  const { framework, agent, role } = place
  const problem = problemWithExecutor(asked, framework)
  if (problem !== undefined) return problem
  const resources = allocated(asked.resources, role)
  const mixed = problemWithAmounts(resources)
  if (mixed !== undefined) return mixed
  const info: ExecutorInfo = {
    ...asked,
    type: 'CUSTOM',
    framework_id: { value: framework.id },
    resources: resources.toWire(),
  }
  const running = executorsOf(agent, framework.id).get(info.executor_id.value)
  const difference = running === undefined ? undefined : differingField(running.info, info)
  if (difference !== undefined) {
    return (
      'ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID: ' +
      `'${info.executor_id.value}' runs on agent ${agent.id} with another '${difference}'`
    )
  }
  return { info, frameworkId: framework.id, agentId: agent.id, resources }
}

function problemWithExecutor(executor: ExecutorInfo, framework: Framework): string | undefined {
  const id = identifierError(executor.executor_id.value, 'Executor ID')
  if (id !== undefined) return id
  if (executor.type !== undefined && executor.type !== 'CUSTOM') {
    return `'ExecutorInfo.type' is ${executor.type}, but tasks of LAUNCH need a 'CUSTOM' executor`
  }
  if (executor.command === undefined) return "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
  const given = executor.framework_id?.value
  if (given !== undefined && given !== framework.id) {
    return `ExecutorInfo has an invalid FrameworkID (Actual: ${given} vs Expected: ${framework.id})`
  }
  if ((executor.shutdown_grace_period?.nanoseconds ?? 0) < 0) {
    return "ExecutorInfo's 'shutdown_grace_period' must be non-negative"
  }
  if (executor.resources?.some((resource) => resource.shared !== undefined) === true) {
    return 'Executor uses shared resources, which only tasks may use'
  }
  return (
    problemWithResources('Executor', executor.resources) ??
    within("Executor's `CommandInfo` is invalid", problemWithCommand(executor.command)) ??
    within("Executor's `ContainerInfo` is invalid", problemWithContainer(executor.container))
  )
}

function differingField(one: ExecutorInfo, other: ExecutorInfo): string | undefined {
  const fields = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof ExecutorInfo>
  // Resources may be written in several ways and mean the same.
  if (!Resources.from(one.resources).equals(Resources.from(other.resources))) return 'resources'
  fields.delete('resources')
  // An agent that comes back may leave out what can only be CUSTOM.
  fields.delete('type')
  return [...fields].find((field) => !isDeepStrictEqual(one[field], other[field]))
}

/** Ports and the like cannot be had twice, by a task and by its own executor. */
function problemWithOverlap(task: Resources, executor: Resources): string | undefined {
  for (const { identity, amount } of task.entries) {
    if (amount.kind === 'scalar') continue
    const { name } = identity
    const same = executor.entries.filter((entry) => entry.identity.name === name)
    const overlaps = same.some((entry) => {
      if (amount.kind === 'set' && entry.amount.kind === 'set') {
        const items = new Set(entry.amount.items)
        return [...amount.items].some((item) => items.has(item))
      }
      if (amount.kind !== 'ranges' || entry.amount.kind !== 'ranges') return false
      const theirs = entry.amount.ranges
      return amount.ranges.some((mine) =>
        theirs.some((its) => mine.begin <= its.end && its.begin <= mine.end),
      )
    })
    if (overlaps) return `Task and its executor use the same '${name}'`
  }
  return undefined
}

// What the agent knows as its operator API tells it: frameworks, executors, tasks, containers (spec/mesos.md 4.3).
import { taskMessageText, type ToldTask } from '../../http/operator/task-message.ts'
import { lazily, type LazyList } from '../../http/pages/page-text.ts'
import type { Page } from '../../http/pages/resources.ts'
import {
  AgentResponseGetExecutorsExecutor,
  AgentResponseGetFrameworksFramework,
  type AgentResponseGetAgent,
} from '../../wire/agent-response.ts'
import type { AgentInfo } from '../../wire/agents.ts'
import { encodeMessage } from '../../wire/json.ts'
import { ResourceStatistics } from '../../wire/statistics.ts'
import { type AgentState, type Executor, type Framework, type Task, streamKey } from '../core/state.ts'
import { type ContainerSight, containersPage } from '../view-statistics.ts'

type State = Readonly<AgentState>

export function frameworksPart(state: State): Page {
  const list = (frameworks: Iterable<Framework>): LazyList =>
    lazily(frameworks, ({ info }) =>
      encodeMessage(AgentResponseGetFrameworksFramework, { framework_info: info }),
    )
  return {
    frameworks: list(state.frameworks.values()),
    completed_frameworks: list(state.completedFrameworks),
  }
}

export function executorsPart(state: State): Page {
  const list = (executors: readonly Executor[]): LazyList =>
    lazily(executors, ({ info }) => encodeMessage(AgentResponseGetExecutorsExecutor, { executor_info: info }))
  const running = [...state.frameworks.values()]
  const all = [...running, ...state.completedFrameworks]
  return {
    executors: list(running.flatMap(({ executors }) => [...executors.values()])),
    completed_executors: list(all.flatMap(({ completedExecutors }) => completedExecutors)),
  }
}

export function tasksPart(state: State): Page {
  const frameworks = [...state.frameworks.values(), ...state.completedFrameworks]
  const executors = frameworks.flatMap(({ executors, completedExecutors }) => [
    ...executors.values(),
    ...completedExecutors,
  ])
  const list = (pick: (executor: Executor) => Iterable<Task>): LazyList => {
    const tasks = executors.flatMap((executor) =>
      [...pick(executor)].map((task) => told(state, executor, task)),
    )
    return lazily(tasks, taskMessageText)
  }
  const inLife = (kind: Task['life']['kind']): LazyList =>
    list(({ tasks }) => [...tasks.values()].filter(({ life }) => life.kind === kind))
  return {
    // As in Mesos since authorization is part of the launch.
    pending_tasks: [],
    queued_tasks: inLife('queued'),
    launched_tasks: inLife('launched'),
    terminated_tasks: inLife('terminated'),
    completed_tasks: list(({ completedTasks }) => completedTasks),
  }
}

function told(state: State, executor: Executor, task: Task): ToldTask {
  const { frameworkId } = executor
  const { pending } = state.streams.get(streamKey(frameworkId, task.info.task_id.value)) ?? {}
  // What waits to be acknowledged, or what was acknowledged last.
  const status = pending?.[0]?.status ?? task.statuses.at(-1)
  const uuid = status?.uuid
  return {
    info: task.info,
    frameworkId,
    agentId: state.agentId ?? '',
    executorId: executor.kind === 'custom' ? executor.id : undefined,
    state: task.state,
    resources: task.resources,
    role: executor.role,
    statuses: task.statuses,
    update: status === undefined || uuid === undefined ? undefined : { state: status.state, uuid },
  }
}

export function agentPart(state: State, info: AgentInfo): AgentResponseGetAgent {
  const { agentId, draining } = state
  return {
    agent_info: { ...info, ...(agentId !== undefined && { id: { value: agentId } }) },
    ...(draining !== undefined && {
      drain_config: draining.config,
      estimated_drain_start_time: { nanoseconds: draining.since * 1e6 },
    }),
  }
}

/** In the order of the message; figures that only Tepui has stand in `/containers` alone. */
const FIGURES = ResourceStatistics.fields.map(({ name }) => name)

export function containersPart(state: State, containers: readonly ContainerSight[]): Page {
  return {
    containers: containersPage(state, containers).map((page) => {
      const { container_id, framework_id, executor_id, executor_name, statistics, status } = page
      return {
        framework_id: { value: framework_id },
        executor_id: { value: executor_id },
        executor_name,
        container_id: { value: container_id },
        container_status: status,
        ...(statistics !== undefined && { resource_statistics: inOrder(statistics as Page) }),
      }
    }),
  }
}

function inOrder(statistics: Page): Page {
  return Object.fromEntries(
    FIGURES.flatMap((name) => (statistics[name] === undefined ? [] : [[name, statistics[name]]])),
  )
}

// The agent's page /state as a pure function of its state (spec/mesos.md 4.4).
import type { FlagRow } from '../base/flags.ts'
import { MESOS_API_VERSION, TEPUI_VERSION } from '../base/version.ts'
import { double, seconds } from '../http/pages/number.ts'
import { attributeMap, type Page, reservedMap, resourceList, resourceMap } from '../http/pages/resources.ts'
import { buildPage } from '../http/pages/version.ts'
import { taskPage } from '../http/pages/tasks.ts'
import { Resources } from '../resources/resources.ts'
import type { AgentInfo } from '../wire/agents.ts'
import { liveContainers } from './core/live.ts'
import { type AgentState, allocatedTo, type Executor, type Framework, type Task } from './core/state.ts'
import { sandboxDirectory } from './paths.ts'

/** What is fixed for the life of the agent. */
export interface AgentFacts {
  readonly info: AgentInfo
  readonly ip: string
  readonly port: number
  readonly resources: Resources
  readonly capabilities: readonly string[]
  readonly workDir: string
  readonly flags: Readonly<Record<string, string>>
  /** The same with where each came from. */
  readonly config: readonly FlagRow[]
  /** Wall time, ms. */
  readonly startedAt: number
}

/** Flags as others may see them: credentials that stand in a flag itself are not for everybody. */
export function shownFlags(printed: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const config = printed['docker_config']
  if (config === undefined || config.startsWith('/')) return printed
  return { ...printed, docker_config: '(not shown)' }
}

/** What the agent itself costs: the process alone, without its containers and the engine. */
export function selfPage(state: Readonly<AgentState>): Page {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    id: state.agentId ?? '',
    pid: process.pid,
    uptime_secs: double(process.uptime()),
    cpus_system_time_secs: double(system / 1e6),
    cpus_user_time_secs: double(user / 1e6),
    mem_rss_bytes: rss,
    mem_heap_bytes: heapUsed,
    mem_external_bytes: external,
    containers: state.containers.size,
  }
}

export function statePage(state: Readonly<AgentState>, facts: AgentFacts, master: string | undefined): Page {
  const { info, resources } = facts
  const allocated = Resources.sum(liveContainers(state).map((container) => container.allocated.unallocated()))
  return {
    version: MESOS_API_VERSION,
    tepui_version: TEPUI_VERSION,
    ...buildPage(),
    start_time: seconds(facts.startedAt),
    id: state.agentId ?? '',
    pid: `slave(1)@${facts.ip}:${facts.port}`,
    hostname: info.hostname,
    capabilities: facts.capabilities,
    resources: resourceMap(resources),
    reserved_resources: reservedMap(resources, resourceMap),
    unreserved_resources: resourceMap(resources.unreserved()),
    reserved_resources_full: reservedMap(resources, resourceList),
    unreserved_resources_full: resourceList(resources.unreserved()),
    reserved_resources_allocated: reservedMap(allocated, resourceMap),
    unreserved_resources_allocated: resourceMap(allocated.unreserved()),
    resource_providers: [],
    attributes: attributeMap(info.attributes ?? []),
    ...(master !== undefined && { master_hostname: new URL(master).hostname }),
    flags: facts.flags,
    ...(state.draining !== undefined && {
      drain_config: state.draining.config,
      estimated_drain_start_time_seconds: seconds(state.draining.since),
    }),
    frameworks: [...state.frameworks.values()].map((framework) => frameworkPage(framework, state, facts)),
    completed_frameworks: state.completedFrameworks.map((framework) =>
      frameworkPage(framework, state, facts),
    ),
  }
}

function frameworkPage(framework: Framework, state: Readonly<AgentState>, facts: AgentFacts): Page {
  const { info } = framework
  const executor = (one: Executor): Page => executorPage(one, state, facts)
  return {
    id: framework.id,
    name: info.name,
    user: info.user,
    failover_timeout: double(info.failover_timeout ?? 0),
    checkpoint: info.checkpoint ?? false,
    hostname: info.hostname ?? '',
    ...(info.principal !== undefined && { principal: info.principal }),
    ...(info.roles === undefined ? { role: info.role ?? '*' } : { roles: info.roles }),
    executors: [...framework.executors.values()].map(executor),
    completed_executors: framework.completedExecutors.map(executor),
  }
}

function executorPage(executor: Executor, state: Readonly<AgentState>, facts: AgentFacts): Page {
  const ids = { agentId: state.agentId ?? '', frameworkId: executor.frameworkId, executorId: executor.id }
  const tasks = [...executor.tasks.values()]
  const page = (task: Task): Page => {
    const executorId = executor.kind === 'custom' ? executor.id : undefined
    const { info, resources, state: taskState, statuses } = task
    const { agentId, frameworkId } = ids
    return taskPage({
      info,
      resources,
      statuses,
      state: taskState,
      executorId,
      role: executor.role,
      agentId,
      frameworkId,
    })
  }
  return {
    id: executor.id,
    name: executor.info.name ?? '',
    source: executor.info.source ?? '',
    container: executor.containerId,
    directory: sandboxDirectory(facts.workDir, ids, executor.containerId),
    resources: resourceMap(allocatedTo(executor)),
    role: executor.role,
    ...(executor.info.labels?.labels !== undefined && { labels: executor.info.labels.labels }),
    ...(executor.kind === 'custom' && executor.info.type !== undefined && { type: executor.info.type }),
    tasks: tasks.filter(({ life }) => life.kind !== 'queued').map(page),
    queued_tasks: tasks.filter(({ life }) => life.kind === 'queued').map(page),
    completed_tasks: executor.completedTasks.map(page),
  }
}

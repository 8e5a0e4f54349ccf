// What the web page shows of agents, frameworks, tasks and offers: one flat row each. Pure.
import { needOf } from '../../resources/need.ts'
import type { Resources } from '../../resources/resources.ts'
import {
  type AgentRow,
  type Amounts,
  type FrameworkRow,
  type MasterFactsRow,
  type OfferRow,
  TASK_USUAL,
  TASK_VALUES,
  type TaskRow,
  type TaskValue,
} from '../../wire/page.ts'
import type { Agent, Cluster, Framework, OutstandingOffer, Task } from '../core/cluster.ts'
import type { Tally } from '../tally.ts'
import type { MasterFacts } from '../views.ts'
import { TEPUI_VERSION } from '../../base/version.ts'
import { attributeText } from '../../resources/attributes.ts'

/** Messages of tasks may be long; the page of one task has all of it. */
const MOST_MESSAGE = 300

const amounts = (resources: Resources): Amounts => ({
  cpus: resources.scalar('cpus'),
  mem: resources.scalar('mem'),
  disk: resources.scalar('disk'),
  gpus: resources.scalar('gpus'),
})

export function masterRow({ cluster, info, startedAt }: MasterFacts): MasterFactsRow {
  return {
    id: info.id,
    address: `${info.hostname}:${info.port}`,
    cluster: cluster ?? '',
    version: TEPUI_VERSION,
    startedAt,
  }
}

export function agentRow(agent: Agent, tally: Tally): AgentRow {
  const { address, info, lending, state } = agent
  const used = tally.used.of(agent.id)
  const attributes = (info.attributes ?? []).map(
    (one) => [one.name, one.type === 'SCALAR' ? String(one.scalar?.value ?? 0) : attributeText(one)] as const,
  )
  const named = attributes.find(([name]) => name === 'agent')?.[1]
  const lendable = lending === undefined || lending.unknown !== undefined ? undefined : lending.lendable
  return {
    id: agent.id,
    name: named ?? `${info.hostname}:${address.port}`,
    hostname: info.hostname,
    ip: address.ip,
    port: address.port,
    state: state.kind,
    since: state.kind === 'connected' ? (agent.reregisteredAt ?? agent.registeredAt) : state.since,
    version: agent.version,
    attributes: Object.fromEntries(attributes),
    total: amounts(agent.own),
    allocated: amounts(used.nonRevocable()),
    offered: amounts(tally.offered.of(agent.id)),
    lent: amounts(agent.oversubscribed),
    lentHeld: amounts(used.revocable()),
    mode: lending?.mode ?? '',
    ...(lendable !== undefined && { lendable: lendable.scalar('cpus') }),
    sum: lending?.sum ?? '',
    unknown: lending === undefined ? 'the agent has not told any yet' : (lending.unknown ?? ''),
    closed: lending?.closed ?? '',
    ...(agent.drain !== undefined && { drain: agent.drain.state }),
    ...(agent.deactivated && { deactivated: true }),
  }
}

export function frameworkRow(framework: Framework, isCompleted: boolean, tally: Tally): FrameworkRow {
  const { id, info, state } = framework
  const used = tally.used.of(id)
  const waits = state.kind === 'connected' && framework.tasks.size === 0 ? needOf(info) : undefined
  const gone = isCompleted
    ? framework.unregisteredAt
    : state.kind === 'disconnected'
      ? state.since
      : undefined
  return {
    id,
    name: info.name,
    user: info.user,
    roles: framework.roles,
    state: isCompleted ? 'completed' : state.kind,
    registered: framework.registeredAt ?? 0,
    ...(gone !== undefined && { since: gone }),
    failoverTimeout: (info.failover_timeout ?? 0) * 1000,
    checkpoint: info.checkpoint ?? false,
    capabilities: [...framework.capabilities],
    ...(info.principal !== undefined && { principal: info.principal }),
    ...(info.webui_url !== undefined && { webui: info.webui_url }),
    ...(info.hostname !== undefined && { hostname: info.hostname }),
    allocated: amounts(used.nonRevocable()),
    lentHeld: amounts(used.revocable()),
    offered: amounts(tally.offered.of(id)),
    ...(waits !== undefined && { waits }),
  }
}

export function taskRow(task: Task): TaskRow {
  const { info, resources } = task
  const last = task.statuses.at(-1)
  const image = info.container?.docker?.image
  const healthy = last?.healthy
  return {
    key: taskKey(task),
    id: info.task_id.value,
    name: info.name,
    framework: task.frameworkId,
    agent: task.agentId,
    executor: task.executorId ?? '',
    state: task.state,
    role: task.role,
    cpus: resources.scalar('cpus'),
    mem: resources.scalar('mem'),
    lentCpus: resources.revocable().scalar('cpus'),
    ...(image !== undefined && { image }),
    ...(last?.timestamp !== undefined && { changed: Math.round(last.timestamp * 1000) }),
    ...(healthy !== undefined && { healthy }),
    ...(last?.reason !== undefined && { reason: last.reason }),
    ...(last?.message !== undefined && { message: last.message.slice(0, MOST_MESSAGE) }),
  }
}

/** The row as it stands in its `TaskGroup`. */
export function taskValues(row: TaskRow): TaskValue[] {
  const values = TASK_VALUES.map((name): TaskValue => {
    const value = row[name]
    return value === undefined || value === (TASK_USUAL as Partial<TaskRow>)[name] ? null : value
  })
  while (values.at(-1) === null) values.pop()
  return values
}

export const taskKey = ({ frameworkId, info }: Task): string => `${frameworkId}/${info.task_id.value}`

export function offerRow(offer: OutstandingOffer, since: number): OfferRow {
  return {
    id: offer.id,
    framework: offer.frameworkId,
    agent: offer.agentId,
    role: offer.role,
    amounts: amounts(offer.resources.nonRevocable()),
    lent: amounts(offer.resources.revocable()),
    since,
  }
}

/** All of a framework's tasks that the page shows: of those that ended the newest. */
export function shownTasks(cluster: Cluster, mostEnded: number): Task[] {
  const shown: Task[] = []
  const ended: Task[] = []
  for (const framework of cluster.frameworks.values()) {
    for (const task of framework.tasks.values()) shown.push(task)
    for (const task of framework.unreachableTasks.values()) shown.push(task)
    for (const task of framework.completedTasks) ended.push(task)
  }
  for (const framework of cluster.completedFrameworks.values())
    for (const task of framework.completedTasks) ended.push(task)
  const time = (task: Task): number => task.statuses.at(-1)?.timestamp ?? 0
  ended.sort((a, b) => time(b) - time(a))
  return [...shown, ...ended.slice(0, mostEnded)]
}

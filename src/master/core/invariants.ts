// What must hold after every step of the core; tests and the simulation ask after each, and a sentence is a bug.
import { Resources } from '../../resources/resources.ts'
import { type Agent, type Cluster, type Task, usedBy } from './cluster.ts'
import { isOver } from './tasks.ts'

/** Broken invariants as sentences; empty when all is well. */
export function check(cluster: Cluster): readonly string[] {
  return [
    ...checkOffers(cluster),
    ...[...cluster.agents.values()].flatMap((agent) => checkAgent(cluster, agent)),
    ...checkFrameworks(cluster),
    ...checkConnections(cluster),
    ...checkLimits(cluster),
    ...cluster.allocator.check(),
  ]
}

function checkOffers(cluster: Cluster): string[] {
  const broken: string[] = []
  for (const { id, frameworkId, agentId, role, resources } of cluster.offers.values()) {
    const framework = cluster.frameworks.get(frameworkId)
    const agent = cluster.agents.get(agentId)
    if (framework?.state.kind !== 'connected')
      broken.push(`Offer ${id} is out to a framework that is not connected`)
    if (framework?.offers.has(id) !== true)
      broken.push(`Offer ${id} is not in the list of framework ${frameworkId}`)
    if (agent?.state.kind !== 'connected')
      broken.push(`Offer ${id} holds resources of an agent that is not connected`)
    if (agent?.offers.has(id) !== true) broken.push(`Offer ${id} is not in the list of agent ${agentId}`)
    if (resources.isEmpty) broken.push(`Offer ${id} is empty`)
    if (resources.entries.some((entry) => entry.identity.allocatedTo !== role)) {
      broken.push(`Offer ${id} for role ${role} holds ${resources.toText()}`)
    }
    const revocable = !resources.revocable().isEmpty
    if (revocable && framework?.capabilities.has('REVOCABLE_RESOURCES') === false) {
      broken.push(`Offer ${id} holds revocable resources for a framework that does not take them`)
    }
  }
  return broken
}

function checkAgent(cluster: Cluster, agent: Agent): string[] {
  const broken: string[] = []
  const offered = [...agent.offers].flatMap((id) => cluster.offers.get(id) ?? [])
  if (offered.length !== agent.offers.size) broken.push(`Agent ${agent.id} lists an offer that is not there`)
  const ids = new Set([
    ...agent.tasks.keys(),
    ...agent.executors.keys(),
    ...offered.map((one) => one.frameworkId),
  ])
  const all: Resources[] = []
  for (const id of ids) {
    const mine = offered.filter((one) => one.frameworkId === id).map((one) => one.resources)
    const held = Resources.sum([usedBy(agent, id), ...mine])
    all.push(held)
    const booked = cluster.allocator.booked(id, agent.id)
    if (!booked.equals(held)) {
      broken.push(
        `Framework ${id} holds ${held.toText()} on agent ${agent.id}, the allocator has ${booked.toText()}`,
      )
    }
    if (!cluster.frameworks.has(id))
      broken.push(`Agent ${agent.id} runs things of the unknown framework ${id}`)
  }
  broken.push(...checkSums(agent, Resources.sum(all), Resources.sum(offered.map((one) => one.resources))))
  for (const task of [...agent.tasks.values()].flatMap((tasks) => [...tasks.values()])) {
    broken.push(...checkTask(cluster, agent, task))
  }
  return broken
}

/**
 * Offered and allocated fit into the total. What is lent may shrink below what borrowers hold already; then nothing
 * more may be on offer (spec/mesos.md 11.3).
 */
function checkSums(agent: Agent, held: Resources, offered: Resources): string[] {
  const plain = held.unallocated()
  const broken: string[] = []
  if (!agent.own.contains(plain.nonRevocable())) {
    broken.push(
      `Agent ${agent.id} has ${agent.own.toText()}, but ${plain.nonRevocable().toText()} are given away`,
    )
  }
  const named = (all: Resources, name: string) => all.filter((identity) => identity.name === name)
  for (const { identity } of offered.unallocated().revocable().entries) {
    const given = named(plain.revocable(), identity.name)
    if (agent.oversubscribed.contains(given)) continue
    broken.push(
      `Agent ${agent.id} lends ${agent.oversubscribed.toText()}, but ${given.toText()} are given away`,
    )
  }
  if (!agent.total.equals(agent.own.plus(agent.oversubscribed))) {
    broken.push(`The total of agent ${agent.id} is not the sum of its parts`)
  }
  if (agent.deactivated && agent.offers.size > 0) broken.push(`Agent ${agent.id} is out of use, yet offered`)
  if (agent.drain !== undefined && !agent.deactivated) broken.push(`Agent ${agent.id} is drained, yet in use`)
  return broken
}

function checkTask(cluster: Cluster, agent: Agent, task: Task): string[] {
  const id = task.info.task_id.value
  const broken: string[] = []
  const inFramework = cluster.frameworks.get(task.frameworkId)?.tasks.get(id)
  if (!task.disowned && inFramework !== task) broken.push(`Task '${id}' is not in the books of its framework`)
  if (task.disowned && inFramework === task) broken.push(`Task '${id}' is disowned, yet its framework has it`)
  if (task.agentId !== agent.id) broken.push(`Task '${id}' is on agent ${agent.id} and says ${task.agentId}`)
  if (task.state === 'TASK_UNREACHABLE') broken.push(`Task '${id}' is unreachable on an agent that is there`)
  const roles = new Set(task.resources.entries.map((entry) => entry.identity.allocatedTo))
  // One that the agent never got and only tells the end of holds nothing.
  if (roles.size > 1 || (roles.size === 1 && !roles.has(task.role)))
    broken.push(`Task '${id}' holds ${task.resources.toText()}`)
  return broken
}

function checkFrameworks(cluster: Cluster): string[] {
  const broken: string[] = []
  for (const framework of cluster.frameworks.values()) {
    for (const [id, task] of framework.tasks) {
      if (cluster.agents.get(task.agentId)?.tasks.get(framework.id)?.get(id) !== task) {
        broken.push(`Task '${id}' of framework ${framework.id} is not in the books of agent ${task.agentId}`)
      }
    }
    for (const id of framework.offers) {
      if (cluster.offers.get(id)?.frameworkId !== framework.id) {
        broken.push(`Framework ${framework.id} lists the offer ${id}, which is not its own`)
      }
    }
    for (const [id, task] of framework.unreachableTasks) {
      if (task.state !== 'TASK_UNREACHABLE') broken.push(`The unreachable task '${id}' is ${task.state}`)
      if (cluster.agents.has(task.agentId))
        broken.push(`The unreachable task '${id}' is on an agent that is there`)
    }
    const alive = framework.completedTasks.find((task) => !isOver(task.state))
    if (alive !== undefined) broken.push(`The completed task '${alive.info.task_id.value}' is ${alive.state}`)
    if (cluster.completedFrameworks.has(framework.id))
      broken.push(`Framework ${framework.id} is completed and there`)
  }
  return broken
}

function checkConnections(cluster: Cluster): string[] {
  const broken: string[] = []
  const streams = [
    ...[...cluster.frameworks.values()].map((one) => [one, cluster.frameworkConnections] as const),
    ...[...cluster.agents.values()].map((one) => [one, cluster.agentConnections] as const),
  ]
  for (const [{ id, state }, connections] of streams) {
    if (state.kind === 'connected' && connections.get(state.connection) !== id) {
      broken.push(`The stream ${state.connection} of ${id} is not listed`)
    }
  }
  const connected = streams.filter(([one]) => one.state.kind === 'connected').length
  const listed = cluster.frameworkConnections.size + cluster.agentConnections.size
  if (connected !== listed) broken.push(`${listed} streams are listed, but ${connected} are connected`)
  for (const id of cluster.unreachableAgents.keys()) {
    if (cluster.agents.has(id)) broken.push(`Agent ${id} is unreachable and there`)
  }
  for (const id of cluster.goneAgents.keys())
    if (cluster.agents.has(id) || cluster.unreachableAgents.has(id))
      broken.push(`Agent ${id} is gone and there`)
  return broken
}

function checkLimits(cluster: Cluster): string[] {
  const { options } = cluster
  const broken: string[] = []
  const within = (what: string, size: number, limit: number): void => {
    if (size > limit) broken.push(`${what}: ${size} are kept, at most ${limit} may be`)
  }
  within('Completed frameworks', cluster.completedFrameworks.size, options.maxCompletedFrameworks)
  within('Gone agents', cluster.goneAgents.size, options.maxUnreachableAgents)
  within('Unreachable agents', cluster.unreachableAgents.size, options.maxUnreachableAgents)
  for (const { id, completedTasks, unreachableTasks } of cluster.frameworks.values()) {
    within(`Completed tasks of ${id}`, completedTasks.length, options.maxCompletedTasksPerFramework)
    within(`Unreachable tasks of ${id}`, unreachableTasks.size, options.maxUnreachableTasksPerFramework)
  }
  return broken
}

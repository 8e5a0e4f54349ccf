// How agents are lost: a stream that ends, pings without an answer, a deadline that passes, a farewell.
import { type Agent, type Framework, type Task, executorsOf } from './cluster.ts'
import { endOffer, offersOf } from './offers.ts'
import { happened } from './occurrences.ts'
import {
  endAway,
  endTask,
  type MasterStatus,
  masterStatus,
  rememberId,
  removeExecutor,
  shownExecutorId,
  stateFor,
  trimMap,
} from './tasks.ts'
import { type Turn, count, log, sendToAgent, sendToFramework } from './turn.ts'

/** Asks whether the agent still hears; the timer looks whether it answered (spec/mesos.md 5.4). */
export function ping(turn: Turn, agent: Agent): void {
  if (agent.state.kind !== 'connected') return
  agent.missedPongs++
  sendToAgent(turn, agent, { type: 'PING', ping: { connected: true } })
  turn.effects.push({
    type: 'timer',
    afterMs: turn.cluster.options.agentPingTimeoutMs,
    timer: { kind: 'ping', agentId: agent.id, connection: agent.state.connection },
  })
}

export function pingTimedOut(turn: Turn, agentId: string, connection: string): void {
  const agent = turn.cluster.agents.get(agentId)
  if (agent?.state.kind !== 'connected' || agent.state.connection !== connection) return
  if (agent.missedPongs < turn.cluster.options.maxAgentPingTimeouts) return ping(turn, agent)
  markUnreachable(turn, agent, 'health check timed out')
}

/** The stream of an agent ended; ignored when the agent is already back on another. */
export function agentDisconnected(turn: Turn, connection: string): void {
  const agent = turn.cluster.agents.get(turn.cluster.agentConnections.get(connection) ?? '')
  if (agent !== undefined) disconnect(turn, agent)
}

/**
 * No offers any more, time to come back. What runs for frameworks without checkpointing counts as lost at once: an
 * agent that restarts could not take it over (spec/mesos.md 5.4).
 */
export function disconnect(turn: Turn, agent: Agent): void {
  const { cluster } = turn
  if (agent.state.kind !== 'connected') return
  cluster.agentConnections.delete(agent.state.connection)
  agent.state = { kind: 'disconnected', since: turn.now }
  agent.disconnection++
  happened(turn, { kind: 'agent-disconnected', agent })
  cluster.allocator.deactivateAgent(agent.id)
  for (const offer of offersOf(turn, agent)) endOffer(turn, offer, { rescind: true })
  const deadline = cluster.options.agentReregisterTimeoutMs
  log(turn, 'warn', `Agent ${agent.info.hostname} disconnected; it has ${deadline / 1000} s to come back`, {
    agent: agent.id,
  })
  for (const framework of frameworksOn(turn, agent)) {
    if (framework.info.checkpoint !== true) disown(turn, framework, agent)
  }
  turn.effects.push({
    type: 'timer',
    afterMs: deadline,
    timer: { kind: 'agent-reregister', agentId: agent.id, disconnection: agent.disconnection },
  })
}

function frameworksOn(turn: Turn, agent: Agent): Framework[] {
  const ids = new Set([...agent.tasks.keys(), ...agent.executors.keys()])
  return [...ids].flatMap((id) => turn.cluster.frameworks.get(id) ?? [])
}

/** Always TASK_LOST, even for partition-aware frameworks (spec/mesos.md 5.4). */
function disown(turn: Turn, framework: Framework, agent: Agent): void {
  for (const task of tasksOf(agent, framework.id)) {
    rememberId(agent.disowned, framework.id, task.info.task_id.value)
    endTask(turn, framework, agent, task, {
      state: 'TASK_LOST',
      message: `Agent ${agent.info.hostname} disconnected`,
      reason: 'REASON_AGENT_DISCONNECTED',
      tell: true,
    })
  }
  for (const executor of executorsOf(agent, framework.id).values()) removeExecutor(turn, agent, executor)
}

export function reregisterTimedOut(turn: Turn, agentId: string, disconnection: number): void {
  const agent = turn.cluster.agents.get(agentId)
  if (agent?.state.kind !== 'disconnected' || agent.disconnection !== disconnection) return
  const seconds = turn.cluster.options.agentReregisterTimeoutMs / 1000
  markUnreachable(turn, agent, `it did not come back within ${seconds} s`)
}

/** Its tasks may still run and come back with it: UNREACHABLE is not the end (spec/mesos.md 5.4). */
export function markUnreachable(turn: Turn, agent: Agent, why: string): void {
  const { cluster, now } = turn
  count(turn, 'master/slave_unreachable_scheduled')
  count(turn, 'master/slave_unreachable_completed')
  count(turn, 'master/slave_removals/reason_unhealthy')
  leave(turn, agent)
  for (const framework of frameworksOn(turn, agent)) {
    for (const task of tasksOf(agent, framework.id)) {
      endTask(turn, framework, agent, task, {
        state: 'TASK_UNREACHABLE',
        message: `Agent ${agent.info.hostname} is unreachable: ${why}`,
        reason: 'REASON_AGENT_REMOVED',
        unreachableSince: now,
        tell: true,
      })
    }
  }
  const { hostname } = agent.info
  cluster.unreachableAgents.set(agent.id, {
    since: now,
    hostname,
    disowned: agent.disowned,
    deactivated: agent.deactivated,
    drain: agent.drain,
  })
  trimMap(cluster.unreachableAgents, cluster.options.maxUnreachableAgents)
  forget(turn, agent, { why: `is unreachable: ${why}`, unreachable: true })
}

/** It is gone and will not come back under this id: it said farewell, or another took its place. */
export function removeAgent(turn: Turn, agent: Agent, why: 'registered' | 'unregistered'): void {
  const reason = why === 'unregistered' ? 'it unregistered' : 'a new agent registered at its address'
  count(turn, `master/slave_removals/reason_${why}`)
  leave(turn, agent)
  for (const framework of frameworksOn(turn, agent)) {
    for (const task of tasksOf(agent, framework.id)) {
      endTask(turn, framework, agent, task, {
        state: 'TASK_LOST',
        message: `Agent ${agent.info.hostname} removed: ${reason}`,
        reason: 'REASON_AGENT_REMOVED',
        tell: true,
      })
    }
  }
  forget(turn, agent, { why: `is removed: ${reason}`, unreachable: false })
}

/**
 * An operator says that it will never come back, whether it is here or out of reach: its tasks are over for good, and
 * its id is refused from now on (spec/mesos.md 5.4).
 */
export function markGone(turn: Turn, agentId: string): void {
  const { cluster, now } = turn
  const agent = cluster.agents.get(agentId)
  const away = cluster.unreachableAgents.get(agentId)
  if (agent === undefined && away === undefined) return
  cluster.goneAgents.set(agentId, now)
  trimMap(cluster.goneAgents, cluster.options.maxUnreachableAgents)
  if (agent === undefined) {
    cluster.unreachableAgents.delete(agentId)
    return endUnreachable(turn, agentId, away?.hostname ?? agentId)
  }
  sendToAgent(turn, agent, { type: 'SHUTDOWN', shutdown: { message: GONE } })
  leave(turn, agent)
  for (const framework of frameworksOn(turn, agent))
    for (const task of tasksOf(agent, framework.id))
      endTask(turn, framework, agent, task, { ...goneStatus(agent.info.hostname), tell: true })
  forget(turn, agent, { why: 'is gone: an operator said so', unreachable: false })
}

export const GONE = 'This agent was marked gone'

function goneStatus(hostname: string): Pick<MasterStatus, 'state' | 'message' | 'reason'> {
  const message = `Agent ${hostname} was marked gone by an operator`
  return { state: 'TASK_GONE_BY_OPERATOR', message, reason: 'REASON_AGENT_REMOVED_BY_OPERATOR' }
}

/** What was lost from sight with it cannot return any more. */
function endUnreachable(turn: Turn, agentId: string, hostname: string): void {
  for (const framework of turn.cluster.frameworks.values())
    for (const [taskId, task] of framework.unreachableTasks) {
      if (task.agentId !== agentId) continue
      const { state, ...said } = goneStatus(hostname)
      const executorId = shownExecutorId(task)
      const status = masterStatus(turn.now, {
        ...said,
        state: stateFor(framework, state),
        taskId,
        agentId,
        executorId,
      })
      framework.unreachableTasks.delete(taskId)
      endAway(turn, framework, task, status)
    }
}

// The allocator first: what is given back afterwards must not be offered again.
function leave(turn: Turn, agent: Agent): void {
  const { cluster } = turn
  cluster.allocator.removeAgent(agent.id)
  if (agent.state.kind === 'connected') {
    cluster.agentConnections.delete(agent.state.connection)
    turn.effects.push({ type: 'close-agent', connection: agent.state.connection })
  }
  agent.state = { kind: 'disconnected', since: turn.now }
}

interface Loss {
  readonly why: string
  readonly unreachable: boolean
}

function forget(turn: Turn, agent: Agent, loss: Loss): void {
  const { cluster } = turn
  for (const executors of agent.executors.values()) {
    for (const executor of executors.values()) removeExecutor(turn, agent, executor)
  }
  for (const offer of offersOf(turn, agent)) endOffer(turn, offer, { rescind: true })
  cluster.agents.delete(agent.id)
  cluster.draining.delete(agent.id)
  count(turn, 'master/slave_removals')
  log(turn, 'warn', `Agent ${agent.info.hostname} ${loss.why}`, { agent: agent.id })
  happened(turn, { kind: 'agent-removed', agent, ...loss })
  for (const framework of cluster.frameworks.values()) {
    sendToFramework(turn, framework, { type: 'FAILURE', failure: { agent_id: { value: agent.id } } })
  }
}

function tasksOf(agent: Agent, frameworkId: string): Task[] {
  return [...(agent.tasks.get(frameworkId)?.values() ?? [])]
}

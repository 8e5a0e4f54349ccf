// What happens in the master as events of the operator API (spec/mesos.md 4.2).
import { taskMessage } from '../../http/operator/task-message.ts'
import type { MasterEvent } from '../../wire/master-event.ts'
import type { Agent, Cluster, Framework } from '../core/cluster.ts'
import type { Occurrence } from '../core/occurrences.ts'
import { tallyOf, tallyOfAgent } from '../tally.ts'
import { agentMessage, frameworkMessage } from './messages.ts'

export class OperatorEvents {
  readonly #cluster: Cluster
  /** Agents and frameworks that were told as added and not as removed: those that come back are not new. */
  readonly #agents = new Set<string>()
  readonly #frameworks = new Set<string>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** @param heard false when nobody listens: then only what is remembered matters, and nothing is made */
  of(what: Occurrence, heard: boolean): MasterEvent | undefined {
    switch (what.kind) {
      case 'task-added':
        return heard ? { type: 'TASK_ADDED', task_added: { task: taskMessage(what.task) } } : undefined
      case 'task-updated': {
        if (!heard) return undefined
        const { data: _, ...status } = what.status
        const framework_id = { value: what.task.frameworkId }
        return { type: 'TASK_UPDATED', task_updated: { framework_id, status, state: what.task.state } }
      }
      case 'agent-registered':
        return isNew(this.#agents, what.agent.id) && heard ? this.#agentAdded(what.agent) : undefined
      case 'agent-removed':
        this.#agents.delete(what.agent.id)
        // As in Mesos nothing is said of one that is out of reach; when it is back, it is added again.
        if (what.unreachable) return undefined
        return { type: 'AGENT_REMOVED', agent_removed: { agent_id: { value: what.agent.id } } }
      case 'framework-recovered':
      case 'framework-subscribed':
      case 'framework-disconnected':
      case 'framework-updated':
        return this.#framework(what.framework, heard)
      case 'framework-removed':
        this.#frameworks.delete(what.framework.id)
        return { type: 'FRAMEWORK_REMOVED', framework_removed: { framework_info: what.framework.info } }
      case 'offer-made':
      case 'offer-ended':
      case 'task-refused':
      case 'agent-disconnected':
      case 'agent-standing':
      case 'lent-changed':
      case 'lend-mode':
      case 'lend-step':
        return undefined
    }
  }

  #agentAdded(agent: Agent): MasterEvent {
    const message = agentMessage(agent, tallyOfAgent(this.#cluster, agent))
    return { type: 'AGENT_ADDED', agent_added: { agent: message } }
  }

  #framework(framework: Framework, heard: boolean): MasterEvent | undefined {
    const added = isNew(this.#frameworks, framework.id)
    if (!heard) return undefined
    const message = frameworkMessage(this.#cluster, framework, tallyOf(this.#cluster))
    return added
      ? { type: 'FRAMEWORK_ADDED', framework_added: { framework: message } }
      : { type: 'FRAMEWORK_UPDATED', framework_updated: { framework: message } }
  }
}

function isNew(known: Set<string>, id: string): boolean {
  if (known.has(id)) return false
  known.add(id)
  return true
}

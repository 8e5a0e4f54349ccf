// The calls of a subscribed framework, one short function each (spec/mesos.md 2.2).
import { unreachable } from '../../base/errors.ts'
import type {
  SchedulerCall,
  SchedulerCallAcknowledge,
  SchedulerCallKill,
  SchedulerCallMessage,
  SchedulerCallShutdown,
} from '../../wire/scheduler.ts'
import { accept, decline } from './accept.ts'
import type { Framework } from './cluster.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { removeFramework, updateFramework } from './frameworks.ts'
import { reconcileOperations, reconcileTask, reconcileTasks } from './reconcile.ts'
import { findTask, rememberId, removeTask } from './tasks.ts'
import { type Turn, count, drop, sendToAgent } from './turn.ts'

/** The gate has seen that the call carries what its type needs (`problemWithCall`). */
export function frameworkCall(turn: Turn, frameworkId: string, call: SchedulerCall): void {
  const framework = turn.cluster.frameworks.get(frameworkId)
  const { type } = call
  if (framework === undefined || type === undefined) {
    return drop(turn, type ?? 'a call', 'its framework is not there', { framework: frameworkId })
  }
  switch (type) {
    case 'ACCEPT':
      return accept(turn, framework, call.accept ?? {})
    case 'DECLINE':
      return decline(turn, framework, call.decline ?? {})
    case 'REVIVE':
      return revive(turn, framework, call.revive?.roles ?? [])
    case 'SUPPRESS':
      return suppress(turn, framework, call.suppress?.roles ?? [])
    case 'KILL':
      return call.kill === undefined ? incomplete(turn, framework, call) : kill(turn, framework, call.kill)
    case 'SHUTDOWN':
      return call.shutdown === undefined
        ? incomplete(turn, framework, call)
        : shutdown(turn, framework, call.shutdown)
    case 'ACKNOWLEDGE':
      return call.acknowledge === undefined
        ? incomplete(turn, framework, call)
        : acknowledge(turn, framework, call.acknowledge)
    case 'RECONCILE':
      return reconcileTasks(turn, framework, call.reconcile ?? {})
    case 'RECONCILE_OPERATIONS':
      return reconcileOperations(turn, framework, call.reconcile_operations ?? {})
    case 'MESSAGE':
      return call.message === undefined
        ? incomplete(turn, framework, call)
        : message(turn, framework, call.message)
    case 'REQUEST':
      // The allocator offers what it has; nobody can ask for more (spec/mesos.md 2.2).
      return count(turn, 'master/messages_resource_request')
    case 'TEARDOWN':
      count(turn, 'master/messages_unregister_framework')
      return removeFramework(turn, framework, 'it asked for its teardown')
    case 'UPDATE_FRAMEWORK':
      return updateFramework(turn, framework, call)
    case 'ACKNOWLEDGE_OPERATION_STATUS':
      count(turn, 'master/messages_operation_status_update_acknowledgement')
      count(turn, 'master/invalid_operation_status_update_acknowledgements')
      return drop(turn, type, 'no operation waits for it', { framework: framework.id })
    case 'ACCEPT_INVERSE_OFFERS':
    case 'DECLINE_INVERSE_OFFERS':
      return drop(turn, type, 'the inverse offers are no longer valid', { framework: framework.id })
    case 'SUBSCRIBE':
    case 'UNKNOWN':
      return incomplete(turn, framework, call)
    default:
      return unreachable(type, 'call of a framework')
  }
}

function incomplete(turn: Turn, framework: Framework, call: SchedulerCall): void {
  drop(turn, call.type ?? 'a call', 'it cannot be meant like this', { framework: framework.id })
}

/** The roles that are meant: all when none is named; undefined when one of them is not the framework's. */
function rolesMeant(
  turn: Turn,
  framework: Framework,
  what: string,
  named: readonly string[],
): string[] | undefined {
  const own = new Set(framework.roles)
  const stranger = named.find((role) => !own.has(role))
  if (stranger === undefined) return named.length === 0 ? [...framework.roles] : [...new Set(named)]
  drop(turn, what, `the framework is not subscribed to the role '${stranger}'`, { framework: framework.id })
  return undefined
}

function revive(turn: Turn, framework: Framework, named: readonly string[]): void {
  count(turn, 'master/messages_revive_offers')
  const roles = rolesMeant(turn, framework, 'REVIVE', named)
  if (roles === undefined) return
  for (const role of roles) framework.suppressedRoles.delete(role)
  turn.cluster.allocator.revive(framework.id, roles)
  turn.effects.push({ type: 'allocate-soon' })
}

/** Offers that are out stay (spec/mesos.md 12.6). */
function suppress(turn: Turn, framework: Framework, named: readonly string[]): void {
  count(turn, 'master/messages_suppress_offers')
  const roles = rolesMeant(turn, framework, 'SUPPRESS', named)
  if (roles === undefined) return
  for (const role of roles) framework.suppressedRoles.add(role)
  turn.cluster.allocator.suppress(framework.id, roles)
}

/** Remembered until the task ends, so that an agent that is away hears of it when it is back. */
function kill(turn: Turn, framework: Framework, asked: SchedulerCallKill): void {
  count(turn, 'master/messages_kill_task')
  const taskId = asked.task_id.value
  const agentId = asked.agent_id?.value
  const task = framework.tasks.get(taskId)
  if (task === undefined) return reconcileTask(turn, framework, taskId, agentId)
  if (agentId !== undefined && agentId !== task.agentId) {
    const why = `task '${taskId}' is on agent ${task.agentId}, not on ${agentId}`
    return drop(turn, 'KILL', why, { framework: framework.id })
  }
  const agent = turn.cluster.agents.get(task.agentId)
  if (agent === undefined) return
  rememberId(agent.killed, framework.id, taskId)
  sendToAgent(turn, agent, {
    type: 'KILL_TASK',
    kill_task: {
      framework_id: { value: framework.id },
      task_id: asked.task_id,
      ...(asked.kill_policy === undefined ? {} : { kill_policy: asked.kill_policy }),
    },
  })
}

function shutdown(turn: Turn, framework: Framework, asked: SchedulerCallShutdown): void {
  const agent = turn.cluster.agents.get(asked.agent_id.value)
  const sent =
    agent !== undefined &&
    sendToAgent(turn, agent, {
      type: 'SHUTDOWN_EXECUTOR',
      shutdown_executor: { framework_id: { value: framework.id }, executor_id: asked.executor_id },
    })
  if (!sent)
    drop(turn, 'SHUTDOWN', `agent ${asked.agent_id.value} is not connected`, { framework: framework.id })
}

/** Goes on to the agent; the acknowledgement of the end of a task completes it (spec/mesos.md 2.2). */
function acknowledge(turn: Turn, framework: Framework, said: SchedulerCallAcknowledge): void {
  count(turn, 'master/messages_status_update_acknowledgement')
  const agent = turn.cluster.agents.get(said.agent_id.value)
  if (agent?.state.kind !== 'connected') {
    count(turn, 'master/invalid_status_update_acknowledgements')
    return drop(turn, 'ACKNOWLEDGE', `agent ${said.agent_id.value} is not connected`, {
      framework: framework.id,
    })
  }
  const task = findTask(agent, framework.id, said.task_id.value)
  if (task !== undefined && task.update === undefined) {
    count(turn, 'master/invalid_status_update_acknowledgements')
    return drop(turn, 'ACKNOWLEDGE', `task '${said.task_id.value}' waits for none`, {
      framework: framework.id,
    })
  }
  if (task?.update !== undefined && task.update.uuid === said.uuid && isTerminal(task.update.state)) {
    removeTask(turn, framework, agent, task)
  }
  count(turn, 'master/valid_status_update_acknowledgements')
  sendToAgent(turn, agent, {
    type: 'ACKNOWLEDGE',
    acknowledge: { framework_id: { value: framework.id }, task_id: said.task_id, uuid: said.uuid },
  })
}

/** To the executor through its agent, as well as can be: nobody hears when it is lost. */
function message(turn: Turn, framework: Framework, said: SchedulerCallMessage): void {
  count(turn, 'master/messages_framework_to_executor')
  const agent = turn.cluster.agents.get(said.agent_id.value)
  const sent =
    agent !== undefined &&
    sendToAgent(turn, agent, {
      type: 'MESSAGE',
      message: { framework_id: { value: framework.id }, executor_id: said.executor_id, data: said.data },
    })
  count(turn, `master/${sent ? 'valid' : 'invalid'}_framework_to_executor_messages`)
}

// A call of each type of the scheduler API that passes its gate; the ids are nobody's.
const framework_id = { value: 'framework' }
const agent_id = { value: 'agent' }
const executor_id = { value: 'executor' }
const task_id = { value: 'task' }
const offer_ids = [{ value: 'offer' }]
const inverse_offer_ids = offer_ids
const uuid = 'jiempx7OQquSBbkHh4uyhg=='
const framework_info = { user: 'nobody', name: 'example', roles: ['*'] }

const resources = [
  { name: 'cpus', type: 'SCALAR', scalar: { value: 0.5 } },
  { name: 'mem', type: 'SCALAR', scalar: { value: 64 } },
]

const task = { name: 'hello', task_id, agent_id, resources, command: { value: 'echo hello' } }

const PARTS: Readonly<Record<string, object>> = {
  ACCEPT: { offer_ids, operations: [{ type: 'LAUNCH', launch: { task_infos: [task] } }] },
  DECLINE: { offer_ids, filters: { refuse_seconds: 5 } },
  ACCEPT_INVERSE_OFFERS: { inverse_offer_ids },
  DECLINE_INVERSE_OFFERS: { inverse_offer_ids },
  REVIVE: { roles: ['*'] },
  SUPPRESS: { roles: ['*'] },
  KILL: { task_id, agent_id },
  SHUTDOWN: { executor_id, agent_id },
  ACKNOWLEDGE: { agent_id, task_id, uuid },
  ACKNOWLEDGE_OPERATION_STATUS: { agent_id, uuid, operation_id: { value: 'operation' } },
  RECONCILE: { tasks: [{ task_id, agent_id }] },
  RECONCILE_OPERATIONS: { operations: [] },
  MESSAGE: { agent_id, executor_id, data: 'aGVsbG8=' },
  REQUEST: { requests: [] },
  UPDATE_FRAMEWORK: { framework_info: { ...framework_info, id: framework_id } },
}

export const SCHEDULER_EXAMPLES: Readonly<Record<string, object>> = {
  SUBSCRIBE: { type: 'SUBSCRIBE', subscribe: { framework_info } },
  TEARDOWN: { type: 'TEARDOWN', framework_id },
  ...Object.fromEntries(
    Object.entries(PARTS).map(([type, part]) => [type, { type, framework_id, [type.toLowerCase()]: part }]),
  ),
}

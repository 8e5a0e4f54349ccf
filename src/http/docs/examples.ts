// The least that a call of the operator APIs needs to pass the gate, by its type; the ids are nobody's.
const agent_id = { value: 'nobody' }
const container_id = { value: 'no-container' }
const volume = { name: 'disk', type: 'SCALAR', scalar: { value: 1 } }
const duration = { nanoseconds: 0 }
const info = { type: 'org.example', name: 'none' }

const PARTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  SET_LOGGING_LEVEL: { level: 0, duration },
  LIST_FILES: { path: '/nowhere' },
  READ_FILE: { path: '/nowhere', offset: 0 },
  RESERVE_RESOURCES: { agent_id },
  UNRESERVE_RESOURCES: { agent_id },
  CREATE_VOLUMES: { agent_id },
  DESTROY_VOLUMES: { agent_id },
  GROW_VOLUME: { agent_id, volume, addition: volume },
  SHRINK_VOLUME: { agent_id, volume, subtract: { value: 1 } },
  UPDATE_MAINTENANCE_SCHEDULE: { schedule: {} },
  DRAIN_AGENT: { agent_id },
  DEACTIVATE_AGENT: { agent_id },
  REACTIVATE_AGENT: { agent_id },
  SET_QUOTA: { quota_request: {} },
  REMOVE_QUOTA: { role: 'none' },
  TEARDOWN: { framework_id: { value: 'nobody' } },
  MARK_AGENT_GONE: { agent_id },
  LAUNCH_NESTED_CONTAINER: { container_id },
  WAIT_NESTED_CONTAINER: { container_id },
  KILL_NESTED_CONTAINER: { container_id },
  REMOVE_NESTED_CONTAINER: { container_id },
  LAUNCH_NESTED_CONTAINER_SESSION: { container_id },
  ATTACH_CONTAINER_INPUT: { type: 'CONTAINER_ID', container_id },
  ATTACH_CONTAINER_OUTPUT: { container_id },
  LAUNCH_CONTAINER: { container_id },
  WAIT_CONTAINER: { container_id },
  KILL_CONTAINER: { container_id },
  REMOVE_CONTAINER: { container_id },
  ADD_RESOURCE_PROVIDER_CONFIG: { info },
  UPDATE_RESOURCE_PROVIDER_CONFIG: { info },
  REMOVE_RESOURCE_PROVIDER_CONFIG: { type: 'org.example', name: 'none' },
  MARK_RESOURCE_PROVIDER_GONE: { resource_provider_id: { value: 'none' } },
}

/** Types that need no part. */
const PART_LESS = new Set([
  'SUBSCRIBE',
  'GET_HEALTH',
  'GET_FLAGS',
  'GET_VERSION',
  'GET_LOGGING_LEVEL',
  'GET_STATE',
  'GET_AGENTS',
  'GET_FRAMEWORKS',
  'GET_EXECUTORS',
  'GET_TASKS',
  'GET_OPERATIONS',
  'GET_ROLES',
  'GET_WEIGHTS',
  'GET_MASTER',
  'GET_QUOTA',
  'GET_MAINTENANCE_STATUS',
  'GET_MAINTENANCE_SCHEDULE',
  'GET_AGENT',
  'GET_RESOURCE_PROVIDERS',
])

/** A call that passes the gate. */
export function operatorExample(type: string): Readonly<Record<string, unknown>> {
  if (PART_LESS.has(type)) return { type }
  return { type, [type.toLowerCase()]: PARTS[type] ?? {} }
}

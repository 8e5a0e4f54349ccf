// The life of a framework: it subscribes, fails over, goes away, comes back, is changed, and is removed.
import type { FrameworkOptions } from '../../allocator/allocator.ts'
import { compileConstraints } from '../../allocator/constraints.ts'
import { quantitiesFrom } from '../../resources/quantities.ts'
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../../wire/frameworks.ts'
import type { SchedulerCall } from '../../wire/scheduler.ts'
import { type Agent, type Cluster, type Framework, executorsOf, isActive, newFrameworkId } from './cluster.ts'
import type { MasterEvent } from './events.ts'
import {
  type FrameworkWish,
  problemWithChange,
  problemWithFramework,
  rolesOf,
} from './framework-validation.ts'
import { happened } from './occurrences.ts'
import { endOffer, offersOf } from './offers.ts'
import { endTask, removeExecutor, trimMap } from './tasks.ts'
import { type Turn, count, log, sendToAgent, sendToFramework } from './turn.ts'

/** Not configurable in Mesos (spec/mesos.md 2.3). */
export const HEARTBEAT_SECONDS = 15

type SubscribeEvent = Extract<MasterEvent, { type: 'framework-subscribe' }>

/** SUBSCRIBE: a new framework, one that is known, or one that only its agents remember (spec/mesos.md 2.3). */
export function subscribe(turn: Turn, event: SubscribeEvent): void {
  const asked = event.call.subscribe
  if (asked === undefined) return refuse(turn, event.connection, "Expecting 'subscribe' to be present")
  const { cluster } = turn
  const wish: FrameworkWish = {
    info: withPrincipal(asked.framework_info, event.principal),
    suppressedRoles: asked.suppressed_roles ?? [],
    offerConstraints: asked.offer_constraints,
  }
  const id = wish.info.id?.value ?? ''
  count(turn, id === '' ? 'master/messages_register_framework' : 'master/messages_reregister_framework')
  const problem = problemWithFramework(wish, cluster.options) ?? problemWithReturn(cluster, id, wish.info)
  if (problem !== undefined) return refuse(turn, event.connection, problem)
  const known = cluster.frameworks.get(id)
  if (known === undefined) {
    const framework = addFramework(turn, id === '' ? newFrameworkId(cluster) : id, wish.info)
    if (id !== '') framework.reregisteredAt = turn.now
    change(turn, framework, wish)
    connect(turn, framework, event.connection)
    return
  }
  leaveOldStream(turn, known)
  change(turn, known, { ...wish, info: keepingFixed(known.info, wish.info) })
  known.reregisteredAt = turn.now
  connect(turn, known, event.connection)
}

function withPrincipal(info: FrameworkInfo, principal: string | undefined): FrameworkInfo {
  return principal === undefined || info.principal !== undefined ? info : { ...info, principal }
}

function problemWithReturn(cluster: Cluster, id: string, info: FrameworkInfo): string | undefined {
  if (id === '') return undefined
  if (cluster.completedFrameworks.has(id)) return 'Framework has been removed'
  const known = cluster.frameworks.get(id)
  return known === undefined ? undefined : problemWithChange(known.info, info, ['principal'])
}

function keepingFixed(old: FrameworkInfo, next: FrameworkInfo): FrameworkInfo {
  return { ...next, user: old.user, checkpoint: old.checkpoint ?? false }
}

/** Refused on the stream: one ERROR, then the end of it. */
function refuse(turn: Turn, connection: string, message: string): void {
  log(turn, 'info', `Refused the subscription of a framework: ${message}`)
  turn.effects.push(
    { type: 'to-framework', connection, event: { type: 'ERROR', error: { message } } },
    { type: 'close-framework', connection },
  )
}

/** Puts a framework into the books that has not subscribed yet: a new one, or one that an agent tells of. */
export function addFramework(turn: Turn, id: string, info: FrameworkInfo): Framework {
  const framework: Framework = {
    id,
    info: { ...info, id: { value: id } },
    state: { kind: 'recovered' },
    subscription: 0,
    capabilities: capabilitiesOf(info),
    roles: rolesOf(info),
    suppressedRoles: new Set(),
    offerConstraints: undefined,
    registeredAt: turn.now,
    reregisteredAt: undefined,
    unregisteredAt: undefined,
    tasks: new Map(),
    offers: new Set(),
    unreachableTasks: new Map(),
    completedTasks: [],
  }
  turn.cluster.frameworks.set(id, framework)
  turn.cluster.allocator.addFramework(id, allocatorView(framework))
  return framework
}

function capabilitiesOf(info: FrameworkInfo): ReadonlySet<FrameworkInfoCapabilityType> {
  return new Set((info.capabilities ?? []).flatMap(({ type }) => type ?? []))
}

function allocatorView(framework: Framework): FrameworkOptions {
  const { info, offerConstraints } = framework
  const compiled = offerConstraints === undefined ? undefined : compileConstraints(offerConstraints)
  return {
    roles: framework.roles,
    suppressedRoles: [...framework.suppressedRoles],
    capabilities: framework.capabilities,
    minAllocatable: new Map(
      Object.entries(info.offer_filters ?? {}).flatMap(([role, { min_allocatable_resources: least }]) =>
        least === undefined
          ? []
          : [[role, (least.quantities ?? []).map((set) => quantitiesFrom(set.quantities ?? {}))] as const],
      ),
    ),
    offerConstraints: compiled === undefined || 'rejected' in compiled ? undefined : compiled,
    active: isActive(framework),
  }
}

/** Suppressed roles and constraints replace the old ones entirely. */
function change(turn: Turn, framework: Framework, wish: FrameworkWish): void {
  framework.info = { ...wish.info, id: { value: framework.id } }
  framework.capabilities = capabilitiesOf(wish.info)
  framework.roles = rolesOf(wish.info)
  framework.suppressedRoles = new Set(wish.suppressedRoles)
  framework.offerConstraints = wish.offerConstraints
  turn.cluster.allocator.updateFramework(framework.id, allocatorView(framework))
}

/** The old instance is told that another took over; its offers end without a word (spec/mesos.md 2.3). */
function leaveOldStream(turn: Turn, framework: Framework): void {
  const { state } = framework
  for (const offer of offersOf(turn, framework)) endOffer(turn, offer, { rescind: false })
  if (state.kind !== 'connected') return
  sendToFramework(turn, framework, { type: 'ERROR', error: { message: 'Framework failed over' } })
  closeStream(turn, framework)
  turn.cluster.allocator.deactivateFramework(framework.id)
}

function closeStream(turn: Turn, framework: Framework): void {
  const { state } = framework
  if (state.kind !== 'connected') return
  turn.effects.push({ type: 'close-framework', connection: state.connection })
  turn.cluster.frameworkConnections.delete(state.connection)
  framework.state = { kind: 'disconnected', since: turn.now }
}

function connect(turn: Turn, framework: Framework, connection: string): void {
  const { cluster } = turn
  const again = framework.reregisteredAt !== undefined
  framework.state = { kind: 'connected', connection }
  framework.subscription++
  cluster.frameworkConnections.set(connection, framework.id)
  cluster.allocator.activateFramework(framework.id)
  sendToFramework(turn, framework, {
    type: 'SUBSCRIBED',
    subscribed: {
      framework_id: { value: framework.id },
      heartbeat_interval_seconds: HEARTBEAT_SECONDS,
      master_info: cluster.options.masterInfo,
    },
  })
  log(turn, 'info', `Framework '${framework.info.name}' subscribed${again ? ' again' : ''}`, {
    framework: framework.id,
  })
  happened(turn, { kind: 'framework-subscribed', framework, again })
  // It also makes the agents send again what waits for an acknowledgement.
  if (again) tellAgentsOf(turn, framework)
  turn.effects.push({ type: 'allocate-soon' })
}

function tellAgentsOf(turn: Turn, framework: Framework): void {
  for (const agent of turn.cluster.agents.values()) {
    if (!agent.tasks.has(framework.id) && !agent.executors.has(framework.id)) continue
    sendToAgent(turn, agent, {
      type: 'UPDATE_FRAMEWORK',
      update_framework: { framework_info: framework.info },
    })
  }
}

/** Its stream ended: no offers any more, and `failover_timeout` to come back (default 0 s). */
export function frameworkDisconnected(turn: Turn, connection: string): void {
  const { frameworkConnections, frameworks, allocator } = turn.cluster
  const framework = frameworks.get(frameworkConnections.get(connection) ?? '')
  if (framework === undefined) return
  frameworkConnections.delete(connection)
  framework.state = { kind: 'disconnected', since: turn.now }
  allocator.deactivateFramework(framework.id)
  for (const offer of offersOf(turn, framework)) endOffer(turn, offer, { rescind: false })
  const afterMs = Math.max(0, framework.info.failover_timeout ?? 0) * 1000
  log(
    turn,
    'info',
    `Framework '${framework.info.name}' disconnected; it has ${afterMs / 1000} s to come back`,
    {
      framework: framework.id,
    },
  )
  happened(turn, { kind: 'framework-disconnected', framework })
  const { id: frameworkId, subscription } = framework
  turn.effects.push({ type: 'timer', afterMs, timer: { kind: 'failover', frameworkId, subscription } })
}

export function failoverTimedOut(turn: Turn, frameworkId: string, subscription: number): void {
  const framework = turn.cluster.frameworks.get(frameworkId)
  if (framework?.state.kind !== 'disconnected' || framework.subscription !== subscription) return
  removeFramework(turn, framework, 'it did not come back within its failover_timeout')
}

/**
 * TEARDOWN and its like (spec/mesos.md 2.2): tasks are KILLED in the books and nobody is told, agents shut down what
 * they run for it, and it is kept among the completed.
 */
export function removeFramework(turn: Turn, framework: Framework, why: string): void {
  const { cluster } = turn
  const { id } = framework
  log(turn, 'info', `Framework '${framework.info.name}' is removed: ${why}`, { framework: id })
  closeStream(turn, framework)
  cluster.allocator.deactivateFramework(id)
  for (const offer of offersOf(turn, framework)) endOffer(turn, offer, { rescind: false })
  for (const agent of cluster.agents.values()) {
    sendToAgent(turn, agent, {
      type: 'SHUTDOWN_FRAMEWORK',
      shutdown_framework: { framework_id: { value: id } },
    })
    clearAgent(turn, framework, agent)
  }
  framework.unregisteredAt = turn.now
  cluster.allocator.removeFramework(id)
  cluster.frameworks.delete(id)
  cluster.completedFrameworks.set(id, framework)
  trimMap(cluster.completedFrameworks, cluster.options.maxCompletedFrameworks)
  happened(turn, { kind: 'framework-removed', framework, why })
}

function clearAgent(turn: Turn, framework: Framework, agent: Agent): void {
  for (const task of agent.tasks.get(framework.id)?.values() ?? []) {
    endTask(turn, framework, agent, task, {
      state: 'TASK_KILLED',
      message: `Framework ${framework.id} removed`,
      reason: 'REASON_FRAMEWORK_REMOVED',
      tell: false,
    })
  }
  for (const executor of executorsOf(agent, framework.id).values()) removeExecutor(turn, agent, executor)
  agent.disowned.delete(framework.id)
}

/** UPDATE_FRAMEWORK, the only call that is answered (spec/mesos.md 2.4); outstanding offers stay. */
export function updateFramework(turn: Turn, framework: Framework, call: SchedulerCall): void {
  const asked = call.update_framework
  if (asked === undefined) return answer(turn, 400, "Expecting 'update_framework' to be present")
  const info = withPrincipal(asked.framework_info, framework.info.principal)
  const wish: FrameworkWish = {
    info,
    suppressedRoles: asked.suppressed_roles ?? [],
    offerConstraints: asked.offer_constraints,
  }
  const problem = problemWithFramework(wish, turn.cluster.options)
  if (problem !== undefined) return answer(turn, 400, `Supplied FrameworkInfo is not valid: ${problem}`)
  const fixed = problemWithChange(framework.info, info, ['principal', 'user', 'checkpoint'])
  if (fixed !== undefined) return answer(turn, 400, `FrameworkInfo update is not valid: ${fixed}`)
  change(turn, framework, wish)
  happened(turn, { kind: 'framework-updated', framework })
  tellAgentsOf(turn, framework)
  turn.effects.push({ type: 'allocate-soon' })
  answer(turn, 200, '')
}

function answer(turn: Turn, status: 200 | 400 | 403, message: string): void {
  turn.effects.push({ type: 'answer', status, message })
}

// A master's core with the real allocator, time that is moved by hand, and everything it says as short lines.
import { DRF_DEFAULTS, DrfAllocator } from '../../src/allocator/drf.ts'
import { seededRandom } from '../../src/base/random.ts'
import { type CoreOptions, DEFAULT_OPTIONS } from '../../src/master/core/cluster.ts'
import { MasterCore } from '../../src/master/core/core.ts'
import type { MasterEffect, MasterEvent, MasterTimer } from '../../src/master/core/events.ts'
import { check } from '../../src/master/core/invariants.ts'
import type { Occurrence } from '../../src/master/core/occurrences.ts'
import { Resources } from '../../src/resources/resources.ts'
import type { MasterInfo } from '../../src/wire/agents.ts'
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../../src/wire/frameworks.ts'
import type { LinkCall, LinkCallSubscribe, LinkEvent } from '../../src/wire/link.ts'
import type { Offer, OfferOperation } from '../../src/wire/offers.ts'
import type { SchedulerCall, SchedulerEvent } from '../../src/wire/scheduler.ts'
import type { TaskInfo, TaskState, TaskStatus } from '../../src/wire/tasks.ts'

export const MASTER: MasterInfo = {
  id: 'M',
  ip: 16_777_343,
  port: 5050,
  hostname: 'master',
  version: '1.12.0',
}

type Timeless<E> = E extends MasterEvent ? Omit<E, 'now'> : never

export class MasterRig {
  readonly core: MasterCore
  now = 1_000_000
  readonly counts = new Map<string, number>()
  readonly logs: string[] = []
  readonly answers: string[] = []
  readonly happenings: Occurrence[] = []
  /** Streams of agents that do not answer pings; all others do, and their pings are not listed. */
  readonly mute = new Set<string>()
  readonly #pinged: string[] = []
  readonly #said = new Map<string, string[]>()
  readonly #frameworkEvents = new Map<string, SchedulerEvent[]>()
  readonly #timers: { readonly at: number; readonly timer: MasterTimer }[] = []

  constructor(options: Partial<CoreOptions> = {}, seed = 1) {
    this.core = new MasterCore(
      { masterInfo: MASTER, ...DEFAULT_OPTIONS, ...options },
      new DrfAllocator({ random: seededRandom(seed) }, DRF_DEFAULTS),
    )
  }

  /** One step, after which everything that must always hold is asked for. */
  step(event: Timeless<MasterEvent>): readonly MasterEffect[] {
    const effects = this.core.step({ ...event, now: this.now } as MasterEvent)
    for (const effect of effects) this.#carryOut(effect)
    const broken = check(this.core.cluster)
    if (broken.length > 0) throw new Error(`After ${event.type}: ${broken.join('; ')}`)
    for (const connection of this.#pinged.splice(0)) {
      const agentId = this.core.cluster.agentConnections.get(connection)
      if (agentId !== undefined) this.agentCall(agentId, { type: 'PONG' })
    }
    return effects
  }

  #carryOut(effect: MasterEffect): void {
    switch (effect.type) {
      case 'to-framework':
        this.#frameworkEvents.set(effect.connection, [
          ...(this.#frameworkEvents.get(effect.connection) ?? []),
          effect.event,
        ])
        return this.#say(effect.connection, frameworkLine(effect.event))
      case 'to-agent':
        if (effect.event.type === 'PING' && !this.mute.has(effect.connection)) {
          this.#pinged.push(effect.connection)
          return
        }
        return this.#say(effect.connection, agentLine(effect.event))
      case 'close-framework':
      case 'close-agent':
        return this.#say(effect.connection, '(closed)')
      case 'timer':
        this.#timers.push({ at: this.now + effect.afterMs, timer: effect.timer })
        return
      case 'count':
        this.counts.set(effect.metric, (this.counts.get(effect.metric) ?? 0) + effect.by)
        return
      case 'log':
        this.logs.push(effect.message)
        return
      case 'answer':
        this.answers.push(`${effect.status} ${effect.message}`.trim())
        return
      case 'happened':
        this.happenings.push(effect.what)
        return
      case 'allocate-soon':
        return
    }
  }

  #say(connection: string, line: string): void {
    this.#said.set(connection, [...(this.#said.get(connection) ?? []), line])
  }

  /** What was said on a stream since the last time that this was asked. */
  heard(connection: string): string[] {
    const lines = this.#said.get(connection) ?? []
    this.#said.delete(connection)
    return lines
  }

  /** All events of a framework's stream, whole. */
  events(connection: string): readonly SchedulerEvent[] {
    return this.#frameworkEvents.get(connection) ?? []
  }

  lastStatus(connection: string): TaskStatus | undefined {
    return this.events(connection).findLast((event) => event.type === 'UPDATE')?.update?.status
  }

  lastOffers(connection: string): readonly Offer[] {
    return this.events(connection).findLast((event) => event.type === 'OFFERS')?.offers?.offers ?? []
  }

  advance(ms: number): void {
    const end = this.now + ms
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at)
      const [next] = this.#timers
      if (next === undefined || next.at > end) break
      this.#timers.shift()
      this.now = Math.max(this.now, next.at)
      this.step({ type: 'timer', timer: next.timer })
    }
    this.now = end
  }

  subscribe(connection: string, info: FrameworkInfo, suppressedRoles: string[] = []): void {
    const call: SchedulerCall = {
      type: 'SUBSCRIBE',
      subscribe: { framework_info: info, suppressed_roles: suppressedRoles },
      ...(info.id === undefined ? {} : { framework_id: info.id }),
    }
    this.step({ type: 'framework-subscribe', connection, call, principal: undefined })
  }

  /** Subscribes a new framework on the stream of this name; returns its id. */
  framework(connection: string, changes: Partial<FrameworkInfo> = {}): string {
    this.subscribe(connection, frameworkInfo(changes))
    const id = this.core.cluster.frameworkConnections.get(connection)
    if (id === undefined) throw new Error(`Not subscribed: ${this.heard(connection).join('; ')}`)
    return id
  }

  call(frameworkId: string, call: SchedulerCall): void {
    this.step({
      type: 'framework-call',
      frameworkId,
      call: { ...call, framework_id: { value: frameworkId } },
    })
  }

  /** Subscribes an agent on the stream of this name; returns its id. */
  agent(
    connection: string,
    resources = 'cpus:8;mem:16384',
    changes: Partial<LinkCallSubscribe> = {},
  ): string {
    this.agentSubscribes(connection, {
      agent_info: { hostname: `host-${connection}`, port: 5051, resources: parse(resources).toWire() },
      version: '1.12.0',
      ...changes,
    })
    const id = this.core.cluster.agentConnections.get(connection)
    if (id === undefined) throw new Error(`Not registered: ${this.heard(connection).join('; ')}`)
    return id
  }

  agentSubscribes(connection: string, subscribe: LinkCallSubscribe, ip?: string): void {
    const address = { ip: ip ?? `10.0.0.${subscribe.agent_info.hostname}`, port: 5051 }
    this.step({ type: 'agent-subscribe', connection, call: { type: 'SUBSCRIBE', subscribe }, address })
  }

  /** The agent subscribes with its id on a new stream, as it was, with the tasks and more that it still has. */
  agentAgain(connection: string, agentId: string, changes: Partial<LinkCallSubscribe>): void {
    const { agent_info, ...others } = changes
    const known = this.core.cluster.agents.get(agentId)?.info ?? agent_info
    if (known === undefined) throw new Error(`Agent ${agentId} has to say what it is`)
    const { id: _, ...info } = known
    this.agentSubscribes(connection, {
      agent_info: info,
      agent_id: { value: agentId },
      version: '1.12.0',
      ...others,
    })
  }

  agentCall(agentId: string, call: LinkCall): void {
    this.step({ type: 'agent-call', agentId, call: { ...call, agent_id: { value: agentId } } })
  }

  /** The batch allocation; returns the offers that a framework got by it. */
  offers(connection: string): readonly Offer[] {
    const before = this.events(connection).length
    this.step({ type: 'allocate' })
    return this.events(connection)
      .slice(before)
      .flatMap((event) => event.offers?.offers ?? [])
  }

  launch(frameworkId: string, offers: readonly Offer[], tasks: readonly TaskInfo[], refuseSeconds = 0): void {
    this.operate(frameworkId, offers, [{ type: 'LAUNCH', launch: { task_infos: [...tasks] } }], refuseSeconds)
  }

  operate(
    frameworkId: string,
    offers: readonly Pick<Offer, 'id'>[],
    operations: OfferOperation[],
    refuseSeconds = 0,
  ): void {
    const offer_ids = offers.map((offer) => offer.id)
    this.call(frameworkId, {
      type: 'ACCEPT',
      accept: { offer_ids, operations, filters: { refuse_seconds: refuseSeconds } },
    })
  }

  /** An update from the agent that has to be acknowledged with `uuid`. */
  update(agentId: string, frameworkId: string, taskId: string, state: TaskState, latest = state): string {
    const uuid = uuidOf(`${taskId}-${state}-${this.now}`)
    this.agentCall(agentId, {
      type: 'UPDATE',
      update: {
        framework_id: { value: frameworkId },
        status: {
          task_id: { value: taskId },
          state,
          source: 'SOURCE_EXECUTOR',
          timestamp: this.now / 1000,
          uuid,
        },
        latest_state: latest,
      },
    })
    return uuid
  }

  acknowledge(frameworkId: string, agentId: string, taskId: string, uuid: string): void {
    this.call(frameworkId, {
      type: 'ACKNOWLEDGE',
      acknowledge: { agent_id: { value: agentId }, task_id: { value: taskId }, uuid },
    })
  }
}

export function parse(text: string): Resources {
  const parsed = Resources.parse(text)
  if ('rejected' in parsed) throw new Error(parsed.message)
  return parsed
}

export function frameworkInfo(changes: Partial<FrameworkInfo> = {}): FrameworkInfo {
  return {
    user: 'root',
    name: 'test',
    checkpoint: true,
    failover_timeout: 60,
    roles: ['*'],
    capabilities: capabilities('MULTI_ROLE', 'PARTITION_AWARE'),
    ...changes,
  }
}

export function capabilities(
  ...types: FrameworkInfoCapabilityType[]
): { type: FrameworkInfoCapabilityType }[] {
  return types.map((type) => ({ type }))
}

export function task(
  id: string,
  agentId: string,
  resources = 'cpus:1;mem:64',
  changes: Partial<TaskInfo> = {},
): TaskInfo {
  return {
    name: id,
    task_id: { value: id },
    agent_id: { value: agentId },
    resources: parse(resources).toWire(),
    command: { value: 'sleep 1', shell: true },
    ...changes,
  }
}

/** 16 bytes that depend on a text, as base64. */
export function uuidOf(text: string): string {
  const bytes = Buffer.alloc(16)
  bytes.write(text.slice(-16))
  for (let index = 0; index < text.length; index++) {
    bytes[index % 16] = ((bytes[index % 16] ?? 0) * 31 + text.charCodeAt(index)) % 256
  }
  return bytes.toString('base64')
}

/** For example `UPDATE t1 TASK_ERROR REASON_TASK_INVALID: Task uses no resources`. */
export function frameworkLine(event: SchedulerEvent): string {
  const { type, update, offers, rescind, failure, error, message, subscribed, update_operation_status } =
    event
  if (update !== undefined) {
    const { task_id, state, reason, message: text } = update.status
    return [`UPDATE ${task_id.value} ${state}`, reason, text === undefined ? undefined : `"${text}"`]
      .filter((part) => part !== undefined)
      .join(' ')
  }
  if (offers !== undefined) {
    return `OFFERS ${(offers.offers ?? [])
      .map((offer) => `${offer.id.value} ${offer.agent_id.value} ${Resources.from(offer.resources).toText()}`)
      .join(', ')}`
  }
  if (rescind !== undefined) return `RESCIND ${rescind.offer_id.value}`
  if (failure !== undefined) {
    return ['FAILURE', failure.agent_id?.value, failure.executor_id?.value, failure.status]
      .filter((part) => part !== undefined)
      .join(' ')
  }
  if (error !== undefined) return `ERROR "${error.message}"`
  if (message !== undefined) return `MESSAGE ${message.executor_id.value} ${message.data}`
  if (subscribed !== undefined) return `SUBSCRIBED ${subscribed.framework_id.value}`
  if (update_operation_status !== undefined) {
    const { operation_id, state, message: text } = update_operation_status.status
    return `OPERATION ${operation_id?.value ?? '?'} ${state} "${text ?? ''}"`
  }
  return type ?? 'UNKNOWN'
}

/** For example `RUN_TASK t1 (with its executor)`. */
export function agentLine(event: LinkEvent): string {
  const { type, run_task, kill_task, registered, acknowledge, shutdown_framework, shutdown_executor } = event
  if (run_task !== undefined) {
    return `RUN_TASK ${run_task.task.task_id.value}${run_task.launch_executor ? ' (with its executor)' : ''}`
  }
  if (kill_task !== undefined) return `KILL_TASK ${kill_task.task_id.value}`
  if (registered !== undefined) {
    const asked = (registered.reconcile_tasks ?? []).map((one) => one.task_id.value)
    return `REGISTERED ${registered.agent_id.value}${asked.length === 0 ? '' : `, missing: ${asked.join(' ')}`}`
  }
  if (acknowledge !== undefined) return `ACKNOWLEDGE ${acknowledge.task_id.value} ${acknowledge.uuid}`
  if (shutdown_framework !== undefined) return `SHUTDOWN_FRAMEWORK ${shutdown_framework.framework_id.value}`
  if (shutdown_executor !== undefined) return `SHUTDOWN_EXECUTOR ${shutdown_executor.executor_id.value}`
  if (event.message !== undefined) return `MESSAGE ${event.message.executor_id.value} ${event.message.data}`
  if (event.error !== undefined) return `ERROR "${event.error.message}"`
  if (event.shutdown !== undefined) return `SHUTDOWN "${event.shutdown.message}"`
  return type
}

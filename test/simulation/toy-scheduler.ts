// A framework as a careful program would be: launches, acknowledges, reconciles after absences, keeps accounts.
import type { Random } from '../../src/base/random.ts'
import { isTerminal } from '../../src/wire/terminal-states.ts'
import { Resources } from '../../src/resources/resources.ts'
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../../src/wire/frameworks.ts'
import type { Offer } from '../../src/wire/offers.ts'
import type { SchedulerCall, SchedulerEvent } from '../../src/wire/scheduler.ts'
import type { TaskInfo, TaskState, TaskStatus } from '../../src/wire/tasks.ts'
import type { Pipe } from './pipe.ts'

export type SchedulerPipe = Pipe<SchedulerCall, SchedulerEvent>

const ABSENT: ReadonlySet<TaskState> = new Set(['TASK_UNKNOWN', 'TASK_GONE', 'TASK_LOST', 'TASK_UNREACHABLE'])

/** What a scheduler knows of one task that it launched. */
export interface Account {
  readonly taskId: string
  readonly agentId: string
  /** Terminal states that updates told, each once. */
  readonly ends: Set<TaskState>
  /** The newest state that was told by any status. */
  last: TaskState | undefined
  /** Answered as not known to the master. */
  unknown: boolean
}

export interface SchedulerTraits {
  readonly partitionAware: boolean
  readonly checkpoint: boolean
  readonly borrows: boolean
  readonly executor: boolean
  readonly failoverSeconds: number
  readonly roles: readonly string[]
}

export class ToyScheduler {
  readonly name: string
  readonly traits: SchedulerTraits
  id: string | undefined
  pipe: SchedulerPipe | undefined
  subscribed = false
  /** Launches nothing more and ends what runs. */
  closing = false
  readonly offers = new Map<string, Offer>()
  readonly accounts = new Map<string, Account>()
  readonly faults: string[] = []
  /** Tasks whose framework was removed with them: nobody owes it an answer. */
  writtenOff = 0
  /** Tasks of earlier frameworks of its that had ended before. */
  endedBefore = 0
  #launched = 0
  readonly #random: Random

  constructor(name: string, traits: SchedulerTraits, random: Random) {
    this.name = name
    this.traits = traits
    this.#random = random
  }

  info(): FrameworkInfo {
    const types: FrameworkInfoCapabilityType[] = ['MULTI_ROLE']
    if (this.traits.partitionAware) types.push('PARTITION_AWARE')
    if (this.traits.borrows) types.push('REVOCABLE_RESOURCES')
    return {
      user: 'sim',
      name: this.name,
      checkpoint: this.traits.checkpoint,
      failover_timeout: this.traits.failoverSeconds,
      roles: [...this.traits.roles],
      capabilities: types.map((type) => ({ type })),
      ...(this.id === undefined ? {} : { id: { value: this.id } }),
    }
  }

  subscribeCall(): SchedulerCall {
    const id = this.id === undefined ? {} : { framework_id: { value: this.id } }
    return { type: 'SUBSCRIBE', ...id, subscribe: { framework_info: this.info() } }
  }

  send(call: SchedulerCall): void {
    if (this.pipe?.open !== true || this.id === undefined) return
    this.pipe.toMaster.push({ ...call, framework_id: { value: this.id } })
  }

  /** Forgets what a stream alone keeps alive. */
  left(): void {
    this.subscribed = false
    this.offers.clear()
  }

  handle(event: SchedulerEvent, canReconcile: boolean): void {
    const { subscribed, offers, rescind, update, error } = event
    if (subscribed !== undefined) {
      this.id = subscribed.framework_id.value
      this.subscribed = true
      if (canReconcile) this.reconcile()
      if (this.closing) this.send({ type: 'SUPPRESS' })
    }
    for (const offer of offers?.offers ?? []) this.offers.set(offer.id.value, offer)
    if (rescind !== undefined) this.offers.delete(rescind.offer_id.value)
    if (update !== undefined) this.#told(update.status)
    if (error !== undefined && error.message !== 'Framework failed over') this.#refused(error.message)
  }

  #refused(message: string): void {
    if (message !== 'Framework has been removed') this.faults.push(`${this.name} was refused: ${message}`)
    this.startAnew()
  }

  /** Its framework is over; it goes on as another. */
  startAnew(): void {
    this.id = undefined
    const open = [...this.accounts.values()].filter((one) => one.ends.size === 0).length
    this.writtenOff += open
    this.endedBefore += this.accounts.size - open
    this.accounts.clear()
  }

  /** Explicitly, with the agents: what a careful scheduler does whenever it may have missed something. */
  reconcile(): void {
    const open = [...this.accounts.values()].filter((one) => one.ends.size === 0)
    if (open.length === 0) return
    const tasks = open.map((one) => ({ task_id: { value: one.taskId }, agent_id: { value: one.agentId } }))
    this.send({ type: 'RECONCILE', reconcile: { tasks } })
  }

  #told(status: TaskStatus): void {
    const { task_id: id, state, uuid, agent_id: agentId, reason } = status
    if (uuid !== undefined && agentId !== undefined) {
      this.send({ type: 'ACKNOWLEDGE', acknowledge: { agent_id: agentId, task_id: id, uuid } })
    }
    const account = this.accounts.get(id.value)
    if (account === undefined) return
    // An answer to RECONCILE that the news of the end overtook: the task is not in the books any more.
    const answer = reason === 'REASON_RECONCILIATION' && uuid === undefined
    if (answer && ABSENT.has(state) && account.ends.size > 0) return
    account.last = state
    const lostFromSight = answer && state === 'TASK_LOST'
    account.unknown = state === 'TASK_UNKNOWN' || lostFromSight
    if (!isTerminal(state) || lostFromSight) {
      if (account.ends.size > 0 && !this.#mayContinue(account)) {
        this.faults.push(`${this.name}: ${id.value} is ${state} after ${[...account.ends].join()}`)
      }
      return
    }
    account.ends.add(state)
    if (account.ends.size > 1 && !this.#mayContinue(account)) {
      this.faults.push(`${this.name}: ${id.value} ended as ${[...account.ends].join(' and ')}`)
    }
  }

  /** Without partition-awareness LOST may mean unreachable (spec/mesos.md 5.4): one true end may follow. */
  #mayContinue(account: Account): boolean {
    return !this.traits.partitionAware && account.ends.has('TASK_LOST') && account.ends.size <= 2
  }

  /** One idea: launch from an offer, decline it, kill, ask, be quiet or wake up. */
  act(): void {
    if (!this.subscribed) return
    const chance = this.#random.next()
    const [offer] = this.offers.values()
    if (offer !== undefined && chance < 0.6) return this.#use(offer)
    const open = [...this.accounts.values()].filter((one) => one.ends.size === 0)
    const some = open[Math.floor(this.#random.next() * open.length)]
    if (chance < 0.7 && some !== undefined) this.#kill(some)
    else if (chance < 0.75) this.reconcile()
    else if (chance < 0.8) this.send({ type: 'SUPPRESS' })
    else if (chance < 0.95) this.send({ type: 'REVIVE' })
  }

  #kill(account: Account): void {
    this.send({ type: 'KILL', kill: { task_id: { value: account.taskId } } })
  }

  /** Ends everything that it has and wants nothing more. */
  close(): void {
    this.closing = true
    this.send({ type: 'SUPPRESS' })
    for (const account of this.accounts.values()) if (account.ends.size === 0) this.#kill(account)
    this.decline()
  }

  decline(): void {
    const offer_ids = [...this.offers.keys()].map((value) => ({ value }))
    this.offers.clear()
    if (offer_ids.length > 0) this.send({ type: 'DECLINE', decline: { offer_ids } })
  }

  #use(offer: Offer): void {
    this.offers.delete(offer.id.value)
    const offer_ids = [offer.id]
    const filters = { refuse_seconds: Math.floor(this.#random.next() * 20) }
    if (this.closing || this.#random.next() < 0.2) {
      return this.send({ type: 'DECLINE', decline: { offer_ids, filters } })
    }
    const count = 1 + Math.floor(this.#random.next() * 3)
    const task_infos = Array.from({ length: count }, () => this.#newTask(offer))
    const operations = [{ type: 'LAUNCH' as const, launch: { task_infos } }]
    this.send({ type: 'ACCEPT', accept: { offer_ids, operations, filters } })
    for (const { task_id, agent_id } of task_infos) {
      const account: Account = {
        taskId: task_id.value,
        agentId: agent_id.value,
        ends: new Set(),
        last: undefined,
        unknown: false,
      }
      this.accounts.set(account.taskId, account)
    }
  }

  #newTask(offer: Offer): TaskInfo {
    const taskId = `${this.name}-${this.#launched++}`
    const has = Resources.from(offer.resources)
    const pool = this.traits.borrows && !has.revocable().isEmpty ? has.revocable() : has.nonRevocable()
    const cpus = 1 + Math.floor(this.#random.next() * 2000)
    const wish = new Map([
      ['cpus', cpus],
      ['mem', 1000 + Math.floor(this.#random.next() * 300_000)],
    ])
    // Sometimes more than there is: refused, and nothing else may suffer.
    const resources = this.#random.next() < 0.05 ? pool.plus(pool) : pool.shrinkTo(wish)
    const base = {
      name: taskId,
      task_id: { value: taskId },
      agent_id: offer.agent_id,
      resources: resources.toWire(),
    }
    if (!this.traits.executor) return { ...base, command: { value: 'true' } }
    const executor_id = { value: `exec-${Math.floor(this.#random.next() * 3)}` }
    return { ...base, executor: { executor_id, command: { value: './executor' } } }
  }
}

// A whole cluster from one seed: the master's core, agents and schedulers, and everything that goes wrong between them.
import { type Random, seededRandom } from '../../src/base/random.ts'
import type { MasterCore } from '../../src/master/core/core.ts'
import type { MasterEffect, MasterEvent, MasterTimer } from '../../src/master/core/events.ts'
import { check } from '../../src/master/core/invariants.ts'
import { Resources } from '../../src/resources/resources.ts'
import { type SimulationOptions, castAgents, castSchedulers, newCore } from './cast.ts'
import { type Pipe, breakPipe, newPipe } from './pipe.ts'
import { type Tally, account, newTally } from './tally.ts'
import { ToyAgent } from './toy-agent.ts'
import type { ToyScheduler } from './toy-scheduler.ts'

type Timeless<E> = E extends MasterEvent ? Omit<E, 'now'> : never

/** Long enough for every agent to be back before anybody asks a fresh master (the registry will do that later). */
const RECONCILE_AFTER_MS = 120_000

export class Simulation {
  readonly options: SimulationOptions
  readonly agents: readonly ToyAgent[]
  readonly schedulers: readonly ToyScheduler[]
  readonly tally = newTally()
  core: MasterCore
  now = 0
  readonly #random: Random
  readonly #owners = new Map<string, ToyAgent | ToyScheduler>()
  readonly #pipes = new Map<string, Pipe<unknown, unknown>>()
  #timers: { readonly at: number; readonly timer: MasterTimer }[] = []
  #connections = 0
  #masterSince = 0
  /** Agents that were wiped: what ran there is never heard of again. */
  readonly #wipedIds = new Set<string>()

  constructor(options: SimulationOptions) {
    this.options = options
    this.#random = seededRandom(options.seed)
    this.core = newCore('M0', this.#random)
    this.agents = castAgents(options, this.#random)
    this.schedulers = castSchedulers(options, this.#random)
  }

  #pick(below: number): number {
    return Math.floor(this.#random.next() * below)
  }

  #one<T>(list: readonly T[]): T {
    return list[this.#pick(list.length)] as T
  }

  fail(message: string): never {
    throw new Error(`Seed ${this.options.seed}, step ${this.tally.steps}: ${message}`)
  }

  step(event: Timeless<MasterEvent>): void {
    for (const effect of this.core.step({ ...event, now: this.now } as MasterEvent)) this.#carryOut(effect)
    const broken = check(this.core.cluster)
    if (broken.length > 0) this.fail(`after ${JSON.stringify(event).slice(0, 500)}: ${broken.join('; ')}`)
  }

  #carryOut(effect: MasterEffect): void {
    switch (effect.type) {
      case 'to-framework':
      case 'to-agent':
        this.#toClient(effect.connection, effect.event)
        return
      case 'close-framework':
      case 'close-agent':
        this.#toClient(effect.connection, 'end')
        return
      case 'timer':
        this.#timers.push({ at: this.now + effect.afterMs, timer: effect.timer })
        return
      case 'allocate-soon':
      case 'happened':
      case 'count':
      case 'log':
      case 'answer':
        return
    }
  }

  #toClient(connection: string, item: unknown): void {
    const pipe = this.#pipes.get(connection)
    if (pipe?.open === true) pipe.toClient.push(item)
  }

  /** One random thing happens. */
  random(faults: boolean): void {
    this.tally.steps++
    const chance = this.#random.next()
    if (chance < 0.7) this.#deliverSome()
    else if (chance < 0.8) this.#one(this.schedulers).act()
    else if (chance < 0.88) this.#one(this.agents).live()
    else if (chance < 0.94) this.pass(this.#pick(2000))
    else if (chance < 0.97) this.step({ type: 'allocate' })
    else if (faults) this.#fault()
    this.#reconnect()
  }

  #fault(): void {
    const chance = this.#random.next()
    const agent = this.#one(this.agents)
    const scheduler = this.#one(this.schedulers)
    if (chance < 0.25) this.#lend(agent)
    else if (chance < 0.4) this.#breakAgent(agent)
    else if (chance < 0.5) {
      this.#breakAgent(agent)
      agent.restart()
    } else if (chance < 0.53) {
      if (agent.id !== undefined) this.#wipedIds.add(agent.id)
      this.#breakAgent(agent)
      agent.wipe()
    } else if (chance < 0.6) agent.hung = !agent.hung
    else if (chance < 0.8) this.#breakScheduler(scheduler)
    else if (chance < 0.84) {
      scheduler.send({ type: 'TEARDOWN' })
    } else if (chance < 0.9) this.pass(20_000 + this.#pick(90_000))
    else if (chance < 0.91 && this.options.masterRestarts) this.#restartMaster()
  }

  /** An estimate that rises and falls. */
  #lend(agent: ToyAgent): void {
    const lent = Resources.parse(`cpus:${this.#pick(5)};mem:${this.#pick(2000)}`)
    if ('rejected' in lent) throw new Error(lent.message)
    agent.lent = lent.markRevocable()
    agent.send({ type: 'OVERSUBSCRIBED', oversubscribed: { resources: agent.lent.toWire() } })
  }

  #breakAgent(agent: ToyAgent): void {
    agent.registered = false
    if (agent.pipe?.open !== true) return
    this.tally.breaks++
    breakPipe(agent.pipe, this.#random)
  }

  #breakScheduler(scheduler: ToyScheduler): void {
    scheduler.left()
    if (scheduler.pipe?.open !== true) return
    this.tally.breaks++
    breakPipe(scheduler.pipe, this.#random)
  }

  #restartMaster(): void {
    this.tally.masterRestarts++
    this.core = newCore(`M${this.tally.masterRestarts}`, this.#random)
    this.#masterSince = this.now
    this.#timers = []
    for (const pipe of this.#pipes.values()) {
      pipe.open = false
      pipe.toMaster.length = 0
    }
    for (const agent of this.agents) agent.registered = false
    for (const scheduler of this.schedulers) scheduler.left()
    this.#pipes.clear()
    this.#owners.clear()
  }

  /** Whoever has no stream opens one, sooner or later. */
  #reconnect(): void {
    for (const agent of this.agents) {
      if (agent.pipe?.open === true || agent.hung || this.#random.next() < 0.9) continue
      agent.registered = false
      agent.pipe = this.#open(agent)
      agent.pipe.toMaster.push(agent.subscribeCall())
    }
    for (const scheduler of this.schedulers) {
      if (scheduler.pipe?.open === true || this.#random.next() < 0.9) continue
      scheduler.left()
      scheduler.pipe = this.#open(scheduler)
      scheduler.pipe.toMaster.push(scheduler.subscribeCall())
    }
  }

  #open<Call, Event>(owner: ToyAgent | ToyScheduler): Pipe<Call, Event> {
    const pipe = newPipe<Call, Event>(`c${this.#connections++}`)
    this.#pipes.set(pipe.connection, pipe as Pipe<unknown, unknown>)
    this.#owners.set(pipe.connection, owner)
    return pipe
  }

  #deliverSome(): void {
    const waiting = [...this.#pipes.values()].filter((pipe) => this.#canMove(pipe))
    if (waiting.length > 0) this.#deliver(this.#one(waiting))
  }

  #canMove(pipe: Pipe<unknown, unknown>): boolean {
    const owner = this.#owners.get(pipe.connection)
    return (
      pipe.toMaster.length > 0 || (pipe.toClient.length > 0 && !(owner instanceof ToyAgent && owner.hung))
    )
  }

  #deliver(pipe: Pipe<unknown, unknown>): void {
    const owner = this.#owners.get(pipe.connection)
    const deaf = owner instanceof ToyAgent && owner.hung
    const up = pipe.toMaster.length > 0 && (deaf || pipe.toClient.length === 0 || this.#random.next() < 0.5)
    if (owner instanceof ToyAgent) {
      if (up) this.#agentSays(owner, pipe as NonNullable<ToyAgent['pipe']>)
      else this.#agentHears(owner, pipe as NonNullable<ToyAgent['pipe']>)
    } else if (owner !== undefined) {
      if (up) this.#schedulerSays(owner, pipe as NonNullable<ToyScheduler['pipe']>)
      else this.#schedulerHears(owner, pipe as NonNullable<ToyScheduler['pipe']>)
    }
    if (!pipe.open && pipe.toMaster.length === 0) {
      this.#pipes.delete(pipe.connection)
      this.#owners.delete(pipe.connection)
    }
  }

  #agentSays(agent: ToyAgent, pipe: NonNullable<ToyAgent['pipe']>): void {
    const { connection } = pipe
    const call = pipe.toMaster.shift()
    if (call === 'end') return this.step({ type: 'agent-disconnected', connection })
    // A stream that was left for a newer one says nothing more: the gate would refuse it.
    if (call === undefined || pipe !== agent.pipe) return
    if (call.type === 'SUBSCRIBE') {
      const address = { ip: `ip-${agent.hostname}`, port: 5051 }
      return this.step({ type: 'agent-subscribe', connection, call, address })
    }
    const agentId = this.core.cluster.agentConnections.get(connection)
    if (agentId !== undefined) this.step({ type: 'agent-call', agentId, call })
  }

  #agentHears(agent: ToyAgent, pipe: NonNullable<ToyAgent['pipe']>): void {
    const event = pipe.toClient.shift()
    if (event === undefined) return
    if (event === 'end') return this.#breakAgent(agent)
    const problem = agent.handle(event)
    if (problem !== undefined) this.fail(problem)
  }

  #schedulerSays(scheduler: ToyScheduler, pipe: NonNullable<ToyScheduler['pipe']>): void {
    const { connection } = pipe
    const call = pipe.toMaster.shift()
    if (call === 'end') return this.step({ type: 'framework-disconnected', connection })
    if (call === undefined || pipe !== scheduler.pipe) return
    if (call.type === 'SUBSCRIBE') {
      return this.step({ type: 'framework-subscribe', connection, call, principal: undefined })
    }
    const frameworkId = this.core.cluster.frameworkConnections.get(connection)
    if (frameworkId === undefined) return
    const tasks = call.accept?.operations?.flatMap((one) => one.launch?.task_infos ?? []) ?? []
    this.tally.launched += tasks.length
    this.step({ type: 'framework-call', frameworkId, call })
    if (call.type === 'TEARDOWN') scheduler.startAnew()
  }

  #schedulerHears(scheduler: ToyScheduler, pipe: NonNullable<ToyScheduler['pipe']>): void {
    const event = pipe.toClient.shift()
    if (event === undefined) return
    if (event === 'end') return this.#breakScheduler(scheduler)
    scheduler.handle(
      event,
      this.now - this.#masterSince > RECONCILE_AFTER_MS || this.tally.masterRestarts === 0,
    )
    const [fault] = scheduler.faults
    if (fault !== undefined) this.fail(fault)
  }

  /** Time passes; what is due happens, and agents that are well answer pings in between. */
  pass(ms: number): void {
    const end = this.now + ms
    for (;;) {
      this.#timers.sort((a, b) => a.at - b.at)
      const [next] = this.#timers
      if (next === undefined || next.at > end) break
      this.#timers.shift()
      this.now = Math.max(this.now, next.at)
      this.step({ type: 'timer', timer: next.timer })
      this.#answerPings()
    }
    this.now = end
  }

  // Pings overtake nothing: what is before them on the stream is delivered as well.
  #answerPings(): void {
    for (const agent of this.agents) {
      const { pipe } = agent
      if (
        pipe?.open !== true ||
        agent.hung ||
        !pipe.toClient.some((event) => event !== 'end' && event.type === 'PING')
      ) {
        continue
      }
      while (pipe.open && pipe.toClient.length > 0) this.#agentHears(agent, pipe)
      while (pipe.open && pipe.toMaster.length > 0) this.#agentSays(agent, pipe)
    }
  }

  /** No more faults: everybody comes back, schedulers end what they have, until nothing moves any more. */
  settle(): void {
    for (const agent of this.agents) agent.hung = false
    for (let round = 0; round < 400; round++) {
      for (let turn = 0; turn < 200; turn++) this.random(false)
      this.#drain()
      this.pass(round === 0 ? 2 * RECONCILE_AFTER_MS : 1000)
      for (const scheduler of this.schedulers) {
        if (round % 10 === 0) scheduler.reconcile()
        scheduler.close()
      }
      for (const agent of this.agents) agent.resend()
      if (round === 10) this.#endOrphans()
      this.#drain()
      if (round > 10 && this.#isQuiet()) return
    }
    this.fail(`it does not come to rest: ${this.#restless()}`)
  }

  /** An operator ends frameworks that nobody came back for after a restart of the master (spec/mesos.md 2.3). */
  #endOrphans(): void {
    for (const { id, state } of this.core.cluster.frameworks.values()) {
      if (state.kind !== 'recovered') continue
      this.step({ type: 'framework-call', frameworkId: id, call: { type: 'TEARDOWN' } })
    }
  }

  #drain(): void {
    for (let turn = 0; turn < 100_000; turn++) {
      this.#reconnect()
      const pipe = [...this.#pipes.values()].find((one) => this.#canMove(one))
      if (pipe === undefined) return
      this.#deliver(pipe)
    }
    this.fail('messages go round in circles')
  }

  #isQuiet(): boolean {
    return this.#restless() === ''
  }

  #restless(): string {
    const { cluster } = this.core
    const running = this.agents.flatMap((agent) =>
      [...agent.tasks.keys()].map((key) => `${agent.hostname} has ${key}`),
    )
    const booked = [...cluster.frameworks.values()].flatMap((one) =>
      [...one.tasks.keys()].map((id) => `books have ${id}`),
    )
    const away = [
      ...this.agents.filter((agent) => !agent.registered).map((agent) => `${agent.hostname} is away`),
      ...this.schedulers.filter((one) => !one.subscribed).map((one) => `${one.name} is away`),
    ]
    const owed = this.schedulers.flatMap((one) =>
      [...one.accounts.values()]
        .filter((account) => !this.#isSettled(account))
        .map((account) => `${account.taskId} is open`),
    )
    return [...running, ...booked, ...away, ...owed].slice(0, 5).join(', ')
  }

  #isSettled(account: {
    ends: ReadonlySet<string>
    last: string | undefined
    unknown: boolean
    agentId: string
  }): boolean {
    if (account.ends.size > 0 || account.unknown) return true
    return account.last === 'TASK_UNREACHABLE' && this.#wipedIds.has(account.agentId)
  }
}

/** Runs one seed to its end; throws with the seed in the message when anything is wrong. */
export function simulate(options: SimulationOptions): Tally {
  const simulation = new Simulation(options)
  for (let step = 0; step < options.steps; step++) simulation.random(true)
  simulation.settle()
  return account(simulation)
}

// A machine for tests of controllers that moves in steps of 100 ms: scripted, or answering to what the controller does.
import type { Action, Allowed, Pulse, PulseContainer, QosController } from '../../src/qos/controller.ts'
import { recompute } from '../../src/resources/decision.ts'
import { START_MS } from './usage.ts'

const MB = 1024 * 1024

export interface Member {
  readonly id: string
  readonly revocable?: boolean
  readonly cpus: number
  readonly memoryRequestMb?: number
  readonly cost?: number
  readonly bound?: boolean
  /** Work done before the first pulse, CPU seconds. */
  readonly progress?: number
  readonly startedAgoS?: number
}

/** What a member does during one step: rates, and the memory that it holds. */
export interface Doing {
  readonly cpus?: number
  readonly waiting?: number
  readonly throttled?: number
  readonly stalled?: number
  readonly memoryMb?: number
}

interface Counters {
  cpu: number
  some: number
  throttled: number
  stall: number
  memoryMb: number
}

export class PulseMachine {
  readonly cores: number
  readonly totalMb: number
  availableMb: number
  now = 0
  /** Cores that work outside of all containers uses. */
  outside = 0
  #busy = 0
  readonly #members = new Map<string, { member: Member; counters: Counters }>()

  constructor(options: { cores?: number; totalMb?: number } = {}) {
    this.cores = options.cores ?? 2
    this.totalMb = options.totalMb ?? 8000
    this.availableMb = this.totalMb
  }

  add(member: Member): this {
    const counters = { cpu: member.progress ?? 0, some: 0, throttled: 0, stall: 0, memoryMb: 10 }
    this.#members.set(member.id, { member, counters })
    return this
  }

  remove(id: string): void {
    this.#members.delete(id)
  }

  has(id: string): boolean {
    return this.#members.has(id)
  }

  memoryMb(id: string): number {
    return this.#members.get(id)?.counters.memoryMb ?? 0
  }

  tick(doing: Readonly<Record<string, Doing>> = {}, ms = 100): Pulse {
    this.now += ms
    this.#busy += (this.outside * ms) / 1000
    for (const { member, counters } of this.#members.values()) {
      const step = doing[member.id] ?? {}
      const seconds = ms / 1000
      counters.cpu += (step.cpus ?? 0) * seconds
      counters.some += (step.waiting ?? 0) * seconds
      counters.throttled += (step.throttled ?? 0) * seconds
      counters.stall += (step.stalled ?? 0) * seconds
      counters.memoryMb = step.memoryMb ?? counters.memoryMb
      this.#busy += (step.cpus ?? 0) * seconds
    }
    return {
      at: START_MS + this.now,
      monotonic: this.now,
      host: {
        cpus: this.cores,
        cpuBusySeconds: this.#busy,
        memoryTotalBytes: this.totalMb * MB,
        memoryAvailableBytes: this.availableMb * MB,
      },
      containers: [...this.#members.values()].map(({ member, counters }) => containerOf(member, counters)),
    }
  }
}

function containerOf(member: Member, counters: Counters): PulseContainer {
  return {
    containerId: `c-${member.id}`,
    frameworkId: 'f',
    executorId: member.id,
    label: member.id,
    revocable: member.revocable === true,
    startedAt: START_MS - (member.startedAgoS ?? 3600) * 1000,
    reservedCpus: member.cpus,
    memoryRequestBytes: member.memoryRequestMb === undefined ? undefined : member.memoryRequestMb * MB,
    ...(member.cost === undefined ? {} : { preemptibleCost: member.cost }),
    ...(member.bound === undefined ? {} : { boundToOwner: member.bound }),
    cpuSeconds: counters.cpu,
    cpuPressureSomeSeconds: counters.some,
    cpuThrottledSeconds: counters.throttled,
    memoryPressureFullSeconds: counters.stall,
    memoryBytes: counters.memoryMb * MB,
  }
}

/** An action and when it was decided, ms since the machine began. */
export type Timed = Action & { readonly time: number }

/** What the controller has in force, kept as an actuator would. */
export class Force {
  quotaCpus = Number.POSITIVE_INFINITY
  readonly frozen = new Set<string>()
  readonly evicted = new Set<string>()

  /** Carries actions out; fails the test when a record does not recompute. */
  apply(actions: readonly Action[]): void {
    for (const action of actions) {
      const gap = recompute(action.decision)
      if (gap !== undefined) throw new Error(`${action.kind}: ${gap}`)
      if (action.kind === 'squeeze' || action.kind === 'relax') this.quotaCpus = action.quotaCpus
      if (action.kind === 'freeze') for (const id of action.containerIds) this.frozen.add(id)
      if (action.kind === 'thaw') for (const id of action.containerIds) this.frozen.delete(id)
      if (action.kind === 'evict') this.evicted.add(action.containerId)
    }
  }
}

/** Runs a controller for `ms` in steps of 100 ms; `doing` may look at what is in force. */
export async function runPulses(
  qos: QosController,
  machine: PulseMachine,
  ms: number,
  doing: (force: Force, time: number) => Readonly<Record<string, Doing>>,
  options: { readonly force?: Force; readonly allowed?: Allowed; readonly step?: number } = {},
): Promise<Timed[]> {
  const force = options.force ?? new Force()
  const step = options.step ?? 100
  const all: Timed[] = []
  for (let passed = 0; passed < ms; passed += step) {
    const pulse = machine.tick(doing(force, machine.now), step)
    const actions = await qos.decide({ pulse, allowed: options.allowed ?? 'full' })
    force.apply(actions)
    all.push(...actions.map((action) => ({ ...action, time: machine.now })))
  }
  return all
}

/** A host with one owner and two borrowers whose threads compete in some measure in spite of the kernel's tier. */
export function competing(
  demand: (time: number) => number,
  options: { readonly cores?: number; readonly harm?: number; readonly borrowers?: readonly string[] } = {},
): (force: Force, time: number) => Readonly<Record<string, Doing>> {
  const { cores = 2, harm = 0.3, borrowers = ['old', 'new'] } = options
  return (force, time) => {
    const running = borrowers.filter((id) => !force.frozen.has(`c-${id}`) && !force.evicted.has(`c-${id}`))
    const wanted = demand(time)
    const lent = running.length === 0 ? 0 : Math.min(force.quotaCpus, Math.max(0.1, cores - wanted))
    const crowded = wanted + lent > cores * 0.9
    const doing: Record<string, Doing> = {
      // The owner loses what the borrowers hold of its cores, and waits in proportion to the harm.
      web: { cpus: Math.min(wanted, cores - lent), waiting: crowded && lent > 0 ? harm : 0 },
    }
    for (const id of running) doing[id] = { cpus: lent / running.length }
    return doing
  }
}

/** An owner `web` that waits only while borrowers run. */
export const becauseOfBorrowers =
  (
    doing: (time: number) => Readonly<Record<string, Doing>>,
  ): ((force: Force, time: number) => Readonly<Record<string, Doing>>) =>
  ({ frozen }, time) => {
    const { web, ...borrowers } = doing(time)
    return frozen.size > 0 ? { web: { ...web, waiting: 0 } } : { ...(web && { web }), ...borrowers }
  }

/** An owner of all of two cores, and two borrowers of which one has done much. */
export const shop = (): PulseMachine =>
  new PulseMachine()
    .add({ id: 'web', cpus: 2 })
    .add({ id: 'old', cpus: 0.5, revocable: true, progress: 500 })
    .add({ id: 'new', cpus: 0.5, revocable: true, progress: 5 })

export const kinds = (actions: readonly Timed[]): string[] => actions.map(({ kind }) => kind)

export const first = (actions: readonly Timed[], kind: Timed['kind']): Timed | undefined =>
  actions.find((action) => action.kind === kind)

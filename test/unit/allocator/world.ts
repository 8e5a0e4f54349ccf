// A small cluster that lives at random: the allocator beside plain lists of who holds what.
import fc from 'fast-check'
import type { Allocation } from '../../../src/allocator/allocator.ts'
import { DrfAllocator } from '../../../src/allocator/drf.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { Resources } from '../../../src/resources/resources.ts'

export function read(text: string): Resources {
  const resources = Resources.parse(text)
  if ('rejected' in resources) throw new Error(resources.message)
  return resources
}

const SIZES = [
  read('cpus:4;mem:1024;ports:[1000-1099]'),
  read('cpus:1.5;mem:512;cpus(eng):2;mem(eng):64').plus(read('cpus:2').markRevocable()),
  read('cpus:8;mem:4096;gpus:1;zones:{a,b,c}').plus(read('cpus:5;mem:100').markRevocable()),
  read('cpus:0.1;mem:16'),
]
const AGENTS = ['S1', 'S2', 'S3', 'S4']
const FRAMEWORKS = ['F1', 'F2', 'F3']
export const ROLES = ['web', 'eng', 'eng/a']
const CAPABILITIES = [[], ['REVOCABLE_RESOURCES'], ['GPU_RESOURCES', 'REVOCABLE_RESOURCES']]

export const step = fc.record({
  kind: fc.constantFrom(
    'allocate',
    'allocate',
    'allocate',
    'answer',
    'answer',
    'answer',
    'finish',
    'finish',
    'add-agent',
    'remove-agent',
    'total',
    'add-framework',
    'remove-framework',
    'update',
    'suppress',
    'revive',
    'activate',
    'deactivate',
    'weight',
  ),
  agent: fc.nat(AGENTS.length - 1),
  framework: fc.nat(FRAMEWORKS.length - 1),
  role: fc.nat(ROLES.length - 1),
  size: fc.nat(SIZES.length - 1),
  capability: fc.nat(CAPABILITIES.length - 1),
  part: fc.double({ min: 0, max: 1, noNaN: true }),
  seconds: fc.nat(20),
})
export type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** What is offered and what is kept, in plain lists, and what the allocator said about it. */
export class World {
  readonly allocator = new DrfAllocator({ random: seededRandom(7) })
  readonly agents = new Map<string, Resources>()
  readonly frameworks = new Set<string>()
  held: Allocation[] = []
  now = 0
  readonly problems: string[] = []

  constructor() {
    // An empty cluster would stay empty for many steps.
    const capabilities = new Set(['REVOCABLE_RESOURCES'])
    for (const agentId of ['S1', 'S2']) this.#addAgent(agentId, SIZES[1] as Resources)
    for (const frameworkId of ['F1', 'F2']) {
      this.allocator.addFramework(frameworkId, { roles: ['web', 'eng/a'], capabilities, active: true })
      this.frameworks.add(frameworkId)
    }
  }

  apply(one: Step): void {
    this.now += one.seconds * 1000
    const agentId = AGENTS[one.agent] as string
    const frameworkId = FRAMEWORKS[one.framework] as string
    if (one.kind.endsWith('agent') || one.kind === 'total') this.#onAgent(one, agentId)
    else if (one.kind === 'allocate') this.#allocate()
    else if (one.kind === 'answer' || one.kind === 'finish') this.#giveBack(one)
    else this.#onFramework(one, frameworkId)
  }

  #onAgent(one: Step, agentId: string): void {
    const total = SIZES[one.size] as Resources
    const known = this.agents.has(agentId)
    if (one.kind === 'add-agent' && !known) this.#addAgent(agentId, total)
    if (one.kind === 'remove-agent') {
      this.allocator.removeAgent(agentId)
      this.agents.delete(agentId)
      this.held = this.held.filter((one) => one.agentId !== agentId)
    }
    if (one.kind === 'total') {
      this.allocator.updateAgentTotal(agentId, total)
      if (known) this.agents.set(agentId, total)
    }
  }

  #addAgent(agentId: string, total: Resources): void {
    this.allocator.addAgent(agentId, { hostname: agentId, attributes: [], total, active: true }, new Map())
    this.agents.set(agentId, total)
  }

  #allocate(): void {
    const before = new Map([...this.agents.keys()].map((id) => [id, this.allocator.available(id)]))
    const made = this.allocator.allocate(this.now)
    for (const id of this.agents.keys()) {
      const given = Resources.sum(
        made.filter((one) => one.agentId === id).map((one) => one.resources),
      ).unallocated()
      if (before.get(id)?.contains(given) !== true)
        this.problems.push(`${given.toText()} was not available on ${id}`)
    }
    for (const { frameworkId } of made) {
      if (!this.frameworks.has(frameworkId))
        this.problems.push(`${frameworkId} is not there and got an offer`)
    }
    this.held.push(...made)
  }

  #giveBack(one: Step): void {
    const index = Math.floor(one.part * this.held.length)
    const allocation = this.held[index]
    if (allocation === undefined) return
    // A part of the scalars stays, everything else goes back.
    const quantities = [...allocation.resources.quantities()]
    const kept = allocation.resources.shrinkTo(
      new Map(
        one.kind === 'finish' ? [] : quantities.map(([name, milli]) => [name, Math.floor(milli * one.part)]),
      ),
    )
    const rest = allocation.resources.minus(kept)
    this.allocator.recover(
      allocation.frameworkId,
      allocation.agentId,
      rest,
      { refuseMs: one.seconds * 500 },
      this.now,
    )
    this.held.splice(index, 1, ...(kept.isEmpty ? [] : [{ ...allocation, resources: kept }]))
  }

  #onFramework(one: Step, frameworkId: string): void {
    const role = ROLES[one.role] as string
    const options = {
      roles: ROLES.slice(0, one.role + 1),
      suppressedRoles: one.part > 0.8 ? [role] : [],
      capabilities: new Set(CAPABILITIES[one.capability]),
      active: one.part > 0.1,
    }
    if (one.kind === 'weight') this.allocator.setWeight(role, one.part + 0.1)
    const known = this.frameworks.has(frameworkId)
    if (one.kind === 'add-framework' && !known) {
      this.allocator.addFramework(frameworkId, options)
      this.frameworks.add(frameworkId)
    }
    if (!known) return
    if (one.kind === 'update') this.allocator.updateFramework(frameworkId, options)
    if (one.kind === 'suppress') this.allocator.suppress(frameworkId, [role])
    if (one.kind === 'revive') this.allocator.revive(frameworkId, [role])
    if (one.kind === 'activate') this.allocator.activateFramework(frameworkId)
    if (one.kind === 'deactivate') this.allocator.deactivateFramework(frameworkId)
    if (one.kind === 'remove-framework') {
      this.allocator.removeFramework(frameworkId)
      this.frameworks.delete(frameworkId)
    }
  }

  /** What is wrong: broken invariants, and differences between the lists and the allocator's books. */
  compare(): readonly string[] {
    const wrong = [...this.problems, ...this.allocator.check()]
    const same = (what: string, actual: unknown, expected: unknown): void => {
      if (actual !== expected) wrong.push(`${what} is ${String(actual)}, expected ${String(expected)}`)
    }
    for (const [agentId, total] of this.agents) {
      const here = this.held.filter((one) => one.agentId === agentId)
      const sum = Resources.sum(here.map((one) => one.resources)).unallocated()
      same(`free on ${agentId}`, this.allocator.available(agentId).toText(), total.minusAtMost(sum).toText())
      for (const frameworkId of FRAMEWORKS) {
        const its = here.filter((one) => one.frameworkId === frameworkId).map((one) => one.resources)
        const booked = this.allocator.booked(frameworkId, agentId)
        same(`booked by ${frameworkId} on ${agentId}`, booked.toText(), Resources.sum(its).toText())
      }
    }
    for (const { role, booked } of this.allocator.shares()) {
      const its = this.held.filter((one) => one.role === role || one.role.startsWith(`${role}/`))
      const cpus = its.reduce((total, one) => total + one.resources.milli('cpus'), 0)
      same(`cpus booked to ${role}`, booked.get('cpus') ?? 0, cpus)
    }
    return wrong
  }
}

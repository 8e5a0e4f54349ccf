// On which agents a wish fits now, and by how much it misses on the others. Pure.
import type { AgentRow } from '../../src/wire/page.ts'
import { amount, cpuText, memory } from './words.ts'

export interface Needs {
  readonly cpus: number
  readonly mem: number
  readonly lent: boolean
}

export interface Fit {
  readonly agent: AgentRow
  /** Empty when it fits. */
  readonly misses: readonly string[]
}

/** What is offered to others counts as free: it comes back when they decline. */
export function fitsOf(agents: readonly AgentRow[], needs: Needs): readonly Fit[] {
  return agents.map((agent) => {
    const misses: string[] = []
    if (agent.state !== 'connected') misses.push('it is away')
    if (agent.deactivated === true) misses.push('it is out of use')
    const cpus = needs.lent ? agent.lent.cpus - agent.lentHeld.cpus : agent.total.cpus - agent.allocated.cpus
    const mem = agent.total.mem - agent.allocated.mem
    const rest = (free: number): number => Math.max(0, Math.round(free * 1000) / 1000)
    if (needs.cpus > rest(cpus))
      misses.push(`${cpuText(needs.cpus, needs.lent ? 'lent' : '')} wanted, ${amount(rest(cpus))} free`)
    if (needs.mem > rest(mem)) misses.push(`${memory(needs.mem)} wanted, ${memory(rest(mem))} free`)
    return { agent, misses }
  })
}

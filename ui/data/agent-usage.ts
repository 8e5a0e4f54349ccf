// The newest usage of an agent by the names of its columns, and what is said where nothing was told lately.
import { type AgentRow, USAGE_COLUMNS, type UsagePoint } from '../../src/wire/page.ts'
import type { Whole } from '../charts/stack.ts'

/** An agent that told nothing for so long is shown grey. */
export const OLD_MS = 45_000

export function usagePoint(values: readonly number[] | undefined): UsagePoint | undefined {
  if (values === undefined) return undefined
  return Object.fromEntries(USAGE_COLUMNS.map((name, index) => [name, values[index] ?? 0])) as UsagePoint
}

/** What the master has booked is always known; what is used only when the agent tells it. */
export function agentSplit(agent: AgentRow, point: UsagePoint | undefined, subject: 'cpus' | 'mem'): Whole {
  return {
    total: agent.total[subject],
    allocated: agent.allocated[subject],
    owners: (subject === 'cpus' ? point?.cpusOwners : point?.memOwners) ?? 0,
    borrowers: (subject === 'cpus' ? point?.cpusBorrowers : point?.memBorrowers) ?? 0,
  }
}

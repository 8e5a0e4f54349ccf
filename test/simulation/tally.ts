// What happened in a simulation, and what became of every task that was launched.
import type { MasterCore } from '../../src/master/core/core.ts'
import type { ToyScheduler } from './toy-scheduler.ts'

/** Counts of what happened, for the figures. */
export interface Tally {
  steps: number
  launched: number
  ended: number
  neverKnown: number
  writtenOff: number
  lostFromSight: number
  breaks: number
  masterRestarts: number
}

export function newTally(): Tally {
  return {
    steps: 0,
    launched: 0,
    ended: 0,
    neverKnown: 0,
    writtenOff: 0,
    lostFromSight: 0,
    breaks: 0,
    masterRestarts: 0,
  }
}

interface Accounted {
  readonly tally: Tally
  readonly core: MasterCore
  readonly schedulers: readonly ToyScheduler[]
  fail(message: string): never
}

/** Every task that was ever launched, by how it ended for its scheduler. */
export function account(simulation: Accounted): Tally {
  const { tally } = simulation
  for (const scheduler of simulation.schedulers) {
    tally.writtenOff += scheduler.writtenOff
    tally.ended += scheduler.endedBefore
    for (const account of scheduler.accounts.values()) {
      if (account.ends.size > 0) tally.ended++
      else if (account.unknown) tally.neverKnown++
      else if (account.last === 'TASK_UNREACHABLE') tally.lostFromSight++
      else
        simulation.fail(`${account.taskId} was launched and never ended: last ${account.last ?? 'nothing'}`)
    }
  }
  const { cluster } = simulation.core
  for (const agent of cluster.agents.values()) {
    if (agent.tasks.size > 0) simulation.fail(`agent ${agent.id} is left with tasks in the books`)
  }
  return tally
}

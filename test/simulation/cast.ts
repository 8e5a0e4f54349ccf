// Who plays in a simulation: the core with the real allocator, machines of many sizes, frameworks of all kinds.
import { DrfAllocator } from '../../src/allocator/drf.ts'
import type { Random } from '../../src/base/random.ts'
import { DEFAULT_OPTIONS } from '../../src/master/core/cluster.ts'
import { MasterCore } from '../../src/master/core/core.ts'
import { Resources } from '../../src/resources/resources.ts'
import { ToyAgent } from './toy-agent.ts'
import { ToyScheduler } from './toy-scheduler.ts'

export interface SimulationOptions {
  readonly seed: number
  readonly steps: number
  readonly agents: number
  readonly schedulers: number
  /** Whether the master itself is restarted now and then. */
  readonly masterRestarts: boolean
}

/** Short deadlines and small limits, so that they are reached. */
export function newCore(masterId: string, random: Random): MasterCore {
  return new MasterCore(
    {
      ...DEFAULT_OPTIONS,
      masterInfo: { id: masterId, ip: 1, port: 5050, hostname: 'master', version: '1.12.0' },
      offerTimeoutMs: 30_000,
      agentReregisterTimeoutMs: 60_000,
      maxCompletedFrameworks: 5,
      maxCompletedTasksPerFramework: 50,
    },
    new DrfAllocator({ random }),
  )
}

export function castAgents(options: SimulationOptions, random: Random): ToyAgent[] {
  const pick = (below: number): number => Math.floor(random.next() * below)
  return Array.from({ length: options.agents }, (_, index) => {
    const own = Resources.parse(`cpus:${2 + pick(7)};mem:${1000 + pick(4000)}`)
    if ('rejected' in own) throw new Error(own.message)
    return new ToyAgent(`host${index}`, own, random)
  })
}

export function castSchedulers(options: SimulationOptions, random: Random): ToyScheduler[] {
  return Array.from({ length: options.schedulers }, (_, index) => {
    const traits = {
      partitionAware: index % 3 !== 2,
      // A master that starts anew cannot know what an earlier one declared lost.
      checkpoint: options.masterRestarts || index % 4 !== 1,
      borrows: index % 2 === 1,
      executor: index % 3 === 1,
      failoverSeconds: index % 5 === 4 ? 5 : 3600,
      roles: index % 2 === 0 ? ['*'] : ['web', `eng/${index}`],
    }
    return new ToyScheduler(`s${index}`, traits, random)
  })
}

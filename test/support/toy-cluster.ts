// A real master with agents that are all show, as many as one likes, each with as many tasks.
import type { LendEvent } from '../../src/wire/page.ts'
import type { Master } from '../../src/master/master.ts'
import { startRealMaster } from './real-cluster.ts'
import { ToyAgentServer, type ToyPlan, type ToyTask } from './toy-agent-server.ts'

export interface ToyClusterOptions {
  readonly agents: number
  readonly tasksEach: number
  /** Names of tasks; numbers are put behind them. */
  readonly taskName?: string
  readonly frameworkName?: string
}

const FRAMEWORKS = 5

export class ToyCluster implements AsyncDisposable {
  readonly master: Master
  readonly agents: readonly ToyAgentServer[]

  private constructor(master: Master, agents: readonly ToyAgentServer[]) {
    this.master = master
    this.agents = agents
  }

  get origin(): string {
    return `http://127.0.0.1:${this.master.address.port}`
  }

  static async start(options: ToyClusterOptions, now: number): Promise<ToyCluster> {
    const master = await startRealMaster()
    const agents: ToyAgentServer[] = []
    try {
      for (let index = 0; index < options.agents; index++)
        agents.push(
          await ToyAgentServer.start(toyPlan(index, options, now), `127.0.0.1:${master.address.port}`),
        )
      return new ToyCluster(master, agents)
    } catch (error) {
      await new ToyCluster(master, agents)[Symbol.asyncDispose]()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.agents.map((agent) => agent[Symbol.asyncDispose]()))
    await this.master[Symbol.asyncDispose]()
  }
}

/** Frameworks and agents are of an earlier life of the master, so that this one gives their ids to nobody. */
const EARLIER = '0f7bd3c0-58f4-4a3f-9d0c-2a4c6a2f7a11'

export const frameworkId = (index: number): string => `${EARLIER}-000${index % FRAMEWORKS}`

export function toyPlan(index: number, options: ToyClusterOptions, now: number): ToyPlan {
  const { frameworkName = 'shop', taskName = 'web', tasksEach } = options
  const tasks = Array.from(
    { length: tasksEach },
    (_, task): ToyTask => ({
      id: `${taskName.replaceAll(/[^\w.-]/g, '')}.${index}.${task}`,
      name: taskName,
      framework: frameworkId(task),
      cpus: 0.2,
      mem: 32,
      lent: task % 4 === 3,
    }),
  )
  return {
    name: `a${index + 1}`,
    id: `${EARLIER}-S${index}`,
    cpus: Math.max(4, Math.ceil(tasksEach * 0.2)),
    mem: Math.max(4096, tasksEach * 40),
    attributes: { each: 'on', rack: `r${index % 4}` },
    frameworks: Array.from({ length: FRAMEWORKS }, (_, one) => ({
      id: { value: frameworkId(one) },
      user: 'root',
      name: `${frameworkName}-${one}`,
      roles: ['*'],
      failover_timeout: 604_800,
      checkpoint: true,
      capabilities: [{ type: 'MULTI_ROLE' }, { type: 'REVOCABLE_RESOURCES' }],
    })),
    tasks,
    events: eventsOf(tasks, now),
  }
}

function eventsOf(tasks: readonly ToyTask[], now: number): readonly Omit<LendEvent, 'agent'>[] {
  const borrower = tasks.find(({ lent }) => lent)?.id ?? 'batch'
  const kinds = ['lend', 'squeeze', 'freeze', 'thaw', 'relax', 'evict']
  return kinds.map((kind, index) => ({
    event: index + 1,
    at: now - 600_000 + index * 90_000,
    kind,
    owner: tasks[0]?.id ?? 'web',
    tasks: [borrower],
    why:
      `'${tasks[0]?.id ?? 'web'}' waited 31 % of the time for a core, limit 5 %, ` +
      `while borrowers used 0.4 of the 0.5 cpus that it missed: ${kind}`,
    signal: 'waits for a core',
    value: 0.31,
    threshold: 0.05,
    unit: 'of the time',
    before: 'no limit',
    after: '0.5 cpus',
  }))
}

// What the chapters of a run share: the machines, the master behind its forwarded port, and the agents that are there.
import { amountsOf, type Offer } from '../../src/sdk/sdk.ts'
import type { TaskStatus } from '../../src/wire/tasks.ts'
import { until } from '../faults/until.ts'
import type { Reading } from './groups.ts'
import type { Machines } from './machines.ts'
import type { Steps } from './steps.ts'

export const IMAGE = 'tepui/busybox:latest'
const MINUTE = 60_000
const ENDLESS = new AbortController().signal

/** A line for a shell that never rests. */
export const SPIN = 'while :; do :; done'

export const pidOf = ({ container_status }: TaskStatus): number => container_status?.executor_pid ?? 0

/** What a task that ended held comes back as an offer of its own, too small for the next one. */
export function isRoomy(offer: Offer): boolean {
  const { cpus, mem } = amountsOf(offer)
  return cpus >= 1 && mem >= 64
}

export interface AgentPage {
  readonly id: string
  readonly hostname: string
  readonly active: boolean
}

export interface BedOptions {
  readonly machines: Machines
  readonly steps: Steps
  readonly agents: number
}

export class Bed {
  readonly machines: Machines
  readonly steps: Steps
  readonly agentCount: number
  /** Through the one port that is forwarded. */
  readonly master = { ip: '127.0.0.1', port: 5050, hostname: '127.0.0.1' }

  constructor({ agents, machines, steps }: BedOptions) {
    this.machines = machines
    this.steps = steps
    this.agentCount = agents
  }

  async agents(): Promise<readonly AgentPage[]> {
    const answer = await fetch(`http://127.0.0.1:${this.master.port}/slaves`)
    const page = (await answer.json()) as { slaves: AgentPage[] }
    return page.slaves.filter(({ active }) => active)
  }

  /** All of them, as soon as they are there. */
  async agentsBack(minutes: number): Promise<readonly AgentPage[]> {
    const allThere = async (): Promise<boolean> =>
      (await this.agents().catch(() => [])).length === this.agentCount
    await until(allThere, minutes * MINUTE, `${this.agentCount} agents were there`, ENDLESS)
    return this.agents()
  }

  /** Once it was away: a restart is so quick that the old link may still be taken for the new one. */
  async awayWithin(minutes: number, id: string | undefined): Promise<void> {
    const isAway = async (): Promise<boolean> => !(await this.agents()).some((one) => one.id === id)
    await until(isAway, minutes * MINUTE, 'the agent was away', ENDLESS)
  }
}

/** The first process of the one Docker container that runs on `a1`. */
export async function onlyContainer({ machines }: Bed): Promise<number> {
  const [pid] = await machines.lines('a1', 'docker inspect -f "{{.State.Pid}}" $(docker ps -q)')
  return Number(pid)
}

/** Waits until the group and all that was in it are gone. */
export async function nothingOf({ machines }: Bed, group: Reading): Promise<object> {
  const gone = async (): Promise<boolean> => {
    const script = `[ -e /sys/fs/cgroup${group.path} ] && echo there || echo gone`
    return (await machines.lines('a1', script)).at(-1) === 'gone'
  }
  await until(gone, 5 * MINUTE, `the group ${group.path} was gone`, ENDLESS)
  return { goneGroup: group.path }
}

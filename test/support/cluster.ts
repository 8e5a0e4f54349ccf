// A real master and real agents in this process, on free ports, with the real clock, for clients of others.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../src/agent/flags.ts'
import { type Agent, startAgent } from '../../src/agent/agent.ts'
import { systemClock } from '../../src/base/clock.ts'
import { parseFlags } from '../../src/base/flags.ts'
import { silentLogger } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { MASTER_FLAGS, MASTER_FLAGS_NOT_YET } from '../../src/master/flags.ts'
import { type Master, startMaster } from '../../src/master/master.ts'
import { leftovers } from './engine.ts'

const DEPS = { clock: systemClock, random: systemRandom, log: silentLogger }
const LOCAL = ['--port=0', '--ip=127.0.0.1', '--hostname=127.0.0.1']
/** Small and the same on every machine, so that tests can count on it. */
const RESOURCES = '--resources=cpus:4;mem:2048;disk:5000;ports:[31000-32000]'

const SOON = { timeout: 90_000, interval: 20 }

export interface ClusterOptions {
  readonly master?: readonly string[]
  /** Flags of each agent; one agent without flags when left out. */
  readonly agents?: readonly (readonly string[])[]
}

export class Cluster implements AsyncDisposable {
  readonly master: Master
  readonly agents: Agent[] = []
  /** Of the agents, one below it for each. */
  readonly folder: string

  private constructor(master: Master, folder: string) {
    this.master = master
    this.folder = folder
  }

  /** Resolves when the master knows all agents. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const argv = [...LOCAL, ...(options.master ?? [])]
    const master = await startMaster(parseFlags(MASTER_FLAGS, argv, {}, MASTER_FLAGS_NOT_YET), DEPS)
    const cluster = new Cluster(master, mkdtempSync(join(tmpdir(), 'tepui-cluster-')))
    try {
      for (const flags of options.agents ?? [[]]) await cluster.addAgent(...flags)
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  get port(): number {
    return this.master.address.port
  }

  async addAgent(...flags: readonly string[]): Promise<Agent> {
    const work = join(this.folder, `agent-${this.agents.length}`)
    const own = [...LOCAL, RESOURCES, `--master=127.0.0.1:${this.port}`, `--work_dir=${work}`]
    const given = new Set(flags.map((flag) => flag.split('=')[0]))
    const argv = [...own.filter((flag) => !given.has(flag.split('=')[0])), ...flags]
    const agent = await startAgent(parseFlags(AGENT_FLAGS, argv, {}, AGENT_FLAGS_NOT_YET), DEPS)
    this.agents.push(agent)
    await vi.waitFor(async () => {
      const active = await this.#activeAgents()
      if (active < this.agents.length)
        throw new Error(`The master knows ${active} of ${this.agents.length} agents`)
    }, SOON)
    return agent
  }

  async page(path: string, port = this.port): Promise<Record<string, unknown>> {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
    return (await answer.json()) as Record<string, unknown>
  }

  async metric(name: string, port = this.port): Promise<unknown> {
    return (await this.page('/metrics/snapshot', port))[name]
  }

  async #activeAgents(): Promise<number> {
    const { slaves } = (await this.page('/slaves')) as { slaves: readonly { active: boolean }[] }
    return slaves.filter(({ active }) => active).length
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.agents) await agent[Symbol.asyncDispose]()
    await this.master[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Fails with the list of what is left when not everything of ours is gone soon; for the end of a file of tests. */
export async function nothingLeft(before: readonly string[]): Promise<void> {
  await vi.waitFor(async () => expect(await leftovers(before)).toEqual([]), SOON)
}

/** Milliseconds since a moment. */
export function stopwatch(): () => number {
  const start = systemClock.monotonic()
  return () => systemClock.monotonic() - start
}

// The agent is killed while borrowers run, are squeezed or frozen: the kernel holds on, and the next life has them all.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { nothingLeft } from '../support/cluster.ts'
import { type Daemon, Daemons } from '../support/daemons.ts'
import { engineRequest, leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import {
  amount,
  type RawOffer,
  RawScheduler,
  type RawStatus,
  scalar,
  task,
} from '../support/raw-scheduler.ts'

const INFO = {
  capabilities: [{ type: 'PARTITION_AWARE' }, { type: 'REVOCABLE_RESOURCES' }],
  checkpoint: true,
  failover_timeout: 600,
}
const CONTROLLER = join(import.meta.dirname, '../support/plugins/acts-on-demand.ts')
const SPIN = 'while :; do :; done'
const DOCKER = { container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'NONE' } } }
const SOON = { timeout: 60_000, interval: 100 }

let before: string[]

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
})

afterAll(() => nothingLeft(before))

interface LendPage {
  readonly quota_cpus: number | 'max'
  readonly frozen: readonly unknown[]
  readonly containers?: readonly { readonly revocable: boolean }[]
}

/** An agent that lends, with two borrowers that spin: one of the engine, one of the host. */
class Scene implements AsyncDisposable {
  readonly daemons: Daemons
  readonly scheduler: RawScheduler
  agent: Daemon
  pids: readonly number[] = []
  #orders = 0

  private constructor(daemons: Daemons, agent: Daemon, scheduler: RawScheduler) {
    this.daemons = daemons
    this.agent = agent
    this.scheduler = scheduler
  }

  static async start(): Promise<Scene> {
    const daemons = await Daemons.start()
    try {
      const agent = await daemons.agent(0, ...flagsOf(daemons))
      const scene = new Scene(daemons, agent, await RawScheduler.subscribe(daemons.masterPort, INFO))
      await scene.#borrow()
      return scene
    } catch (error) {
      await daemons[Symbol.asyncDispose]()
      throw error
    }
  }

  async #borrow(): Promise<void> {
    const { scheduler } = this
    const offer = await scheduler.offer(isLent, 60_000)
    const resources = [{ ...scalar('cpus', 0.5), revocable: {} }]
    await scheduler.launch(offer, [
      task(offer, 'boxed', SPIN, { ...DOCKER, resources }),
      task(offer, 'host', SPIN, { resources }),
    ])
    this.pids = await Promise.all(
      ['boxed', 'host'].map(async (id) => pidOf(await scheduler.status(id, 'TASK_RUNNING', 60_000))),
    )
  }

  page(): Promise<LendPage> {
    return this.daemons.page('/api/x1/lend', this.agent.port) as unknown as Promise<LendPage>
  }

  /** Each order is another one, also for a controller that was told the same in an earlier life. */
  order(words: string): void {
    this.#orders += 1
    writeFileSync(ordersFile(this.daemons), `${words} ${this.#orders}`)
  }

  async becomes(quota: number | 'max', frozen: number): Promise<void> {
    const look = async (): Promise<void> => {
      const { frozen: still, quota_cpus } = await this.page()
      expect([quota_cpus, still.length]).toEqual([quota, frozen])
    }
    await vi.waitFor(look, SOON)
  }

  /** kill -9, then the next life. What was ordered before is not ordered again. */
  async restart(meanwhile: () => Promise<void>): Promise<void> {
    await this.daemons.end(this.agent, 'SIGKILL')
    writeFileSync(ordersFile(this.daemons), '')
    await meanwhile()
    this.agent = await this.daemons.agent(0, ...flagsOf(this.daemons))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scheduler.teardown()
    this.scheduler[Symbol.dispose]()
    await this.daemons[Symbol.asyncDispose]()
  }
}

const isLent = ({ resources }: RawOffer): boolean =>
  resources.some(({ revocable }) => revocable !== undefined)
const ordersFile = ({ folder }: Daemons): string => join(folder, 'orders')
const flagsOf = (daemons: Daemons): string[] => [
  '--resource_estimator=fixed?resources=cpus:1',
  `--qos_controller=${CONTROLLER}?file=${ordersFile(daemons)}`,
  '--oversubscribed_resources_interval=1secs',
]

async function pidOf({ container_status: status }: RawStatus): Promise<number> {
  if (status?.executor_pid !== undefined) return status.executor_pid
  const { text } = await engineRequest('GET', `/containers/mesos-${status?.container_id?.value}/json`)
  return (JSON.parse(text) as { State: { Pid: number } }).State.Pid
}

/** Processor time of a process with its children, in hundredths of a second. */
function used(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

async function allRun(pids: readonly number[]): Promise<void> {
  const from = pids.map(used)
  await vi.waitFor(() => expect(pids.every((pid, at) => used(pid) > (from[at] ?? 0))).toBe(true), SOON)
}

async function allStandStill(pids: readonly number[]): Promise<void> {
  // The last of what ran may be booked a moment after the freeze.
  await vi.waitFor(async () => {
    const from = pids.map(used)
    await systemClock.sleep(1000)
    expect(pids.map(used)).toEqual(from)
  }, SOON)
}

test.each([
  ['run', undefined, 'max', 0],
  ['are squeezed', 'squeeze 0.1', 0.1, 0],
  ['are frozen', 'freeze', 'max', 2],
] as const)(
  'killed while borrowers %s, an agent has them lent and running in its next life',
  async (...of) => {
    const [, order, quota, frozen] = of
    await using scene = await Scene.start()
    const { daemons, pids, scheduler } = scene
    // The host's pid is that of its shell, which does the work itself.
    await allRun(pids)
    if (order !== undefined) scene.order(order)
    await scene.becomes(quota, frozen)
    const since = scheduler.events.length
    await scene.restart(async () => {
      if (frozen > 0) await allStandStill(pids)
      else await allRun(pids)
    })
    await scene.becomes('max', 0)
    await allRun(pids)
    for (const pid of pids) expect(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).toContain('_lent')
    const ends = ['boxed', 'host']
      .flatMap((id) => scheduler.states(id))
      .filter((state) => state !== 'TASK_RUNNING')
    expect(ends.filter((state) => state !== 'TASK_STARTING')).toEqual([])
    // They count as lent, here and at the master, and nothing of them is lent twice.
    await vi.waitFor(async () => {
      expect((await scene.page()).containers?.map(({ revocable }) => revocable)).toEqual([true, true])
      const { total } = await daemons.page('/api/x1/lend')
      expect(total).toMatchObject({ lent_cpus: 1, used_cpus: 1 })
    }, SOON)
    // What is lent is in their hands: nobody is offered it again.
    const offered = scheduler.events.slice(since).flatMap(({ offers }) => offers?.offers ?? [])
    expect(offered.filter(isLent)).toEqual([])
    // The next life takes back from them as from any other.
    scene.order('freeze')
    await scene.becomes('max', 2)
    await allStandStill(pids)
    scene.order('evict')
    for (const id of ['boxed', 'host']) expect((await scheduler.end(id, 60_000)).state).toBe('TASK_GONE')
    expect(
      amount(await scheduler.offer(({ resources }) => resources.length > 0, 60_000), 'cpus'),
    ).toBeGreaterThan(0)
  },
  300_000,
)

// A real master, a real agent and a framework of the SDK in one process: real clock, real engine, real processes.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Agent, startAgent } from '../../src/agent/agent.ts'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../src/agent/flags.ts'
import { systemClock } from '../../src/base/clock.ts'
import { parseFlags } from '../../src/base/flags.ts'
import { silentLogger } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { MASTER_FLAGS, MASTER_FLAGS_NOT_YET } from '../../src/master/flags.ts'
import { type Master, startMaster } from '../../src/master/master.ts'
import { isTerminal, launch, SchedulerClient, type Offer, type TaskInfo } from '../../src/sdk/sdk.ts'
import type { FrameworkInfo, FrameworkInfoCapabilityType } from '../../src/wire/frameworks.ts'
import type { TaskStatus } from '../../src/wire/tasks.ts'

const DEPS = { clock: systemClock, random: systemRandom, log: silentLogger }

export function startRealMaster(...argv: string[]): Promise<Master> {
  const all = ['--port=0', '--ip=127.0.0.1', '--hostname=127.0.0.1', '--allocation_interval=50ms', ...argv]
  return startMaster(parseFlags(MASTER_FLAGS, all, {}, MASTER_FLAGS_NOT_YET), DEPS)
}

/** The flags of an agent for a test: small, quick, in a folder of its own. */
export function agentArguments(master: string, workDir: string, argv: readonly string[]): string[] {
  return [
    `--master=${master}`,
    `--work_dir=${workDir}`,
    '--port=0',
    '--ip=127.0.0.1',
    '--hostname=127.0.0.1',
    '--resources=cpus:8;mem:4096;disk:1000;ports:[31000-32000]',
    '--docker_remove_delay=0ns',
    '--registration_backoff_factor=50ms',
    // Who hears no SIGTERM is only waited for.
    '--executor_shutdown_grace_period=1secs',
    ...argv,
  ]
}

export function startRealAgent(master: string, workDir: string, ...argv: string[]): Promise<Agent> {
  const flags = parseFlags(AGENT_FLAGS, agentArguments(master, workDir, argv), {}, AGENT_FLAGS_NOT_YET)
  return startAgent(flags, DEPS)
}

/** A framework that says what it was told: offers and statuses in their order. */
export class RealFramework implements AsyncDisposable {
  readonly client: SchedulerClient
  readonly statuses: TaskStatus[] = []
  readonly exits: { readonly executorId: string; readonly status: number }[] = []
  readonly messages: string[] = []
  readonly #offers: Offer[] = []
  readonly #waiting = new Set<() => void>()
  readonly #reading: Promise<void>
  #failure: Error | undefined

  private constructor(client: SchedulerClient) {
    this.client = client
    this.#reading = this.#read().catch((error: unknown) => {
      this.#failure = error as Error
      this.#wake()
    })
  }

  static async subscribe(
    master: Pick<Master, 'address'>,
    capabilities: readonly FrameworkInfoCapabilityType[] = ['PARTITION_AWARE'],
    about: Partial<FrameworkInfo> = {},
  ): Promise<RealFramework> {
    const { ip, port } = master.address
    return new RealFramework(
      await SchedulerClient.subscribe({
        master: `${ip}:${port}`,
        framework: {
          user: 'root',
          name: 'e2e',
          roles: ['*'],
          capabilities: ['MULTI_ROLE' as const, ...capabilities].map((type) => ({ type })),
          ...about,
        },
      }),
    )
  }

  /** An offer that suits, once there is one; others are kept for later. */
  async offer(suits: (offer: Offer) => boolean = () => true): Promise<Offer> {
    const offer = await this.until(() => this.#offers.find(suits))
    this.#offers.splice(this.#offers.indexOf(offer), 1)
    return offer
  }

  /** Launches tasks made for an offer that suits; what is left of it is offered again at once. */
  async launch(
    make: (offer: Offer) => TaskInfo | readonly TaskInfo[],
    suits?: (offer: Offer) => boolean,
  ): Promise<Offer> {
    const offer = await this.offer(suits)
    const tasks = [make(offer)].flat() as TaskInfo[]
    await this.client.accept([offer], [launch(tasks)], { refuse_seconds: 0 })
    return offer
  }

  /** The first status of a task in this state. */
  status(taskId: string, state: string): Promise<TaskStatus> {
    return this.until(() => {
      const own = this.statuses.filter(({ task_id }) => task_id.value === taskId)
      const found = own.find((status) => status.state === state)
      const end = own.find((status) => isTerminal(status.state ?? ''))
      if (found === undefined && end !== undefined)
        throw new Error(`${taskId} ended as ${end.state}, not ${state}: ${end.message}`)
      return found
    })
  }

  /** The last status of a task. */
  end(taskId: string): Promise<TaskStatus> {
    return this.until(() =>
      this.statuses.find((one) => one.task_id.value === taskId && isTerminal(one.state ?? '')),
    )
  }

  statesOf(taskId: string): (string | undefined)[] {
    return this.statuses.filter(({ task_id }) => task_id.value === taskId).map(({ state }) => state)
  }

  /** Looks again after every event until it finds something. */
  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      if (this.#failure !== undefined) throw this.#failure
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]()
    await this.#reading
  }

  async #read(): Promise<void> {
    for await (const event of this.client.events) {
      this.#offers.push(...(event.offers?.offers ?? []))
      const gone = event.rescind?.offer_id.value
      if (gone !== undefined) {
        const at = this.#offers.findIndex(({ id }) => id.value === gone)
        if (at >= 0) this.#offers.splice(at, 1)
      }
      const status = event.update?.status
      if (status !== undefined) {
        this.statuses.push(status)
        await this.client.acknowledge(status)
      }
      if (event.failure?.executor_id !== undefined)
        this.exits.push({
          executorId: event.failure.executor_id.value,
          status: event.failure.status ?? Number.NaN,
        })
      if (event.message !== undefined)
        this.messages.push(Buffer.from(event.message.data, 'base64').toString())
      this.#wake()
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

/** A master, an agent and a framework; disposing it ends them in the order in which a machine would be left clean. */
export interface RealCluster extends AsyncDisposable {
  readonly master: Master
  readonly agent: Agent
  readonly framework: RealFramework
  readonly workDir: string
  /** What the agent's page says. */
  page(path: string): Promise<unknown>
  /** A file in the sandbox of a task or executor. */
  file(executorId: string, name: string): string
  write(executorId: string, name: string, text: string): void
}

export async function startCluster(
  options: {
    readonly agent?: readonly string[]
    readonly capabilities?: readonly FrameworkInfoCapabilityType[]
    /** In place of a new folder, which is removed at the end. */
    readonly workDir?: string
  } = {},
): Promise<RealCluster> {
  const undo = new AsyncDisposableStack()
  try {
    const workDir = options.workDir ?? mkdtempSync(join(tmpdir(), 'tepui-e2e-'))
    if (options.workDir === undefined) undo.defer(() => rmSync(workDir, { recursive: true, force: true }))
    const master = undo.use(await startRealMaster())
    const agent = undo.use(
      await startRealAgent(
        `127.0.0.1:${master.address.port}`,
        workDir,
        '--no-switch_user',
        ...(options.agent ?? []),
      ),
    )
    const framework = undo.use(await RealFramework.subscribe(master, options.capabilities))
    const page = async (path: string): Promise<unknown> => {
      const answer = await fetch(`http://127.0.0.1:${agent.address.port}${path}`)
      if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${await answer.text()}`)
      return answer.json()
    }
    const agentId = ((await page('/state')) as { readonly id: string }).id
    const pathOf = (executorId: string, name: string): string => {
      const folder = join(workDir, 'slaves', agentId || idIn(framework), 'frameworks')
      return join(folder, framework.client.frameworkId, 'executors', executorId, 'runs/latest', name)
    }
    return {
      master,
      agent,
      framework,
      workDir,
      page,
      file: (executorId, name) => readFileSync(pathOf(executorId, name), 'utf8'),
      write: (executorId, name, text) => writeFileSync(pathOf(executorId, name), text),
      [Symbol.asyncDispose]: () => undo.disposeAsync(),
    }
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

function idIn(framework: RealFramework): string {
  return framework.statuses.find(({ agent_id }) => agent_id !== undefined)?.agent_id?.value ?? ''
}

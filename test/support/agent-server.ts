// A real agent on a free port with a clock moved by hand, fake containers, and a toy master that it talks to over HTTP.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Agent, startAgent } from '../../src/agent/agent.ts'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../src/agent/flags.ts'
import type { Machine } from '../../src/agent/hardware.ts'
import { parseFlags } from '../../src/base/flags.ts'
import { silentLogger } from '../../src/base/log.ts'
import { seededRandom } from '../../src/base/random.ts'
import type { Keeping } from '../../src/containerizer/keeping.ts'
import type { DiskUse } from '../../src/gc/disk.ts'
import { takeRecords } from '../../src/http/records.ts'
import type { HttpRequest } from '../../src/http/request.ts'
import { accepted, type Answer, stream } from '../../src/http/response.ts'
import type { RecordStream } from '../../src/http/stream.ts'
import { RECORDS_TYPE } from '../../src/http/upload.ts'
import { parseMessage } from '../../src/wire/json.ts'
import { LinkCall } from '../../src/wire/link.ts'
import { RECORD_LIMITS } from '../../src/wire/recordio.ts'
import { serving } from '../component/http/serving.ts'
import { ManualClock } from './clock.ts'
import { type FakeContainer, FakeContainerizer } from './fake-containerizer.ts'
import { exchange, type RawAnswer, requestText } from './raw-http.ts'

/** A machine of 4 cores, 8 GB, 100 GB. */
export const MACHINE: Machine = {
  cpu: async () => ({ cores: 4, manufacturer: 'Acme', brand: 'Fast (tm) 9000' }),
  mem: async () => ({ total: 8 * 1024 ** 3 }),
  fsSize: async () => [{ mount: '/', size: 100 * 1024 ** 3 }],
  osInfo: async () => ({ distro: 'Debian', release: '12', kernel: '6.1.0-13', arch: 'x64' }),
  graphics: async () => ({ controllers: [] }),
}

export interface AgentOptions {
  readonly argv?: readonly string[]
  readonly clock?: ManualClock
  readonly machine?: Machine
  readonly workDir?: string
  /** What the file system of the work folder says; the real one when left out. */
  readonly disk?: () => DiskUse
  /** Launches wait until the test says how they end. */
  readonly byHand?: boolean
  /** Containers of an earlier life that are still to be found. */
  readonly left?: ReadonlyMap<string, FakeContainer>
  readonly bootId?: string
  /** In place of the system's way to bring the checkpoint's log to the disk. */
  readonly sync?: (path: string) => Promise<void>
  /** What its containerizer keeps besides containers. */
  readonly keeping?: Keeping
}

export class TestAgent implements AsyncDisposable {
  readonly clock: ManualClock
  readonly containers: FakeContainerizer
  readonly workDir: string
  readonly agent: Agent

  private constructor(agent: Agent, clock: ManualClock, containers: FakeContainerizer, workDir: string) {
    this.agent = agent
    this.clock = clock
    this.containers = containers
    this.workDir = workDir
  }

  static async start(master: string, options: AgentOptions = {}): Promise<TestAgent> {
    const { argv = [], clock = new ManualClock(), machine = MACHINE } = options
    const workDir = options.workDir ?? mkdtempSync(join(tmpdir(), 'tepui-agent-'))
    // No control groups: an empty folder stands for a machine without any.
    const none = join(workDir, 'no-cgroups')
    mkdirSync(none, { recursive: true })
    const containers = new FakeContainerizer({ atOnce: options.byHand !== true, keeping: options.keeping })
    for (const [id, container] of options.left ?? []) containers.left.set(id, container)
    const all = [
      `--master=${master}`,
      `--work_dir=${workDir}`,
      `--cgroups_hierarchy=${none}`,
      '--port=0',
      '--ip=127.0.0.1',
      '--hostname=127.0.0.1',
      '--no-switch_user',
      ...argv,
    ]
    const flags = parseFlags(AGENT_FLAGS, all, {}, AGENT_FLAGS_NOT_YET)
    const made = { clock, random: seededRandom(3), log: silentLogger, machine, containerizers: [containers] }
    const disk = options.disk === undefined ? {} : { disk: options.disk }
    const { sync, bootId = 'boot-1' } = options
    const boot = { id: bootId, at: clock.now() }
    const deps = { ...made, ...disk, boot, ...(sync !== undefined && { sync }) }
    return new TestAgent(await startAgent(flags, deps), clock, containers, workDir)
  }

  get port(): number {
    return this.agent.address.port
  }

  get(path: string): Promise<RawAnswer> {
    return exchange(this.port, requestText(`GET ${path}`))
  }

  async page<T = Record<string, unknown>>(path: string): Promise<T> {
    const { status, body } = await this.get(path)
    if (status !== 200) throw new Error(`${path} was answered with ${status}: ${body}`)
    return JSON.parse(body) as T
  }

  post(path: string, body: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
    const all = { 'Content-Type': 'application/json', Accept: 'application/json', ...headers }
    return exchange(this.port, requestText(`POST ${path}`, all, body))
  }

  /** Ends the agent alone, as SIGTERM does: its folder and its containers stay. */
  async leave(): Promise<void> {
    this.agent.leave('stopped')
    await this.agent.ended
    await this.agent[Symbol.asyncDispose]()
  }

  /** Ends all containers at once, the agent, and its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    const ending = this.agent[Symbol.asyncDispose]()
    for (const container of this.containers.containers.values())
      container.end({ kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    await ending
    rmSync(this.workDir, { recursive: true, force: true })
  }
}

/** A link that an agent opened at a toy master. */
export interface OpenLink {
  readonly call: LinkCall
  readonly stream: RecordStream
  send(event: object): void
}

/** A master that does as a test says: it takes links and calls, and remembers them. */
export class ToyMaster implements AsyncDisposable {
  readonly calls: LinkCall[] = []
  /** Wall time of the manual clock at each try to open a link. */
  readonly tries: number[] = []
  /** In place of a stream, when it gives one. */
  refuse: ((request: HttpRequest) => Answer | undefined) | undefined
  readonly #links: OpenLink[] = []
  readonly #waiting = new Set<() => void>()
  readonly #clock: ManualClock
  #served: Awaited<ReturnType<typeof serving>> | undefined

  private constructor(clock: ManualClock) {
    this.#clock = clock
  }

  static async start(clock: ManualClock, port = 0): Promise<ToyMaster> {
    const master = new ToyMaster(clock)
    const handle = (request: HttpRequest): Promise<Answer> => master.#handle(request)
    master.#served = await serving([{ path: '/api/x1/agent', handle }], { port })
    return master
  }

  get port(): number {
    return this.#served?.port ?? 0
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** The next link that an agent opens; without `register: false` it is welcomed. */
  async link(
    options: { readonly register?: boolean; readonly pingTimeout?: number } = {},
  ): Promise<OpenLink> {
    const link = await this.until(() => this.#links.shift())
    if (options.register !== false) link.send(registered(options.pingTimeout))
    return link
  }

  /** The calls of a type, once there are that many. */
  async callsOf(type: string, count: number): Promise<LinkCall[]> {
    return this.until(() => {
      const found = this.calls.filter((call) => call.type === type)
      return found.length >= count ? found : undefined
    })
  }

  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#waiting.add(resolve)
      await promise
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#served?.[Symbol.asyncDispose]()
  }

  async #handle(request: HttpRequest): Promise<Answer> {
    if (request.header('content-type') === RECORDS_TYPE) {
      const take = (record: string): Answer | undefined => {
        const answer = this.#answer(request, record)
        return answer.kind === 'empty' ? undefined : answer
      }
      return (await takeRecords(request, RECORD_LIMITS, take)) ?? accepted()
    }
    const body = await request.body()
    return body.ok ? this.#answer(request, body.bytes.toString()) : body.answer
  }

  #answer(request: HttpRequest, text: string): Answer {
    const parsed = parseMessage(LinkCall, text)
    if (!parsed.ok) throw new Error(parsed.error)
    const call = parsed.value
    if (call.type === 'SUBSCRIBE') this.tries.push(this.#clock.now())
    else this.calls.push(call)
    const refusal = this.refuse?.(request)
    if (refusal !== undefined || call.type !== 'SUBSCRIBE') {
      this.#wake()
      return refusal ?? accepted()
    }
    return stream({
      contentType: 'application/json',
      headers: { 'Mesos-Stream-Id': 'toy' },
      open: (opened) => {
        this.#links.push({ call, stream: opened, send: (event) => opened.send(JSON.stringify(event)) })
        this.#wake()
      },
    })
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}

export const registered = (pingTimeout = 75): object => ({
  type: 'REGISTERED',
  registered: {
    agent_id: { value: 'M-S0' },
    master_info: { id: 'M', ip: 16_777_343, port: 5050 },
    total_ping_timeout_seconds: pingTimeout,
  },
})

const scalar = (name: string, value: number): object => ({
  name,
  type: 'SCALAR',
  scalar: { value },
  allocation_info: { role: '*' },
})

/** RUN_TASK of a command task, or of one for an executor. */
export function runTask(id: string, executorId?: string, launchesExecutor = true): object {
  const task = {
    name: id,
    task_id: { value: id },
    agent_id: { value: 'M-S0' },
    resources: [scalar('cpus', 0.5), scalar('mem', 64)],
    ...(executorId === undefined && { command: { value: 'sleep 1' } }),
  }
  const executor_info = {
    executor_id: { value: executorId ?? '' },
    command: { value: './executor' },
    resources: [scalar('cpus', 0.1)],
  }
  return {
    type: 'RUN_TASK',
    run_task: {
      framework_info: {
        id: { value: 'F1' },
        user: 'root',
        name: 'test',
        roles: ['*'],
        checkpoint: true,
        failover_timeout: 60,
        capabilities: [{ type: 'MULTI_ROLE' }, { type: 'PARTITION_AWARE' }],
      },
      task,
      ...(executorId !== undefined && { executor_info }),
      launch_executor: launchesExecutor,
    },
  }
}

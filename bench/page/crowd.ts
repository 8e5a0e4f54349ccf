// A master with as many simulated agents and tasks as wanted, and updates of these tasks whenever they are asked for.
import { HttpClient, type IncomingStream } from '../../src/http/client.ts'
import { amountsOf, launch, type Offer, SchedulerClient, type TaskInfo } from '../../src/sdk/sdk.ts'
import { encodeMessage, parseMessage } from '../../src/wire/json.ts'
import { LinkCall, LinkEvent } from '../../src/wire/link.ts'
import { MESOS_API_VERSION } from '../../src/base/version.ts'
import { OperatingError } from '../../src/base/errors.ts'
import type { BenchContext } from '../bench.ts'
import { startMaster, type Daemon } from '../launch/daemons.ts'

export interface CrowdSize {
  readonly agents: number
  readonly tasks: number
}

export interface Crowd extends AsyncDisposable {
  readonly master: Daemon
  /** A task changes its state: to STARTING or to RUNNING, in turns. */
  change(): Promise<void>
}

const CPUS = 64
const MEM = 262_144
/** Agents that register at the same time. */
const ABREAST = 32

interface RunningTask {
  readonly agent: SimulatedAgent
  readonly frameworkId: string
  readonly taskId: string
  state: 'TASK_STARTING' | 'TASK_RUNNING'
}

export async function openCrowd(context: BenchContext, size: CrowdSize): Promise<Crowd> {
  const { clock, signal } = context
  await using stack = new AsyncDisposableStack()
  const master = await startMaster({ clock, signal }, stack)
  const client = stack.use(new HttpClient(clock, 64))
  const tasks: RunningTask[] = []
  const all = Promise.withResolvers<void>()
  const agents: SimulatedAgent[] = []
  stack.defer(() => agents.forEach((agent) => agent.close()))
  const onTask = (task: RunningTask): void => {
    if (tasks.push(task) === size.tasks) all.resolve()
  }
  for (let at = 0; at < size.agents; at += ABREAST) {
    const numbers = Array.from({ length: Math.min(ABREAST, size.agents - at) }, (_, more) => at + more)
    const opened = numbers.map((number) => SimulatedAgent.open(number, { master, client, signal, onTask }))
    agents.push(...(await Promise.all(opened)))
  }
  const framework = stack.use(await BusyFramework.subscribe(master, context, size))
  await Promise.race([all.promise, framework.failed])
  let turn = 0
  const change = async (): Promise<void> => {
    const task = tasks[turn++ % tasks.length]
    if (task === undefined) return
    task.state = task.state === 'TASK_RUNNING' ? 'TASK_STARTING' : 'TASK_RUNNING'
    await task.agent.tell(task)
  }
  const owned = stack.move()
  return { master, change, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

interface AgentParts {
  readonly master: Daemon
  readonly client: HttpClient
  readonly signal: AbortSignal
  readonly onTask: (task: RunningTask) => void
}

/** Does what the link asks for, and runs nothing. */
class SimulatedAgent {
  readonly #parts: AgentParts
  readonly #stream: IncomingStream
  #id = ''

  private constructor(parts: AgentParts, stream: IncomingStream) {
    this.#parts = parts
    this.#stream = stream
  }

  static async open(number: number, parts: AgentParts): Promise<SimulatedAgent> {
    const scalar = (name: string, value: number) => ({ name, type: 'SCALAR' as const, scalar: { value } })
    const resources = [scalar('cpus', CPUS), scalar('mem', MEM), scalar('disk', 1_000_000)]
    const agent_info = { hostname: `host-${number}.example`, port: 10_000 + number, resources }
    const capabilities = [{ type: 'MULTI_ROLE' as const }, { type: 'RESERVATION_REFINEMENT' as const }]
    const subscribe = { agent_info, version: MESOS_API_VERSION, capabilities }
    const body = encodeMessage(LinkCall, { type: 'SUBSCRIBE', subscribe })
    const headers = { 'Content-Type': 'application/json' }
    const url = urlOf(parts.master)
    const outgoing = { method: 'POST', url, headers, body, timeoutMs: 60_000 } as const
    const agent = new SimulatedAgent(parts, await parts.client.openStream(outgoing, parts.signal))
    const registered = Promise.withResolvers<void>()
    agent.#listen(registered.resolve).catch(registered.reject)
    await registered.promise
    return agent
  }

  async #listen(onRegistered: () => void): Promise<void> {
    for await (const record of this.#stream.records) {
      const event = parseMessage(LinkEvent, record)
      if (!event.ok) throw new OperatingError('PROTOCOL', event.error)
      const { type, registered, run_task: run } = event.value
      if (type === 'REGISTERED') {
        this.#id = registered?.agent_id.value ?? ''
        onRegistered()
      }
      if (type === 'PING') await this.#call({ type: 'PONG' })
      if (type !== 'RUN_TASK' || run === undefined) continue
      const frameworkId = run.framework_info.id?.value ?? ''
      const taskId = run.task.task_id.value
      const task: RunningTask = { agent: this, frameworkId, taskId, state: 'TASK_RUNNING' }
      await this.tell({ ...task, state: 'TASK_STARTING' })
      await this.tell(task)
      this.#parts.onTask(task)
    }
  }

  /** Without an uuid nobody has to acknowledge. */
  async tell({ frameworkId, state, taskId }: RunningTask): Promise<void> {
    const task_id = { value: taskId }
    const ip_addresses = [{ protocol: 'IPv4' as const, ip_address: '10.1.2.3' }]
    const container_status = {
      container_id: { value: `container-of-${taskId}` },
      network_infos: [{ ip_addresses }],
      executor_pid: 4711,
    }
    const status = {
      task_id,
      state,
      source: 'SOURCE_EXECUTOR' as const,
      agent_id: { value: this.#id },
      executor_id: { value: taskId },
      timestamp: 1_795_365_993.25,
      container_status,
    }
    await this.#call({ type: 'UPDATE', update: { framework_id: { value: frameworkId }, status } })
  }

  close(): void {
    this.#stream.close()
  }

  async #call(call: Omit<LinkCall, 'agent_id'>): Promise<void> {
    const { client, master, signal } = this.#parts
    const body = encodeMessage(LinkCall, { ...call, agent_id: { value: this.#id } })
    const streamId = this.#stream.headers.get('mesos-stream-id') ?? ''
    const headers = { 'Content-Type': 'application/json', 'Mesos-Stream-Id': streamId }
    await client.request({ method: 'POST', url: urlOf(master), headers, body, timeoutMs: 60_000 }, signal)
  }
}

const urlOf = ({ port }: Daemon): string => `http://127.0.0.1:${port}/api/x1/agent`

/** Fills every agent evenly with tasks that never end. */
class BusyFramework implements AsyncDisposable {
  readonly #client: SchedulerClient
  readonly #size: CrowdSize
  /** Rejects when it can go on no more; never resolves. */
  readonly failed: Promise<never>
  #launched = 0

  private constructor(client: SchedulerClient, size: CrowdSize) {
    this.#client = client
    this.#size = size
    this.failed = this.#listen()
    this.failed.catch(() => {
      // Who waits for the tasks hears of it; once they run it does not matter.
    })
  }

  static async subscribe(
    master: Daemon,
    { clock, signal }: BenchContext,
    size: CrowdSize,
  ): Promise<BusyFramework> {
    const framework = {
      user: 'nobody',
      name: 'crowd',
      roles: ['web'],
      capabilities: [{ type: 'MULTI_ROLE' as const }, { type: 'PARTITION_AWARE' as const }],
    }
    const options = { master: `127.0.0.1:${master.port}`, framework, reconnect: false as const, clock }
    return new BusyFramework(
      await SchedulerClient.subscribe({ ...options, queueLimit: 100_000 }, signal),
      size,
    )
  }

  async #listen(): Promise<never> {
    for await (const event of this.#client.events)
      for (const offer of event.offers?.offers ?? []) await this.#fill(offer)
    throw new OperatingError('STOPPED', 'The framework of the bench was ended by the master')
  }

  async #fill(offer: Offer): Promise<void> {
    const each = Math.ceil(this.#size.tasks / this.#size.agents)
    const count = amountsOf(offer).cpus < CPUS ? 0 : Math.min(each, this.#size.tasks - this.#launched)
    const tasks = Array.from({ length: count }, () => this.#task(offer))
    await this.#client.accept([offer], [launch(tasks)], { refuse_seconds: 10_000 })
  }

  #task({ agent_id }: Offer): TaskInfo {
    const number = this.#launched++
    const scalar = (name: string, value: number) => ({ name, type: 'SCALAR' as const, scalar: { value } })
    return {
      name: `web ${number}`,
      task_id: { value: `web-${number}` },
      agent_id,
      resources: [scalar('cpus', 0.5), scalar('mem', 64)],
      command: { value: 'sleep 100000' },
      labels: { labels: [{ key: 'app', value: 'web' }] },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]()
  }
}

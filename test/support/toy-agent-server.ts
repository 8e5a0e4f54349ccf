/**
 * An agent that is all show: it registers with tasks that nobody runs, and tells usage, lending, disk and files as a
 * real one does, out of sines. For tests and benches of what the master shows, of hundreds of agents in one process.
 */
import { systemClock } from '../../src/base/clock.ts'
import { uuidBytes, systemRandom } from '../../src/base/random.ts'
import { HttpClient, type IncomingStream } from '../../src/http/client.ts'
import type { HttpRequest } from '../../src/http/request.ts'
import { json, text, type Answer } from '../../src/http/response.ts'
import type { Route } from '../../src/http/routes.ts'
import { listen, type HttpServer } from '../../src/http/server.ts'
import { Metrics } from '../../src/base/metrics.ts'
import { silentLogger } from '../../src/base/log.ts'
import { CONTAINER_COLUMNS, type LendEvent, USAGE_COLUMNS } from '../../src/wire/page.ts'
import { scalar } from './master-server.ts'

export interface ToyTask {
  readonly id: string
  readonly name: string
  readonly framework: string
  readonly cpus: number
  readonly mem: number
  readonly lent?: boolean
}

export interface ToyPlan {
  readonly name: string
  readonly id: string
  readonly cpus: number
  readonly mem: number
  readonly frameworks: readonly object[]
  readonly tasks: readonly ToyTask[]
  readonly attributes?: Readonly<Record<string, string>>
  /** What its lending did, oldest first. */
  readonly events?: readonly Omit<LendEvent, 'agent'>[]
}

interface LinkEventLike {
  readonly type: string
  readonly run_task?: RunTask
  readonly kill_task?: { readonly task_id: { readonly value: string } }
  readonly drain?: object
}

interface RunTask {
  readonly framework_info: { readonly id: { readonly value: string } }
  readonly task: { readonly task_id: { readonly value: string } }
}

const JSON_HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' }
const STDOUT = Array.from({ length: 40 }, (_, line) => `line ${line} of what it says`).join('\n')

export class ToyAgentServer implements AsyncDisposable {
  readonly #plan: ToyPlan
  readonly #master: string
  readonly #http = new HttpClient(systemClock)
  readonly #ending = new AbortController()
  #server: HttpServer | undefined
  #stream: IncomingStream | undefined
  /** The ids of tasks that it was told to kill, and the drains that it was told to begin. */
  readonly killed: string[] = []
  readonly drains: object[] = []
  paused = false
  mode = 'full'
  /** How many tasks it ran, and how many more of them are to fail. */
  ran = 0
  failing = 0

  private constructor(plan: ToyPlan, master: string) {
    this.#plan = plan
    this.#master = master
  }

  /** @param master host:port */
  static async start(plan: ToyPlan, master: string): Promise<ToyAgentServer> {
    const agent = new ToyAgentServer(plan, master)
    agent.#server = await listen({
      host: '127.0.0.1',
      port: 0,
      routes: agent.#routes(),
      processes: ['slave(1)'],
      clock: systemClock,
      log: silentLogger,
      metrics: new Metrics(),
    })
    await agent.#register(agent.#server.port)
    return agent
  }

  get id(): string {
    return this.#plan.id
  }

  /** As by `kill -9`: the link breaks, and nobody answers. */
  async die(): Promise<void> {
    this.#stream?.close()
    await this.#server?.[Symbol.asyncDispose]()
    this.#server = undefined
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.die()
    this.#http[Symbol.dispose]()
  }

  async #register(port: number): Promise<void> {
    const { attributes = {}, cpus, frameworks, id, mem, name, tasks } = this.#plan
    const lent = tasks.filter((task) => task.lent).reduce((sum, task) => sum + task.cpus, 0) + 0.5
    const named = { agent: name, ...attributes }
    const agent_info = {
      id: { value: id },
      hostname: `${name}.example`,
      port,
      checkpoint: true,
      resources: [scalar('cpus', cpus), scalar('mem', mem), scalar('disk', 10_000)],
      attributes: Object.entries(named).map(([key, value]) => ({ name: key, type: 'TEXT', text: { value } })),
    }
    const subscribe = {
      agent_info,
      version: '1.12.0',
      agent_id: { value: id },
      capabilities: [{ type: 'AGENT_DRAINING' }],
      frameworks,
      tasks: tasks.map((task) => linkTask(task, id)),
      oversubscribed_resources: [{ ...scalar('cpus', lent), revocable: {} }],
    }
    this.#stream = await this.#http.openStream(
      {
        method: 'POST',
        url: `http://${this.#master}/api/x1/agent`,
        headers: JSON_HEADERS,
        body: JSON.stringify({ type: 'SUBSCRIBE', agent_id: { value: id }, subscribe }),
        timeoutMs: 60_000,
      },
      this.#ending.signal,
    )
    const registered = Promise.withResolvers<void>()
    void this.#read(this.#stream, () => registered.resolve()).catch(registered.reject)
    await registered.promise
    await this.#call('LENDING', {
      lending: {
        mode: 'full',
        additional: [scalar('cpus', 0.4)],
        sum: '1.33 reserved but idle (web) − 0.2 headroom',
        counters: [],
      },
    })
  }

  async #read(stream: IncomingStream, onRegistered: () => void): Promise<void> {
    for await (const record of stream.records) {
      const event = JSON.parse(record) as LinkEventLike
      if (event.type === 'REGISTERED') onRegistered()
      if (event.type === 'PING') await this.#call('PONG', {})
      if (event.run_task !== undefined) await this.#run(event.run_task)
      if (event.kill_task !== undefined) this.killed.push(event.kill_task.task_id.value)
      if (event.drain !== undefined) this.drains.push(event.drain)
    }
  }

  /** What it is told to run has run. */
  async #run(run: RunTask): Promise<void> {
    this.ran++
    const isFailing = this.failing > 0
    if (isFailing) this.failing--
    for (const state of ['TASK_RUNNING', isFailing ? 'TASK_FAILED' : 'TASK_FINISHED']) {
      const status = {
        task_id: run.task.task_id,
        state,
        source: 'SOURCE_EXECUTOR',
        agent_id: { value: this.id },
        timestamp: systemClock.now() / 1000,
        uuid: uuidBytes(systemRandom.uuid()),
        ...(state !== 'TASK_RUNNING' && { message: `Command exited with status ${isFailing ? 1 : 0}` }),
      }
      await this.#call('UPDATE', {
        update: { framework_id: run.framework_info.id, status, latest_state: state },
      })
    }
  }

  async #call(type: string, payload: object): Promise<void> {
    const headers = { ...JSON_HEADERS, 'Mesos-Stream-Id': this.#stream?.headers.get('mesos-stream-id') ?? '' }
    const body = JSON.stringify({ type, agent_id: { value: this.id }, ...payload })
    await this.#http.request(
      { method: 'POST', url: `http://${this.#master}/api/x1/agent`, headers, body },
      this.#ending.signal,
    )
  }

  #routes(): Route[] {
    const get = (path: string, handle: Route['handle']): Route => ({ path, methods: ['GET'], handle })
    return [
      get('/api/x1/usage', ({ query }) => this.#usage(query)),
      get('/api/x1/lend', () => json(this.#lend())),
      { path: '/api/x1/lend', methods: ['POST'], handle: (request) => this.#change(request) },
      get('/api/x1/why', () => json({ events: [] })),
      get('/api/x1/self', () =>
        json({
          uptime_secs: 100,
          cpus_system_time_secs: 1,
          cpus_user_time_secs: 2,
          mem_rss_bytes: 64 * 1024 ** 2,
        }),
      ),
      get('/api/x1/config', () =>
        json({ flags: [{ name: 'work_dir', value: '/var/lib/toy', origin: 'command line' }] }),
      ),
      get('/api/x1/gc', () =>
        json({
          disk: { usage: 0.4, total_bytes: 1e11 },
          rules: { max_allowed_age_secs: 86_400 },
          scheduled_total: 0,
          scheduled_bytes: 0,
          scheduled: [],
        }),
      ),
      get('/files/browse', ({ query }) =>
        json(
          ['stdout', 'stdout.head', 'stdout.1', 'stderr'].map((file) => ({
            path: `${query.get('path')}/${file}`,
            size: STDOUT.length,
            mode: '-rw-r--r--',
            uid: 'root',
            mtime: systemClock.now() / 1000,
          })),
        ),
      ),
      get('/files/read', ({ query }) => readPage(query)),
    ]
  }

  async #change(request: HttpRequest): Promise<Answer> {
    const body = await request.body(1000)
    if (!body.ok) return body.answer
    const change = JSON.parse(body.bytes.toString()) as { readonly paused?: boolean; readonly mode?: string }
    this.paused = change.paused ?? this.paused
    this.mode = change.mode ?? this.mode
    return json(this.#lend())
  }

  #usage(query: ReadonlyMap<string, string>): Answer {
    const now = systemClock.now()
    const step = Number(query.get('step') ?? 1) * 1000
    const since = Math.max(Number(query.get('since') ?? 0), now - (step > 10_000 ? 86_400_000 : 900_000))
    if (query.has('container'))
      return json({ now, step: 5000, columns: CONTAINER_COLUMNS, points: this.#container(now) })
    const points: number[][] = []
    for (let at = Math.ceil(since / step) * step; at <= now; at += step) points.push(this.#point(at))
    const after = Number(query.get('events') ?? Number.MAX_SAFE_INTEGER)
    const events = (this.#plan.events ?? []).filter(({ event }) => event > after)
    return json({ now, step, columns: USAGE_COLUMNS, points, events })
  }

  #point(at: number): number[] {
    const { cpus, mem, tasks } = this.#plan
    const sum = (isLent: boolean, of: 'cpus' | 'mem'): number =>
      tasks.reduce((total, task) => total + ((task.lent === true) === isLent ? task[of] : 0), 0)
    const wave = 0.5 + 0.4 * Math.sin(at / 40_000 + cpus) * Math.sin(at / 9000)
    const values: Readonly<Record<(typeof USAGE_COLUMNS)[number], number>> = {
      at,
      cpusTotal: cpus,
      cpusAllocated: sum(false, 'cpus'),
      cpusOwners: sum(false, 'cpus') * wave,
      cpusLent: sum(true, 'cpus') + 0.5,
      cpusBorrowers: sum(true, 'cpus') * (1.2 - wave),
      cpusLendable: 0.4,
      cpusMachine: cpus * wave,
      cpuPressure: Math.max(0, wave - 0.8),
      cpusQuota: -1,
      memTotal: mem,
      memAllocated: sum(false, 'mem'),
      memOwners: sum(false, 'mem') * 0.6,
      memBorrowers: sum(true, 'mem') * 0.5,
      memMachine: mem * 0.7,
      memStall: 0,
    }
    return USAGE_COLUMNS.map((name) => values[name])
  }

  #container(now: number): number[][] {
    return Array.from({ length: 100 }, (_, index) => {
      const at = now - (100 - index) * 5000
      return [at, 0.6 + 0.3 * Math.sin(index / 6), 80 + index / 5, 60, 20, 0.02, 0.01]
    })
  }

  #lend(): object {
    return {
      mode: this.mode,
      paused: this.paused,
      windows: '',
      estimator: 'usage',
      controller: 'pressure?squeeze=0.07',
      estimator_options: {},
      controller_options: {},
      tier: 'idle',
      tier_detail: 'borrowers are in the idle class of the kernel',
      lent: { cpus: 0.5 },
      estimate: {
        kind: 'known',
        additional: { cpus: 0.4 },
        terms: [
          { name: 'reserved but idle', value: 0.6, unit: 'cpus', of: 'web', why: 'it uses less' },
          { name: 'headroom', value: -0.2, unit: 'cpus', why: 'kept free' },
        ],
      },
      quota_cpus: 'max',
      frozen: [],
      containers: this.#plan.tasks.slice(0, 50).map(({ cpus, framework, id, lent, mem }) => ({
        container_id: `c-${id}`,
        framework_id: framework,
        executor_id: id,
        tasks: [id],
        revocable: lent === true,
        allocated: { cpus, mem, disk: 20 },
        disk_used_bytes: 5 * 1024 ** 2,
        statistics: {
          memoryLimitBytes: mem * 1024 ** 2,
          memoryBytes: mem * 0.75 * 1024 ** 2,
          memoryInactiveFileBytes: mem * 0.25 * 1024 ** 2,
        },
        cpus: cpus * 0.6,
      })),
      corrections: [],
      decisions: [],
    }
  }
}

function readPage(query: ReadonlyMap<string, string>): Answer {
  if (query.get('path')?.endsWith('stderr') === true) return json({ data: '', offset: 0 })
  const offset = Number(query.get('offset') ?? -1)
  if (offset === -1) return json({ data: '', offset: STDOUT.length })
  if (!(offset >= 0)) return text(400, 'Expecting an offset')
  return json({ data: STDOUT.slice(offset, offset + 65_536), offset })
}

/** As an agent that comes back tells of a task that runs. */
function linkTask({ cpus, framework, id, lent, mem, name }: ToyTask, agentId: string): object {
  const allocation_info = { role: '*' }
  const cpu = { ...scalar('cpus', cpus), allocation_info, ...(lent === true && { revocable: {} }) }
  const timestamp = systemClock.now() / 1000 - 600
  const status = {
    task_id: { value: id },
    agent_id: { value: agentId },
    state: 'TASK_RUNNING',
    source: 'SOURCE_EXECUTOR',
    timestamp,
    container_status: { container_id: { value: `c-${id}` } },
  }
  return {
    framework_id: { value: framework },
    state: 'TASK_RUNNING',
    task: {
      name,
      task_id: { value: id },
      agent_id: { value: agentId },
      resources: [cpu, { ...scalar('mem', mem), allocation_info }],
      command: { value: 'sleep 100000' },
    },
    statuses: [{ ...status, state: 'TASK_STARTING', timestamp: timestamp - 1 }, status],
  }
}

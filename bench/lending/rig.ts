// What the parts of the lending bench share: the cluster with lending on, an owner and a borrower, and a clean end.
import { runCommand } from '../../src/base/exec.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { seededRandom, type Random } from '../../src/base/random.ts'
import { HttpClient } from '../../src/http/client.ts'
import type { BenchContext } from '../bench.ts'
import { type Daemons, startDaemons } from '../launch/daemons.ts'
import { type CpuShare, LentGroup, readTicks, shareBetween, signalAll } from './machine.ts'
import { type Started, Tenant, type Wish } from './tasks.ts'

export interface LendRecord {
  readonly event: number
  readonly at: number
  readonly kind: string
  readonly text: string
  readonly record: Readonly<Record<string, unknown>>
}

/** What the master says of the one agent, cores. */
export interface MasterView {
  readonly lentTotal: number
  readonly lentUsed: number
  /** The sum behind it. */
  readonly line: string
}

/** Numbers that add up over all parts of a run. */
export interface Tally {
  /** Runs that were thrown away because the hypervisor took more than 1 % of the machine. */
  discarded: number
  runs: number
  /** Decisions of all agents of the run, by kind. */
  readonly decisions: Map<string, number>
}

const STEAL_LIMIT = 0.01
/** A run that is thrown away so often in a row stands as it is, and is counted. */
const MOST_TRIES = 3
const SEED = 20_261_122

/**
 * Days in seconds: a new owner is known after 3 s in place of 5 min, what may be lent rises at once. What holds
 * borrowers back, and how fast it is taken back, is as always.
 */
export const ESTIMATOR = {
  cold_start: '3secs',
  rise: '1',
  rise_interval: '1secs',
  quiet: '2secs',
  quiet_max: '2secs',
  window: '2secs',
}

export interface RigOptions {
  /** In place of those above. */
  readonly estimator?: Readonly<Record<string, string>>
  readonly controller?: Readonly<Record<string, string>>
  readonly agentFlags?: readonly string[]
  /** MB that the agent offers. */
  readonly mem?: number
}

export class LendRig implements AsyncDisposable {
  readonly context: BenchContext
  readonly daemons: Daemons
  readonly owners: Tenant
  readonly borrowers: Tenant
  readonly random: Random
  readonly tally: Tally
  readonly #http: HttpClient
  readonly #root: string
  readonly #stack: AsyncDisposableStack
  readonly #begunAt: number

  private constructor(
    parts: Pick<LendRig, 'context' | 'daemons' | 'owners' | 'borrowers' | 'tally'>,
    http: HttpClient,
    root: string,
    stack: AsyncDisposableStack,
  ) {
    this.context = parts.context
    this.daemons = parts.daemons
    this.owners = parts.owners
    this.borrowers = parts.borrowers
    this.tally = parts.tally
    this.random = seededRandom(SEED)
    this.#http = http
    this.#root = root
    this.#stack = stack
    this.#begunAt = parts.context.clock.now()
  }

  static async open(context: BenchContext, tally: Tally, options: RigOptions = {}): Promise<LendRig> {
    const { clock, random, signal } = context
    await using stack = new AsyncDisposableStack()
    const http = stack.use(new HttpClient(clock))
    const root = `tb${random.uuid().slice(0, 8)}`
    const estimator = `usage?${flagOf({ ...ESTIMATOR, ...options.estimator })}`
    const controller = `pressure?${flagOf(options.controller ?? {})}`
    const agentFlags = [
      `--resources=cpus:2;mem:${options.mem ?? 8192};disk:65536;ports:[31000-32000]`,
      '--docker_remove_delay=0ns',
      '--oversubscribed_resources_interval=1secs',
      `--cgroups_root=${root}`,
      `--resource_estimator=${estimator.replace(/\?$/, '')}`,
      `--qos_controller=${controller.replace(/\?$/, '')}`,
      ...(options.agentFlags ?? []),
    ]
    const daemons = stack.use(await startDaemons({ clock, agentFlags, signal }))
    const master = `127.0.0.1:${daemons.master.port}`
    const owners = stack.use(
      await Tenant.subscribe(master, { name: 'owner', revocable: false, clock }, signal),
    )
    const borrowers = stack.use(
      await Tenant.subscribe(master, { name: 'borrower', revocable: true, clock }, signal),
    )
    return new LendRig({ context, daemons, owners, borrowers, tally }, http, root, stack.move())
  }

  get lent(): LentGroup {
    return LentGroup.find(this.#root)
  }

  /** Wakes or stops all processes of borrowers; stopped ones use nothing, as if they were not there. */
  borrow(on: boolean): void {
    signalAll(this.lent.processes, on ? 'SIGCONT' : 'SIGSTOP')
  }

  /** @throws OperatingError LAUNCH, for a borrower with the sum that says why nothing was lent */
  async start(tenant: Tenant, wish: Wish): Promise<Started> {
    try {
      return await tenant.start(wish, this.context.signal)
    } catch (error) {
      if (tenant !== this.borrowers || !(error instanceof OperatingError) || error.code !== 'LAUNCH')
        throw error
      const { line } = await this.masterView()
      throw new OperatingError('LAUNCH', `${error.message}: ${line}`, {
        cause: error,
        hint: 'Nothing is lent while other programs use the machine: measure when it is quiet',
      })
    }
  }

  sleep(ms: number): Promise<void> {
    return this.context.clock.sleep(ms, this.context.signal)
  }

  async masterView(): Promise<MasterView> {
    const { agents } = await this.#get<{
      readonly agents: readonly {
        readonly lent_total: Cpus
        readonly lent_used: Cpus
        readonly line?: string
      }[]
    }>(this.daemons.master.port, '/api/x1/lend')
    const [agent] = agents
    return {
      lentTotal: agent?.lent_total.cpus ?? 0,
      lentUsed: agent?.lent_used.cpus ?? 0,
      line: agent?.line ?? 'no sum was told',
    }
  }

  /** What the agent believes to be in force. */
  async agentView(): Promise<{ readonly quotaCpus: number | 'max'; readonly frozen: number }> {
    const page = await this.#get<{
      readonly quota_cpus: number | 'max'
      readonly frozen: readonly unknown[]
    }>(this.daemons.agent.port, '/api/x1/lend')
    return { quotaCpus: page.quota_cpus, frozen: page.frozen.length }
  }

  /** @param since wall time, ms */
  async history(since: number): Promise<readonly LendRecord[]> {
    const path = `/api/x1/lend/history?limit=1000&since=${Math.floor(since)}`
    const { events } = await this.#get<{ readonly events: readonly LendRecord[] }>(
      this.daemons.agent.port,
      path,
    )
    return events
  }

  /** How many decisions of a kind there were since a wall time. */
  async count(kind: string, since: number): Promise<number> {
    return (await this.history(since)).filter((record) => record.kind === kind).length
  }

  /** Changes the switch of the agent, such as `{ mode: 'lend' }`. */
  async set(change: object): Promise<void> {
    const url = `http://127.0.0.1:${this.daemons.agent.port}/api/x1/lend`
    const headers = { 'Content-Type': 'application/json' }
    await this.#http.request(
      { method: 'POST', url, headers, body: JSON.stringify(change) },
      this.context.signal,
    )
  }

  /** Waits until something holds. @throws OperatingError LIMIT with what was waited for */
  async until(what: string, ms: number, holds: () => boolean | Promise<boolean>): Promise<void> {
    const begun = this.context.clock.monotonic()
    while (!(await holds())) {
      if (this.context.clock.monotonic() - begun > ms)
        throw new OperatingError('LIMIT', `The bench waited ${ms / 1000} s in vain until ${what}`)
      await this.sleep(POLL_MS)
    }
  }

  /** Runs something that is measured; thrown away and done again when the hypervisor took part of the machine. */
  async measured<T>(work: () => Promise<T>): Promise<{ readonly value: T; readonly cpu: CpuShare }> {
    for (let attempt = 1; ; attempt++) {
      this.context.signal.throwIfAborted()
      const before = readTicks()
      const value = await work()
      const cpu = shareBetween(before, readTicks())
      this.tally.runs++
      if (cpu.steal <= STEAL_LIMIT) return { value, cpu }
      this.tally.discarded++
      if (attempt === MOST_TRIES) return { value, cpu }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const { kind } of await this.history(this.#begunAt))
        this.tally.decisions.set(kind, (this.tally.decisions.get(kind) ?? 0) + 1)
      // A stopped process takes no SIGTERM.
      this.borrow(true)
    } catch (error) {
      // The agent is gone: what it decided is not known, and the rest is cleaned up all the same.
      this.context.say(`The decisions of this part are not counted: ${String(error)}`)
    }
    await this.#stack.disposeAsync()
  }

  async #get<T>(port: number, path: string): Promise<T> {
    const { text } = await this.#http.request({ url: `http://127.0.0.1:${port}${path}` }, this.context.signal)
    return JSON.parse(text) as T
  }
}

interface Cpus {
  readonly cpus?: number
}

const POLL_MS = 20

/** The image with owners and borrowers, made when the engine does not have it. */
export async function ensureImage(script: string): Promise<void> {
  const { exitCode, stderr } = await runCommand('sh', [script])
  if (exitCode !== 0)
    throw new OperatingError('IMAGE', stderr.trim().split('\n').at(-1) ?? 'No image was made')
}

function flagOf(options: Readonly<Record<string, string>>): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

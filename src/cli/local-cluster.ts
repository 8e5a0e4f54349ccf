// A master and agents on this machine, each a process of its own, so that each may fail like a real one.
import { counted } from '../base/words.ts'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { type Program, startProgram } from '../base/exec.ts'
import { makeFolders } from '../base/folders.ts'
import { list, MasterApi, number, object, text, type Json } from './master-api.ts'

export interface AgentPlan {
  readonly name: string
  /** `--name=value`, beside those that every agent here gets. */
  readonly flags: readonly string[]
  /** Its own place, in place of a free port of the cluster's address. */
  readonly place?: Place
}

/** Where a member listens, and the words before its command that bring it there. */
export interface Place {
  readonly ip: string
  readonly port: number
  readonly enter: readonly string[]
}

export interface ClusterPlan {
  /** For work folders and logs; made when it is not there. */
  readonly folder: string
  /** Of the master, whose port may be 0: a free one. */
  readonly place: Place
  readonly masterFlags?: readonly string[]
  readonly agents: readonly AgentPlan[]
}

export interface Member {
  readonly name: string
  readonly address: { readonly ip: string; readonly port: number }
  readonly summary: readonly string[]
  readonly pid: number
}

interface Running {
  readonly member: Member
  readonly program: Program
}

/** Seconds, as a rule; an emulated machine takes its time. */
const START_WITHIN_MS = 180_000
/** A little more than the agent itself takes until it gives up. */
const END_WITHIN_MS = 20_000
/** The command line beside this file: a source in a clone, a script in the package. */
const PROGRAM = join(import.meta.dirname, `tepui${extname(import.meta.filename)}`)

export class LocalCluster implements AsyncDisposable {
  readonly #plan: ClusterPlan
  readonly #clock: Clock
  readonly #running: Running[] = []
  readonly #died = Promise.withResolvers<OperatingError>()
  #ending = false

  private constructor(plan: ClusterPlan, clock: Clock) {
    this.#plan = plan
    this.#clock = clock
  }

  /**
   * Starts all and resolves when every agent is registered.
   * @throws OperatingError LAUNCH with the last words of what did not start; the signal's reason
   */
  static async start(plan: ClusterPlan, clock: Clock, signal: AbortSignal): Promise<LocalCluster> {
    const cluster = new LocalCluster(plan, clock)
    try {
      await cluster.#startAll(signal)
      return cluster
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  get master(): Member {
    return this.#member(0)
  }

  get agents(): readonly Member[] {
    return this.#running.slice(1).map(({ member }) => member)
  }

  /** `host:port` of the master. */
  get address(): string {
    const { ip, port } = this.master.address
    return `${ip}:${port}`
  }

  /** Settles when a part ends by itself. */
  get died(): Promise<OperatingError> {
    return this.#died.promise
  }

  /** Ends the agents, which end their tasks, then the master. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true
    const [master, ...agents] = this.#running
    await Promise.all(agents.map((agent) => this.#end(agent)))
    if (master !== undefined) await this.#end(master)
  }

  #member(index: number): Member {
    const running = this.#running[index]
    if (running === undefined) throw new OperatingError('STOPPED', 'The cluster has not started')
    return running.member
  }

  async #startAll(signal: AbortSignal): Promise<void> {
    const { agents, folder, masterFlags = [], place: first } = this.#plan
    makeFolders(folder)
    const flagsOfMaster = [`--work_dir=${join(folder, 'master')}`, ...masterFlags]
    await this.#start('master', { name: 'master', flags: flagsOfMaster, place: first }, signal)
    await Promise.all(
      agents.map(({ name, flags, place = { ...first, port: 0 } }) => {
        const own = [`--master=${this.address}`, `--work_dir=${join(folder, name)}`]
        return this.#start('agent', { name, flags: [...own, ...flags], place }, signal)
      }),
    )
    await this.#registered(signal)
  }

  async #start(
    daemon: 'master' | 'agent',
    { flags, name, place }: Required<AgentPlan>,
    signal: AbortSignal,
  ): Promise<void> {
    const errorFile = join(this.#plan.folder, `${name}.log`)
    const first = Promise.withResolvers<string>()
    const where = [`--ip=${place.ip}`, `--port=${place.port}`]
    const words = [PROGRAM, '--output', 'json', '--end-with-input', daemon, ...where, ...flags]
    const [file = '', ...args] = [...place.enter, process.execPath, ...words]
    const program = startProgram(file, args, {
      env: withoutFlags(process.env),
      onLine: (line) => first.resolve(line),
      errorFile,
    })
    const running = { program, member: { name, pid: program.pid, address: { ip: '', port: 0 }, summary: [] } }
    const index = this.#running.push(running) - 1
    const failed = program.exited.then(async ({ exitCode, signal: by }) => {
      const how = exitCode === undefined ? `by ${by ?? 'an unknown cause'}` : `with ${exitCode}`
      const words = await lastWords(errorFile)
      return new OperatingError('LAUNCH', `The ${daemon} ${name} ended ${how}${words}`, {
        hint: `Its log is ${errorFile}`,
      })
    })
    void failed.then((trouble) => {
      if (!this.#ending) this.#died.resolve(trouble)
    })
    const line = await this.#within(
      Promise.race([first.promise, failed]),
      `The ${daemon} ${name} did not start`,
      signal,
    )
    if (line instanceof OperatingError) throw line
    this.#running[index] = { program, member: { ...running.member, ...readMember(line) } }
  }

  async #registered(signal: AbortSignal): Promise<void> {
    using api = new MasterApi(this.address, this.#clock, signal)
    const until = this.#clock.monotonic() + START_WITHIN_MS
    for (;;) {
      const page = await api.get('/slaves')
      if (list(page['slaves']).length >= this.#plan.agents.length) return
      if (this.#clock.monotonic() > until) {
        const what = `${counted(this.#plan.agents.length, 'agent')} did not register within ${START_WITHIN_MS / 1000} s`
        throw new OperatingError('LAUNCH', what, { hint: `Their logs are in ${this.#plan.folder}` })
      }
      await this.#clock.sleep(50, signal)
    }
  }

  async #end({ member, program }: Running): Promise<void> {
    program.kill('SIGTERM')
    const late = Promise.withResolvers<undefined>()
    using _ = this.#clock.after(END_WITHIN_MS, () => late.resolve(undefined))
    const end = await Promise.race([program.exited, late.promise])
    if (end !== undefined) {
      // An end that was not in order may have left something behind.
      const how =
        end.exitCode === undefined ? `by ${end.signal ?? 'an unknown cause'}` : `with ${end.exitCode}`
      if (end.exitCode !== 0) process.stderr.write(`tepui: ${member.name} ended ${how}\n`)
      return
    }
    process.stderr.write(`tepui: ${member.name} did not end within ${END_WITHIN_MS / 1000} s and is killed\n`)
    program.kill('SIGKILL')
    await program.exited
  }

  async #within<T>(work: Promise<T>, what: string, signal: AbortSignal): Promise<T> {
    const late = Promise.withResolvers<never>()
    using _ = this.#clock.after(START_WITHIN_MS, () =>
      late.reject(new OperatingError('LAUNCH', `${what} within ${START_WITHIN_MS / 1000} s`)),
    )
    const stop = (): void => late.reject(signal.reason as Error)
    if (signal.aborted) stop()
    signal.addEventListener('abort', stop, { once: true })
    try {
      return await Promise.race([work, late.promise])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}

/** Variables that would be read as flags are meant for one daemon, not for these. */
function withoutFlags(environment: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const names = Object.keys(environment).filter((name) => /^(TEPUI|MESOS)_/i.test(name))
  return Object.fromEntries(names.map((name) => [name, undefined]))
}

function readMember(line: string): Pick<Member, 'address' | 'summary'> {
  let page: Json
  try {
    page = object(JSON.parse(line))
  } catch (error) {
    throw new OperatingError('PROTOCOL', `A daemon did not say its address: ${line}`, { cause: error })
  }
  return {
    address: { ip: text(page['ip']), port: number(page['port']) },
    summary: list(page['summary']).map(text),
  }
}

/** What a daemon said to people, or its last lines, from the end of its log. */
async function lastWords(file: string): Promise<string> {
  try {
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    const told = lines.filter((line) => !line.startsWith('{'))
    return [': ', ...(told.length > 0 ? told : lines).slice(-4)].join(' ').trimEnd()
  } catch (error) {
    return ` (its log ${file} cannot be read: ${reasonOf(error)})`
  }
}

// `tepui master` and `tepui agent` as processes of their own, which tests kill, start again and look into.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { freePort } from './free-port.ts'

const PROGRAM = join(import.meta.dirname, '../../src/cli/tepui.ts')
const SOON = { timeout: 60_000, interval: 50 }
/** What tests would only wait for: between rounds of offers, before a registration, and for who hears no SIGTERM. */
const QUICK_MASTER = '--allocation_interval=50ms'
const QUICK_AGENT = ['--registration_backoff_factor=50ms', '--executor_shutdown_grace_period=1secs']
/** Small and the same on every machine, so that tests can count on it. */
const RESOURCES = '--resources=cpus:2;mem:1024;disk:5000;ports:[31000-32000]'

export interface Daemon {
  readonly port: number
  readonly process: ChildProcess
  readonly name: 'master' | 'agent'
  /** What it wrote, for a test that fails. */
  output: string
}

/** A master and its agents; disposing it asks all of them to end, and fails when one does not. */
export class Daemons implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'tepui-daemons-'))
  readonly #running = new Set<Daemon>()
  readonly #agentPorts: number[] = []
  /** Put before the command line of agents. */
  agentPrefix: readonly string[] = []
  masterPort = 0

  static async start(...agents: readonly (readonly string[])[]): Promise<Daemons> {
    const daemons = new Daemons()
    try {
      await daemons.master()
      for (const [at, flags] of agents.entries()) await daemons.agent(at, ...flags)
      return daemons
    } catch (error) {
      await daemons[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Starts a master, on the port of the last one if there was one. */
  async master(...flags: readonly string[]): Promise<Daemon> {
    const port = this.masterPort === 0 ? await freePort() : this.masterPort
    this.masterPort = port
    return this.#start('master', port, ['--hostname=127.0.0.1', QUICK_MASTER, ...flags], '/health')
  }

  /** Starts the agent of that number: the same port and work folder every time. Resolves when the master has it. */
  async agent(at = 0, ...flags: readonly string[]): Promise<Daemon> {
    const own = [
      `--master=127.0.0.1:${this.masterPort}`,
      `--work_dir=${join(this.folder, String(at))}`,
      RESOURCES,
      ...QUICK_AGENT,
    ]
    const given = new Set(flags.map((flag) => flag.split('=')[0]))
    const kept = own.filter((flag) => !given.has(flag.split('=')[0]))
    this.#agentPorts[at] ??= await freePort()
    const daemon = await this.#start(
      'agent',
      this.#agentPorts[at],
      [...kept, '--hostname=127.0.0.1', ...flags],
      '/state',
    )
    await vi.waitFor(async () => {
      const { slaves } = (await this.page('/slaves')) as {
        slaves: readonly { port: number; active: boolean; deactivated: boolean }[]
      }
      // One that is being drained is out of use, and there.
      const isThere = ({ active, deactivated }: { active: boolean; deactivated: boolean }) =>
        active || deactivated
      if (!slaves.some((slave) => isThere(slave) && slave.port === daemon.port))
        throw failed(daemon, 'does not register')
    }, SOON)
    return daemon
  }

  async #start(
    name: 'master' | 'agent',
    port: number,
    flags: readonly string[],
    page: string,
  ): Promise<Daemon> {
    const argv = [PROGRAM, name, '--ip=127.0.0.1', `--port=${port}`, ...flags]
    const [program = process.execPath, ...rest] = [
      ...(name === 'agent' ? this.agentPrefix : []),
      process.execPath,
      ...argv,
    ]
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
    const daemon: Daemon = { name, port, process: child, output: '' }
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (part) => (daemon.output += String(part)))
    this.#running.add(daemon)
    child.once('exit', () => this.#running.delete(daemon))
    await vi.waitFor(async () => hasEnded(child) || (await this.page(page, port)), SOON)
    if (hasEnded(child)) throw failed(daemon, `ended with ${child.exitCode ?? child.signalCode}`)
    return daemon
  }

  async page(path: string, port = this.masterPort): Promise<Record<string, unknown>> {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}: ${text}`)
    return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
  }

  /** Ends a daemon by a signal and waits for its end. */
  async end(daemon: Daemon, signal: NodeJS.Signals): Promise<void> {
    if (hasEnded(daemon.process)) return
    const gone = once(daemon.process, 'exit')
    daemon.process.kill(signal)
    await gone
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Tasks may outlive an agent that is asked to end by SIGTERM.
    for (const daemon of [...this.#running].toReversed())
      await this.end(daemon, daemon.name === 'agent' ? 'SIGUSR1' : 'SIGTERM')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null
const failed = ({ process: { pid }, output }: Daemon, how: string): Error =>
  new Error(`The daemon ${pid} ${how}; it wrote\n${output}`)

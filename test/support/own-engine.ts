// A Docker Engine of a test's own, which it may stop, kill and hang: with folders, a network and a socket of its own.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { vi } from 'vitest'
import { engineRequest, giveImage, TOOL_PATH } from './engine.ts'
import { endProcess, isAlive, processesNaming } from './process-state.ts'

const run = promisify(execFile)

export class OwnEngine implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'own-engine-'))
  readonly socket = join(this.folder, 'd.sock')
  readonly #flags: readonly string[]
  #process: ChildProcess | undefined

  private constructor(flags: readonly string[]) {
    this.#flags = flags
  }

  static async open(...flags: readonly string[]): Promise<OwnEngine> {
    const engine = new OwnEngine(flags)
    await engine.start()
    await giveImage(engine.socket)
    return engine
  }

  get pid(): number {
    if (this.#process?.pid === undefined) throw new Error('The engine of this test does not run')
    return this.#process.pid
  }

  /** One that runs is left alone. */
  async start(): Promise<void> {
    if (this.#process !== undefined) return
    const at = (name: string): string => join(this.folder, name)
    this.#clear()
    const flags = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('d.pid')]
    const host = ['--host', `unix://${this.socket}`, '--bridge=none', '--iptables=false']
    // In a network of its own: an engine without a bridge removes the one of the machine's engine.
    const argv = ['--net', 'dockerd', ...flags, ...host, ...this.#flags]
    const env = { ...process.env, PATH: TOOL_PATH }
    this.#process = spawn('/usr/bin/unshare', argv, { stdio: 'ignore', env })
    await vi.waitFor(async () => void (await this.ask('GET', '/_ping')), { timeout: 120_000, interval: 50 })
  }

  /** What a killed engine leaves in the way of the next one. */
  #clear(): void {
    rmSync(join(this.folder, 'd.pid'), { force: true })
    const containerd = join(this.folder, 'exec/containerd/containerd.pid')
    if (!existsSync(containerd)) return
    // The engine takes one that only waits to be buried for alive, and waits 15 s for it.
    if (!isAlive(Number(readFileSync(containerd, 'utf8')))) rmSync(containerd)
  }

  /** Resolves when the daemon is gone; with live-restore, or by SIGKILL, what it started lives on. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const daemon = this.#process
    if (daemon === undefined) return
    this.#process = undefined
    if (daemon.exitCode !== null || daemon.signalCode !== null) return
    const gone = once(daemon, 'exit')
    daemon.kill(signal)
    await gone
  }

  /** It and all that it runs end at once, as when the power goes: what lay in memory is gone, nobody wrote an end. */
  async powerCut(): Promise<void> {
    const listed = JSON.parse(await this.ask('GET', '/containers/json')) as readonly { readonly Id: string }[]
    const looks = await Promise.all(listed.map(({ Id }) => this.ask('GET', `/containers/${Id}/json`)))
    const tasks = looks.map((look) => (JSON.parse(look) as { State: { Pid: number } }).State.Pid)
    await this.stop('SIGKILL')
    // Its containerd, and what stands beside each container.
    for (const pid of [...processesNaming(this.folder), ...tasks]) await endProcess(pid, 'SIGKILL')
    await this.#unmount()
    rmSync(join(this.folder, 'exec'), { recursive: true, force: true })
  }

  hang(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  goOn(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  /** Whatever a test that failed has left of it: it runs and answers. */
  async heal(): Promise<void> {
    if (this.#process?.exitCode !== null || this.#process.signalCode !== null) this.#process = undefined
    this.#process?.kill('SIGCONT')
    await this.start()
  }

  /** One request beside the code under test. */
  async ask(method: string, path: string): Promise<string> {
    return (await engineRequest(method, path, undefined, this.socket)).text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    // With live-restore the engine leaves its own containerd behind.
    const pidFile = join(this.folder, 'exec/containerd/containerd.pid')
    if (existsSync(pidFile)) await endProcess(Number(readFileSync(pidFile, 'utf8')), 'SIGTERM')
    await this.#unmount()
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #unmount(): Promise<void> {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
    const ours = mounts.flatMap((line) => line.split(' ')[1] ?? []).filter((at) => at.startsWith(this.folder))
    for (const mount of ours.toReversed()) await run('/bin/umount', ['-l', mount])
  }
}

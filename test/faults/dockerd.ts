// A Docker Engine of the run's own, which may be restarted and killed without anybody else noticing.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { engineRequest, giveImage, TOOL_PATH } from '../support/engine.ts'
import { isAlive } from '../support/process-state.ts'
import { Daemon } from './daemon.ts'

/** Time for a running engine to take over a changed setting. */
const RELOAD_MS = 10_000
const LOOK_MS = 50

export interface EngineContainer {
  readonly Id: string
  readonly Names: readonly string[]
  readonly State: string
  readonly Labels: Readonly<Record<string, string>>
}

export class OwnEngine {
  readonly socket: string
  readonly daemon: Daemon
  readonly #folder: string

  constructor(folder: string, mark: string, log: string, onCrash: (sentence: string) => void) {
    this.#folder = folder
    this.socket = join(folder, 'engine.sock')
    this.#setLiveRestore(false)
    this.daemon = new Daemon({
      name: 'Docker Engine',
      // In a network of its own: an engine without a bridge removes the one of the machine's engine.
      file: 'unshare',
      argv: () => ['--net', 'dockerd', ...this.#arguments(mark)],
      env: { PATH: TOOL_PATH },
      log,
      prepare: () => this.#clear(),
      answers: () => this.#answers(),
      onCrash,
    })
  }

  #arguments(mark: string): string[] {
    return [
      `--host=unix://${this.socket}`,
      `--data-root=${join(this.#folder, 'engine')}`,
      `--exec-root=${join(this.#folder, 'exec')}`,
      `--pidfile=${this.#pidFile}`,
      `--config-file=${this.#configFile}`,
      `--cgroup-parent=/${mark}engine`,
      '--bridge=none',
      '--iptables=false',
      '--ip-forward=false',
      '--log-level=warn',
    ]
  }

  get #pidFile(): string {
    return join(this.#folder, 'engine.pid')
  }

  get #configFile(): string {
    return join(this.#folder, 'engine.json')
  }

  #setLiveRestore(on: boolean): void {
    writeFileSync(this.#configFile, JSON.stringify({ 'live-restore': on }))
  }

  /** What a killed engine leaves in the way of the next one. */
  #clear(): void {
    rmSync(this.#pidFile, { force: true })
    const containerd = join(this.#folder, 'exec/containerd/containerd.pid')
    if (!existsSync(containerd)) return
    // The engine takes one that only waits to be buried for alive, and waits 15 s for it.
    if (!isAlive(Number(readFileSync(containerd, 'utf8')))) rmSync(containerd)
  }

  async #answers(): Promise<boolean> {
    try {
      return (await this.request('GET', '/_ping')).status === 200
    } catch {
      // Not there yet.
      return false
    }
  }

  request(method: string, path: string): ReturnType<typeof engineRequest> {
    return engineRequest(method, path, undefined, this.socket)
  }

  /** Starts it and gives it the small image. */
  async open(signal: AbortSignal): Promise<void> {
    await this.daemon.start(signal)
    await giveImage(this.socket, signal)
  }

  /** Whether containers live on while the engine is away; resolves when the running engine knows. */
  async liveRestore(on: boolean, signal: AbortSignal): Promise<void> {
    this.#setLiveRestore(on)
    this.daemon.send('SIGHUP')
    const deadline = systemClock.monotonic() + RELOAD_MS
    for (;;) {
      const { text } = await this.request('GET', '/info')
      if ((JSON.parse(text) as { LiveRestoreEnabled: boolean }).LiveRestoreEnabled === on) return
      if (systemClock.monotonic() > deadline)
        throw new OperatingError('ENGINE', `The engine does not take over live-restore=${on}`)
      await systemClock.sleep(LOOK_MS, signal)
    }
  }

  /** All containers, or those that run. */
  async containers(all: boolean): Promise<EngineContainer[]> {
    const { text } = await this.request('GET', `/containers/json?all=${all ? 1 : 0}`)
    return JSON.parse(text) as EngineContainer[]
  }
}

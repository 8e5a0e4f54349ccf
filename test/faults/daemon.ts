// One daemon of the run, over all of its lives: started, paused, killed, started again.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { once } from 'node:events'
import { systemClock } from '../../src/base/clock.ts'
import { OperatingError } from '../../src/base/errors.ts'

export interface DaemonOptions {
  readonly name: string
  readonly file: string
  readonly argv: () => readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Both of its streams are appended to it. */
  readonly log: string
  /** Before a start, for what a killed life leaves in the way of the next one. */
  readonly prepare?: () => void
  /** Whether it works. */
  readonly answers: () => Promise<boolean>
  /** Called when it ends and nobody wanted that. */
  readonly onCrash: (sentence: string) => void
}

const LOOK_MS = 50
const START_MS = 60_000
/** What ended at the start is started again after so long, as a service manager does. */
const AGAIN_MS = 500
const END_MS = 60_000

export class Daemon {
  readonly #options: DaemonOptions
  #child: ChildProcess | undefined
  #wanted = false
  #working = false
  /** Starts that ended before the daemon worked. */
  failedStarts = 0

  constructor(options: DaemonOptions) {
    this.#options = options
  }

  get isWorking(): boolean {
    return this.#working
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it without waiting; it is started again whenever it ends before it worked. */
  launch(): void {
    const { file, argv, env, log, prepare } = this.#options
    prepare?.()
    const output = openSync(log, 'a')
    const child = spawn(file, argv(), { stdio: ['ignore', output, output], env: { ...process.env, ...env } })
    closeSync(output)
    this.#wanted = true
    this.#working = false
    this.#child = child
    void this.#watch(child)
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return
      this.#child = undefined
      if (this.#wanted) this.#onEnd(`${code ?? signal}`)
    })
  }

  async #watch(child: ChildProcess): Promise<void> {
    while (this.#child === child && !this.#working) {
      const answers = await this.#options.answers()
      if (this.#child !== child) return
      this.#working = answers
      if (!answers) await systemClock.sleep(LOOK_MS)
    }
  }

  #onEnd(how: string): void {
    const { name, onCrash } = this.#options
    if (this.#working) onCrash(`The ${name} ended by itself (${how})`)
    else this.failedStarts += 1
    this.#working = false
    systemClock.after(AGAIN_MS, () => {
      if (this.#wanted && this.#child === undefined) this.launch()
    })
  }

  /** Starts it and waits until it works. @throws OperatingError STOPPED when it takes too long; the signal's reason */
  async start(signal: AbortSignal): Promise<void> {
    this.launch()
    await this.works(signal)
  }

  /** Waits until it works. */
  async works(signal: AbortSignal): Promise<void> {
    const { name, log } = this.#options
    const deadline = systemClock.monotonic() + START_MS
    while (!this.#working) {
      if (systemClock.monotonic() > deadline)
        throw new OperatingError(
          'STOPPED',
          `The ${name} does not work ${START_MS / 1000} s after its start`,
          { hint: log },
        )
      await systemClock.sleep(LOOK_MS, signal)
    }
  }

  send(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  /** Ends it by a signal, and waits; SIGKILL follows when it takes a minute. */
  async end(by: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    this.#wanted = false
    this.#working = false
    const child = this.#child
    if (child === undefined) return
    const ended = once(child, 'exit')
    child.kill(by)
    using _ = systemClock.after(END_MS, () => child.kill('SIGKILL'))
    await ended
  }
}

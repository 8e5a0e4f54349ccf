// The output of a running task on our own screen: both streams, from its first byte to its last.
import { reasonOf } from '../base/errors.ts'
import { follow, SandboxFile } from '../frameworks/sandbox-file.ts'
import type { Placement } from '../frameworks/run.ts'
import { HttpClient } from '../http/client.ts'
import type { Context } from './command.ts'

export class TaskOutput {
  readonly #context: Context
  readonly #frameworkId: string
  readonly #placement: Placement
  readonly #ended = Promise.withResolvers<void>()
  readonly #stop = new AbortController()
  #following: Promise<void> | undefined

  constructor(context: Context, frameworkId: string, placement: Placement) {
    this.#context = context
    this.#frameworkId = frameworkId
    this.#placement = placement
  }

  /** Begins to show what the task writes. */
  start(): void {
    this.#following ??= this.#follow()
  }

  /** Shows the rest, once nothing more is written. */
  async drain(): Promise<void> {
    this.start()
    this.#ended.resolve()
    await this.#following
  }

  /** Shows nothing more. */
  stop(): void {
    this.#ended.resolve()
    this.#stop.abort()
  }

  async #follow(): Promise<void> {
    const { clock, screen } = this.#context
    const { address, taskId } = this.#placement
    if (address === undefined) {
      screen.note('tepui run: the offer does not say where the agent answers, so its output is not shown')
      return
    }
    using http = new HttpClient(clock)
    const place = { from: address, frameworkId: this.#frameworkId, executorId: taskId, run: 'latest' }
    const show = async (name: string, write: (bytes: Uint8Array) => void): Promise<void> => {
      const options = { ended: this.#ended.promise }
      for await (const piece of follow(new SandboxFile(http, place, name), clock, options, this.#stop.signal))
        write(piece)
    }
    try {
      await Promise.all([
        show('stdout', (bytes) => screen.write(bytes)),
        show('stderr', (bytes) => screen.writeError(bytes)),
      ])
    } catch (error) {
      if (!this.#stop.signal.aborted)
        screen.note(`tepui run: its output cannot be read on: ${reasonOf(error)}`)
    }
  }
}

/**
 * What the agent says to its master, in order. The end of a task leaves only when the record of it survives a power
 * cut: else the agent's next life would tell another end of it (docs/decisions/0006-what-a-power-cut-may-take.md).
 */
import type { LinkCall } from '../wire/link.ts'
import { isTerminal } from '../wire/terminal-states.ts'
import type { LinkPort } from './shell.ts'

export class Outbox implements LinkPort {
  readonly #link: LinkPort & { flush(): Promise<void> }
  readonly #safe: () => Promise<void> | undefined
  /** Waits behind the end of a task; no longer than one sync of the disk. */
  #waiting: { readonly call: LinkCall; readonly until: Promise<void> | undefined }[] = []
  #passing: Promise<void> | undefined

  /** @param safe resolves when all that was written down survives a power cut; undefined: it does already */
  constructor(link: LinkPort & { flush(): Promise<void> }, safe: () => Promise<void> | undefined) {
    this.#link = link
    this.#safe = safe
  }

  /** What waits was meant for the link before this one; the core says it again when it is registered. */
  open(call: LinkCall): void {
    this.#waiting = []
    this.#link.open(call)
  }

  send(call: LinkCall): void {
    const { state } = call.update?.status ?? {}
    const until = state !== undefined && isTerminal(state) ? this.#safe() : undefined
    if (until === undefined && this.#waiting.length === 0) return this.#link.send(call)
    this.#waiting.push({ call, until })
    this.#passing ??= this.#pass()
  }

  reconnect(reason: string): void {
    this.#link.reconnect(reason)
  }

  /** Resolves when the calls so far are answered, or lost with the link. */
  async flush(): Promise<void> {
    await this.#passing
    await this.#link.flush()
  }

  async #pass(): Promise<void> {
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      await next.until
      if (this.#waiting[0] !== next) continue
      this.#waiting.shift()
      this.#link.send(next.call)
    }
    this.#passing = undefined
  }
}

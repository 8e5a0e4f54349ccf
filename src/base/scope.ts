// A life time: what is opened or spawned inside a scope is ended when the scope ends, in reverse order.
import { OperatingError } from './errors.ts'

export class Scope implements AsyncDisposable {
  readonly #controller = new AbortController()
  readonly #stack = new AsyncDisposableStack()
  readonly #running = new Set<Promise<void>>()

  /** Aborts when the scope begins to end. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Ends `value` with the scope. */
  use<T extends AsyncDisposable | Disposable>(value: T): T {
    return this.#stack.use(value)
  }

  /** Runs `undo` when the scope ends. */
  defer(undo: () => void | Promise<void>): void {
    this.#stack.defer(undo)
  }

  /** Starts a named loop that gets the scope's signal; a crash goes to `onCrash`, an abort is its normal end. */
  spawn(
    name: string,
    work: (signal: AbortSignal) => Promise<void>,
    onCrash: (name: string, error: unknown) => void,
  ): void {
    const run = work(this.signal).catch((error: unknown) => {
      if (!this.signal.aborted) onCrash(name, error)
    })
    this.#running.add(run)
    void run.finally(() => this.#running.delete(run))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort(new OperatingError('STOPPED', 'The scope ended'))
    await Promise.all(this.#running)
    await this.#stack.disposeAsync()
  }
}

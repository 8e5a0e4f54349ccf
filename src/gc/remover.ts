/**
 * Removes trees in the background: in a thread of its own, one at a time, so that the daemon answers meanwhile. The
 * thread starts with the first path and ends when nothing was removed for a while.
 */
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import type { RemovalOutcome } from './removal.ts'
import type { RemovalNews } from './removal-thread.ts'

/** The thread holds some memory and takes a moment to start. */
const IDLE_MS = 10_000
/** It needs little, and must not grow into what is the tasks'. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }

interface Job {
  readonly path: string
  readonly onProgress: (removed: number) => void
  readonly done: PromiseWithResolvers<RemovalOutcome>
}

export class Remover implements AsyncDisposable {
  readonly #clock: Clock
  readonly #waiting: Job[] = []
  #current: Job | undefined
  #thread: Worker | undefined
  #idle: Disposable | undefined
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Removes what is at the absolute path, after those that were asked for before.
   *
   * @param onProgress told now and then how many entries are gone
   * @throws OperatingError STOPPED when the remover is closed meanwhile: part of the tree may be left
   */
  remove(path: string, onProgress: (removed: number) => void = () => undefined): Promise<RemovalOutcome> {
    const job: Job = { path, onProgress, done: Promise.withResolvers() }
    if (this.#closed) job.done.reject(stopped(path))
    else this.#waiting.push(job)
    this.#next()
    return job.done.promise
  }

  /** Stops in the middle of a tree. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true
    this.#idle?.[Symbol.dispose]()
    for (const job of this.#waiting.splice(0)) job.done.reject(stopped(job.path))
    await this.#thread?.terminate()
    this.#fail(stopped(this.#current?.path ?? ''))
  }

  #next(): void {
    if (this.#current !== undefined) return
    this.#current = this.#waiting.shift()
    if (this.#current === undefined) return
    this.#idle?.[Symbol.dispose]()
    this.#thread ??= this.#start()
    this.#thread.postMessage(this.#current.path)
  }

  #start(): Worker {
    const thread = new Worker(new URL('./removal-thread.ts', import.meta.url), { resourceLimits: LIMITS })
    thread.on('message', (news: RemovalNews) => this.#heard(news))
    thread.on('error', (error) => this.#lost(thread, error))
    thread.on('exit', () => this.#lost(thread, new Error('its thread ended')))
    return thread
  }

  #heard(news: RemovalNews): void {
    const job = this.#current
    if (news.type === 'progress') {
      job?.onProgress(news.removed)
      return
    }
    this.#current = undefined
    job?.done.resolve(news.outcome)
    this.#next()
    if (this.#current !== undefined || this.#closed) return
    this.#idle = this.#clock.after(IDLE_MS, () => {
      const thread = this.#thread
      this.#thread = undefined
      void thread?.terminate()
    })
  }

  #lost(thread: Worker, error: unknown): void {
    if (this.#thread !== thread) return
    this.#thread = undefined
    this.#fail(
      new OperatingError('STOPPED', `The removal of ${this.#current?.path} broke off`, { cause: error }),
    )
    if (!this.#closed) this.#next()
  }

  #fail(error: OperatingError): void {
    const job = this.#current
    this.#current = undefined
    job?.done.reject(error)
  }
}

function stopped(path: string): OperatingError {
  return new OperatingError('STOPPED', `The removal of ${path} was stopped: the agent ends`)
}

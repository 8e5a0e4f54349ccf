/**
 * Removes trees in the background: in a thread of its own, one at a time, so that the daemon answers meanwhile; a
 * second thread helps with a tree that turns out to be large. Threads start when they are needed and end when nothing
 * was removed for a while.
 */
import { Worker } from 'node:worker_threads'
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import type { RemovalOutcome } from './removal.ts'
import { RemovalShare } from './removal-share.ts'
import type { RemovalNews, RemovalOrder } from './removal-thread.ts'

/** A thread holds some memory and takes a moment to start. */
const IDLE_MS = 10_000
/** It needs little, and must not grow into what is the tasks'. */
const LIMITS = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 4 }

interface Job {
  readonly path: string
  readonly onProgress: (removed: number) => void
  readonly done: PromiseWithResolvers<RemovalOutcome>
  readonly share: RemovalShare
  /** What the helper did; undefined as long as there is none. */
  help: PromiseWithResolvers<RemovalOutcome | undefined> | undefined
}

export class Remover implements AsyncDisposable {
  readonly #clock: Clock
  readonly #waiting: Job[] = []
  #current: Job | undefined
  #thread: Worker | undefined
  #helper: Worker | undefined
  #idle: Disposable | undefined
  #closed = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /**
   * Removes what is at the absolute path, after those that were asked for before.
   *
   * @param onProgress told now and then how many entries are gone, without those of the helper
   * @throws OperatingError STOPPED when the remover is closed meanwhile: part of the tree may be left
   */
  remove(path: string, onProgress: (removed: number) => void = () => undefined): Promise<RemovalOutcome> {
    const job: Job = {
      path,
      onProgress,
      done: Promise.withResolvers(),
      share: new RemovalShare(),
      help: undefined,
    }
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
    await Promise.all([this.#thread?.terminate(), this.#helper?.terminate()])
    this.#fail(stopped(this.#current?.path ?? ''))
  }

  #next(): void {
    if (this.#current !== undefined) return
    this.#current = this.#waiting.shift()
    if (this.#current === undefined) return
    this.#idle?.[Symbol.dispose]()
    this.#thread ??= this.#start()
    this.#thread.postMessage(orderOf(this.#current, false))
  }

  #start(): Worker {
    const thread = newThread()
    thread.on('message', (news: RemovalNews) => this.#heard(news))
    thread.on('error', (error) => this.#lost(thread, error))
    thread.on('exit', () => this.#lost(thread, new Error('its thread ended')))
    return thread
  }

  #heard(news: RemovalNews): void {
    const job = this.#current
    if (job === undefined) return
    if (news.type === 'progress') {
      job.onProgress(news.removed)
      this.#help(job)
      return
    }
    // The first thread ends after its helper, whose word may come later all the same.
    void (job.help?.promise ?? Promise.resolve(undefined)).then((help) =>
      this.#finish(job, news.outcome, help),
    )
  }

  #finish(job: Job, own: RemovalOutcome, help: RemovalOutcome | undefined): void {
    if (this.#current !== job) return
    this.#current = undefined
    const [removed, bytes] = [own.removed + (help?.removed ?? 0), own.bytes + (help?.bytes ?? 0)]
    job.done.resolve({ ...own, removed, bytes })
    this.#next()
    if (this.#current !== undefined || this.#closed) return
    this.#idle = this.#clock.after(IDLE_MS, () => {
      const threads = [this.#thread, this.#helper]
      this.#thread = undefined
      this.#helper = undefined
      for (const thread of threads) void thread?.terminate()
    })
  }

  /** A tree that is worth a second thread. */
  #help(job: Job): void {
    if (this.#closed || job.help !== undefined || !job.share.join()) return
    job.help = Promise.withResolvers()
    this.#helper ??= this.#startHelper()
    this.#helper.postMessage(orderOf(job, true))
  }

  #startHelper(): Worker {
    const helper = newThread()
    helper.on('message', (news: RemovalNews) => {
      if (news.type === 'done') this.#current?.help?.resolve(news.outcome)
    })
    // The first thread does its part then.
    const gone = (): void => {
      if (this.#helper !== helper) return
      this.#helper = undefined
      this.#current?.share.leave()
      this.#current?.help?.resolve(undefined)
    }
    helper.on('error', gone)
    helper.on('exit', gone)
    return helper
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

const newThread = (): Worker =>
  new Worker(new URL('./removal-thread.ts', import.meta.url), { resourceLimits: LIMITS })

const orderOf = ({ path, share }: Job, helps: boolean): RemovalOrder => ({ path, share: share.buffer, helps })

function stopped(path: string): OperatingError {
  return new OperatingError('STOPPED', `The removal of ${path} was stopped: the agent ends`)
}

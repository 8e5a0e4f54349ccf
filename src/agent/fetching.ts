// The fetcher of an agent: its cache below the work folder, its counters, and what it shows of itself.
import { join, resolve } from 'node:path'
import { assert } from '../base/errors.ts'
import { makeFolders } from '../base/folders.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Scope } from '../base/scope.ts'
import { FetchCache } from '../fetcher/cache.ts'
import { Fetcher, type FetchRequest } from '../fetcher/fetcher.ts'
import { json, text } from '../http/response.ts'
import type { Route } from '../http/routes.ts'
import type { AgentFlags } from './flags.ts'
import type { AgentDeps } from './ground.ts'
import { lockFolder } from './lock.ts'

const FETCHED = 'containerizer/fetcher/task_fetches_succeeded'
const NOT_FETCHED = 'containerizer/fetcher/task_fetches_failed'

export class Fetching {
  readonly #flags: AgentFlags
  readonly #workDir: string
  readonly #metrics: Metrics
  readonly #deps: AgentDeps
  #cache: FetchCache | undefined
  #fetcher: Fetcher | undefined

  constructor(flags: AgentFlags, workDir: string, metrics: Metrics, deps: AgentDeps) {
    this.#flags = flags
    this.#workDir = workDir
    this.#metrics = metrics
    this.#deps = deps
    metrics.declare(FETCHED, NOT_FETCHED)
  }

  get cache(): FetchCache | undefined {
    return this.#cache
  }

  /** Before the first task. @throws OperatingError FILE when the folder of the cache cannot be used */
  async open(scope: Scope): Promise<void> {
    const flags = this.#flags
    const { clock, random } = this.#deps
    const deps = { clock, random, metrics: this.#metrics }
    if (flags.fetcher_cache_size > 0) {
      const folder = resolve(flags.fetcher_cache_dir ?? join(this.#workDir, 'fetch'))
      // The folder below the work folder is locked with it.
      if (flags.fetcher_cache_dir !== undefined) {
        makeFolders(folder)
        scope.use(await lockFolder(folder, 'Give each agent of a machine its own --fetcher_cache_dir'))
      }
      this.#cache = scope.use(await FetchCache.open(deps, folder, flags.fetcher_cache_size))
    }
    this.#fetcher = new Fetcher(
      { ...deps, cache: this.#cache },
      {
        stallTimeoutMs: flags.fetcher_stall_timeout,
        maxBytes: flags.fetcher_max_size,
        frameworksHome: flags.frameworks_home,
        hadoopHome: flags.hadoop_home ?? process.env['HADOOP_HOME'],
        environment: process.env,
      },
    )
  }

  /** @throws as `Fetcher.fetch` */
  async fetch(
    request: FetchRequest,
    progress: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    assert(this.#fetcher !== undefined, 'the fetcher is open before the first task')
    try {
      await this.#fetcher.fetch(request, progress, signal)
      this.#metrics.count(FETCHED)
    } catch (error) {
      this.#metrics.count(NOT_FETCHED)
      throw error
    }
  }

  /** `/api/x1/fetch`: what is under way, what was, what the cache holds; `/api/x1/fetch/purge` empties it. */
  get routes(): Route[] {
    return [
      {
        path: '/api/x1/fetch',
        methods: ['GET'],
        handle: () => json({ cache: this.#cache?.page ?? null, ...this.#fetcher?.page }),
      },
      {
        path: '/api/x1/fetch/purge',
        methods: ['POST'],
        handle: async () =>
          this.#cache === undefined
            ? text(400, 'This agent has no cache (--fetcher_cache_size=0B)')
            : json(await this.#cache.purge()),
      },
    ]
  }
}

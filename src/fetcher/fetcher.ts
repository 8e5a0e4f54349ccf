// Brings the URIs of a task into its sandbox, one after the other; the first failure ends it and says what to do.
import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Metrics } from '../base/metrics.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { CommandInfoURI } from '../wire/commands.ts'
import { nextStep, sumMismatch } from './advice.ts'
import { gunzip, type UnpackLimits, type Unpacked, unpack } from './archive/unpack.ts'
import type { FetchCache, Lease } from './cache.ts'
import { type Desk, give, openDesk, takeOver } from './desk.ts'
import { copyContents, localSource } from './local.ts'
import { closeSandbox, merge, moveTo, pathTo } from './place.ts'
import { sha256Of } from './proof.ts'
import { type FetchReport, Telling } from './report.ts'
import type { LoadOptions, Owner, Source, SourceDeps } from './source.ts'
import { type FetchItem, planItem } from './uri.ts'

export interface FetcherDeps extends SourceDeps {
  readonly metrics: Metrics
  /** Undefined: URIs that want it are fetched without. */
  readonly cache: FetchCache | undefined
}

export interface FetcherOptions {
  readonly stallTimeoutMs: number
  /** Of a file, and of what comes out of an archive. */
  readonly maxBytes: number
  readonly frameworksHome: string | undefined
  readonly hadoopHome: string | undefined
  /** Default: 1,000,000 entries; 100 times the archive's own size, looked at from 256 MiB on. */
  readonly unpacking?: Partial<Omit<UnpackLimits, 'maxBytes'>>
  /** For proxies. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

export interface FetchRequest {
  readonly containerId: string
  readonly uris: readonly CommandInfoURI[]
  /** Exists, and nobody uses it yet. */
  readonly sandbox: string
  /** Who shall own what is fetched; undefined keeps the agent's user. */
  readonly owner: (Owner & { readonly name: string }) | undefined
}

const MAX_URIS = 1000
const MAX_REPORTS = 100
const MAX_ENTRIES = 1_000_000
/** Real archives stay far below; gzip can at most do 1,030 times, and bombs do millions. */
const MAX_RATIO = 100
const RATIO_FROM_BYTES = 256 * 1024 * 1024

export class Fetcher {
  readonly #deps: FetcherDeps
  readonly #options: FetcherOptions
  readonly #unpacking: UnpackLimits
  readonly #underWay = new Set<Telling>()
  readonly #recent: FetchReport[] = []

  constructor(deps: FetcherDeps, options: FetcherOptions) {
    this.#deps = deps
    this.#options = options
    this.#unpacking = {
      maxBytes: options.maxBytes,
      maxEntries: MAX_ENTRIES,
      maxRatio: MAX_RATIO,
      ratioFromBytes: RATIO_FROM_BYTES,
      ...options.unpacking,
    }
    deps.metrics.declare('tepui/fetcher_bytes', 'tepui/fetcher_retries', 'tepui/fetcher_resumes')
    deps.metrics.gauge('tepui/fetcher_under_way', () => this.#underWay.size)
  }

  /** What is fetched now, and the newest of what was, the last first. */
  get page(): { readonly under_way: readonly FetchReport[]; readonly recent: readonly FetchReport[] } {
    const underWay = [...this.#underWay].map(({ report }) => report)
    return { under_way: underWay, recent: this.#recent.toReversed() }
  }

  /**
   * Fetches all URIs of a request.
   * @throws OperatingError FETCH naming the URI, the reason and what to do; the signal's reason when aborted
   */
  async fetch(
    request: FetchRequest,
    progress: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    if (request.uris.length > MAX_URIS) {
      throw new OperatingError(
        'FETCH',
        `The task has ${request.uris.length} URIs; at most ${MAX_URIS} are fetched`,
      )
    }
    const items = request.uris.map((uri) => {
      const item = planItem(uri, this.#options.frameworksHome)
      if ('rejected' in item) throw new OperatingError('FETCH', item.message)
      return item
    })
    await using _ = await closeSandbox(request.sandbox, request.owner)
    for (const item of items) {
      const telling = new Telling(this.#deps.clock, item.shown, request.containerId, progress)
      await this.#told(item, telling, signal, () => this.#fetchOne(item, request, telling, signal))
    }
  }

  async #told(
    item: FetchItem,
    telling: Telling,
    signal: AbortSignal,
    work: () => Promise<void>,
  ): Promise<void> {
    const { metrics } = this.#deps
    this.#underWay.add(telling)
    try {
      await work()
      telling.done()
    } catch (error) {
      telling.error = signal.aborted ? 'given up' : reasonIn(error, item)
      if (signal.aborted) throw signal.reason
      const hint = nextStep(error)
      throw new OperatingError(
        'FETCH',
        `Cannot fetch '${item.shown}': ${telling.error}`,
        hint === undefined ? {} : { hint },
      )
    } finally {
      this.#underWay.delete(telling)
      this.#recent.push(telling.report)
      if (this.#recent.length > MAX_REPORTS) this.#recent.shift()
      metrics.count('tepui/fetcher_bytes', telling.bytes)
      metrics.count('tepui/fetcher_retries', telling.retries)
      metrics.count('tepui/fetcher_resumes', telling.resumes)
    }
  }

  async #fetchOne(
    item: FetchItem,
    request: FetchRequest,
    telling: Telling,
    signal: AbortSignal,
  ): Promise<void> {
    const { sandbox, owner } = request
    await using desk = await openDesk(sandbox, undefined, this.#deps.random)
    using lease = await this.#lease(item, request, telling, signal)
    const file = join(desk.path, 'file')
    const unpacks = item.action === 'extract' || item.action === 'gunzip'
    const source = sourceOf(item, owner, this.#deps, this.#options)
    if (lease === undefined) await this.#load(source, item, file, request, telling, signal)
    // The archive itself stays in the cache, as in Mesos.
    else if (!unpacks) await copyContents(lease.path, file, this.#listening(telling), signal)
    signal.throwIfAborted()
    telling.unpacked = await this.#unpackTo(item, lease?.path ?? file, desk, signal)
    if (lease === undefined || !unpacks) {
      await settleMode(item, file)
      if (owner !== undefined && (lease !== undefined || source.reader === undefined)) await give(file, owner)
      await moveTo(file, await pathTo(sandbox, item.target, owner))
    }
    if (!unpacks) return
    const tree = join(desk.path, 'tree')
    if (owner !== undefined) await give(tree, owner)
    await merge(tree, sandbox)
  }

  /** The file in the cache; undefined when it is to be fetched without. */
  async #lease(
    item: FetchItem,
    { owner }: FetchRequest,
    telling: Telling,
    signal: AbortSignal,
  ): Promise<Lease | undefined> {
    const { cache } = this.#deps
    if (!item.cached || cache === undefined) return undefined
    const source = sourceOf(item, owner, this.#deps, this.#options)
    const name = basename(item.value.replace(/[#?].*$/s, ''))
    const { sha256, value: uri } = item
    const { stallTimeoutMs } = this.#options
    const wanted = { user: owner?.name, uri, name, sha256, source, stallTimeoutMs }
    const outcome = await cache.obtain(wanted, this.#listening(telling), signal)
    if ('bypass' in outcome) {
      telling.cache = 'bypassed'
      telling.bypass = outcome.bypass
      return undefined
    }
    telling.cache = outcome.how
    if (outcome.loaded !== undefined) telling.loaded(outcome.loaded)
    telling.bytes = outcome.bytes
    return outcome
  }

  async #load(
    source: Source,
    item: FetchItem,
    file: string,
    { sandbox }: FetchRequest,
    telling: Telling,
    signal: AbortSignal,
  ): Promise<void> {
    const hash = item.sha256 === undefined ? undefined : createHash('sha256')
    // A user's program writes into a folder of his own; from there it comes where he cannot reach it.
    await using desk = await openDesk(sandbox, source.reader, this.#deps.random)
    const path = join(desk.path, 'file')
    const seeing = hash !== undefined && { onBytes: (bytes: Uint8Array) => void hash.update(bytes) }
    const loaded = await source.load(path, { ...this.#listening(telling), ...seeing }, signal)
    signal.throwIfAborted()
    telling.loaded(loaded)
    await moveTo(path, file)
    const { isFile, size } = await takeOver(file, source.reader)
    if (isFile) telling.bytes = size
    if (hash === undefined || item.sha256 === undefined) return
    if (!isFile) throw new OperatingError('FETCH', 'a folder has no sha256')
    const sum = loaded.seen ? hash.digest('hex') : await sha256Of(file, signal)
    if (sum !== item.sha256) throw sumMismatch(sum, item.sha256)
  }

  async #unpackTo(
    item: FetchItem,
    archive: string,
    desk: Desk,
    signal: AbortSignal,
  ): Promise<Unpacked | undefined> {
    if (item.action !== 'extract' && item.action !== 'gunzip') return undefined
    if (!(await lstat(archive)).isFile())
      throw new OperatingError('FETCH', 'it is called like an archive and is a folder', {
        hint: 'Set extract to false to have it as it is',
      })
    const tree = join(desk.path, 'tree')
    await mkdir(tree)
    if (item.action === 'extract') return unpack(archive, tree, this.#unpacking, signal)
    const name = basename(item.target).slice(0, -'.gz'.length)
    if (name === '' || name === 'stdout' || name === 'stderr')
      throw new OperatingError('FETCH', `what is in it would be called '${name}', which it may not`)
    return gunzip(archive, join(tree, name), this.#unpacking, signal)
  }

  #listening(telling: Telling): LoadOptions {
    const { maxBytes, stallTimeoutMs } = this.#options
    return {
      stallTimeoutMs,
      maxBytes,
      onProgress: (bytes, total) => telling.progress(bytes, total),
      onRetry: (reason, waitMs) => telling.retry(reason, waitMs),
    }
  }
}

/** Executable as Mesos makes it; and nothing that is fetched is set-uid. */
async function settleMode(item: FetchItem, file: string): Promise<void> {
  const { mode } = await lstat(file)
  if (item.action === 'chmod') await chmod(file, 0o755)
  else if ((mode & 0o7000) !== 0) await chmod(file, mode & 0o777)
}

function sourceOf(
  item: FetchItem,
  owner: Owner | undefined,
  deps: SourceDeps,
  { environment, hadoopHome }: FetcherOptions,
): Source {
  const { source } = item
  switch (source.kind) {
    case 'file':
      return localSource(deps.clock, source.path, owner)
    case 'http':
      return lazySource(undefined, async () =>
        (await import('./download.ts')).httpSource(deps, source.url, environment),
      )
    case 'ftp':
      return lazySource(undefined, async () => (await import('./ftp.ts')).ftpSource(deps.clock, source.url))
    case 'hadoop': {
      const { uri } = source
      return lazySource(owner, async () =>
        (await import('./hadoop.ts')).hadoopSource(deps.clock, uri, { home: hadoopHome }, owner),
      )
    }
  }
}

/** Loaded when it is needed: most agents never use most of the kinds. */
function lazySource(reader: Owner | undefined, make: () => Promise<Source>): Source {
  return {
    reader,
    size: async (signal) => (await make()).size(signal),
    load: async (path, options, signal) => (await make()).load(path, options, signal),
  }
}

/** The reason without passwords: what libraries say may have the whole URI in it. */
function reasonIn(error: unknown, item: FetchItem): string {
  const isAnswer = error instanceof OperatingError && (error.cause as Error | undefined)?.name === 'HTTPError'
  const reason = isAnswer ? error.message : reasonOf(error)
  const secret = /^[a-z][a-z0-9+.-]*:\/\/([^/@]*@)/i.exec(item.value)?.[1]
  return secret === undefined ? reason : reason.replaceAll(secret, '')
}

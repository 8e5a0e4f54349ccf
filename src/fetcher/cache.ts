// The cache of fetched files: one download for all who want the same at the same time, kept until room is needed.
import { createHash } from 'node:crypto'
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { makeFolders } from '../base/folders.ts'
import type { Metrics } from '../base/metrics.ts'
import { humanBytes } from '../base/units.ts'
import { type BookEntry, CacheBook } from './cache-book.ts'
import { openDesk, takeOver } from './desk.ts'
import { isDiskTrouble, sumMismatch } from './advice.ts'
import { type Proof, prove, sha256Of, verify } from './proof.ts'
import type { Loaded, LoadOptions, Source, SourceDeps } from './source.ts'

export interface CacheDeps extends SourceDeps {
  readonly metrics: Metrics
}

export interface Wanted {
  /** Part of the key: what one user may fetch is not another's. */
  readonly user: string | undefined
  readonly uri: string
  /** For the file's name, so that people find it. */
  readonly name: string
  readonly sha256: string | undefined
  readonly source: Source
  readonly stallTimeoutMs: number
}

type Listener = Pick<LoadOptions, 'onProgress' | 'onRetry'>

/** The file stays as it is until this is disposed of. */
export interface Lease extends Disposable {
  readonly path: string
  readonly bytes: number
  /** `loaded` for us, `shared` with somebody whose download we waited for, or a `hit`. */
  readonly how: 'hit' | 'shared' | 'loaded'
  readonly loaded: Loaded | undefined
}

/** The cache cannot help: why, as part of a sentence. */
export interface Bypass {
  readonly bypass: string
}

interface Item {
  readonly entry: BookEntry
  readonly user: string | undefined
  readonly uri: string
  readonly path: string
  readonly stop: AbortController
  readonly listeners: Set<Listener>
  /** Wall time, ms. */
  usedAt: number
  done: Promise<Outcome>
  proof: Proof | undefined
}

type Outcome =
  | { readonly loaded: Loaded }
  | Bypass
  /** Only the first is told; the others try by themselves. */
  | { readonly failed: unknown }

const MARK = '.tepui-fetcher-cache'
const MAX_ENTRIES = 10_000
const COUNTERS = ['hits', 'misses', 'shared', 'bypasses', 'evictions', 'corruptions'] as const
const counter = (name: (typeof COUNTERS)[number]): string => `tepui/fetcher_cache_${name}`

export class FetchCache implements AsyncDisposable {
  /** What an entry costs whoever wants it again. */
  readonly price = 'file'
  readonly folder: string
  readonly #deps: CacheDeps
  readonly #book: CacheBook
  readonly #items = new Map<BookEntry, Item>()

  /**
   * Opens a cache, which is empty at first: what an earlier life left is removed.
   * @throws OperatingError FILE when the folder holds other things, or cannot be used
   */
  static async open(deps: CacheDeps, folder: string, maxBytes: number): Promise<FetchCache> {
    try {
      makeFolders(folder, 0o755)
      const held = await readdir(folder)
      if (held.length > 0 && !held.includes(MARK))
        throw new OperatingError('FILE', `The folder ${folder} of the fetcher's cache holds other things`, {
          hint: 'Name a folder of its own with --fetcher_cache_dir: what is in it is removed at every start',
        })
      await writeFile(join(folder, MARK), '')
      for (const name of held)
        if (name !== MARK) await rm(join(folder, name), { recursive: true, force: true })
      // A task's user may go through to a desk of his own, and sees nothing else.
      await chmod(folder, 0o711)
    } catch (error) {
      if (error instanceof OperatingError) throw error
      throw new OperatingError('FILE', `Cannot use ${folder} for the fetcher's cache`, { cause: error })
    }
    return new FetchCache(deps, folder, maxBytes)
  }

  private constructor(deps: CacheDeps, folder: string, maxBytes: number) {
    this.#deps = deps
    this.folder = folder
    this.#book = new CacheBook(maxBytes)
    deps.metrics.declare(...COUNTERS.map(counter))
    deps.metrics.gauge('containerizer/fetcher/cache_size_total_bytes', () => maxBytes)
    deps.metrics.gauge('containerizer/fetcher/cache_size_used_bytes', () => this.#book.usedBytes)
    deps.metrics.gauge('tepui/fetcher_cache_entries', () => this.#items.size)
  }

  /** What is in it, and how full it is: for people. */
  get page(): {
    readonly folder: string
    readonly total_bytes: number
    readonly used_bytes: number
    readonly entries: readonly Record<string, unknown>[]
  } {
    const entries = this.#items
      .values()
      .map(({ entry, user, uri, usedAt, proof }) => ({
        uri,
        ...(user !== undefined && { user }),
        bytes: entry.bytes,
        state: entry.state,
        in_use: entry.references,
        used_at: usedAt / 1000,
        ...(proof !== undefined && { sha256: proof.sha256 }),
      }))
      .toArray()
    const { maxBytes, usedBytes } = this.#book
    return { folder: this.folder, total_bytes: maxBytes, used_bytes: usedBytes, entries }
  }

  /** The file of a URI. @throws what its download threw, for the one who began it; the signal's reason */
  async obtain(wanted: Wanted, listener: Listener, signal: AbortSignal): Promise<Lease | Bypass> {
    const key = `${wanted.user ?? ''}@${wanted.uri}`
    for (;;) {
      signal.throwIfAborted()
      const entry = this.#book.find(key)
      if (entry === undefined) {
        if (this.#items.size >= MAX_ENTRIES) return this.#bypass(`it holds ${MAX_ENTRIES} files, its limit`)
        return this.#join(this.#begin(key, wanted), 'loaded', listener, signal)
      }
      const item = this.#itemOf(entry)
      this.#book.acquire(entry)
      if (entry.state === 'loading') return this.#join(item, 'shared', listener, signal)
      const lease = await this.#use(item, signal)
      if (lease !== undefined) return lease
    }
  }

  /** Of what nobody uses, that which was not used for longest: the first to go for room. */
  get oldest(): { readonly name: string; readonly usedAt: number; readonly bytes: number } | undefined {
    const [entry] = this.#book.idle
    if (entry === undefined) return undefined
    const { uri, usedAt } = this.#itemOf(entry)
    return { name: uri, usedAt, bytes: entry.bytes }
  }

  /** The reason when its file could not be removed. */
  async dropOldest(): Promise<string | undefined> {
    const leaving = this.#book.idle.slice(0, 1)
    for (const entry of leaving) this.#book.drop(entry)
    this.#deps.metrics.count(counter('evictions'), leaving.length)
    try {
      await this.#remove(leaving)
      return undefined
    } catch (error) {
      return reasonOf(error)
    }
  }

  /** Removes what nobody uses. */
  async purge(): Promise<{ readonly removed: number; readonly bytes: number; readonly kept: number }> {
    const free = this.#book.idle
    for (const entry of free) this.#book.drop(entry)
    await this.#remove(free)
    const bytes = free.reduce((sum, entry) => sum + entry.bytes, 0)
    return { removed: free.length, bytes, kept: this.#items.size }
  }

  /** Ends the downloads. */
  async [Symbol.asyncDispose](): Promise<void> {
    const items = [...this.#items.values()]
    for (const { stop } of items) stop.abort(new OperatingError('STOPPED', 'The cache is being closed'))
    await Promise.all(items.map(({ done }) => done))
  }

  #begin(key: string, wanted: Wanted): Item {
    const entry = this.#book.open(key)
    const item: Item = {
      entry,
      user: wanted.user,
      uri: wanted.uri,
      path: join(this.folder, wanted.user ?? '', `c${entry.serial}-${shortName(wanted.name)}`),
      stop: new AbortController(),
      listeners: new Set(),
      usedAt: this.#deps.clock.now(),
      done: Promise.resolve({ bypass: '' }),
      proof: undefined,
    }
    this.#items.set(entry, item)
    item.done = this.#load(item, wanted)
    return item
  }

  /** Waits for a download that goes on as long as anybody waits for it. The reference is the caller's. */
  async #join(
    item: Item,
    how: 'loaded' | 'shared',
    listener: Listener,
    signal: AbortSignal,
  ): Promise<Lease | Bypass> {
    item.listeners.add(listener)
    const gone = Promise.withResolvers<never>()
    const leave = (): void => gone.reject(signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    let outcome: Outcome
    try {
      if (signal.aborted) throw signal.reason
      outcome = await Promise.race([item.done, gone.promise])
    } catch (error) {
      await this.#release(item)
      throw error
    } finally {
      signal.removeEventListener('abort', leave)
      item.listeners.delete(listener)
    }
    if ('loaded' in outcome) {
      this.#deps.metrics.count(counter(how === 'loaded' ? 'misses' : 'shared'))
      return this.#leaseOf(item, how, outcome.loaded)
    }
    await this.#release(item)
    if ('bypass' in outcome) return this.#bypass(outcome.bypass)
    if (how === 'loaded') throw outcome.failed
    return this.#bypass('the download that another task began failed')
  }

  /** Undefined when the file is not what it was; then it is out of the cache. */
  async #use(item: Item, signal: AbortSignal): Promise<Lease | undefined> {
    const { entry, path, proof } = item
    try {
      const proven = proof === undefined ? undefined : await verify(path, proof, signal)
      if (proven !== undefined) {
        item.proof = proven
        this.#deps.metrics.count(counter('hits'))
        return this.#leaseOf(item, 'hit', undefined)
      }
    } catch (error) {
      await this.#release(item)
      throw error
    }
    if (entry.state !== 'gone') this.#deps.metrics.count(counter('corruptions'))
    this.#book.drop(entry)
    await this.#release(item)
    return undefined
  }

  #leaseOf(item: Item, how: Lease['how'], loaded: Loaded | undefined): Lease {
    item.usedAt = this.#deps.clock.now()
    let held = true
    return {
      path: item.path,
      bytes: item.entry.bytes,
      how,
      loaded,
      [Symbol.dispose]: () => {
        if (held) void this.#release(item)
        held = false
      },
    }
  }

  /** Gives a reference back: the last one that waits ends the download, the last user of a dropped file removes it. */
  async #release(item: Item): Promise<void> {
    const { entry, stop } = item
    this.#book.release(entry)
    if (entry.references > 0) return
    if (entry.state === 'loading') {
      stop.abort(new OperatingError('STOPPED', 'Nobody waits for this download any more'))
      // Whoever comes now begins anew.
      this.#book.drop(entry)
      await item.done
    }
    if (entry.state === 'gone') await this.#remove([entry])
  }

  async #load(item: Item, wanted: Wanted): Promise<Outcome> {
    const { entry, stop } = item
    try {
      const bytes = await wanted.source.size(stop.signal)
      stop.signal.throwIfAborted()
      if (bytes === undefined) return this.#abandon(entry, 'its size is not known beforehand')
      const gone = this.#book.reserve(entry, bytes)
      if (gone === undefined) {
        const { maxBytes, usedBytes } = this.#book
        const room = `${humanBytes(usedBytes)} of ${humanBytes(maxBytes)} are taken`
        return this.#abandon(
          entry,
          `it does not fit in: ${humanBytes(bytes)}, and ${room} (--fetcher_cache_size)`,
        )
      }
      this.#deps.metrics.count(counter('evictions'), gone.length)
      await this.#remove(gone)
      return { loaded: await this.#bring(item, wanted, bytes) }
    } catch (error) {
      if (!stop.signal.aborted && error instanceof OperatingError && error.code === 'LIMIT')
        return this.#abandon(entry, 'it is larger than was announced')
      if (!stop.signal.aborted && isDiskTrouble(error))
        return this.#abandon(entry, `its folder cannot be written (${reasonOf(error)})`)
      this.#book.drop(entry)
      return { failed: error }
    }
  }

  async #bring(item: Item, wanted: Wanted, maxBytes: number): Promise<Loaded> {
    const { entry, listeners, path, stop } = item
    if (wanted.user !== undefined)
      await mkdir(join(this.folder, wanted.user), { recursive: true, mode: 0o700 })
    await using desk = await openDesk(this.folder, wanted.source.reader, this.#deps.random)
    const hash = createHash('sha256')
    const file = join(desk.path, 'file')
    // Whoever waited may have left while room was made.
    stop.signal.throwIfAborted()
    const loaded = await wanted.source.load(
      file,
      {
        stallTimeoutMs: wanted.stallTimeoutMs,
        maxBytes,
        onProgress: (...now) => {
          for (const listener of listeners) listener.onProgress(...now)
        },
        onRetry: (...why) => {
          for (const listener of listeners) listener.onRetry(...why)
        },
        onBytes: (bytes) => void hash.update(bytes),
      },
      stop.signal,
    )
    stop.signal.throwIfAborted()
    // Into the closed folder first: what is looked at there stays what it is.
    await rename(file, path)
    const { isFile, size } = await takeOver(path, wanted.source.reader)
    if (!isFile || size > maxBytes)
      throw new OperatingError('LIMIT', 'it is no plain file of the announced size')
    const sha256 = loaded.seen ? hash.digest('hex') : await sha256Of(path, stop.signal)
    if (wanted.sha256 !== undefined && sha256 !== wanted.sha256) throw sumMismatch(sha256, wanted.sha256)
    const proof = await prove(path, sha256)
    stop.signal.throwIfAborted()
    item.proof = proof
    this.#book.settle(entry, proof.bytes)
    return loaded
  }

  #abandon(entry: BookEntry, bypass: string): Bypass {
    this.#book.drop(entry)
    return { bypass }
  }

  #bypass(why: string): Bypass {
    this.#deps.metrics.count(counter('bypasses'))
    return { bypass: why }
  }

  async #remove(entries: readonly BookEntry[]): Promise<void> {
    for (const entry of entries) {
      const item = this.#items.get(entry)
      this.#items.delete(entry)
      if (item !== undefined) await rm(item.path, { force: true })
    }
  }

  #itemOf(entry: BookEntry): Item {
    const item = this.#items.get(entry)
    if (item === undefined) throw new Error(`the cache has no file for its entry ${entry.key}`)
    return item
  }
}

/** As in Mesos: at most 20 characters, the first and last ten of a longer name. */
function shortName(name: string): string {
  return name.length > 20 ? `${name.slice(0, 10)}_${name.slice(-10)}` : name
}

// Brings the URIs of a task into its sandbox, one after the other; the first failure ends it with URI and reason.
import { chmod, chown, copyFile, cp, lchown, lstat, mkdir, opendir, stat } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { humanBytes } from '../base/units.ts'
import type { CommandInfoURI } from '../wire/commands.ts'
import { extractArchive, gunzip } from './extract.ts'
import { type FetchItem, planItem } from './uri.ts'

export interface FetcherDeps {
  readonly clock: Clock
  readonly random: Random
}

export interface FetcherOptions {
  readonly stallTimeoutMs: number
  /** Largest file. Default 64 GiB. */
  readonly maxBytes?: number
  readonly frameworksHome: string | undefined
}

export interface FetchRequest {
  readonly uris: readonly CommandInfoURI[]
  /** Exists. */
  readonly sandbox: string
  /** Who shall own what is fetched; undefined keeps the agent's user. */
  readonly owner: { readonly uid: number; readonly gid: number } | undefined
}

const DEFAULT_MAX_BYTES = 64 * 1024 ** 3
const MAX_URIS = 1000
const PROGRESS_EVERY_MS = 1000

export class Fetcher {
  readonly #deps: FetcherDeps
  readonly #options: FetcherOptions

  constructor(deps: FetcherDeps, options: FetcherOptions) {
    this.#deps = deps
    this.#options = options
  }

  /**
   * Fetches all URIs of a request.
   * @throws OperatingError FETCH naming the URI and the reason; the signal's reason when aborted
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
    for (const item of items) {
      try {
        await this.#fetchOne(item, request, progress, signal)
      } catch (error) {
        if (signal.aborted) throw signal.reason
        throw new OperatingError('FETCH', `Cannot fetch '${item.shown}': ${reasonOf(error)}`, {
          cause: error,
        })
      }
    }
  }

  async #fetchOne(
    item: FetchItem,
    request: FetchRequest,
    progress: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const path = join(request.sandbox, item.target)
    await makeParents(request, path)
    if (item.source.kind === 'http') await this.#download(item.source.url, item.shown, path, progress, signal)
    else await copyLocal(item.source.path, path)
    signal.throwIfAborted()
    await perform(item, path, request.sandbox, signal)
    // Extraction may have made anything: all of it belongs to the task's user.
    if (request.owner !== undefined) {
      const made = item.action === 'extract' || item.action === 'gunzip' ? request.sandbox : path
      await chownTree(made, request.owner)
    }
  }

  async #download(
    url: string,
    shown: string,
    path: string,
    progress: (sentence: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let last = Number.NEGATIVE_INFINITY
    const onProgress = (bytes: number, total: number | undefined): void => {
      const now = this.#deps.clock.monotonic()
      if (now - last < PROGRESS_EVERY_MS) return
      last = now
      progress(
        `Fetching ${shown}: ${humanBytes(bytes)}${total === undefined ? '' : ` of ${humanBytes(total)}`}`,
      )
    }
    const { stallTimeoutMs, maxBytes = DEFAULT_MAX_BYTES } = this.#options
    // Loaded with the first download: the library takes ten megabytes of an agent that may never need it.
    const { download } = await import('./download.ts')
    await download(this.#deps, url, path, { stallTimeoutMs, maxBytes, onProgress }, signal)
  }
}

async function makeParents(request: FetchRequest, path: string): Promise<void> {
  const first = await mkdir(dirname(path), { recursive: true })
  if (first === undefined || request.owner === undefined) return
  for (let folder = dirname(path); !relative(first, folder).startsWith('..'); folder = dirname(folder)) {
    await chown(folder, request.owner.uid, request.owner.gid)
  }
}

async function copyLocal(from: string, to: string): Promise<void> {
  const info = await stat(from)
  if (info.isDirectory()) await cp(from, to, { recursive: true })
  else if (info.isFile()) await copyFile(from, to)
  else throw new OperatingError('FETCH', 'it is neither a file nor a folder')
}

async function perform(item: FetchItem, path: string, sandbox: string, signal: AbortSignal): Promise<void> {
  switch (item.action) {
    case 'chmod':
      return chmod(path, 0o755)
    case 'extract':
      return extractArchive(path, sandbox, signal)
    case 'gunzip':
      return gunzip(path, signal)
    case 'none':
      return undefined
  }
}

/** Gives a file, or a folder with all that is in it, to a user; links are given, not followed. */
async function chownTree(path: string, owner: { readonly uid: number; readonly gid: number }): Promise<void> {
  await lchown(path, owner.uid, owner.gid)
  if (!(await lstat(path)).isDirectory()) return
  for await (const entry of await opendir(path, { recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), owner.uid, owner.gid)
  }
}

/**
 * How much disk a folder takes, as `du -x` counts it: allocated blocks, a file with several names once, links and other
 * file systems not entered. Reads in short slices, so that the loop is free in between: a quarter of the cost of as
 * many calls through the thread pool, and no process of its own.
 */
import {
  closeSync,
  constants,
  type Dir,
  fstatSync,
  lstatSync,
  openSync,
  opendirSync,
  type Stats,
} from 'node:fs'
import type { Clock } from '../base/clock.ts'

export interface DiskUsage {
  /** Allocated, not apparent: a hole takes nothing, a small file a whole block. */
  readonly bytes: number
  /** Files and folders that were counted, the folder itself among them. */
  readonly entries: number
  /** Entries that were there and could not be read; what lies below them is missing in `bytes`. */
  readonly unreadable: number
}

export interface DiskUsageOptions {
  readonly clock: Clock
  readonly signal?: AbortSignal
}

/** The loop waits for a slice this long at most, plus one call of the disk. */
const SLICE_MS = 4
/** Of the kernel's `st_blocks`, on every file system. */
const BLOCK_BYTES = 512
/** Names that are read from a folder at once. */
const NAMES_AT_ONCE = 256
/** A longer path is not given to the kernel (its limit is 4096) but followed from an open folder. */
const LONGEST_PATH = 3800
/** Open folders at once, each one more path of that length deep. */
const MOST_OPEN = 100
/** Files with several names that are remembered; beyond them each name counts. */
const MOST_LINKED = 1_000_000

/**
 * Counts what lies in `folder`. What changes meanwhile is counted or not, and what vanishes is no failure. An absent
 * folder takes nothing.
 * @throws the signal's reason when it aborts
 */
export async function diskUsage(folder: string, options: DiskUsageOptions): Promise<DiskUsage> {
  // Latin-1 keeps every byte of a name, also of one that is no UTF-8.
  const path = Buffer.from(folder).toString('latin1')
  const root = lstat(path)
  if (root === undefined || root === 'unreadable')
    return { bytes: 0, entries: 0, unreadable: root === undefined ? 0 : 1 }
  const walk = new Walk(options, root.dev)
  walk.count(root)
  if (root.isDirectory()) await walk.below({ path, ino: root.ino })
  return { bytes: walk.bytes, entries: walk.entries, unreadable: walk.unreadable }
}

interface Folder {
  readonly path: string
  /** Inode number when it was found: it is entered only if it is still the same. */
  readonly ino: number
}

class Walk {
  bytes = 0
  entries = 0
  unreadable = 0
  readonly #options: DiskUsageOptions
  readonly #device: number
  readonly #linked = new Set<number>()
  #open = 0
  #sliceEnd: number

  constructor(options: DiskUsageOptions, device: number) {
    this.#options = options
    this.#device = device
    this.#sliceEnd = options.clock.monotonic() + SLICE_MS
  }

  count(stats: Stats): void {
    this.entries++
    if (stats.nlink > 1 && !stats.isDirectory()) {
      if (this.#linked.has(stats.ino)) return
      if (this.#linked.size < MOST_LINKED) this.#linked.add(stats.ino)
    }
    this.bytes += stats.blocks * BLOCK_BYTES
  }

  /** Everything in a folder and below, without the folder itself. */
  async below(folder: Folder): Promise<void> {
    const waiting = [folder]
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const fd = this.#enter(next)
      if (fd === undefined) continue
      try {
        const found = await this.#list(fd)
        const isShort = (name: string): boolean => next.path.length + name.length < LONGEST_PATH
        for (const { name, ino } of found)
          if (isShort(name)) waiting.push({ path: `${next.path}/${name}`, ino })
          else await this.#deeper({ path: `/proc/self/fd/${fd}/${name}`, ino })
      } finally {
        closeSync(fd)
      }
    }
  }

  async #deeper(folder: Folder): Promise<void> {
    if (this.#open >= MOST_OPEN) {
      this.unreadable++
      return
    }
    this.#open++
    await this.below(folder)
    this.#open--
  }

  /** Counts what is right in the open folder; returns the folders among it that are to be entered. */
  async #list(fd: number): Promise<{ readonly name: string; readonly ino: number }[]> {
    const folders: { name: string; ino: number }[] = []
    const here = `/proc/self/fd/${fd}`
    const dir = this.#openDir(here)
    if (dir === undefined) return folders
    try {
      for (let entry = dir.readSync(); entry !== null; entry = dir.readSync()) {
        const stats = lstat(`${here}/${entry.name}`)
        if (stats === 'unreadable') this.unreadable++
        else if (stats !== undefined && stats.dev === this.#device) {
          this.count(stats)
          if (stats.isDirectory()) folders.push({ name: entry.name, ino: stats.ino })
        }
        await this.#rest()
      }
    } finally {
      dir.closeSync()
    }
    return folders
  }

  /** Opened without following a link, and only if nobody has put another folder in its place since it was found. */
  #enter({ path, ino }: Folder): number | undefined {
    let fd: number
    try {
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
      fd = openSync(Buffer.from(path, 'latin1'), flags)
    } catch (error) {
      if (!isGone(error)) this.unreadable++
      return undefined
    }
    const now = fstatSync(fd)
    if (now.dev === this.#device && now.ino === ino) return fd
    closeSync(fd)
    return undefined
  }

  #openDir(path: string): Dir | undefined {
    try {
      return opendirSync(path, { encoding: 'latin1' as BufferEncoding, bufferSize: NAMES_AT_ONCE })
    } catch {
      // Whatever the reason, its contents are missing in the sum, and that is what is told.
      this.unreadable++
      return undefined
    }
  }

  async #rest(): Promise<void> {
    const { clock, signal } = this.#options
    if (clock.monotonic() < this.#sliceEnd) return
    signal?.throwIfAborted()
    await clock.sleep(0, signal)
    this.#sliceEnd = clock.monotonic() + SLICE_MS
  }
}

/** Undefined when it is not there (any more). */
function lstat(path: string): Stats | 'unreadable' | undefined {
  try {
    return lstatSync(Buffer.from(path, 'latin1'), { throwIfNoEntry: false })
  } catch (error) {
    return isGone(error) ? undefined : 'unreadable'
  }
}

/** A folder that became a file or a link has gone, too. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')
}

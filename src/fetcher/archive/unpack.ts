// Unpacks an archive into a folder that nobody else can enter: what it makes, it makes new, and through no link.
import { constants } from 'node:fs'
import { chmod, type FileHandle, link, lstat, lutimes, mkdir, open, symlink, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { humanBytes } from '../../base/units.ts'
import { decompressed, packingOf } from './decompress.ts'
import { type Entry, refusal, shownName } from './entry.ts'
import { tarEntries } from './tar.ts'
import { zipEntries } from './zip.ts'

export interface UnpackLimits {
  /** Of all that comes out. */
  readonly maxBytes: number
  readonly maxEntries: number
  /** How many times the archive's own size may come out of it, once that is more than `ratioFromBytes`. */
  readonly maxRatio: number
  readonly ratioFromBytes: number
}

export interface Unpacked {
  readonly entries: number
  readonly bytes: number
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = constants
/** Others never write to what a task was given, as with the usual umask. */
const NOT_OTHERS = 0o755

/**
 * @param folder exists, is empty, and is closed to everybody else until this is done
 * @throws OperatingError FETCH for what is damaged, leads outside or is too large; the signal's reason
 */
export async function unpack(
  archive: string,
  folder: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<Unpacked> {
  const file = await open(archive, O_RDONLY | O_NOFOLLOW)
  try {
    const { size } = await file.stat()
    const packing = await packingOf(file)
    const meter = new Meter(size, limits)
    const entries =
      packing === 'zip'
        ? metered(zipEntries(file, size, signal), meter)
        : tarEntries(meter.over(decompressed(archive, packing, signal)))
    const tree = new Tree(folder)
    for await (const entry of entries) {
      signal.throwIfAborted()
      meter.entry()
      await tree.add(entry)
    }
    await tree.finish()
    return { entries: meter.entries, bytes: meter.bytes }
  } finally {
    await file.close()
  }
}

/** Unpacks `NAME.gz` to one file. @throws as `unpack` */
export async function gunzip(
  packed: string,
  to: string,
  limits: UnpackLimits,
  signal: AbortSignal,
): Promise<Unpacked> {
  const file = await open(packed, O_RDONLY | O_NOFOLLOW)
  try {
    const { size } = await file.stat()
    if ((await packingOf(file)) !== 'gzip') throw refusal('it is not packed by gzip')
    const meter = new Meter(size, limits)
    const target = await open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644)
    try {
      await writeAll(target, meter.over(decompressed(packed, 'gzip', signal)))
    } finally {
      await target.close()
    }
    return { entries: 1, bytes: meter.bytes }
  } finally {
    await file.close()
  }
}

/** Counts what comes out, and ends it when it is more than anybody packs in earnest. */
class Meter {
  bytes = 0
  entries = 0
  readonly #packed: number
  readonly #limits: UnpackLimits

  constructor(packed: number, limits: UnpackLimits) {
    this.#packed = packed
    this.#limits = limits
  }

  add(bytes: number): void {
    const { maxBytes, maxRatio, ratioFromBytes } = this.#limits
    this.bytes += bytes
    if (this.bytes > maxBytes)
      throw refusal(`it holds more than ${humanBytes(maxBytes)} (--fetcher_max_size)`)
    if (this.bytes > ratioFromBytes && this.bytes > this.#packed * maxRatio) {
      const sizes = `${humanBytes(this.bytes)} came out of ${humanBytes(this.#packed)} already`
      throw refusal(`it looks like a bomb: ${sizes}, more than ${maxRatio} times as much`)
    }
  }

  entry(): void {
    this.entries++
    if (this.entries > this.#limits.maxEntries)
      throw refusal(`it holds more than ${this.#limits.maxEntries} files and folders`)
  }

  async *over(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      this.add(piece.length)
      yield piece
    }
  }
}

async function* metered(entries: AsyncIterable<Entry>, meter: Meter): AsyncGenerator<Entry> {
  for await (const entry of entries) {
    yield entry.kind === 'file' ? { ...entry, data: meter.over(entry.data) } : entry
  }
}

class Tree {
  readonly #root: string
  /** Made here: a path through these is a path through real folders. */
  readonly #folders = new Set<string>([''])
  readonly #modes: (readonly [path: string, mode: number])[] = []

  constructor(root: string) {
    this.#root = root
  }

  async add(entry: Entry): Promise<void> {
    if (entry.kind === 'folder') {
      if (entry.name === '') return
      await this.#folder(entry.name)
      this.#modes.push([entry.name, (entry.mode & NOT_OTHERS) | 0o700])
      return
    }
    if (entry.name === '') throw refusal('the archive has a file without a name')
    if (this.#folders.has(entry.name))
      throw refusal(`the archive has both a folder and a file ${shownName(entry.name)}`)
    const path = await this.#place(entry.name)
    await this.#make(path, entry)
  }

  /** Only now: nothing can be made in a folder that may not be written. */
  async finish(): Promise<void> {
    for (const [name, mode] of this.#modes.toReversed()) await chmod(join(this.#root, name), mode)
  }

  async #make(path: string, entry: Exclude<Entry, { kind: 'folder' }>): Promise<void> {
    switch (entry.kind) {
      case 'file':
        return this.#file(path, entry)
      case 'link':
        await symlink(entry.target, path)
        return lutimes(path, timeOf(entry), timeOf(entry))
      case 'hardlink':
        return this.#hardlink(path, entry)
    }
  }

  async #file(path: string, entry: Extract<Entry, { kind: 'file' }>): Promise<void> {
    const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600)
    try {
      await writeAll(file, entry.data)
      await file.chmod(entry.mode & NOT_OTHERS)
      await file.utimes(timeOf(entry), timeOf(entry))
    } finally {
      await file.close()
    }
  }

  async #hardlink(path: string, entry: Extract<Entry, { kind: 'hardlink' }>): Promise<void> {
    const target = join(this.#root, entry.target)
    const isOurs = this.#folders.has(parentOf(entry.target)) && (await kindOf(target)) === 'file'
    if (!isOurs)
      throw refusal(
        `the archive links ${shownName(entry.name)} to ${shownName(entry.target)}, which is no file in it`,
      )
    await link(target, path)
  }

  /** The path of a new file; an earlier entry of this name gives way, as it does in archives that were added to. */
  async #place(name: string): Promise<string> {
    await this.#folder(parentOf(name))
    const path = join(this.#root, name)
    if ((await kindOf(path)) !== undefined) await unlink(path)
    return path
  }

  async #folder(name: string): Promise<void> {
    if (this.#folders.has(name)) return
    await this.#folder(parentOf(name))
    try {
      await mkdir(join(this.#root, name), { mode: 0o755 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw refusal(`the archive leads through ${shownName(name)}, which is no folder in it`)
    }
    this.#folders.add(name)
  }
}

/** Times that no file system keeps become the last one that all do. */
const timeOf = (entry: Entry): number => Math.min(entry.mtime, 2 ** 31 - 1)
const parentOf = (name: string): string => name.slice(0, Math.max(0, name.lastIndexOf('/')))

async function kindOf(path: string): Promise<'file' | 'other' | undefined> {
  try {
    return (await lstat(path)).isFile() ? 'file' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function writeAll(file: FileHandle, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) {
    for (let done = 0; done < piece.length; )
      done += (await file.write(piece, done, piece.length - done)).bytesWritten
  }
}

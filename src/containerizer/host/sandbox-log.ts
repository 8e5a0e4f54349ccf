// A container's stdout or stderr in its sandbox: appended to by the task, cut by us when it grows too long.
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  ftruncateSync,
  openSync,
  read,
  rmSync,
  write,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { keepHead } from '../kept-head.ts'

/** `max_stdout_size` of Mesos' logrotate logger (spec/mesos.md 8.6). */
export const DEFAULT_LOG_BYTES = 10 * 1024 ** 2

export interface LogSizes {
  /** Size at which it is cut. */
  readonly limitBytes: number
  /** Of its beginning, what is kept for good. */
  readonly headBytes: number
}

const [readPiece, writePiece] = [promisify(read), promisify(write)]
const PIECE_BYTES = 256 * 1024

export interface LogOwner {
  readonly uid: number
  readonly gid: number
}

/**
 * The file stays open here, and everybody reaches it through this descriptor: the sandbox belongs to the task's
 * user, who may put a link in its place at any time, and the agent writes as root.
 */
export class SandboxLog {
  readonly #folder: string
  readonly #name: string
  readonly #owner: LogOwner | undefined
  readonly #sizes: LogSizes
  #fd: number | undefined

  /**
   * Makes the file if it is not there.
   *
   * @param owner undefined: the agent's own user
   * @throws OperatingError LAUNCH when the name is taken by something that is not a plain file
   */
  constructor(folder: string, name: string, owner: LogOwner | 'as it is' | undefined, sizes: LogSizes) {
    this.#folder = folder
    this.#name = name
    this.#sizes = sizes
    const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants
    const path = join(folder, name)
    // A file that the task removed since is not made again: nobody would write into the new one.
    const make = owner === 'as it is' ? 0 : O_CREAT
    try {
      this.#fd = openSync(path, O_RDWR | O_APPEND | make | O_NOFOLLOW | O_NONBLOCK, 0o644)
    } catch (error) {
      throw new OperatingError('LAUNCH', `Cannot write ${path}: ${reasonOf(error)}`, { cause: error })
    }
    const found = fstatSync(this.#fd)
    if (!found.isFile() || found.nlink > 1) {
      this.close()
      throw new OperatingError(
        'LAUNCH',
        `${path} is not a plain file of its own; the task's output cannot go there`,
      )
    }
    this.#owner = owner === 'as it is' ? { uid: found.uid, gid: found.gid } : owner
    if (owner !== undefined && owner !== 'as it is') fchownSync(this.#fd, owner.uid, owner.gid)
  }

  /** A path by which another process can open this very file, whatever its name leads to by now. */
  get path(): string {
    return `/proc/${process.pid}/fd/${this.#fd}`
  }

  /**
   * When the file is over its limit: copies it to `NAME.1` and cuts it. What is written in between is lost, as
   * with logrotate. The first time its beginning is kept.
   */
  async rotate(): Promise<void> {
    if (this.#fd === undefined || fstatSync(this.#fd).size <= this.#sizes.limitBytes) return
    const trouble = keepHead(this.#fd, join(this.#folder, this.#name), this.#sizes.headBytes, this.#owner)
    const old = join(this.#folder, `${this.#name}.1`)
    rmSync(old, { force: true })
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants
    const target = openSync(old, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644)
    try {
      if (this.#owner !== undefined) fchownSync(target, this.#owner.uid, this.#owner.gid)
      await copyTo(target, this.path)
    } finally {
      closeSync(target)
    }
    if (this.#fd !== undefined) ftruncateSync(this.#fd)
    if (trouble !== undefined) throw trouble
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }
}

/** As far as it goes now. By pieces: Node's own copy never ends when the task cuts the file meanwhile. */
async function copyTo(target: number, path: string): Promise<void> {
  const source = openSync(path, constants.O_RDONLY)
  try {
    const { size } = fstatSync(source)
    const buffer = Buffer.allocUnsafe(PIECE_BYTES)
    for (let at = 0; at < size; ) {
      const { bytesRead } = await readPiece(source, buffer, 0, Math.min(PIECE_BYTES, size - at), at)
      if (bytesRead === 0) return
      for (let done = 0; done < bytesRead; )
        done += (await writePiece(target, buffer, done, bytesRead - done, at + done)).bytesWritten
      at += bytesRead
    }
  } finally {
    closeSync(source)
  }
}

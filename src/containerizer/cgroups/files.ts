// Reads and writes the small files of the kernel: synchronous, because each costs less than a hop to a thread.
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmdirSync,
  statSync,
  writeSync,
} from 'node:fs'

/** A file that stays open and is read from its start each time. */
export interface KernelFile {
  /** Undefined when the group behind it is gone. */
  read(): string | undefined
  close(): void
}

export interface KernelFiles {
  exists(path: string): boolean
  /** Undefined when it is not there or the kernel does not support it. */
  read(path: string): string | undefined
  /** Never creates the file. Throws the system's error. */
  write(path: string, text: string): void
  open(path: string): KernelFile | undefined
  /** Makes one directory; one that exists is fine. Returns whether it is new. */
  makeDirectory(path: string): boolean
  /** Removes one directory that has no directories inside. `busy`: processes live there. */
  removeDirectory(path: string): 'removed' | 'absent' | 'busy'
  /** Names of the directories inside, without links; empty when there is none. */
  directories(path: string): readonly string[]
}

// The longest file that is read again and again is memory.stat with about 2 KB; more than this is cut.
const BUFFER = Buffer.allocUnsafe(16 * 1024)

/** What an absent, vanished or unsupported file answers. */
const ABSENT = new Set(['ENOENT', 'ENODEV', 'EOPNOTSUPP', 'ENOTDIR'])

/** The system's code of an error, such as `ENOENT`. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function readHandle(fd: number): string | undefined {
  try {
    return BUFFER.toString('latin1', 0, readSync(fd, BUFFER, 0, BUFFER.length, 0))
  } catch (error) {
    if (ABSENT.has(errnoOf(error))) return undefined
    throw error
  }
}

function openToRead(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY)
  } catch (error) {
    if (ABSENT.has(errnoOf(error))) return undefined
    throw error
  }
}

export const kernelFiles: KernelFiles = {
  exists: (path) => statSync(path, { throwIfNoEntry: false }) !== undefined,

  read(path) {
    try {
      return readFileSync(path, 'latin1')
    } catch (error) {
      if (ABSENT.has(errnoOf(error))) return undefined
      throw error
    }
  },

  write(path, text) {
    const fd = openSync(path, constants.O_WRONLY | constants.O_TRUNC)
    try {
      writeSync(fd, text)
    } finally {
      closeSync(fd)
    }
  },

  open(path) {
    const fd = openToRead(path)
    return fd === undefined ? undefined : { read: () => readHandle(fd), close: () => closeSync(fd) }
  },

  makeDirectory(path) {
    try {
      mkdirSync(path)
      return true
    } catch (error) {
      if (errnoOf(error) === 'EEXIST') return false
      throw error
    }
  },

  removeDirectory(path) {
    try {
      rmdirSync(path)
      return 'removed'
    } catch (error) {
      const code = errnoOf(error)
      // Of a tree that is mounted to be read only, the kernel does not even look whether it is there.
      if (code === 'ENOENT' || (code === 'EROFS' && !existsSync(path))) return 'absent'
      if (code === 'EBUSY' || code === 'ENOTEMPTY') return 'busy'
      throw error
    }
  },

  directories(path) {
    try {
      const entries = readdirSync(path, { withFileTypes: true })
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
    } catch (error) {
      if (ABSENT.has(errnoOf(error))) return []
      throw error
    }
  },
}

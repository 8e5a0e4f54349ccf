// Reads the end of what a sandbox holds of a container's output, over its rotation.
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { errnoOf } from '../cgroups/files.ts'
import type { Kept } from './seams.ts'

export interface KeptOutput extends Kept {
  /** Of the file and of the one that was put aside. */
  readonly totalBytes: number
}

/** More than this is never compared: it would have to repeat itself over as much to be mistaken. */
const TAIL_BYTES = 64 * 1024

export function readKept(path: string): KeptOutput {
  const newer = readEnd(path, TAIL_BYTES)
  const older = readEnd(`${path}.1`, TAIL_BYTES - newer.tail.length)
  return {
    tail: Buffer.concat([older.tail, newer.tail]),
    totalBytes: older.totalBytes + newer.totalBytes,
    changedAt: newer.totalBytes > 0 ? newer.changedAt : older.changedAt,
  }
}

/** The task owns the folder: what is there may be gone, or not a plain file, and then counts as empty. */
function readEnd(path: string, bytes: number): KeptOutput {
  const nothing = { tail: Buffer.of(), totalBytes: 0, changedAt: 0 }
  let file: number
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (['ENOENT', 'ELOOP', 'ENXIO'].includes(errnoOf(error))) return nothing
    throw error
  }
  try {
    const about = fstatSync(file)
    if (!about.isFile()) return nothing
    const tail = Buffer.alloc(Math.min(bytes, about.size))
    const read = readSync(file, tail, 0, tail.length, about.size - tail.length)
    return { tail: tail.subarray(0, read), totalBytes: about.size, changedAt: about.mtimeMs }
  } finally {
    closeSync(file)
  }
}

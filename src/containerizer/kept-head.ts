/**
 * The first bytes of what a container prints, which its rotation would throw away: before a stream is put aside for the
 * first time its beginning is copied to `NAME.head`, where it stays. What went wrong at the start is told there.
 */
import {
  closeSync,
  constants,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { errnoOf } from './cgroups/files.ts'

/** Of each stream, by default. */
export const DEFAULT_HEAD_BYTES = 64 * 1024

/**
 * To be called before each rotation. The task owns the folder: links are not followed, and what is there is left as it
 * is.
 *
 * @param file whose beginning is kept, open for reading
 * @param path of the stream, without an ending
 * @param owner undefined: the agent's own user
 * @returns what kept it from being written: the rotation has to go on, it may be what makes room
 */
export function keepHead(
  file: number,
  path: string,
  bytes: number,
  owner: { readonly uid: number; readonly gid: number } | undefined,
): Error | undefined {
  // What is rotated later does not begin where the stream began.
  if (bytes === 0 || isThere(`${path}.1`) || isThere(`${path}.head`)) return undefined
  const head = `${path}.head`
  let target: number | undefined
  try {
    const piece = Buffer.alloc(Math.min(bytes, fstatSync(file).size))
    const length = readSync(file, piece, 0, piece.length, 0)
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
    target = openSync(head, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644)
    if (owner !== undefined) fchownSync(target, owner.uid, owner.gid)
    for (let at = 0; at < length; ) at += writeSync(target, piece, at, length - at, at)
    return undefined
  } catch (error) {
    // A part of it would be taken for all of it.
    if (target !== undefined) rmSync(head, { force: true })
    if (!(error instanceof Error)) throw error
    return error
  } finally {
    if (target !== undefined) closeSync(target)
  }
}

function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

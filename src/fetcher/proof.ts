// Proof that a file has the contents that it had: by what the file system says of it, and where that differs, its sum.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat } from 'node:fs/promises'

export interface Proof {
  readonly bytes: number
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string
  /** Changes with every change of the file, of its owner or of its mode; nobody can set it back. */
  readonly stamp: string
}

const PIECE = 1024 * 1024

export async function sha256Of(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: PIECE, signal }))
    hash.update(piece as Buffer)
  return hash.digest('hex')
}

export async function prove(path: string, sha256: string): Promise<Proof> {
  const { bytes, stamp } = await look(path)
  return { bytes, sha256, stamp }
}

/**
 * Cheap as long as nobody touched the file: size, inode and times are those of the proof. Else all of it is read.
 * @returns the proof, renewed when it had to be; undefined when the contents are others or the file is gone
 */
export async function verify(path: string, proof: Proof, signal: AbortSignal): Promise<Proof | undefined> {
  try {
    const before = await look(path)
    if (before.stamp === proof.stamp) return proof
    if (before.bytes !== proof.bytes || (await sha256Of(path, signal)) !== proof.sha256) return undefined
    const after = await look(path)
    // Somebody writes to it just now.
    return after.stamp === before.stamp ? { ...proof, stamp: after.stamp } : undefined
  } catch (error) {
    signal.throwIfAborted()
    if ((error as NodeJS.ErrnoException).code !== undefined) return undefined
    throw error
  }
}

async function look(path: string): Promise<{ readonly bytes: number; readonly stamp: string }> {
  const info = await lstat(path, { bigint: true })
  const { ctimeNs, dev, ino, mode, mtimeNs, nlink, size } = info
  return { bytes: Number(size), stamp: [dev, ino, mode, nlink, size, mtimeNs, ctimeNs].join(':') }
}

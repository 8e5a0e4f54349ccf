/**
 * What is kept of a sandbox that was removed: who it was, how it ended, its figures, and the end of what it wrote.
 * Read from the sandbox before it goes, without following what its task may have put there.
 */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ending, Why } from './plan.ts'

/** What is known of a container when it ends. */
export interface ContainerFacts {
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
  readonly containerId: string
  readonly taskIds: readonly string[]
  /** Wall times, ms; undefined when it never ran. */
  readonly startedAt?: number
  readonly endedAt?: number
  /** How it ended, in words with figures. */
  readonly cause?: string
  /** The last that was measured of it. */
  readonly figures?: Readonly<Record<string, number>>
}

/** The end of one stream. */
export interface StreamTail {
  readonly text: string
  /** Bytes that were in the files when they went, and how many of them `text` has. */
  readonly bytes: number
  readonly kept: number
}

export interface Tombstone extends ContainerFacts {
  readonly ending: Ending
  readonly removedAt: number
  readonly why: Why
  /** Bytes that the sandbox took, when it was measured. */
  readonly sandboxBytes?: number
  readonly stdout?: StreamTail
  readonly stderr?: StreamTail
}

export const TAIL_BYTES = 64 * 1024

/** The last 64 KiB of a stream, over its newest two files; undefined when there is none of our making. */
export async function tailOf(sandbox: string, stream: 'stdout' | 'stderr'): Promise<StreamTail | undefined> {
  const now = await lastOf(join(sandbox, stream), TAIL_BYTES)
  if (now === undefined) return undefined
  const before = await lastOf(join(sandbox, `${stream}.1`), TAIL_BYTES - now.piece.length)
  const all = Buffer.concat([before?.piece ?? Buffer.alloc(0), now.piece])
  return { text: all.toString(), bytes: now.size + (before?.size ?? 0), kept: all.length }
}

async function lastOf(path: string, length: number): Promise<{ piece: Buffer; size: number } | undefined> {
  let file: FileHandle
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch {
    // Not there, or not what the agent made: then there is nothing to keep.
    return undefined
  }
  try {
    const info = await file.stat()
    // Another name of the same file may be anybody's.
    if (!info.isFile() || info.nlink > 1) return undefined
    const { bytesRead, buffer } = await file.read(
      Buffer.alloc(Math.min(length, info.size)),
      0,
      Math.min(length, info.size),
      Math.max(0, info.size - length),
    )
    return { piece: buffer.subarray(0, bytesRead), size: info.size }
  } finally {
    await file.close()
  }
}

// How full the file system of a folder is, in bytes and in files.
import { statfsSync } from 'node:fs'

export interface DiskUse {
  readonly totalBytes: number
  /** What others than root can still write. */
  readonly freeBytes: number
  readonly usedBytes: number
  /** The used part, 0 to 1, as `df` says it; of files when fewer of those are left. */
  readonly usage: number
}

/** A few microseconds; it costs less than a hop to a thread. */
export function diskUse(folder: string): DiskUse {
  const { bavail, bfree, blocks, bsize, ffree, files } = statfsSync(folder)
  const used = blocks - bfree
  const ofBytes = used + bavail > 0 ? used / (used + bavail) : 1
  // Some file systems have no fixed number of files and say 0.
  const ofFiles = files > 0 ? (files - ffree) / files : 0
  return {
    totalBytes: blocks * bsize,
    freeBytes: bavail * bsize,
    usedBytes: used * bsize,
    usage: Math.max(ofBytes, ofFiles),
  }
}

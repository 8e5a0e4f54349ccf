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
function diskUse(folder: string): DiskUse {
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

/**
 * The use of the folder's file system, asked anew each time; the last figures while it cannot be asked, because the
 * folder was removed or its file system is gone: who asks has tasks to look after all the same.
 *
 * @param onTrouble told once until it can be asked again
 * @throws what the first question throws
 */
export function watchedDisk(folder: string, onTrouble: (error: unknown) => void): () => DiskUse {
  let last = diskUse(folder)
  let failing = false
  return () => {
    try {
      last = diskUse(folder)
      failing = false
    } catch (error) {
      if (!failing) onTrouble(error)
      failing = true
    }
    return last
  }
}

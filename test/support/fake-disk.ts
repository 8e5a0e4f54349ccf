// A disk of which a test says how much is free.
import type { DiskUse } from '../../src/gc/disk.ts'

export const GB = 1024 ** 3
const TOTAL_BYTES = 100 * GB

export class FakeDisk {
  freeBytes = 80 * GB

  readonly use = (): DiskUse => ({
    totalBytes: TOTAL_BYTES,
    usedBytes: TOTAL_BYTES - this.freeBytes,
    freeBytes: this.freeBytes,
    usage: 1 - this.freeBytes / TOTAL_BYTES,
  })
}

// Usage of single processes where no control group can be read (pidusage).
import pidusage from 'pidusage'
import { reasonOf } from '../base/errors.ts'

export interface ProcessUsage {
  readonly pid: number
  /** User and system time together, seconds; the library does not tell them apart. */
  readonly cpuSeconds: number
  /** Resident, shared pages counted whole. */
  readonly residentBytes: number
}

/** Reads each process; those that ended meanwhile are left out. */
export async function processUsage(pids: readonly number[]): Promise<readonly ProcessUsage[]> {
  const read = await Promise.all(pids.map(readOne))
  return read.filter((usage) => usage !== undefined)
}

async function readOne(pid: number): Promise<ProcessUsage | undefined> {
  try {
    const status = await pidusage(pid)
    return { pid, cpuSeconds: status.ctime / 1000, residentBytes: status.memory }
  } catch (error) {
    // The library's words for a process that is gone, before or during the read.
    if (/No matching pid found|ESRCH|ENOENT/.test(reasonOf(error))) return undefined
    throw error
  }
}

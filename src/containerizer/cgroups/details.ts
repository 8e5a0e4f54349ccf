// Reads what only pages show of a group: each file is opened, read and closed when somebody looks.
import { join } from 'node:path'
import type { ContainerDetails } from '../../resources/usage.ts'
import { field } from './fields.ts'
import type { KernelFiles } from './files.ts'
import type { Hierarchies } from './hierarchies.ts'
import { readQuota } from './settings.ts'

export type GroupDetails = Omit<ContainerDetails, 'network'>

/** Undefined when the group is gone. */
export function readDetails(
  files: KernelFiles,
  hierarchies: Hierarchies,
  path: string,
): GroupDetails | undefined {
  const { homes, unified } = hierarchies
  // Every process of ours is in all hierarchies, so that one is enough to count them.
  const counted = homes.pids?.directory ?? homes.cpu?.directory ?? unified
  if (counted === undefined || !files.exists(join(counted, path))) return undefined
  const { quotaCpus } = readQuota(files, hierarchies, path)
  const pids = homes.pids?.directory
  return {
    processes: processesBelow(files, join(counted, path)),
    threads: pids === undefined ? undefined : numberIn(files.read(join(pids, path, 'pids.current'))),
    cpuLimit: quotaCpus !== undefined && Number.isFinite(quotaCpus) ? quotaCpus : undefined,
    ...memoryDetails(files, hierarchies, path),
  }
}

function processesBelow(files: KernelFiles, directory: string): number {
  const own = (files.read(join(directory, 'cgroup.procs')) ?? '').split('\n').filter((line) => line !== '')
  const below = files.directories(directory).map((name) => processesBelow(files, join(directory, name)))
  return below.reduce((sum, count) => sum + count, own.length)
}

type MemoryDetails = Omit<GroupDetails, 'processes' | 'threads' | 'cpuLimit'>

function memoryDetails(files: KernelFiles, hierarchies: Hierarchies, path: string): MemoryDetails {
  const home = hierarchies.homes.memory
  const read = (name: string): string | undefined =>
    home === undefined ? undefined : files.read(join(home.directory, path, name))
  const stat = read('memory.stat')
  if (home?.version === 1)
    return {
      memoryAndSwapBytes: numberIn(read('memory.memsw.usage_in_bytes')),
      memorySwapBytes: field(stat, 'total_swap'),
      memoryMappedFileBytes: field(stat, 'total_mapped_file'),
      memoryUnevictableBytes: field(stat, 'total_unevictable'),
      memoryKernelBytes: numberIn(read('memory.kmem.usage_in_bytes')),
      memoryKernelTcpBytes: numberIn(read('memory.kmem.tcp.usage_in_bytes')),
    }
  const swap = numberIn(read('memory.swap.current'))
  const memory = numberIn(read('memory.current'))
  return {
    memoryAndSwapBytes: swap === undefined || memory === undefined ? undefined : memory + swap,
    memorySwapBytes: swap,
    memoryMappedFileBytes: field(stat, 'file_mapped'),
    memoryUnevictableBytes: field(stat, 'unevictable'),
    memoryKernelBytes: field(stat, 'kernel'),
    memoryKernelTcpBytes: field(stat, 'sock'),
  }
}

function numberIn(text: string | undefined): number | undefined {
  return text === undefined || text.trim() === '' ? undefined : Number(text)
}

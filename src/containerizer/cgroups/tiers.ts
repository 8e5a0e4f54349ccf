// Makes the groups that everything of one agent lives below, the lent one in the kernel's lowest class.
import { join } from 'node:path'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Tier } from '../cgroups.ts'
import { cpuShares, cpuWeight } from './limits.ts'
import { errnoOf, type KernelFiles } from './files.ts'
import { enteredHierarchies, type Hierarchies } from './hierarchies.ts'

export const TIERS: readonly Tier[] = ['owners', 'lent']

const V2_CONTROLLERS = ['cpu', 'memory', 'pids', 'io'] as const

/**
 * `/tepui_<tag>_lent`. Both tiers lie beside everything else on the machine and not below a common parent: the idle
 * class only ranks siblings, and borrowers must be last behind foreign programs and other agents' owners too.
 * No dash, because systemd reads one in a slice's name as a level.
 */
export function tierPath(root: string, tag: string, tier: Tier): string {
  return `/${root}_${tag}_${tier}`
}

/** Makes `path` in every hierarchy that we enter, level by level; on v2 hands the controllers down to its children. */
export function makeGroup(files: KernelFiles, hierarchies: Hierarchies, path: string, inner: boolean): void {
  const steps = path.split('/').filter((part) => part !== '')
  for (const hierarchy of enteredHierarchies(hierarchies)) {
    let directory = hierarchy
    for (const [index, step] of steps.entries()) {
      if (hierarchy === hierarchies.unified) enableControllers(files, hierarchies, directory)
      directory = join(directory, step)
      make(files, directory)
      const last = index === steps.length - 1
      if (last && inner && hierarchy === hierarchies.unified) enableControllers(files, hierarchies, directory)
    }
  }
}

function make(files: KernelFiles, directory: string): void {
  try {
    files.makeDirectory(directory)
  } catch (error) {
    throw new OperatingError('ISOLATION', `Cannot make the control group ${directory}: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Run the agent as root, or below a group that is delegated to its user (--cgroups_root)',
    })
  }
}

/** Hands down those controllers that live in the unified tree, one by one so that one refusal costs one power only. */
function enableControllers(files: KernelFiles, hierarchies: Hierarchies, directory: string): void {
  const control = join(directory, 'cgroup.subtree_control')
  const on = new Set((files.read(control) ?? '').trim().split(/\s+/))
  for (const controller of V2_CONTROLLERS) {
    if (hierarchies.homes[controller]?.version !== 2 || on.has(controller)) continue
    try {
      files.write(control, `+${controller}`)
    } catch (error) {
      // EBUSY: processes live in this group; ENOENT: the controller is not offered here. The missing file is
      // the power's reason.
      if (!['EBUSY', 'ENOENT', 'EACCES', 'EPERM', 'EROFS', 'EOPNOTSUPP'].includes(errnoOf(error))) throw error
    }
  }
}

/** Weighs the owners' tier against the rest of the machine, as many cores' worth as there are. */
export function settleOwners(files: KernelFiles, hierarchies: Hierarchies, path: string, cpus: number): void {
  const home = hierarchies.homes.cpu
  if (home === undefined) return
  const [name, value] =
    home.version === 1 ? ['cpu.shares', cpuShares(cpus, false)] : ['cpu.weight', cpuWeight(cpus, false)]
  attempt(files, join(home.directory, path, name), String(value))
}

/**
 * Puts a group into the lowest class: `cpu.idle` where the kernel has it (5.15), else the least weight; the
 * least share of the disks. Once idle, the kernel refuses shares for that very group (spec/lending.md 3.4), so
 * they are never written after it.
 */
export function settleLent(files: KernelFiles, hierarchies: Hierarchies, path: string): void {
  const { cpu, io } = hierarchies.homes
  if (cpu !== undefined) {
    const directory = join(cpu.directory, path)
    const idle = join(directory, 'cpu.idle')
    const state = files.read(idle)
    if (state === undefined) {
      const [name, value] = cpu.version === 1 ? ['cpu.shares', '2'] : ['cpu.weight', '1']
      attempt(files, join(directory, name), value)
    } else if (state.trim() !== '1') {
      attempt(files, idle, '1')
    }
  }
  if (io !== undefined) {
    const prefix = io.version === 1 ? 'blkio' : 'io'
    attempt(files, join(io.directory, path, `${prefix}.bfq.weight`), '1')
    if (io.version === 2) attempt(files, join(io.directory, path, 'io.weight'), 'default 1')
  }
}

/**
 * The same for systemd's own book of a slice, from which it writes the kernel's files again at each of its reloads
 * (seen with 252), and so takes away what is only in them. It knows the idle class from 252 on; an older one leaves
 * `cpu.idle` alone.
 */
export function sliceProperties(tier: Tier, cpus: number): readonly (readonly string[])[] {
  if (tier === 'owners') return [[`CPUWeight=${cpuWeight(cpus, false)}`]]
  return ['idle', '1'].map((weight) => [`CPUWeight=${weight}`, 'IOWeight=1'])
}

/** Where the kernel can (v2), memory kills a container whole, as Mesos does (spec/mesos.md 8.3). */
export function killTogether(files: KernelFiles, hierarchies: Hierarchies, path: string): void {
  const memory = hierarchies.homes.memory
  if (memory?.version === 2) attempt(files, join(memory.directory, path, 'memory.oom.group'), '1')
}

/** Writes a setting that not every kernel has; a file that is absent is a missing power, not an error. */
function attempt(files: KernelFiles, file: string, text: string): void {
  if (!files.exists(file)) return
  try {
    files.write(file, text)
  } catch (error) {
    if (errnoOf(error) === 'EOPNOTSUPP') return
    throw new OperatingError('ISOLATION', `The kernel refused ${text} for ${file}: ${reasonOf(error)}`, {
      cause: error,
    })
  }
}

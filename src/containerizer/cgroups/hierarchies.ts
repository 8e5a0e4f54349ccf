// Finds out which control group hierarchies a machine has mounted, and which of them holds each controller.
import { join } from 'node:path'
import type { CgroupLayout } from '../cgroups.ts'
import type { KernelFiles } from './files.ts'

/** The controllers that we set or read. `io` is v2's name for v1's blkio. */
export const CONTROLLERS = ['cpu', 'cpuacct', 'memory', 'pids', 'freezer', 'io'] as const
export type Controller = (typeof CONTROLLERS)[number]

/** The absolute directory of the hierarchy that a controller lives in, and the files' dialect there. */
export interface Home {
  readonly directory: string
  readonly version: 1 | 2
}

export interface Hierarchies {
  readonly layout: CgroupLayout
  readonly homes: Readonly<Partial<Record<Controller, Home>>>
  /** The v2 tree: the mount itself (v2) or `unified` below it (hybrid). */
  readonly unified: string | undefined
  /** Every hierarchy, also those that only others make groups in; for removal. */
  readonly all: readonly string[]
}

const V1_NAMES: Readonly<Record<string, Controller>> = {
  cpu: 'cpu',
  cpuacct: 'cpuacct',
  memory: 'memory',
  pids: 'pids',
  freezer: 'freezer',
  blkio: 'io',
}

/**
 * Looks at a mount such as `/sys/fs/cgroup`. A hierarchy is a directory with `cgroup.procs`; controllers give
 * v1 ones their names.
 */
export function findHierarchies(files: KernelFiles, mount: string): Hierarchies {
  const homes: Partial<Record<Controller, Home>> = {}
  if (files.exists(join(mount, 'cgroup.controllers'))) {
    addUnifiedHomes(files, mount, homes)
    return { layout: 'v2', homes, unified: mount, all: [mount] }
  }
  const all: string[] = []
  let unified: string | undefined
  for (const name of [...files.directories(mount)].sort()) {
    const directory = join(mount, name)
    if (!files.exists(join(directory, 'cgroup.procs'))) continue
    all.push(directory)
    if (files.exists(join(directory, 'cgroup.controllers'))) unified = directory
    // Several controllers may share one hierarchy, which is then called `cpu,cpuacct`.
    else for (const part of name.split(',')) addHome(homes, part, directory)
  }
  const hasV1 = Object.keys(homes).length > 0
  // A controller that no v1 hierarchy took may live in the unified tree of a hybrid machine.
  if (unified !== undefined) addUnifiedHomes(files, unified, homes)
  if (!hasV1) return { layout: 'none', homes: {}, unified: undefined, all: [] }
  return { layout: unified === undefined ? 'v1' : 'hybrid', homes, unified, all }
}

function addHome(homes: Partial<Record<Controller, Home>>, name: string, directory: string): void {
  const controller = V1_NAMES[name]
  if (controller !== undefined) homes[controller] = { directory, version: 1 }
}

function addUnifiedHomes(
  files: KernelFiles,
  directory: string,
  homes: Partial<Record<Controller, Home>>,
): void {
  const offered = (files.read(join(directory, 'cgroup.controllers')) ?? '').trim().split(/\s+/)
  for (const controller of CONTROLLERS) {
    if (homes[controller] === undefined && offered.includes(controller)) {
      homes[controller] = { directory, version: 2 }
    }
  }
}

/**
 * The hierarchies that our own processes enter: each controller's home once, and the unified tree for pressure
 * and kill.
 */
export function enteredHierarchies(hierarchies: Hierarchies): readonly string[] {
  const { homes, unified } = hierarchies
  const entered = new Set<string>()
  for (const controller of CONTROLLERS) {
    // The unified tree freezes and kills on its own; one hierarchy less makes every start cheaper.
    if (controller === 'freezer' && unified !== undefined) continue
    const home = homes[controller]
    if (home !== undefined) entered.add(home.directory)
  }
  if (unified !== undefined) entered.add(unified)
  return [...entered]
}

// Ends groups: freeze, thaw, kill everything inside for certain, remove the directories.
import { join } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import { errnoOf, type KernelFiles } from './files.ts'
import { enteredHierarchies, type Hierarchies } from './hierarchies.ts'

/** `--cgroups_destroy_timeout` (spec/mesos.md 8.3). */
const KILL_TIMEOUT_MS = 60_000
/** An empty group may stay busy for a moment while the kernel lets its last references go. */
const REMOVE_TIMEOUT_MS = 5_000
const LONGEST_WAIT_MS = 50

export interface Ending {
  readonly files: KernelFiles
  readonly hierarchies: Hierarchies
  readonly clock: Clock
  /** Sends SIGKILL; a process that is gone already is fine. */
  readonly killProcess: (pid: number) => void
}

/** All groups at and below `path` in one hierarchy, the deepest first. */
function groupsBelow(files: KernelFiles, directory: string): readonly string[] {
  const found: string[] = []
  for (const name of files.directories(directory)) found.push(...groupsBelow(files, join(directory, name)))
  found.push(directory)
  return found
}

/** Pids in the group and all below, over all hierarchies: a process that left one of them is still found in another. */
export function processesOf(files: KernelFiles, hierarchies: Hierarchies, path: string): readonly number[] {
  const pids = new Set<number>()
  for (const hierarchy of enteredHierarchies(hierarchies)) {
    for (const group of groupsBelow(files, join(hierarchy, path))) {
      for (const pid of listed(files, group)) pids.add(pid)
    }
  }
  return [...pids]
}

/**
 * The lowest pid of those that the group itself lists: of a container, its first process. Only the first hierarchy that
 * knows the group is read, the unified tree before the others, because v1 sorts a list for every look.
 */
export function lowestProcess(
  files: KernelFiles,
  hierarchies: Hierarchies,
  path: string,
): number | undefined {
  for (const hierarchy of enteredHierarchies(hierarchies).toReversed()) {
    const text = files.read(join(hierarchy, path, 'cgroup.procs'))
    if (text === undefined) continue
    const pids = pidsIn(text)
    return pids.length > 0 ? Math.min(...pids) : undefined
  }
  return undefined
}

function listed(files: KernelFiles, group: string): readonly number[] {
  return pidsIn(files.read(join(group, 'cgroup.procs')) ?? '')
}

/** 0 stands for a process of another pid namespace, which has no number here. */
function pidsIn(text: string): readonly number[] {
  return text
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0)
}

/** Freezes or thaws; true when a freezer took the order. Prefers the unified tree, which never needs a retry. */
export function setFrozen(
  files: KernelFiles,
  hierarchies: Hierarchies,
  path: string,
  frozen: boolean,
): boolean {
  const { unified, homes } = hierarchies
  if (
    unified !== undefined &&
    writeIfThere(files, join(unified, path, 'cgroup.freeze'), frozen ? '1' : '0')
  ) {
    return true
  }
  const freezer = homes.freezer
  if (freezer === undefined) return false
  return writeIfThere(files, join(freezer.directory, path, 'freezer.state'), frozen ? 'FROZEN' : 'THAWED')
}

function writeIfThere(files: KernelFiles, file: string, text: string): boolean {
  if (!files.exists(file)) return false
  try {
    files.write(file, text)
    return true
  } catch (error) {
    // The group may be removed between the look and the write.
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENODEV') return false
    throw error
  }
}

/**
 * Kills until nothing is left. `cgroup.kill` (5.14) takes the whole tree at once, forks in flight included;
 * older kernels get freeze, SIGKILL to each, thaw (a frozen v1 process does not die), again until the list is
 * empty.
 */
export async function killGroup(ending: Ending, path: string): Promise<void> {
  const { files, hierarchies, clock } = ending
  const end = clock.monotonic() + KILL_TIMEOUT_MS
  for (let wait = 1; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    const { unified } = hierarchies
    if (unified !== undefined) writeIfThere(files, join(unified, path, 'cgroup.kill'), '1')
    const alive = processesOf(files, hierarchies, path)
    if (alive.length === 0) return
    if (clock.monotonic() > end) {
      throw new OperatingError(
        'ISOLATION',
        `Processes ${alive.slice(0, 10).join(', ')} in ${path} did not die of SIGKILL in ${KILL_TIMEOUT_MS} ms`,
        { hint: 'They wait in the kernel, usually for a disk or network file system: see /proc/PID/stack' },
      )
    }
    freezeKillThaw(ending, path)
    await clock.sleep(wait)
  }
}

function freezeKillThaw(ending: Ending, path: string): void {
  const { files, hierarchies, killProcess } = ending
  setFrozen(files, hierarchies, path, true)
  for (const pid of processesOf(files, hierarchies, path)) killProcess(pid)
  setFrozen(files, hierarchies, path, false)
  // Somebody (Docker's pause, an operator) may have frozen it by the other freezer.
  const freezer = hierarchies.homes.freezer
  if (freezer !== undefined) writeIfThere(files, join(freezer.directory, path, 'freezer.state'), 'THAWED')
}

/** Removes `path` and all below from all hierarchies, those that others made included. */
export async function removeGroup(ending: Ending, path: string): Promise<void> {
  const { files, hierarchies, clock } = ending
  const end = clock.monotonic() + REMOVE_TIMEOUT_MS
  for (let wait = 1; ; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    const busy = hierarchies.all.filter((hierarchy) => !removeTree(files, join(hierarchy, path)))
    if (busy.length === 0) return
    if (clock.monotonic() > end) {
      throw new OperatingError('ISOLATION', `The control group ${path} stays busy in ${busy.join(', ')}`, {
        hint: 'Look into its cgroup.procs for processes that entered it from outside',
      })
    }
    await clock.sleep(wait)
  }
}

function removeTree(files: KernelFiles, directory: string): boolean {
  if (!files.exists(directory)) return true
  return groupsBelow(files, directory).every((group) => files.removeDirectory(group) !== 'busy')
}

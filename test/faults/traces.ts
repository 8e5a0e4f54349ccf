// Finds and removes what a run leaves on a machine: all of it carries the run's mark, a word that nothing else has.
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { runCommand } from '../../src/base/exec.ts'

const CGROUPS = '/sys/fs/cgroup'
const CGROUP_DEPTH = 7
/** The kernel needs a moment to take back what was killed. */
const WIPE_TRIES = 100
const WIPE_PAUSE_MS = 100

export interface MarkedProcess {
  readonly pid: number
  readonly command: string
  /** Inside of a control group with the mark. */
  readonly grouped: boolean
}

/** Processes that have the mark in their arguments, their environment or the name of their control group. */
export function markedProcesses(mark: string): MarkedProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => {
      const command = procFile(name, 'cmdline').replaceAll('\0', ' ').trim()
      const grouped = procFile(name, 'cgroup').includes(mark)
      // A zombie has neither arguments nor environment, and is its parent's to take away.
      if (command === '') return []
      const ours = grouped || command.includes(mark) || procFile(name, 'environ').includes(mark)
      return ours ? [{ pid: Number(name), command, grouped }] : []
    })
}

/** Control groups whose name has the mark, and everything below them; deepest last. */
export function markedCgroups(mark: string): string[] {
  return groupsBelow(CGROUPS, mark, CGROUP_DEPTH, false)
}

function groupsBelow(folder: string, mark: string, depth: number, inside: boolean): string[] {
  if (depth === 0) return []
  return foldersIn(folder).flatMap((name) => {
    const path = join(folder, name)
    const ours = inside || name.includes(mark)
    return [...(ours ? [path] : []), ...groupsBelow(path, mark, depth - 1, ours)]
  })
}

export function foldersIn(folder: string): string[] {
  const entries = gone(() => readdirSync(folder, { withFileTypes: true })) ?? []
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
}

/** Mount points whose path has the mark, in the order in which they were made. */
export function markedMounts(mark: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.includes(mark))
}

/**
 * Removes everything with the mark: processes (SIGKILL), control groups, mounts, the folder. For the end of a run,
 * however it came about, and for runs that were killed themselves.
 * @returns what could not be removed, one sentence each
 */
export async function wipe(mark: string, folder: string): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    for (const { pid } of markedProcesses(mark)) kill(pid)
    await unmountAll(mark)
    removeGroups(mark)
    const left = [
      ...markedProcesses(mark).map(({ pid, command }) => `process ${pid} runs: ${command.slice(0, 200)}`),
      ...markedCgroups(mark).map((path) => `cgroup ${path} exists`),
      ...markedMounts(mark).map((point) => `mount ${point} exists`),
    ]
    if (left.length > 0 && tries < WIPE_TRIES) {
      await systemClock.sleep(WIPE_PAUSE_MS)
      continue
    }
    removeShimSockets(folder)
    rmSync(folder, { recursive: true, force: true })
    return left
  }
}

function kill(pid: number): void {
  gone(() => process.kill(pid, 'SIGKILL'))
}

async function unmountAll(mark: string): Promise<void> {
  const points = markedMounts(mark).toReversed()
  if (points.length > 0) await runCommand('umount', ['--lazy', ...points])
}

function removeGroups(mark: string): void {
  for (const path of markedCgroups(mark).toReversed()) gone(() => rmdirSync(path))
}

/** A killed shim leaves its socket in a folder that all engines share; the bundle says its name. */
function removeShimSockets(folder: string): void {
  const bundles = join(folder, 'exec/containerd/daemon/io.containerd.runtime.v2.task/moby')
  for (const id of foldersIn(bundles)) {
    const address = join(bundles, id, 'address')
    if (existsSync(address)) rmSync(readFileSync(address, 'utf8').replace('unix://', ''), { force: true })
  }
}

function procFile(pid: string, name: string): string {
  return gone(() => readFileSync(`/proc/${pid}/${name}`, 'utf8')) ?? ''
}

/** What was listed a moment ago may be gone, busy for a moment more, or another user's. */
function gone<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (['ENOENT', 'ESRCH', 'ENODEV', 'EACCES', 'EBUSY', 'ENOTDIR'].includes(code)) return undefined
    throw error
  }
}

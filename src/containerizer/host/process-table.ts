// Reads /proc: which processes there are, whose children, in which session.
import { readdirSync, readFileSync } from 'node:fs'
import { errnoOf } from '../cgroups/files.ts'

export interface ProcessEntry {
  readonly pid: number
  readonly state: string
  readonly parent: number
  readonly session: number
  /** Clock ticks after boot; with the pid it names a process for good, while a pid alone is used again. */
  readonly startTicks: number
  readonly threads: number
}

/** Parses a line of /proc/PID/stat; the name in parentheses may hold anything, so it is skipped from its last one. */
export function parseStat(line: string): ProcessEntry | undefined {
  const end = line.lastIndexOf(')')
  const pid = Number.parseInt(line, 10)
  const fields = line.slice(end + 2).split(' ')
  const [state, parent, , session] = fields
  const startTicks = Number(fields[19])
  if (end < 0 || !(pid > 0) || state === undefined || Number.isNaN(startTicks)) return undefined
  const threads = Number(fields[17])
  return { pid, state, parent: Number(parent), session: Number(session), startTicks, threads }
}

function readOrGone(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined
    throw error
  }
}

/** One process, or undefined when it is gone. */
export function processEntry(pid: number): ProcessEntry | undefined {
  const line = readOrGone(`/proc/${pid}/stat`)
  return line === undefined ? undefined : parseStat(line)
}

/** The arguments of a process, each ended by NUL; undefined when it is gone. */
export function processArguments(pid: number): string | undefined {
  return readOrGone(`/proc/${pid}/cmdline`)
}

/** All processes of this machine that are not zombies. */
export function processTable(): readonly ProcessEntry[] {
  const pids = readdirSync('/proc').filter((name) => name.charCodeAt(0) <= 0x39 && name.charCodeAt(0) >= 0x31)
  const entries = pids.map((name) => processEntry(Number(name)))
  return entries.filter((entry): entry is ProcessEntry => entry !== undefined && entry.state !== 'Z')
}

/** Everything below `roots` or in `session`, without `except`. */
export function treeOf(
  table: readonly ProcessEntry[],
  roots: ReadonlySet<number>,
  session: number | undefined,
  except: number | undefined,
): readonly ProcessEntry[] {
  const members = new Set(roots)
  const inside = (entry: ProcessEntry): boolean => members.has(entry.parent) || entry.session === session
  for (let before = -1; before !== members.size; ) {
    before = members.size
    for (const entry of table) if (inside(entry)) members.add(entry.pid)
  }
  return table.filter((entry) => members.has(entry.pid) && entry.pid !== except)
}

/** Ends a process with all that it has started and its session; without the right to do so nothing happens. */
export function killBelow(pid: number): void {
  // What was forked while we looked is found the second time: a process that was killed forks no more.
  for (const _round of [1, 2]) {
    for (const entry of treeOf(processTable(), new Set([pid]), pid, undefined)) killOne(entry.pid)
  }
}

/** Nothing happens when it is gone, or is not ours to end. */
export function killOne(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH' && errnoOf(error) !== 'EPERM') throw error
  }
}

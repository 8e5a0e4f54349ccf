// A command beside a container's first process whose streams somebody holds, such as `tepui exec`.
import { readFileSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { drained } from '../base/drained.ts'
import type { CommandInfo } from '../wire/commands.ts'
import { errnoOf } from './cgroups/files.ts'
import { killBelow, killOne, processTable } from './host/process-table.ts'

export interface WindowSize {
  readonly rows: number
  readonly columns: number
}

export interface SessionWish {
  /** Without spaces; unique. */
  readonly id: string
  /** Its user is the container's when it names none; its variables are added to the container's. */
  readonly command: CommandInfo
  /** Undefined for plain pipes; a terminal has only one stream of output. */
  readonly terminal: WindowSize | undefined
}

export type OutputName = 'STDOUT' | 'STDERR'

export interface Session {
  /**
   * Gives all output piece by piece, and waits for each to be taken. Resolves at its end; never rejects. To be called
   * once, and soon.
   */
  follow(take: (stream: OutputName, piece: Buffer) => Promise<void>): Promise<void>
  /** As wait(2) tells it: the exit status times 256, or the signal. Settles when it ended; never rejects. */
  readonly exited: Promise<number>
  /** Resolves when there is room for more; what comes after the end is dropped. */
  write(bytes: Uint8Array): Promise<void>
  /** No more input follows. */
  endInput(): void
  /**
   * Comes through some time later: it is tried until it has, a newer size was asked for, or the session is over.
   * Nothing happens without a terminal.
   */
  resize(size: WindowSize): void
  /** Sends a signal to its first process. */
  signal(number: number): Promise<void>
  /** Ends it with all that it started. Resolves when that was asked for; may be called again. */
  end(): Promise<void>
}

export const statusOfCode = (code: number): number => (code & 0xff) << 8

/** The variable by which processes of a session are known, wherever they went. */
export const SESSION_MARK = 'TEPUI_SESSION'

/**
 * Ends all of a session: below its first process, in its kernel session, or with its mark.
 *
 * @param inside the processes of its container; undefined where that is not known, and all are looked at
 */
export function killSession(
  pid: number | undefined,
  id: string,
  inside: (() => readonly number[]) | undefined,
): void {
  if (pid !== undefined && pid > 0) killBelow(pid)
  // What was forked while we looked is found the second time.
  for (const _round of [1, 2]) {
    const pids = inside?.() ?? processTable().map((entry) => entry.pid)
    for (const one of pids) if (isMarked(one, id)) killOne(one)
  }
}

/**
 * Ends what an agent that was killed has left of sessions: nobody holds their streams any more.
 *
 * @param containers in which they were opened; the id of a session begins with that of its container
 */
export function killLeftSessions(containers: ReadonlySet<string>): void {
  if (containers.size === 0) return
  for (const { pid } of processTable()) {
    const [container = ''] = markOf(pid)?.split('.') ?? []
    if (containers.has(container)) killOne(pid)
  }
}

const isMarked = (pid: number, id: string): boolean => markOf(pid) === id

/** The session that a process belongs to. */
function markOf(pid: number): string | undefined {
  try {
    const variables = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0')
    return variables.find((one) => one.startsWith(`${SESSION_MARK}=`))?.slice(SESSION_MARK.length + 1)
  } catch (error) {
    // Gone, or somebody else's.
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(errnoOf(error))) return undefined
    throw error
  }
}

/** Resolves when there is room for more, or the stream is over. */
export function writeTo(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed || stream.writableEnded || stream.write(bytes)) return Promise.resolve()
  return drained(stream)
}

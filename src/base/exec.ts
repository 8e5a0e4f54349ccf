// Child processes (execa): short commands with their output, and long-lived detached ones.
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { execa } from 'execa'
import { OperatingError } from './errors.ts'

export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** Bytes of standard output kept; more fails the command. Default 1 MiB. */
  readonly maxOutputBytes?: number
  readonly input?: string
  readonly signal?: AbortSignal
  readonly uid?: number
  readonly gid?: number
  /** In a process group of its own, all of which is killed at once when the signal aborts. */
  readonly group?: boolean
}

export interface CommandResult {
  readonly exitCode: number | undefined
  readonly signal: string | undefined
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command to its end; a non-zero end is a result, not an error. Throws when it cannot be started at all. */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const child = execa(file, [...args], {
    reject: false,
    stdin: options.input === undefined ? 'ignore' : 'pipe',
    maxBuffer: options.maxOutputBytes ?? 1024 * 1024,
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.signal === undefined || options.group === true ? {} : { cancelSignal: options.signal }),
    ...(options.group === true && { detached: true, cleanup: false }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  })
  const endGroup = (): void => killGroup(child.pid)
  if (options.group === true) {
    options.signal?.addEventListener('abort', endGroup, { once: true })
    if (options.signal?.aborted === true) endGroup()
  }
  const result = await child
  options.signal?.removeEventListener('abort', endGroup)
  if (result.isMaxBuffer) throw new OperatingError('LIMIT', `${file} printed more than it may`)
  if (result.failed && result.exitCode === undefined && result.signal === undefined) {
    throw new OperatingError('LAUNCH', `Cannot run ${file}: ${result.shortMessage}`, { cause: result.cause })
  }
  return { exitCode: result.exitCode, signal: result.signal, stdout: result.stdout, stderr: result.stderr }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

export interface DetachedOptions {
  readonly cwd: string
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
}

export interface DetachedProcess {
  readonly pid: number
  /** Settles when the direct child ended; never rejects. */
  readonly exited: Promise<{ readonly exitCode: number | undefined; readonly signal: string | undefined }>
}

const START_TROUBLES: Readonly<Record<string, string>> = {
  E2BIG:
    'its arguments and environment are more than the kernel takes (128 KiB each, 2 MiB in all by default)',
}

/** Starts a process in a session of its own that outlives us. Its streams are closed: a shim has its own. */
export async function startDetached(
  file: string,
  args: readonly string[],
  options: DetachedOptions,
): Promise<DetachedProcess> {
  const child = execa(file, [...args], {
    cwd: options.cwd,
    env: options.env,
    extendEnv: false,
    detached: true,
    cleanup: false,
    reject: false,
    buffer: false,
    stdio: 'ignore',
  })
  if (child.pid === undefined) {
    const { code = '', originalMessage = '' } = await child
    throw new OperatingError('LAUNCH', `Cannot start ${file}: ${START_TROUBLES[code] ?? originalMessage}`)
  }
  child.nodeChildProcess.unref()
  const exited = child.then((result) => ({ exitCode: result.exitCode, signal: result.signal }))
  return { pid: child.pid, exited }
}

export interface GroupOptions {
  readonly cwd?: string
  /** The whole environment; our own when left out. */
  readonly env?: Readonly<Record<string, string>>
}

/** A process in a session of its own, with pipes to us, that ends with all its children when we say so. */
export interface ProcessGroup {
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Settles when the direct child has ended, though its children may hold the pipes open; never rejects. */
  readonly exited: Promise<{ readonly exitCode: number | undefined; readonly signal: string | undefined }>
  /** SIGKILL to all that is left of the session's first group. */
  kill(): void
}

/** @throws OperatingError LAUNCH when it cannot be started */
export async function startGroup(
  file: string,
  args: readonly string[],
  options: GroupOptions = {},
): Promise<ProcessGroup> {
  const child = execa(file, [...args], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env, extendEnv: false }),
    detached: true,
    reject: false,
    buffer: false,
    stdio: 'pipe',
  })
  const { pid } = child
  if (pid === undefined) {
    const { code = '', originalMessage = '' } = await child
    throw new OperatingError('LAUNCH', `Cannot start ${file}: ${START_TROUBLES[code] ?? originalMessage}`)
  }
  // Pipes break when the other side ends first, which its end tells.
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.on('error', () => undefined)
  const exited = once(child.nodeChildProcess, 'exit').then(([code, signal]) => ({
    exitCode: (code as number | null) ?? undefined,
    signal: (signal as string | null) ?? undefined,
  }))
  return {
    pid,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    exited,
    kill() {
      try {
        process.kill(-pid, 'SIGKILL')
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
    },
  }
}

export interface ProgramOptions {
  readonly cwd?: string
  /** Added to our own environment; undefined takes a variable out. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Each line of its standard output, as it comes. */
  readonly onLine: (line: string) => void
  /** Where its standard error is appended. */
  readonly errorFile: string
}

export interface Program {
  readonly pid: number
  /** Settles when it ended; never rejects. */
  readonly exited: Promise<{ readonly exitCode: number | undefined; readonly signal: string | undefined }>
  kill(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): void
}

/**
 * Starts a child with us as its parent, in a process group of its own so that a terminal's Ctrl-C reaches only us. Its
 * standard input stays open until we end, which it may take as a sign to end as well.
 * @throws OperatingError LAUNCH when it cannot be started
 */
export function startProgram(file: string, args: readonly string[], options: ProgramOptions): Program {
  const child = execa(file, [...args], {
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    detached: true,
    // Whoever asks it to end says how long it may take: execa would kill it after five seconds.
    forceKillAfterDelay: false,
    reject: false,
    buffer: false,
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: { file: options.errorFile, append: true },
  })
  if (child.pid === undefined) {
    throw new OperatingError('LAUNCH', `Cannot start ${file}`)
  }
  const lines = async (): Promise<void> => {
    for await (const line of child.iterable()) options.onLine(line)
  }
  // Lines are read until the pipe closes; how that came about is told by the end of the process.
  void lines().catch((error: unknown) => void error)
  const exited = child.then((result) => ({ exitCode: result.exitCode, signal: result.signal }))
  return { pid: child.pid, exited, kill: (signal) => void child.kill(signal) }
}

export interface FilterOptions {
  /** What it reads on its standard input. */
  readonly inputFile: string
  readonly signal: AbortSignal
}

/**
 * What a program makes of a file, as it comes; whoever stops reading ends the program.
 * @throws OperatingError LAUNCH when it cannot be started, FILE with its own words when it fails
 */
export async function* filterFile(
  file: string,
  args: readonly string[],
  options: FilterOptions,
): AsyncGenerator<Uint8Array> {
  const child = execa(file, [...args], {
    stdin: { file: options.inputFile },
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: { stdout: false, stderr: true },
    maxBuffer: 64 * 1024,
    reject: false,
    cancelSignal: options.signal,
  })
  let whole = false
  try {
    if (child.pid === undefined) {
      const { originalMessage = '' } = await child
      throw new OperatingError('LAUNCH', `Cannot run ${file}: ${originalMessage}`)
    }
    yield* child.iterable({ binary: true })
    whole = true
  } finally {
    if (!whole) child.kill('SIGKILL')
  }
  const { exitCode, stderr } = await child
  options.signal.throwIfAborted()
  if (exitCode === 0) return
  const words = stderr.trim().split('\n')[0] ?? ''
  throw new OperatingError('FILE', words === '' ? `${file} failed with exit status ${exitCode}` : words)
}

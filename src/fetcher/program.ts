// Programs that bring a file: watched by what they write, ended with all their children, run as the task's user.
import { lstat, opendir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { type CommandResult, runCommand } from '../base/exec.ts'
import { formatDuration, humanBytes } from '../base/units.ts'
import type { LoadOptions, Owner } from './source.ts'

const LOOK_EVERY_MS = 1000
/** Adding up a large folder is followed by so many times as long a rest. */
const REST_TIMES = 9

export interface WatchedProgram {
  readonly argv: readonly string[]
  /** Whom to run as; undefined: the agent's user. */
  readonly user: Owner | undefined
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Files or folders of which one grows; the first that exists is looked at. */
  readonly files: readonly string[]
}

/** @throws OperatingError LAUNCH when it cannot be run, FETCH for a stall, LIMIT; the signal's reason */
export async function runWatched(
  clock: Clock,
  program: WatchedProgram,
  options: Pick<LoadOptions, 'stallTimeoutMs' | 'maxBytes' | 'onProgress'>,
  signal: AbortSignal,
): Promise<CommandResult> {
  const { env, files, input } = program
  const [file, ...args] = asUser(program.argv, program.user)
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const ended = new AbortController()
  const watching = watch(clock, files, options, ended.signal).catch((error: unknown) => stop.abort(error))
  try {
    const result = await runCommand(file ?? '', args, {
      group: true,
      signal: both,
      ...(env !== undefined && { env }),
      ...(input !== undefined && { input }),
    })
    both.throwIfAborted()
    if (result.exitCode !== 0) return result
    // What came after the last look.
    const bytes = await sizeOf(files)
    options.onProgress(bytes, undefined)
    checkSize(bytes, options.maxBytes)
    return result
  } finally {
    ended.abort()
    await watching
  }
}

/** The arguments with which a program runs as another user, with all of his groups. */
export function asUser(argv: readonly string[], user: Owner | undefined): readonly string[] {
  if (user === undefined || user.uid === process.getuid?.()) return argv
  return ['setpriv', `--reuid=${user.uid}`, `--regid=${user.gid}`, '--init-groups', '--', ...argv]
}

/** Resolves when `ended` aborts. @throws OperatingError for a file that no longer grows, or is too large */
async function watch(
  clock: Clock,
  files: readonly string[],
  { stallTimeoutMs, maxBytes, onProgress }: Pick<LoadOptions, 'stallTimeoutMs' | 'maxBytes' | 'onProgress'>,
  ended: AbortSignal,
): Promise<void> {
  let bytes = 0
  let since = clock.monotonic()
  let restMs = 0
  while (!ended.aborted) {
    const waitMs = Math.max(restMs, Math.min(LOOK_EVERY_MS, stallTimeoutMs))
    await clock.sleep(waitMs, ended).catch((error: unknown) => void error)
    if (ended.aborted) return
    const begun = clock.monotonic()
    const now = await sizeOf(files)
    restMs = (clock.monotonic() - begun) * REST_TIMES
    if (now !== bytes) since = clock.monotonic()
    bytes = now
    onProgress(bytes, undefined)
    checkSize(bytes, maxBytes)
    if (clock.monotonic() - since >= stallTimeoutMs)
      throw new OperatingError(
        'FETCH',
        `no data came for ${formatDuration(stallTimeoutMs)} (--fetcher_stall_timeout)`,
      )
  }
}

function checkSize(bytes: number, maxBytes: number): void {
  if (bytes > maxBytes) throw new OperatingError('LIMIT', `it is larger than ${humanBytes(maxBytes)}`)
}

async function sizeOf(files: readonly string[]): Promise<number> {
  for (const file of files) {
    try {
      const info = await lstat(file)
      return info.isDirectory() ? await sizeBelow(file) : info.size
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
  return 0
}

/** Of all files in a folder, as far as it stands still. */
async function sizeBelow(folder: string): Promise<number> {
  let bytes = 0
  for await (const entry of await opendir(folder, { recursive: true })) {
    if (!entry.isFile()) continue
    try {
      bytes += (await lstat(join(entry.parentPath, entry.name))).size
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
  return bytes
}

const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'

/** The last lines that a program wrote, short enough for a message. */
export function lastWords({ exitCode, signal, stderr, stdout }: CommandResult): string {
  const said = (stderr.trim() === '' ? stdout : stderr).trim().split('\n').slice(-3).join('; ').slice(-500)
  const end = exitCode === undefined ? `ended by ${signal}` : `exit status ${exitCode}`
  return said === '' ? end : `${said} (${end})`
}

// Files and folders of the agent's own machine, read as the task's user: what he may not read he does not get.
import { constants } from 'node:fs'
import { copyFile, cp, open, stat } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { humanBytes } from '../base/units.ts'
import { BatchWriter } from './batch-writer.ts'
import { lastWords, runWatched } from './program.ts'
import type { Loaded, LoadOptions, Owner, Source } from './source.ts'

/** Up to here a copy is one call; above, it is made in pieces, so that it can be seen and ended. */
const AT_ONCE_BYTES = 64 * 1024 * 1024
const PIECE = 1024 * 1024

export function localSource(clock: Clock, path: string, user: Owner | undefined): Source {
  const reader = user === undefined || user.uid === process.getuid?.() ? undefined : user
  return {
    reader,
    size: async () => {
      const info = await stat(path).catch((error: unknown) => reasonOf(error))
      return typeof info !== 'string' && info.isFile() && info.size > 0 ? info.size : undefined
    },
    load: async (to, options, signal): Promise<Loaded> => {
      if (reader === undefined) await copy(path, to, options, signal)
      else await copyAs(clock, path, to, reader, options, signal)
      return { status: undefined, retries: 0, resumes: 0, seen: false }
    },
  }
}

async function copyAs(
  clock: Clock,
  from: string,
  to: string,
  user: Owner,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<void> {
  const argv = ['cp', '-R', '--', from, to]
  const result = await runWatched(clock, { argv, user, files: [to] }, options, signal)
  if (result.exitCode !== 0) throw new OperatingError('FETCH', lastWords(result))
}

async function copy(from: string, to: string, options: LoadOptions, signal: AbortSignal): Promise<void> {
  const info = await stat(from)
  // Links inside stay as they are: whoever follows one does it with his own rights.
  if (info.isDirectory()) return cp(from, to, { recursive: true, verbatimSymlinks: true })
  if (!info.isFile()) throw new OperatingError('FETCH', 'it is neither a file nor a folder')
  await copyContents(from, to, options, signal)
}

/** A copy that shares its blocks where the file system can do that. @throws OperatingError LIMIT */
export async function copyContents(
  from: string,
  to: string,
  { maxBytes, onProgress }: Pick<LoadOptions, 'maxBytes' | 'onProgress'>,
  signal: AbortSignal,
): Promise<void> {
  const { size, mode } = await stat(from)
  if (size > maxBytes)
    throw new OperatingError('LIMIT', `it has ${humanBytes(size)}, more than ${humanBytes(maxBytes)}`)
  if (size <= AT_ONCE_BYTES) {
    await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
    onProgress(size, size)
    return
  }
  await using source = await open(from, 'r')
  await using target = await open(to, 'wx', mode & 0o777)
  const writer = new BatchWriter(target)
  let done = 0
  for (;;) {
    signal.throwIfAborted()
    const { buffer, bytesRead } = await source.read(Buffer.allocUnsafe(PIECE), 0, PIECE, done)
    if (bytesRead === 0) break
    done += bytesRead
    await writer.write(buffer.subarray(0, bytesRead))
    onProgress(done, size)
  }
  await writer.flush()
}

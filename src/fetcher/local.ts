// Files and folders of the agent's own machine, read as the task's user: what he may not read he does not get.
import { constants } from 'node:fs'
import { copyFile, open, stat } from 'node:fs/promises'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { humanBytes } from '../base/units.ts'
import { BatchWriter } from './batch-writer.ts'
import { lastWords, runWatched } from './program.ts'
import type { Loaded, LoadOptions, Owner, Source } from './source.ts'

const PIECE = 1024 * 1024
/** What file systems say that cannot share blocks, or not between these two. */
const NO_CLONES = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM'])

export function localSource(clock: Clock, path: string, user: Owner | undefined): Source {
  const reader = user === undefined || user.uid === process.getuid?.() ? undefined : user
  return {
    reader,
    size: async () => {
      const info = await stat(path).catch((error: unknown) => reasonOf(error))
      return typeof info !== 'string' && info.isFile() && info.size > 0 ? info.size : undefined
    },
    load: async (to, options, signal): Promise<Loaded> => {
      if (reader !== undefined || (await stat(path)).isDirectory())
        await copyBy(clock, path, to, reader, options, signal)
      else await copyContents(path, to, options, signal)
      return { status: undefined, retries: 0, resumes: 0, seen: false }
    },
  }
}

/** By a program: as another user, and folders, which are watched and can be ended so. */
async function copyBy(
  clock: Clock,
  from: string,
  to: string,
  user: Owner | undefined,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<void> {
  // Only the name itself is followed. Links inside stay as they are: whoever follows one does it with his own rights.
  const argv = ['cp', '-R', '-H', '--', from, to]
  const result = await runWatched(clock, { argv, user, files: [to] }, options, signal)
  if (result.exitCode !== 0) throw new OperatingError('FETCH', lastWords(result))
}

/**
 * A copy that shares its blocks where the file system can do that. What is shorter than it said, as it was cut
 * meanwhile, is no copy.
 * @throws OperatingError LIMIT, FETCH
 */
export async function copyContents(
  from: string,
  to: string,
  { maxBytes, onProgress }: Pick<LoadOptions, 'maxBytes' | 'onProgress'>,
  signal: AbortSignal,
): Promise<void> {
  // A pipe that took the place of the file meanwhile is not waited for.
  await using source = await open(from, constants.O_RDONLY | constants.O_NONBLOCK)
  const info = await source.stat()
  if (!info.isFile()) throw new OperatingError('FETCH', 'it is neither a file nor a folder')
  const { mode, size } = info
  const tooLarge = (bytes: number): OperatingError =>
    new OperatingError('LIMIT', `it has ${humanBytes(bytes)}, more than ${humanBytes(maxBytes)}`)
  if (size > maxBytes) throw tooLarge(size)
  if (await cloned(from, to)) {
    onProgress(size, size)
    return
  }
  await using target = await open(to, 'wx', 0o600)
  const writer = new BatchWriter(target)
  let done = 0
  for (;;) {
    signal.throwIfAborted()
    const { buffer, bytesRead } = await source.read(Buffer.allocUnsafe(PIECE), 0, PIECE, done)
    if (bytesRead === 0) break
    done += bytesRead
    // It may grow while it is read.
    if (done > maxBytes) throw tooLarge(done)
    await writer.write(buffer.subarray(0, bytesRead))
    onProgress(done, size)
  }
  await writer.flush()
  if (done < size)
    throw new OperatingError(
      'FETCH',
      `only ${done} of its ${size} bytes could be read: it was cut meanwhile`,
      {
        hint: 'Try again when nobody writes to it, or put files there by renaming them',
      },
    )
  await target.chmod(mode & 0o777)
}

async function cloned(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL)
    return true
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (NO_CLONES.has(code)) return false
    throw error
  }
}

// Where a recording lies: one CSV file, or a folder of them in the order of their names. Read twice, never held.
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatingError } from '../base/errors.ts'
import { type Moment, RecordingReader } from './rows.ts'

const MAX_BYTES = 8 * 1024 ** 3
const MAX_FILES = 10_000

/** The files of a recording. @throws OperatingError FILE, or LIMIT for too much */
export async function filesOf(path: string): Promise<readonly string[]> {
  let bytes = 0
  try {
    const found = await stat(path)
    const files = found.isDirectory()
      ? (await readdir(path))
          .filter((name) => name.endsWith('.csv'))
          .sort()
          .map((name) => join(path, name))
      : [path]
    if (files.length === 0)
      throw new OperatingError('FILE', `There is no recording in ${path}: it has no file that ends in .csv`)
    if (files.length > MAX_FILES)
      throw new OperatingError('LIMIT', `${path} has more than ${MAX_FILES} files`)
    for (const file of files) bytes += (await stat(file)).size
    if (bytes <= MAX_BYTES) return files
  } catch (error) {
    if (error instanceof OperatingError) throw error
    throw unreadable(path, error)
  }
  throw new OperatingError('LIMIT', `The recording ${path} has ${bytes} bytes, ${MAX_BYTES} are the limit`)
}

/** All moments, in order of time. @throws OperatingError FILE, LIMIT, or USAGE naming file, line and column */
export async function* momentsOf(
  files: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Moment, number> {
  let reader: RecordingReader | undefined
  for (const file of files) {
    reader = new RecordingReader(file, reader)
    for await (const bytes of bytesOf(file)) {
      signal.throwIfAborted()
      yield* reader.push(bytes)
    }
    yield* reader.end()
  }
  return reader?.rows ?? 0
}

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file) as AsyncIterable<Uint8Array>
  } catch (error) {
    if (error instanceof OperatingError) throw error
    throw unreadable(file, error)
  }
}

function unreadable(path: string, cause: unknown): OperatingError {
  return new OperatingError('FILE', `The recording ${path} cannot be read`, { cause })
}

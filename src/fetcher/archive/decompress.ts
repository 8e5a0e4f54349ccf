// Bytes of a file as they were before it was packed; what packed it is told by its first bytes, never by its name.
import { createReadStream } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { pipeline, type Transform } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { filterFile } from '../../base/exec.ts'
import { refusal } from './entry.ts'

export type Packing = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'zip'

const MAGIC: readonly (readonly [Packing, string])[] = [
  ['gzip', '1f8b'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
  ['zip', '504b0304'],
  ['zip', '504b0506'],
]
const PIECE = 256 * 1024
/** What xz may take to unpack; archives made with -9 need 65 MiB. */
const XZ_MEMORY = '--memlimit-decompress=192MiB'

export async function packingOf(file: FileHandle): Promise<Packing> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(6), 0, 6, 0)
  const begin = buffer.toString('hex', 0, bytesRead)
  return MAGIC.find(([, magic]) => begin.startsWith(magic))?.[0] ?? 'none'
}

/** @throws OperatingError FETCH in the midst, when the file is damaged, cut off, or its program is missing */
export async function* decompressed(
  path: string,
  packing: Packing,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  switch (packing) {
    case 'gzip':
      return yield* through(path, createGunzip({ chunkSize: PIECE }))
    case 'zstd':
      return yield* through(path, createZstdDecompress({ chunkSize: PIECE }))
    case 'bzip2':
    case 'xz':
      return yield* byProgram(path, packing, signal)
    default:
      return yield* createReadStream(path, { highWaterMark: PIECE })
  }
}

async function* through(path: string, unpack: Transform): AsyncGenerator<Uint8Array> {
  // Its errors come out of the iteration.
  pipeline(createReadStream(path, { highWaterMark: PIECE }), unpack, () => undefined)
  try {
    yield* unpack
  } catch (error) {
    throw refusal(`it is damaged or cut off: ${reasonOf(error)}`, error)
  }
}

async function* byProgram(
  path: string,
  packing: 'bzip2' | 'xz',
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const args = packing === 'xz' ? ['-dc', XZ_MEMORY] : ['-dc']
  try {
    yield* filterFile(packing, args, { inputFile: path, signal })
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    if (error.code === 'LAUNCH') {
      const hint = `Install ${packing === 'xz' ? 'xz-utils' : packing} on the agent's machine`
      throw new OperatingError('FETCH', `${packing} is missing on the agent's machine`, {
        cause: error,
        hint,
      })
    }
    throw refusal(`it is damaged or cut off: ${error.message}`, error)
  }
}

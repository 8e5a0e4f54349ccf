// Reads the entries of a zip archive; what it says of itself in two places must be the same.
import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream'
import { crc32, createInflateRaw } from 'node:zlib'
import { checkLink, cleanName, type Entry, refusal, shownName, textOf } from './entry.ts'
import { readAt, readDirectory, type ZipItem } from './zip-directory.ts'

const LOCAL = 0x04034b50
const STORED = 0
const DEFLATED = 8
const MAX_TARGET_BYTES = 4096
const KIND = 0o170000
const FOLDER = 0o040000
const LINK = 0o120000
const FILE = 0o100000

/** @throws OperatingError FETCH in the midst, for what is damaged, cut off, encrypted, or leads outside */
export async function* zipEntries(
  file: FileHandle,
  fileBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  for (const item of await readDirectory(file, fileBytes)) {
    signal.throwIfAborted()
    yield await entryOf(file, item)
  }
}

async function entryOf(file: FileHandle, item: ZipItem): Promise<Entry> {
  const name = cleanName(item.name)
  const kind = item.mode & KIND
  const common = { name, mtime: item.mtime }
  if (item.name.endsWith('/') || kind === FOLDER)
    return { ...common, mode: modeOf(item, 0o755), kind: 'folder' }
  if (kind !== 0 && kind !== FILE && kind !== LINK)
    throw refusal(`the archive holds a device or pipe: ${shownName(name)}`)
  if (item.method !== STORED && item.method !== DEFLATED)
    throw refusal(
      `the archive packs ${shownName(name)} by method ${item.method}; stored and deflated are read`,
    )
  if (item.method === STORED && item.bytes !== item.packedBytes)
    throw refusal(`the archive is damaged: ${shownName(name)} has two sizes`)
  const data = checked(item, contents(file, item))
  if (kind !== LINK) return { ...common, mode: modeOf(item, 0o644), kind: 'file', data }
  if (item.bytes > MAX_TARGET_BYTES) throw refusal(`the archive links ${shownName(name)} to no path`)
  const target = textOf(Buffer.concat(await Array.fromAsync(data)))
  checkLink(name, target)
  return { ...common, mode: 0o777, kind: 'link', target }
}

function modeOf(item: ZipItem, fallback: number): number {
  const mode = item.mode & 0o777
  return mode === 0 ? fallback : mode
}

/** The entry's own bytes, unpacked; its local header must name what the directory names. */
async function* contents(file: FileHandle, item: ZipItem): AsyncGenerator<Uint8Array> {
  const header = await readAt(file, item.at, 30)
  const nameBytes = header.readUInt16LE(26)
  const begin = item.at + 30 + nameBytes + header.readUInt16LE(28)
  if (header.readUInt32LE(0) !== LOCAL || begin + item.packedBytes > item.end)
    throw refusal(`the archive is damaged: ${shownName(item.name)} is not where its directory says`)
  const name = textOf(await readAt(file, item.at + 30, nameBytes))
  if (name.replaceAll('\\', '/') !== item.name.replaceAll('\\', '/'))
    throw refusal(`the archive is damaged: ${shownName(item.name)} is called ${shownName(name)} elsewhere`)
  if (item.packedBytes === 0) return
  const packed = file.createReadStream({
    start: begin,
    end: begin + item.packedBytes - 1,
    autoClose: false,
    highWaterMark: 256 * 1024,
  })
  if (item.method === STORED) {
    yield* packed
    return
  }
  const inflate = createInflateRaw({ chunkSize: 128 * 1024 })
  // Its errors come out of the iteration.
  pipeline(packed, inflate, () => undefined)
  try {
    yield* inflate
  } catch (error) {
    throw refusal(`the archive is damaged: ${shownName(item.name)} cannot be unpacked`, error)
  }
}

/** Passes bytes on; they must be as many, and have the checksum, as the directory says. */
async function* checked(item: ZipItem, data: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let bytes = 0
  let sum = 0
  for await (const part of data) {
    bytes += part.length
    if (bytes > item.bytes) break
    sum = crc32(part, sum)
    yield part
  }
  if (bytes !== item.bytes || sum !== item.crc32)
    throw refusal(`the archive is damaged: size or checksum of ${shownName(item.name)} is wrong`)
}

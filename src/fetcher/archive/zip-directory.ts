// The central directory of a zip archive: what is in it, where, and whether that can be true.
import type { FileHandle } from 'node:fs/promises'
import { refusal, shownName, textOf } from './entry.ts'

export interface ZipItem {
  /** As it stands: not yet checked. */
  readonly name: string
  readonly method: number
  readonly crc32: number
  readonly packedBytes: number
  readonly bytes: number
  /** Where its local header begins. */
  readonly at: number
  /** Where the next one, or the directory, begins. */
  readonly end: number
  /** Mode of Unix with the kind of file, or 0 when the archive does not tell. */
  readonly mode: number
  readonly mtime: number
}

const END = 0x06054b50
const END_64 = 0x06064b50
const LOCATOR_64 = 0x07064b50
const ITEM = 0x02014b50
const END_BYTES = 22
const MAX_COMMENT = 65_535
const MAX_DIRECTORY_BYTES = 128 * 1024 * 1024
const ALL_32 = 0xff_ff_ff_ff
const ALL_16 = 0xff_ff
/** Systems (APPNOTE 4.4.2) whose attributes are Unix modes: Unix and macOS. */
const UNIX_LIKE = new Set([3, 19])
/** Systems on which names are parted by `\`. */
const DOS_LIKE = new Set([0, 10, 11, 14])

const damaged = (why: string): Error => refusal(`it is no zip archive, or a damaged one: ${why}`)

/** @throws OperatingError FETCH */
export async function readDirectory(file: FileHandle, fileBytes: number): Promise<readonly ZipItem[]> {
  const { count, at, bytes } = await findDirectory(file, fileBytes)
  const directory = await readAt(file, at, bytes)
  const items: Omit<ZipItem, 'end'>[] = []
  let offset = 0
  for (let index = 0; index < count; index++) {
    if (offset + 46 > bytes || directory.readUInt32LE(offset) !== ITEM)
      throw damaged('its directory has fewer entries than it says')
    const [item, length] = itemOf(directory, offset)
    items.push(item)
    offset += length
  }
  return bounded(items, at)
}

export async function readAt(file: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(bytes)
  let done = 0
  while (done < bytes) {
    const { bytesRead } = await file.read(buffer, done, bytes - done, at + done)
    if (bytesRead === 0) throw damaged('it is cut off')
    done += bytesRead
  }
  return buffer
}

interface Directory {
  readonly count: number
  readonly at: number
  readonly bytes: number
}

async function findDirectory(file: FileHandle, fileBytes: number): Promise<Directory> {
  const tailBytes = Math.min(fileBytes, END_BYTES + MAX_COMMENT)
  const tail = await readAt(file, fileBytes - tailBytes, tailBytes)
  let end = tail.length - END_BYTES
  while (
    end >= 0 &&
    !(tail.readUInt32LE(end) === END && end + END_BYTES + tail.readUInt16LE(end + 20) === tail.length)
  )
    end--
  if (end < 0) throw damaged('it has no directory at its end')
  if (tail.readUInt16LE(end + 4) !== 0 && tail.readUInt16LE(end + 4) !== ALL_16)
    throw refusal('the archive is one part of several')
  const plain = {
    count: tail.readUInt16LE(end + 10),
    bytes: tail.readUInt32LE(end + 12),
    at: tail.readUInt32LE(end + 16),
  }
  const large = plain.count === ALL_16 || plain.bytes === ALL_32 || plain.at === ALL_32
  const found = large ? await findLarge(file, fileBytes - tailBytes + end, plain) : plain
  if (found.bytes > MAX_DIRECTORY_BYTES)
    throw refusal(
      `the directory of the archive has ${found.bytes} bytes: nobody ships so many names in earnest`,
    )
  if (found.at + found.bytes > fileBytes) throw damaged('its directory is said to lie behind its end')
  return found
}

async function findLarge(file: FileHandle, end: number, plain: Directory): Promise<Directory> {
  if (end < 20) return plain
  const locator = await readAt(file, end - 20, 20)
  if (locator.readUInt32LE(0) !== LOCATOR_64) return plain
  const record = await readAt(file, number64(locator, 8), 56)
  if (record.readUInt32LE(0) !== END_64) throw damaged('its large directory is not where it is said to be')
  return { count: number64(record, 32), bytes: number64(record, 40), at: number64(record, 48) }
}

function number64(buffer: Buffer, at: number): number {
  const value = buffer.readBigUInt64LE(at)
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw damaged('a size is far too large')
  return Number(value)
}

function itemOf(directory: Buffer, offset: number): readonly [Omit<ZipItem, 'end'>, number] {
  const u16 = (at: number): number => directory.readUInt16LE(offset + at)
  const u32 = (at: number): number => directory.readUInt32LE(offset + at)
  const [nameBytes, extraBytes] = [u16(28), u16(30)]
  const length = 46 + nameBytes + extraBytes + u16(32)
  if (offset + length > directory.length) throw damaged('its directory is cut off')
  const system = u16(4) >> 8
  const raw = textOf(directory.subarray(offset + 46, offset + 46 + nameBytes))
  const name = DOS_LIKE.has(system) && !raw.includes('/') ? raw.replaceAll('\\', '/') : raw
  if ((u16(8) & 0x2041) !== 0) throw refusal(`the archive is encrypted: ${shownName(name)}`)
  const extra = directory.subarray(offset + 46 + nameBytes, offset + 46 + nameBytes + extraBytes)
  const [bytes = 0, packedBytes = 0, at = 0] = large([u32(24), u32(20), u32(42)], extra)
  const item = {
    name,
    method: u16(10),
    crc32: u32(16),
    packedBytes,
    bytes,
    at,
    mode: UNIX_LIKE.has(system) ? u32(38) >>> 16 : 0,
    mtime: dosTime(u16(14), u16(12)),
  }
  return [item, length]
}

/** Sizes of more than 32 bits stand in an extra field (APPNOTE 4.5.3), those alone that are all ones. */
function large(sizes: readonly number[], extra: Buffer): readonly number[] {
  if (!sizes.includes(ALL_32)) return sizes
  for (let at = 0; at + 4 <= extra.length; ) {
    const length = extra.readUInt16LE(at + 2)
    if (extra.readUInt16LE(at) === 1) {
      let next = at + 4
      return sizes.map((size) => {
        if (size !== ALL_32) return size
        if (next + 8 > Math.min(extra.length, at + 4 + length)) throw damaged('a large size is missing')
        next += 8
        return number64(extra, next - 8)
      })
    }
    at += 4 + length
  }
  throw damaged('a large size is missing')
}

/** Every entry ends before the next begins: no byte of the archive is unpacked twice, as bombs want it. */
function bounded(items: readonly Omit<ZipItem, 'end'>[], directoryAt: number): readonly ZipItem[] {
  const order = items.map((item, index) => ({ at: item.at, index })).toSorted((a, b) => a.at - b.at)
  const ends: number[] = []
  for (const [rank, { at, index }] of order.entries()) {
    const end = order[rank + 1]?.at ?? directoryAt
    const packed = items[index]?.packedBytes ?? 0
    if (at + 30 + packed > end) throw damaged('its entries lie over each other')
    ends[index] = end
  }
  return items.map((item, index) => ({ ...item, end: ends[index] ?? 0 }))
}

/** Time of DOS, which has no zone: taken as UTC. Days that no calendar has count on into the next month. */
function dosTime(date: number, time: number): number {
  const days = daysBefore(1980 + (date >> 9), (date >> 5) & 15) + (date & 31) - 1
  return days * 86_400 + (time >> 11) * 3600 + ((time >> 5) & 63) * 60 + (time & 31) * 2
}

const BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

/** Days from 1970 to the first of a month; for years from 1980 to 2107. */
function daysBefore(year: number, month: number): number {
  const leaps = Math.floor((year - 1969) / 4) - (year > 2100 ? 1 : 0)
  const isLeap = year % 4 === 0 && year !== 2100
  return (year - 1970) * 365 + leaps + (BEFORE_MONTH[month - 1] ?? 0) + (isLeap && month > 2 ? 1 : 0)
}

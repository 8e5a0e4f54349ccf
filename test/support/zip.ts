// Zip archives made by hand, so that they can be as wrong as an enemy's.
import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipPart {
  readonly name: string
  readonly data?: string | Buffer
  /** Mode of Unix with the kind of file. */
  readonly mode?: number
  readonly deflate?: boolean
  /** Where the directory says something else than the truth. */
  readonly method?: number
  readonly flags?: number
  readonly crc?: number
  readonly bytes?: number
  readonly packedBytes?: number
  readonly at?: number
  readonly localName?: string
  /** The system that it was made on; 3 is Unix. */
  readonly system?: number
}

export function zip(...parts: readonly ZipPart[]): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const part of parts) {
    const data = Buffer.from(part.data ?? '')
    const packed = part.deflate === true ? deflateRawSync(data) : data
    const common = { part, data, packed, at }
    const local = localHeader(common)
    locals.push(local, packed)
    directory.push(directoryEntry(common))
    at += local.length + packed.length
  }
  const entries = Buffer.concat(directory)
  return Buffer.concat([...locals, entries, endRecord(parts.length, entries.length, at)])
}

interface Made {
  readonly part: ZipPart
  readonly data: Buffer
  readonly packed: Buffer
  readonly at: number
}

function localHeader({ part, data, packed }: Made): Buffer {
  const name = Buffer.from(part.localName ?? part.name)
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(20, 4)
  header.writeUInt16LE(part.flags ?? 0, 6)
  header.writeUInt16LE(part.deflate === true ? 8 : 0, 8)
  header.writeUInt32LE(crc32(data), 14)
  header.writeUInt32LE(packed.length, 18)
  header.writeUInt32LE(data.length, 22)
  header.writeUInt16LE(name.length, 26)
  return Buffer.concat([header, name])
}

function directoryEntry({ part, data, packed, at }: Made): Buffer {
  const name = Buffer.from(part.name)
  const entry = Buffer.alloc(46)
  entry.writeUInt32LE(0x02014b50, 0)
  entry.writeUInt16LE(((part.system ?? 3) << 8) | 20, 4)
  entry.writeUInt16LE(20, 6)
  entry.writeUInt16LE(part.flags ?? 0, 8)
  entry.writeUInt16LE(part.method ?? (part.deflate === true ? 8 : 0), 10)
  entry.writeUInt16LE((44 << 9) | (1 << 5) | 1, 14)
  entry.writeUInt32LE(part.crc ?? crc32(data), 16)
  entry.writeUInt32LE(part.packedBytes ?? packed.length, 20)
  entry.writeUInt32LE(part.bytes ?? data.length, 24)
  entry.writeUInt16LE(name.length, 28)
  entry.writeUInt32LE(((part.mode ?? 0o100644) << 16) >>> 0, 38)
  entry.writeUInt32LE(part.at ?? at, 42)
  return Buffer.concat([entry, name])
}

export function endRecord(count: number, bytes: number, at: number): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(count, 8)
  end.writeUInt16LE(count, 10)
  end.writeUInt32LE(bytes, 12)
  end.writeUInt32LE(at, 16)
  return end
}

// One header of a tar archive (POSIX.1 ustar and pax, GNU tar's long names and large numbers, V7), and pax records.
import { refusal, textOf } from './entry.ts'

export const BLOCK = 512

export interface TarHeader {
  /** As it stands: not yet checked. */
  readonly name: string
  readonly linkName: string
  readonly type: string
  readonly mode: number
  readonly size: number
  readonly mtime: number
}

/** What a pax record overrides. */
export interface PaxValues {
  path?: string
  linkpath?: string
  size?: number
  mtime?: number
}

/** @returns undefined for a block of zeros, which ends an archive. @throws OperatingError FETCH */
export function parseHeader(block: Buffer): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined
  checkSum(block)
  const magic = block.toString('latin1', 257, 263)
  // GNU tar and V7 keep other things where ustar has the front part of a long name.
  const prefix = magic === 'ustar\0' ? field(block, 345, 155) : ''
  const name = field(block, 0, 100)
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    linkName: field(block, 157, 100),
    type: String.fromCharCode(block[156] ?? 0),
    mode: numberIn(block, 100, 8, 'mode'),
    size: numberIn(block, 124, 12, 'size'),
    mtime: numberIn(block, 136, 12, 'time'),
  }
}

function field(block: Buffer, from: number, length: number): string {
  const bytes = block.subarray(from, from + length)
  const end = bytes.indexOf(0)
  return textOf(end < 0 ? bytes : bytes.subarray(0, end))
}

/** The sum of all bytes with the sum's own field as blanks; some old programs summed signed bytes. */
function checkSum(block: Buffer): void {
  let unsigned = 0
  let signed = 0
  for (let index = 0; index < BLOCK; index++) {
    const byte = index >= 148 && index < 156 ? 32 : (block[index] ?? 0)
    unsigned += byte
    signed += byte > 127 ? byte - 256 : byte
  }
  const stored = numberIn(block, 148, 8, 'checksum')
  if (stored !== unsigned && stored !== signed)
    throw refusal('it is no tar archive, or a damaged one: the checksum of a header is wrong')
}

/** Octal digits, or with the first bit set a number in base 256 (GNU). */
function numberIn(block: Buffer, from: number, length: number, what: string): number {
  const first = block[from] ?? 0
  if ((first & 0x80) !== 0) {
    // Times before 1970 are negative, and nobody needs them.
    if ((first & 0x40) !== 0 && what === 'time') return 0
    let value = BigInt(first & 0x7f)
    for (let index = from + 1; index < from + length; index++)
      value = value * 256n + BigInt(block[index] ?? 0)
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw refusal(`it is no tar archive, or a damaged one: a ${what} is far too large`)
    return Number(value)
  }
  const text = block
    .toString('latin1', from, from + length)
    .replace(/\0.*$/s, '')
    .trim()
  if (!/^[0-7]*$/.test(text))
    throw refusal(`it is no tar archive, or a damaged one: a ${what} is no octal number`)
  return text === '' ? 0 : Number.parseInt(text, 8)
}

/** The records `LENGTH KEY=VALUE\n` of a pax header; keys that say nothing about names and sizes are left out. */
export function parsePax(bytes: Buffer): PaxValues {
  const values: PaxValues = {}
  for (let at = 0; at < bytes.length; ) {
    const blank = bytes.indexOf(32, at)
    const digits = blank < 0 || blank - at > 10 ? '' : bytes.toString('latin1', at, blank)
    const length = /^[1-9]\d*$/.test(digits) ? Number(digits) : 0
    const end = at + length
    const equals = bytes.indexOf(61, blank)
    if (length === 0 || end > bytes.length || bytes[end - 1] !== 10 || equals < 0 || equals >= end)
      throw refusal('the archive is damaged: an extended header has no sound form')
    set(values, bytes.toString('latin1', blank + 1, equals), bytes.subarray(equals + 1, end - 1))
    at = end
  }
  return values
}

function set(values: PaxValues, key: string, bytes: Buffer): void {
  if (key.startsWith('GNU.sparse'))
    throw refusal('the archive holds a sparse file, which is not supported', undefined)
  if (key === 'path' || key === 'linkpath') values[key] = textOf(bytes)
  if (key !== 'size' && key !== 'mtime') return
  const text = bytes.toString('latin1')
  const value = Number(text)
  const sound = key === 'size' ? /^\d+$/.test(text) : /^-?\d+(\.\d*)?$/.test(text)
  if (!sound || !(value <= Number.MAX_SAFE_INTEGER))
    throw refusal(`the archive is damaged: the ${key} of an extended header is no number`)
  values[key] = Math.max(0, value)
}

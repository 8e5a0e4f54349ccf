// Reads the entries of a tar archive as its bytes come; everything in it is checked before it is handed on.
import { ByteReader } from './byte-reader.ts'
import { checkLink, cleanName, type Entry, refusal, shownName, textOf } from './entry.ts'
import { BLOCK, type PaxValues, parseHeader, parsePax, type TarHeader } from './tar-header.ts'

const MAX_EXTENDED_BYTES = 1024 * 1024

/** What a type is when it cannot be had. */
const REFUSED: Readonly<Record<string, string>> = {
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a pipe',
  S: 'a sparse file, which is not supported',
  M: 'a piece of a file that began in another archive',
  D: 'the list of a folder of an incremental backup',
}

/** @throws OperatingError FETCH in the midst, for what is damaged, cut off, or leads outside */
export async function* tarEntries(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Entry> {
  const reader = new ByteReader(pieces)
  try {
    const extended = new Extended()
    for (;;) {
      const block = await reader.read(BLOCK)
      if (block.length < BLOCK) throw cutOff(block.length === 0 ? 'before its end mark' : 'within a header')
      const header = parseHeader(block)
      if (header === undefined) break
      if (await extended.take(header, reader)) continue
      yield* entryOf(extended.over(header), reader)
    }
    await reader.drain()
  } finally {
    await reader.close()
  }
}

function cutOff(where: string): Error {
  return refusal(`the archive is cut off ${where}`)
}

/** Headers that say something about the next entry, or about all that follow. */
class Extended {
  #next: PaxValues = {}
  #all: PaxValues = {}

  /** True when the header was one of these. */
  async take(header: TarHeader, reader: ByteReader): Promise<boolean> {
    switch (header.type) {
      case 'x':
        this.#next = { ...this.#next, ...parsePax(await body(header, reader)) }
        return true
      case 'g':
        this.#all = { ...this.#all, ...parsePax(await body(header, reader)) }
        return true
      case 'L':
        this.#next.path = textBefore0(await body(header, reader))
        return true
      case 'K':
        this.#next.linkpath = textBefore0(await body(header, reader))
        return true
      case 'V':
        return true
      default:
        return false
    }
  }

  /** The header with what was said about it, which then counts no longer. */
  over(header: TarHeader): TarHeader {
    const { path, linkpath, size, mtime } = { ...this.#all, ...this.#next }
    this.#next = {}
    return {
      ...header,
      ...(path !== undefined && path !== '' && { name: path }),
      ...(linkpath !== undefined && linkpath !== '' && { linkName: linkpath }),
      ...(size !== undefined && { size }),
      ...(mtime !== undefined && { mtime }),
    }
  }
}

async function body(header: TarHeader, reader: ByteReader): Promise<Buffer> {
  if (header.size > MAX_EXTENDED_BYTES)
    throw refusal(`the archive has an extended header of ${header.size} bytes: nobody needs so long names`)
  const padded = Math.ceil(header.size / BLOCK) * BLOCK
  const bytes = await reader.read(padded)
  if (bytes.length < padded) throw cutOff('within an extended header')
  return bytes.subarray(0, header.size)
}

function textBefore0(bytes: Buffer): string {
  const end = bytes.indexOf(0)
  return textOf(end < 0 ? bytes : bytes.subarray(0, end))
}

async function* entryOf(header: TarHeader, reader: ByteReader): AsyncGenerator<Entry> {
  const wrong = REFUSED[header.type]
  if (wrong !== undefined)
    throw refusal(`the archive holds a device or pipe or the like: ${shownName(header.name)} is ${wrong}`)
  const name = cleanName(header.name)
  const common = { name, mode: header.mode & 0o777, mtime: header.mtime }
  switch (header.type) {
    case '0':
    case '7':
    case '\0':
      // In archives of V7 a folder is a file whose name ends with a stroke.
      if (header.name.endsWith('/')) return yield { ...common, kind: 'folder' }
      return yield* fileOf(common, header.size, reader)
    case '5':
      return yield { ...common, kind: 'folder' }
    case '2':
      checkLink(name, header.linkName)
      return yield { ...common, kind: 'link', target: header.linkName }
    case '1':
      if (header.size > 0) throw refusal(`the archive has a hard link with contents: ${shownName(name)}`)
      return yield { ...common, kind: 'hardlink', target: cleanName(header.linkName) }
    default:
      throw refusal(`the archive holds ${shownName(name)} of the unknown type ${shownName(header.type)}`)
  }
}

async function* fileOf(
  common: { readonly name: string; readonly mode: number; readonly mtime: number },
  size: number,
  reader: ByteReader,
): AsyncGenerator<Entry> {
  let left = size
  const data = async function* (): AsyncGenerator<Uint8Array> {
    for await (const part of reader.stream(size)) {
      left -= part.length
      yield part
    }
  }
  yield { ...common, kind: 'file', data: data() }
  if (left > 0) throw cutOff(`within ${shownName(common.name)}`)
  const padding = (BLOCK - (size % BLOCK)) % BLOCK
  if ((await reader.read(padding)).length < padding) throw cutOff(`behind ${shownName(common.name)}`)
}

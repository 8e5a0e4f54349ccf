/**
 * Sandboxes as files for others to browse and read (spec/mesos.md 4.4, 6.2): by the absolute path of a run, or as
 * `/frameworks/F/executors/E/runs/latest`. What a path leads to is held by a descriptor, looked at, and only then read
 * through it: neither links nor a task that swaps folders meanwhile lead outside of the sandbox.
 */
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, readlink, realpath } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { HttpRequest } from '../http/request.ts'
import { type Answer, json, text } from '../http/response.ts'
import { runsIn } from '../gc/layout.ts'
import type { StoredTombstone } from '../store/scheduled-paths.ts'
import { modeText } from './file-mode.ts'
import {
  browseCollected,
  collectedAnswer,
  collectedFacts,
  collectedFile,
  type RunPath,
  tombstoneOf,
  type TombstoneSource,
} from './collected-files.ts'
import { AGENTS_FOLDER, agentsDirectory, runsDirectory } from './paths.ts'

export interface FilesDeps {
  readonly workDir: string
  readonly agentId: () => string | undefined
  readonly tombstones: TombstoneSource
}

/** Mesos reads at most 16 pages at a time (spec/mesos.md 4.4). */
const MAX_READ_BYTES = 16 * 4096
/** Entries of one folder that are listed. */
const MAX_ENTRIES = 10_000
/** A download is read in such pieces while it is sent. */
const PIECE_BYTES = 256 * 1024
/** Downloads under way; more are refused. */
const MAX_DOWNLOADS = 64
/** Bytes of the longest character in UTF-8. */
const LONGEST_CHARACTER = 4
/** Names a file without opening it: no pipe is waited for, no device does anything. Node has no word for it. */
const O_PATH = 0o10_000_000

/** All that is looked at of a request. */
type Asked = Pick<HttpRequest, 'query'>

interface Place {
  /** Real path of the sandbox. */
  readonly root: string
  /** Path asked for, below it; not yet looked at. */
  readonly path: string
  /** The path as it was asked for, for the answer. */
  readonly shown: string
}

/** The place is not there, or not for others to see. */
class Refusal extends Error {
  readonly answer: Answer

  constructor(answer: Answer) {
    super('not a file of a sandbox')
    this.answer = answer
  }
}

export class Files {
  readonly #deps: FilesDeps
  #downloads = 0

  constructor(deps: FilesDeps) {
    this.#deps = deps
  }

  /** `GET /files/browse?path=`: the entries of a folder with their modes, sizes and times. */
  browse(request: Asked): Promise<Answer> {
    const here = async (place: Place): Promise<Answer> => {
      await using held = await hold(place)
      if (!(await held.stat()).isDirectory()) return text(400, 'It is a file, not a directory.')
      const folder = throughDescriptor(held)
      const names = (await readdir(folder)).toSorted().slice(0, MAX_ENTRIES)
      const rows = await Promise.all(
        names.map((name) => describe(`${folder}/${name}`, `${place.shown}/${name}`)),
      )
      return json(rows.filter((row) => row !== undefined))
    }
    return this.#with(request, here, browseCollected)
  }

  /**
   * `GET /files/read?path=&offset=&length=`: a piece of a file as text; without offset its size. A piece ends before a
   * character that it would cut, so that pieces put together are the file; `next` says where the next one begins. With
   * `encoding=base64` (of Tepui) the very bytes come, also those that are no text. `collected` says that the sandbox is
   * gone and this is what was kept.
   */
  async read(request: Asked): Promise<Answer> {
    const offset = wholeNumber(request.query.get('offset'), -1)
    const length = wholeNumber(request.query.get('length'), -1)
    const encoding = request.query.get('encoding') ?? 'utf-8'
    if (offset === undefined) return text(400, "Expecting 'offset' to be a whole number, or -1 for the size")
    if (length === undefined) return text(400, "Expecting 'length' to be a whole number, or -1 for the most")
    if (encoding !== 'utf-8' && encoding !== 'base64')
      return text(400, "Expecting 'encoding' to be utf-8 or base64")
    const wanted = length === -1 ? MAX_READ_BYTES : Math.min(length, MAX_READ_BYTES)
    const pieceOf = (bytes: Buffer, more: object = {}): Answer => {
      const piece = encoding === 'base64' ? bytes.subarray(0, wanted) : wholeCharacters(bytes, wanted)
      return json({ offset, data: piece.toString(encoding), next: offset + piece.length, ...more })
    }
    const here = async (place: Place): Promise<Answer> => {
      await using file = await openFile(place)
      const { size } = await file.stat()
      if (offset === -1) return json({ offset: size, data: '' })
      return pieceOf(await readPiece(file, offset, Math.min(wanted + LONGEST_CHARACTER - 1, size - offset)))
    }
    return this.#with(request, here, (stone, path) => {
      const bytes = collectedFile(stone, path)
      if (bytes === undefined) return collectedAnswer(stone, path)
      const collected = collectedFacts(stone, path)
      return offset === -1
        ? json({ offset: bytes.length, data: '', collected })
        : pieceOf(bytes.subarray(offset), { collected })
    })
  }

  /** `GET /files/download?path=`: a whole file. */
  download(request: Asked): Promise<Answer> {
    const here = async (place: Place): Promise<Answer> => {
      if (this.#downloads >= MAX_DOWNLOADS)
        return text(503, `${MAX_DOWNLOADS} downloads are under way already. Read it with /files/read`)
      const file = await openFile(place)
      this.#downloads++
      const close = async (): Promise<void> => {
        this.#downloads--
        await file.close()
      }
      try {
        const { size } = await file.stat()
        const type = { contentType: 'application/octet-stream', headers: attached(place.path) }
        return { kind: 'body', status: 200, ...type, length: size, pieces: piecesOf(file, size), close }
      } catch (error) {
        await close()
        throw error
      }
    }
    return this.#with(request, here, (stone, path) => {
      const bytes = collectedFile(stone, path)
      return bytes === undefined ? collectedAnswer(stone, path) : attachment(bytes, path.rest)
    })
  }

  /** `GET /files/debug`: each virtual path with what it leads to on this machine; of too many the first. */
  async debug(): Promise<Answer> {
    const { agentId, workDir } = this.#deps
    const own = agentId()
    const found: Record<string, string> = {}
    let left = MAX_ENTRIES
    for await (const { path, ...run } of runsIn(workDir, AGENTS_FOLDER)) {
      if (left-- === 0) break
      const real = join(workDir, path)
      found[real] = real
      if (run.agentId !== own) continue
      const executor = `/frameworks/${run.frameworkId}/executors/${run.executorId}/runs`
      found[`${executor}/latest`] = join(runsDirectory(workDir, run), 'latest')
    }
    return json(found)
  }

  /** What is asked for in a sandbox that is there goes to `work`, in one that was collected to `collected`. */
  async #with(
    request: Asked,
    work: (place: Place) => Promise<Answer>,
    collected: (stone: StoredTombstone, path: RunPath) => Answer,
  ): Promise<Answer> {
    const asked = request.query.get('path')
    if (asked === undefined || asked === '') return text(400, "Expecting 'path=value' in query.")
    try {
      const path = this.#pathOf(asked)
      const place = await this.#placeOf(path)
      return 'root' in place ? await work(place) : collected(place, path)
    } catch (error) {
      return answerTo(error)
    }
  }

  /** The way that a virtual path names, not looked at yet. */
  #pathOf(virtual: string): RunPath {
    const agents = agentsDirectory(this.#deps.workDir)
    const own = this.#deps.agentId()
    const isAbsolute = virtual.startsWith(`${agents}/`)
    const [agentId = '', ...names] = isAbsolute ? virtual.slice(agents.length + 1).split('/') : [own]
    const below = isAbsolute ? `/${names.join('/')}` : virtual
    const match = /^\/frameworks\/([^/]+)\/executors\/([^/]+)\/runs\/([^/]+)(?:\/(.*))?$/s.exec(below)
    if (match === null || agentId === '' || virtual.includes('\0')) throw new Refusal(notFound())
    const [, frameworkId = '', executorId = '', run = '', rest = ''] = match
    const segments = [agentId, frameworkId, executorId, run, ...rest.split('/')]
    if (segments.includes('..') || segments.includes('.')) throw new Refusal(notFound())
    const clean = rest.replace(/\/+$/, '')
    return { agentId, frameworkId, executorId, run, rest: clean, shown: virtual.replace(/\/+$/, '') }
  }

  /** The sandbox that it leads to, or what was kept of it when it is gone. */
  async #placeOf(path: RunPath): Promise<Place | StoredTombstone> {
    try {
      const runs = await realpath(runsDirectory(this.#deps.workDir, path))
      const root = await realpath(join(runs, path.run))
      if (!isInside(root, runs)) throw new Refusal(notFound())
      return { root, path: join(root, path.rest), shown: path.shown }
    } catch (error) {
      const stone = isMissing(error) ? tombstoneOf(this.#deps.tombstones, path) : undefined
      if (stone === undefined) throw error
      return stone
    }
  }
}

const isMissing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

function attached(path: string): Readonly<Record<string, string>> {
  const name = (path.split('/').at(-1) ?? '').replaceAll(/[^\w.-]/g, '_')
  return { 'Content-Disposition': `attachment; filename=${name}` }
}

const attachment = (body: Buffer, path: string): Answer => ({
  kind: 'bytes',
  status: 200,
  contentType: 'application/octet-stream',
  body,
  headers: attached(path),
})

/** So many bytes of a file, or fewer when it is cut meanwhile. */
async function* piecesOf(file: FileHandle, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const piece = await readPiece(file, at, Math.min(PIECE_BYTES, size - at))
    if (piece.length === 0) return
    at += piece.length
    yield piece
  }
}

const notFound = (): Answer => text(404, 'File not found.')

function answerTo(error: unknown): Answer {
  if (error instanceof Refusal) return error.answer
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
    case 'ELOOP':
    case 'ENAMETOOLONG':
    case 'ENOTDIR':
      return notFound()
    case 'EACCES':
    case 'EPERM':
      return text(403, 'The agent may not read this file.')
    default:
      throw error
  }
}

/** Digits with a sign; undefined for anything else and for less than -1. Left out or empty: the fallback. */
function wholeNumber(given: string | undefined, fallback: number): number | undefined {
  if (given === undefined || given === '') return fallback
  const value = /^-?\d{1,16}$/.test(given) ? Number(given) : undefined
  return value !== undefined && Number.isSafeInteger(value) && value >= -1 ? value : undefined
}

function isInside(path: string, root: string): boolean {
  const way = relative(root, path)
  return way === '' || (way !== '..' && !way.startsWith('../') && !way.startsWith('/'))
}

const throughDescriptor = (file: FileHandle): string => `/proc/self/fd/${file.fd}`

/** Holds what a path leads to, after all links, if it lies in the sandbox. */
async function hold(place: Place): Promise<FileHandle> {
  const held = await open(place.path, O_PATH)
  try {
    if (!isInside(await readlink(throughDescriptor(held)), place.root)) throw new Refusal(notFound())
    return held
  } catch (error) {
    await held.close()
    throw error
  }
}

/** Opens a regular file in the sandbox; it is looked at before it is opened, and is the same then. */
async function openFile(place: Place): Promise<FileHandle> {
  await using held = await hold(place)
  const info = await held.stat()
  if (info.isDirectory()) throw new Refusal(text(400, 'Cannot read a directory.'))
  if (!info.isFile()) throw new Refusal(notFound())
  return await open(throughDescriptor(held), constants.O_RDONLY)
}

/** Exactly these bytes, or fewer where the file ends earlier. */
async function readPiece(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(Math.max(0, length))
  let filled = 0
  while (filled < buffer.length) {
    const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled)
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return buffer.subarray(0, filled)
}

/**
 * The beginning of `bytes` that has at most `wanted` bytes and cuts no character; the first character comes whole even
 * if it is longer. A character that is not complete yet waits until it is. Bytes that are no UTF-8 count as characters.
 */
export function wholeCharacters(bytes: Buffer, wanted: number): Buffer {
  if (wanted === 0) return bytes.subarray(0, 0)
  let end = Math.min(wanted, bytes.length)
  for (let back = 1; back < LONGEST_CHARACTER && back <= end; back++) {
    const byte = bytes[end - back] ?? 0
    if ((byte & 0b1100_0000) === 0b1000_0000) continue
    const size = characterSize(byte)
    if (size <= back) break
    const begin = end - back
    const isComplete = begin + size <= bytes.length
    end = begin === 0 && isComplete ? size : begin
    break
  }
  return bytes.subarray(0, end)
}

/** Bytes of the character that a byte begins; 1 for ASCII and for what begins none. */
function characterSize(first: number): number {
  if (first >= 0xf0 && first <= 0xf4) return 4
  if (first >= 0xe0 && first < 0xf0) return 3
  return first >= 0xc2 && first < 0xe0 ? 2 : 1
}

/** Undefined when it went away meanwhile. */
async function describe(path: string, shown: string): Promise<object | undefined> {
  try {
    const info = await lstat(path)
    return {
      gid: String(info.gid),
      mode: modeText(info),
      mtime: Math.floor(info.mtimeMs / 1000),
      nlink: info.nlink,
      path: shown,
      size: info.size,
      uid: String(info.uid),
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

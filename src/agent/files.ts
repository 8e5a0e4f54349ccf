/**
 * Sandboxes as files for others to browse and read (spec/mesos.md 4.4, 6.2): by the absolute path of a run, or as
 * `/frameworks/F/executors/E/runs/latest`. What is opened is looked at again by its open descriptor, so that neither
 * links nor a race lead outside of the sandbox.
 */
import { constants, createReadStream } from 'node:fs'
import { type FileHandle, lstat, open, readdir, readlink, realpath } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { OperatingError } from '../base/errors.ts'
import type { HttpRequest } from '../http/request.ts'
import { type Answer, json, text } from '../http/response.ts'
import { runsDirectory } from './paths.ts'

export interface FilesDeps {
  readonly workDir: string
  readonly agentId: () => string | undefined
}

/** Mesos reads at most 16 pages at a time (spec/mesos.md 4.4). */
const MAX_READ_BYTES = 16 * 4096
/** Entries of one folder that are listed. */
const MAX_ENTRIES = 10_000
const MAX_DOWNLOAD_BYTES = 256 * 1024 * 1024

interface Place {
  /** Real path of the sandbox. */
  readonly root: string
  /** Path asked for, below it; not yet looked at. */
  readonly path: string
}

export class Files {
  readonly #deps: FilesDeps

  constructor(deps: FilesDeps) {
    this.#deps = deps
  }

  /** `GET /files/browse?path=`: the entries of a folder with their modes, sizes and times. */
  async browse(request: HttpRequest): Promise<Answer> {
    return this.#with(request, async ({ path, root }) => {
      const folder = await realpath(path)
      if (!isInside(folder, root)) return notFound()
      const entries = await readdir(folder)
      const shown = request.query.get('path')?.replace(/\/+$/, '') ?? ''
      return json(
        await Promise.all(
          entries
            .sort()
            .slice(0, MAX_ENTRIES)
            .map((name) => describe(join(folder, name), `${shown}/${name}`)),
        ),
      )
    })
  }

  /** `GET /files/read?path=&offset=&length=`: a piece of a file as text (`encoding=base64` too); without offset its size. */
  async read(request: HttpRequest): Promise<Answer> {
    const offset = Number(request.query.get('offset') ?? -1)
    const length = Number(request.query.get('length') ?? MAX_READ_BYTES)
    if (!Number.isSafeInteger(offset) || offset < -1)
      return text(400, "Expecting 'offset' to be a whole number, or -1 for the size")
    if (!Number.isSafeInteger(length) || length < -1)
      return text(400, "Expecting 'length' to be a whole number")
    return this.#with(request, async (place) => {
      await using file = await openInside(place)
      const { size } = await file.stat()
      if (offset === -1) return json({ offset: size, data: '' })
      const wanted = length === -1 ? MAX_READ_BYTES : Math.min(length, MAX_READ_BYTES)
      const buffer = Buffer.alloc(Math.max(0, Math.min(wanted, size - offset)))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, offset)
      const piece = buffer.subarray(0, bytesRead)
      // Of Tepui: bytes as they are, so that a reader that follows a file loses none at the seams.
      const raw = request.query.get('encoding') === 'base64'
      return json({ offset, data: raw ? piece.toString('base64') : wholeCharacters(piece) })
    })
  }

  /** `GET /files/download?path=`: a whole file. */
  async download(request: HttpRequest): Promise<Answer> {
    return this.#with(request, async (place) => {
      const file = await openInside(place)
      const { size } = await file.stat()
      if (size > MAX_DOWNLOAD_BYTES) {
        await file.close()
        return text(
          413,
          `The file has ${size} bytes; at most ${MAX_DOWNLOAD_BYTES} are sent. Read it in pieces with /files/read`,
        )
      }
      const body = Buffer.concat(
        await Array.fromAsync(createReadStream('', { fd: file, start: 0 }) as AsyncIterable<Buffer>),
      )
      const name =
        place.path
          .split('/')
          .at(-1)
          ?.replaceAll(/[^\w.-]/g, '_') ?? 'file'
      const headers = { 'Content-Disposition': `attachment; filename=${name}` }
      return { kind: 'bytes', status: 200, contentType: 'application/octet-stream', body, headers }
    })
  }

  async #with(request: HttpRequest, work: (place: Place) => Promise<Answer>): Promise<Answer> {
    const asked = request.query.get('path')
    if (asked === undefined || asked === '') return text(400, "Expecting 'path=value' in query.")
    try {
      const place = await this.#placeOf(asked)
      return place === undefined ? notFound() : await work(place)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === 'EISDIR') return text(400, 'Cannot read a directory.')
      if (code === 'ENOTDIR') return text(400, 'It is a file, not a directory.')
      if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENXIO' || code === 'REFUSED') return notFound()
      throw error
    }
  }

  /** The sandbox that a virtual path lies in; undefined when it names none of this agent. */
  async #placeOf(virtual: string): Promise<Place | undefined> {
    const { workDir } = this.#deps
    const agentId = this.#deps.agentId()
    const match = /\/frameworks\/([^/]+)\/executors\/([^/]+)\/runs\/([^/]+)(?:\/(.*))?$/s.exec(virtual)
    const [, frameworkId = '', executorId = '', run = '', rest = ''] = match ?? []
    if (match === null || agentId === undefined || virtual.includes('\0')) return undefined
    const segments = [frameworkId, executorId, run, ...rest.split('/')]
    if (segments.includes('..') || segments.includes('.')) return undefined
    const runs = runsDirectory(workDir, { agentId, frameworkId, executorId })
    const before = virtual.slice(0, match.index)
    if (before !== '' && before !== join(workDir, 'slaves', agentId)) return undefined
    const root = await realpath(join(runs, run))
    return isInside(root, await realpath(runs)) ? { root, path: join(root, rest) } : undefined
  }
}

const notFound = (): Answer => text(404, 'File not found.')

function isInside(path: string, root: string): boolean {
  const way = relative(root, path)
  return way === '' || (!way.startsWith('..') && !way.startsWith('/'))
}

/** Opens a regular file and makes sure, by the open descriptor, that it lies in the sandbox. */
async function openInside(place: Place): Promise<FileHandle> {
  // Non-blocking: opening a pipe that a task made must not hold us up.
  const file = await open(place.path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const info = await file.stat()
    if (info.isDirectory()) throw Object.assign(new Error('a directory'), { code: 'EISDIR' })
    const real = await readlink(`/proc/self/fd/${file.fd}`)
    if (!info.isFile() || !isInside(real, place.root))
      throw new OperatingError('REFUSED', 'It lies outside of the sandbox')
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

async function describe(path: string, shown: string): Promise<object> {
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
}

function modeText(info: Awaited<ReturnType<typeof lstat>>): string {
  const kind = info.isDirectory()
    ? 'd'
    : info.isSymbolicLink()
      ? 'l'
      : info.isFIFO()
        ? 'p'
        : info.isSocket()
          ? 's'
          : '-'
  const bits = Array.from('rwxrwxrwx').map((letter, index) =>
    (Number(info.mode) >> (8 - index)) & 1 ? letter : '-',
  )
  return kind + bits.join('')
}

/** Text of a piece that may begin or end inside a character of several bytes; those bytes become a mark, as in any reader. */
function wholeCharacters(bytes: Buffer): string {
  return bytes.toString('utf8')
}

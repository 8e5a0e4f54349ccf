// Follows a file in the sandbox of a task, through its agent or the master, to the last byte, also across rotation.
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { type HttpClient, PeerRefusal } from '../http/client.ts'

export interface SandboxPlace {
  /** Who answers: the agent itself, or a master that asks the agent with this id. */
  readonly from:
    | { readonly ip: string; readonly port: number }
    | { readonly master: string; readonly agentId: string }
  readonly frameworkId: string
  readonly executorId: string
  /** The id of a container, or `latest`. */
  readonly run: string
}

/** A file as it is now. */
export interface FileState {
  readonly bytes: number
  /** Its sandbox is gone, and this is what was kept of it. */
  readonly collected:
    | undefined
    | {
        /** Wall time, ms. */
        readonly at: number
        /** `age`, `space` or `asked`. */
        readonly why: string
        /** That it had, of which `bytes` are left; undefined when that is not known. */
        readonly of: number | undefined
      }
}

/** What the agent reads at a time (spec/mesos.md 4.4). */
const PIECE_BYTES = 16 * 4096
/** The first wait when nothing is new, and the longest. */
const POLL_MS = { first: 100, most: 1000 }

export class SandboxFile {
  readonly #http: HttpClient
  readonly #place: SandboxPlace
  readonly #name: string

  constructor(http: HttpClient, place: SandboxPlace, name: string) {
    this.#http = http
    this.#place = place
    this.#name = name
  }

  /** Bytes of the file, undefined while it does not exist. */
  async size(signal: AbortSignal): Promise<number | undefined> {
    return (await this.look(signal))?.bytes
  }

  /** Undefined while it does not exist. */
  async look(signal: AbortSignal): Promise<FileState | undefined> {
    const page = await this.#ask(this.#name, -1, 0, signal)
    return page === undefined ? undefined : { bytes: page.offset, collected: collectedIn(page.collected) }
  }

  /** At most 64 KiB from an offset; undefined while the file does not exist. */
  async read(offset: number, length: number, signal: AbortSignal): Promise<Buffer | undefined> {
    const page = await this.#ask(this.#name, offset, Math.min(length, PIECE_BYTES), signal)
    return page === undefined ? undefined : Buffer.from(page.data, 'base64')
  }

  /** The rest of a file that was rotated away at `offset`. */
  async *rotatedRest(offset: number, signal: AbortSignal): AsyncGenerator<Buffer> {
    for (let at = offset; ; ) {
      const page = await this.#ask(`${this.#name}.1`, at, PIECE_BYTES, signal)
      const piece = Buffer.from(page?.data ?? '', 'base64')
      if (piece.length === 0) return
      at += piece.length
      yield piece
    }
  }

  async #ask(
    name: string,
    offset: number,
    length: number,
    signal: AbortSignal,
  ): Promise<{ readonly offset: number; readonly data: string; readonly collected: unknown } | undefined> {
    const { executorId, frameworkId, from, run } = this.#place
    const who = 'master' in from ? from.master : `${from.ip}:${from.port}`
    const url = new URL(`http://${who}/files/read`)
    if ('master' in from) url.searchParams.set('agent_id', from.agentId)
    url.searchParams.set('path', `/frameworks/${frameworkId}/executors/${executorId}/runs/${run}/${name}`)
    url.searchParams.set('offset', String(offset))
    url.searchParams.set('length', String(length))
    url.searchParams.set('encoding', 'base64')
    try {
      const { text } = await this.#http.request({ url: url.href }, signal)
      const { collected, data, offset } = JSON.parse(text) as Readonly<Record<string, unknown>>
      if (typeof offset === 'number' && typeof data === 'string') return { offset, data, collected }
    } catch (error) {
      if (error instanceof PeerRefusal && error.status === 404) return undefined
      if (!(error instanceof SyntaxError)) throw error
    }
    throw new OperatingError('PROTOCOL', `${who} did not answer /files/read as one does`)
  }
}

function collectedIn(told: unknown): FileState['collected'] {
  if (typeof told !== 'object' || told === null) return undefined
  const { at, bytes, why } = told as Readonly<Record<string, unknown>>
  return {
    at: typeof at === 'number' ? at * 1000 : 0,
    why: typeof why === 'string' ? why : '',
    of: typeof bytes === 'number' ? bytes : undefined,
  }
}

export interface FollowOptions {
  readonly from?: number
  /** Settles when nothing more is written; then the rest is read, and it ends. */
  readonly ended: Promise<unknown>
}

/**
 * Everything that is and will be in a file.
 * @throws OperatingError UNREACHABLE when the agent goes away; the signal's reason
 */
export async function* follow(
  file: SandboxFile,
  clock: Clock,
  options: FollowOptions,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let at = options.from ?? 0
  let isLast = false
  const over = options.ended.then(
    () => (isLast = true),
    () => (isLast = true),
  )
  let wait = POLL_MS.first
  for (;;) {
    // Read before the look at the file, so that what was written until the end is still seen.
    const final = isLast
    const size = await file.size(signal)
    if (size !== undefined && size < at) {
      yield* file.rotatedRest(at, signal)
      at = 0
    }
    const before = at
    for (let piece = await file.read(at, PIECE_BYTES, signal); piece !== undefined && piece.length > 0; ) {
      at += piece.length
      yield piece
      piece = await file.read(at, PIECE_BYTES, signal)
    }
    if (final) return
    wait = at > before ? POLL_MS.first : Math.min(POLL_MS.most, wait * 1.5)
    // Its own controller, so that a wait which nobody needs any more does not keep a timer.
    const pause = new AbortController()
    await Promise.race([
      over,
      clock.sleep(wait, AbortSignal.any([signal, pause.signal])).catch(() => signal.throwIfAborted()),
    ])
    pause.abort()
  }
}

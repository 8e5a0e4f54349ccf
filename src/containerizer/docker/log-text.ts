// What the engine kept of a container's output: its log, taken apart into the streams and the times of their pieces.
import { parseIsoTime } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'

export type StreamName = 'stdout' | 'stderr'

/** The engine keeps lines, and what is longer in pieces of this size. */
export const PIECE_BYTES = 16 * 1024
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z $/
const STAMP_BYTES = 31
const HEADER_BYTES = 8
const STDERR = 2
const NEWLINE = 0x0a

export interface Piece {
  /** When the engine read its end, wall time in ms. */
  readonly at: number
  /** Behind its last byte in the text. */
  readonly end: number
}

/** One stream's kept output. */
export interface LogText {
  readonly text: Buffer
  readonly pieces: readonly Piece[]
}

/**
 * Reads the answer to a request for logs with timestamps.
 *
 * @param raw of a terminal, whose log has no frames and is all standard output
 * @throws OperatingError PROTOCOL when it is not such an answer
 */
export function readLog(answer: Buffer, raw: boolean): Readonly<Record<StreamName, LogText>> {
  const streams = { stdout: new Collector(), stderr: new Collector() }
  let at = 0
  while (at < answer.length) {
    if (raw) at = streams.stdout.take(answer, at, endOfPiece(answer, at))
    else {
      const payload = at + HEADER_BYTES
      const end = payload > answer.length ? answer.length : payload + answer.readUInt32BE(at + 4)
      at = streams[answer[at] === STDERR ? 'stderr' : 'stdout'].take(answer, payload, end)
    }
  }
  return { stdout: streams.stdout.text(), stderr: streams.stderr.text() }
}

/** Text behind a time, where the next thing has to be written. */
export function textAfter(log: LogText, at: number): LogText {
  const first = log.pieces.findIndex((piece) => piece.at > at)
  if (first === -1) return { text: Buffer.of(), pieces: [] }
  const start = startOf(log, first)
  const pieces = log.pieces.slice(first).map((piece) => ({ at: piece.at, end: piece.end - start }))
  return { text: log.text.subarray(start), pieces }
}

/** Text up to a time, that one included. */
export function textUntil(log: LogText, at: number): LogText {
  const pieces = log.pieces.filter((piece) => piece.at <= at)
  return { text: log.text.subarray(0, pieces.at(-1)?.end ?? 0), pieces }
}

export function startOf({ pieces }: LogText, index: number): number {
  return pieces[index - 1]?.end ?? 0
}

function endOfPiece(answer: Buffer, at: number): number {
  const newline = answer.indexOf(NEWLINE, at)
  const end = newline === -1 ? answer.length : newline + 1
  return Math.min(end, at + STAMP_BYTES + PIECE_BYTES)
}

class Collector {
  readonly #parts: Buffer[] = []
  readonly #pieces: Piece[] = []
  #bytes = 0

  /** Takes a piece with its time in front; returns where the next one begins. */
  take(answer: Buffer, start: number, end: number): number {
    const stamp = answer.toString('latin1', start, start + STAMP_BYTES)
    if (end > answer.length || !STAMP.test(stamp))
      throw new OperatingError(
        'PROTOCOL',
        `The engine's log has a piece that begins with ${JSON.stringify(stamp)}`,
      )
    const part = answer.subarray(start + STAMP_BYTES, end)
    this.#bytes += part.length
    this.#parts.push(part)
    this.#pieces.push({ at: timeOf(stamp), end: this.#bytes })
    return end
  }

  text(): LogText {
    return { text: Buffer.concat(this.#parts, this.#bytes), pieces: this.#pieces }
  }
}

/** Parts of a millisecond included: pieces follow each other within microseconds. */
function timeOf(stamp: string): number {
  return (parseIsoTime(`${stamp.slice(0, 23)}Z`) ?? Number.NaN) + Number(stamp.slice(23, 29)) / 1e6
}

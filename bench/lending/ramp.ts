/**
 * An owner that takes memory at a steady rate and writes to each page of it. Says how long the slowest piece took.
 *
 * node ramp.ts CONTROL_PORT: takes one `Ramp` a line, answers with one `Ramped`.
 */
import { systemClock } from '../../src/base/clock.ts'
import { serveWorker } from './worker-line.ts'

export interface Ramp {
  readonly mb: number
  readonly mbPerSecond: number
  /** For how long all of it is kept, ms. */
  readonly holdMs: number
}

export interface Ramped {
  readonly mb: number
  readonly seconds: number
  /** Longest time that one piece took, ms. */
  readonly stallMs: number
  /** Pieces of 8 MB at their median, ms. */
  readonly usualMs: number
}

const PIECE_MB = 8
const PAGE = 4096

const wait = new Int32Array(new SharedArrayBuffer(4))

function ramp({ mb, mbPerSecond, holdMs }: Ramp): Ramped {
  const monotonic = (): number => systemClock.monotonic()
  const pieces: Uint8Array[] = []
  const took: number[] = []
  const begun = monotonic()
  while (pieces.length * PIECE_MB < mb) {
    const due = begun + (pieces.length * PIECE_MB * 1000) / mbPerSecond
    if (due > monotonic()) Atomics.wait(wait, 0, 0, due - monotonic())
    const before = monotonic()
    const piece = Buffer.allocUnsafeSlow(PIECE_MB * 2 ** 20)
    for (let at = 0; at < piece.length; at += PAGE) piece[at] = 1
    pieces.push(piece)
    took.push(monotonic() - before)
  }
  const seconds = (monotonic() - begun) / 1000
  Atomics.wait(wait, 0, 0, holdMs)
  const stallMs = took.reduce((most, one) => Math.max(most, one), 0)
  const usualMs = took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)] ?? Number.NaN
  return { mb: pieces.length * PIECE_MB, seconds, stallMs, usualMs }
}

serveWorker<Ramp, Ramped>(Number(process.argv[2]), (wanted) => Promise.resolve(ramp(wanted)))

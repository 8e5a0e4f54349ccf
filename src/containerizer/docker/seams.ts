/**
 * Where one copy of a container's output goes on in another: what the sandbox has got ends somewhere in the engine's
 * log, and the attached stream begins somewhere in it. Contents decide, and where they repeat themselves, times. Pure.
 */
import { type LogText, PIECE_BYTES, startOf } from './log-text.ts'

/** The end of what a file of the sandbox holds. */
export interface Kept {
  readonly tail: Buffer
  /** When the file was written last, wall time in ms. */
  readonly changedAt: number
}

/** Where the next byte is: in the text, or so many bytes behind its end, in a line that the log does not have yet. */
export interface Seam {
  readonly position: number
  /** Bytes of the next piece that are there already. */
  readonly debt: number
}

const NEWLINE = 0x0a
/** The kernel's stamps of files are that coarse. */
const GRAIN_MS = 20

/**
 * Undefined when the log does not hold the end of what was kept.
 *
 * @param bytes of all that was printed before, where the log begins with the first of them
 */
export function seamAfter(kept: Kept, log: LogText, bytes: number | undefined): Seam | undefined {
  const { tail } = kept
  if (tail.length === 0) return { position: 0, debt: 0 }
  const counted = bytes === undefined ? undefined : seamAt(kept, log, bytes)
  if (counted !== undefined) return counted
  const unfinished = tail.length - 1 - tail.lastIndexOf(NEWLINE)
  if (unfinished === 0) {
    const found = nearest(log, kept.changedAt, (index) => matchAt(log, tail, endOf(log, index)))
    if (found !== undefined) return { position: endOf(log, found), debt: 0 }
    return isAllLater(log, kept.changedAt) ? { position: 0, debt: 0 } : undefined
  }
  // The engine stamps a line when it is whole: what we have of it came before that.
  const inside = ((unfinished - 1) % PIECE_BYTES) + 1
  const holds = (index: number): boolean => {
    const position = startOf(log, index) + inside
    return position <= endOf(log, index) && matchAt(log, tail, position)
  }
  const later = log.pieces.findIndex(({ at }, index) => at >= kept.changedAt - GRAIN_MS && holds(index))
  const found = later === -1 ? nearest(log, kept.changedAt, holds) : later
  if (found !== undefined) return { position: startOf(log, found) + inside, debt: 0 }
  const whole = tail.subarray(0, tail.length - unfinished)
  const end = log.text.length
  return end === 0 || whole.length === 0 || matchAt(log, whole, end)
    ? { position: end, debt: unfinished }
    : undefined
}

/** Bytes are sure where the contents do not contradict them. */
function seamAt({ tail }: Kept, log: LogText, bytes: number): Seam | undefined {
  const debt = Math.max(0, bytes - log.text.length)
  const known = tail.subarray(0, Math.max(0, tail.length - debt))
  const position = bytes - debt
  const isSame = known.length === 0 ? position === 0 : matchAt(log, known, position)
  return isSame ? { position, debt } : undefined
}

/**
 * Where the attached stream begins, given its first bytes; undefined when that is not found, which it cannot be before
 * there is a whole line.
 *
 * @param attachedAfter what is stamped before was not heard
 */
export function seamBefore(live: Buffer, log: LogText, attachedAfter: number): number | undefined {
  const line = live.indexOf(NEWLINE) + 1
  if (line === 0) return undefined
  for (const [index, { at }] of log.pieces.entries()) {
    const position = endOf(log, index) - line
    if (at < attachedAfter || position < 0) continue
    const length = Math.min(live.length, log.text.length - position)
    const isSame = log.text.compare(live, 0, length, position, position + length) === 0
    if (isSame) return position
  }
  return undefined
}

/** Whether the text before the position is the end of what was kept, as far as both reach. */
function matchAt({ text }: LogText, tail: Buffer, position: number): boolean {
  const length = Math.min(position, tail.length)
  return (
    length > 0 && text.compare(tail, tail.length - length, tail.length, position - length, position) === 0
  )
}

/** Of the pieces that fit, the one whose time is nearest. */
function nearest({ pieces }: LogText, at: number, fits: (index: number) => boolean): number | undefined {
  const after = pieces.findIndex((piece) => piece.at > at)
  let up = after === -1 ? pieces.length : after
  let down = up - 1
  while (down >= 0 || up < pieces.length) {
    const below = at - (pieces[down]?.at ?? Number.NEGATIVE_INFINITY)
    const above = (pieces[up]?.at ?? Number.POSITIVE_INFINITY) - at
    const index = below <= above ? down-- : up++
    if (fits(index)) return index
  }
  return undefined
}

function isAllLater({ pieces }: LogText, at: number): boolean {
  return (pieces[0]?.at ?? Number.POSITIVE_INFINITY) > at + GRAIN_MS
}

function endOf({ pieces }: LogText, index: number): number {
  return pieces[index]?.end ?? 0
}

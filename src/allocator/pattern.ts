/**
 * Regular expressions of frameworks, matched in time proportional to the text: a set of states walks along it, nothing
 * is ever tried twice. JavaScript's own engine can take exponential time, which a stranger must not cost the master.
 * The syntax is RE2's without flags, look-around and Unicode classes; the whole text has to match.
 */
import { type Rejection, rejection } from '../base/errors.ts'
import { type Piece, parsePattern } from './pattern-syntax.ts'

/** Longest pattern, in characters. */
export const MAX_PATTERN = 1_000
/** States of one pattern with all its repetitions written out; also the bound on the work of compiling it. */
export const MAX_STATES = 10_000

type State =
  | { readonly kind: 'character'; readonly accepts: (codePoint: number) => boolean; readonly next: number }
  | { readonly kind: 'edge'; readonly edge: 'start' | 'end'; readonly next: number }
  | { readonly kind: 'split'; next: readonly number[] }
  | { readonly kind: 'match' }

/** @returns the test, or why the pattern is refused. */
export function compilePattern(pattern: string): ((text: string) => boolean) | Rejection {
  if (pattern.length > MAX_PATTERN) {
    return rejection(`the regex has ${pattern.length} characters, expected at most ${MAX_PATTERN}`)
  }
  const piece = parsePattern(pattern)
  if ('rejected' in piece) return piece
  const builder = new Builder()
  const start = builder.build(piece, 0)
  if (builder.exhausted)
    return rejection(`the regex '${pattern}' repeats too much: more than ${MAX_STATES} states`)
  const states = builder.states
  return (text) =>
    matches(
      states,
      start,
      Array.from(text, (character) => character.codePointAt(0) ?? 0),
    )
}

/** Builds from the end: every piece is told what follows it. State 0 is the match. */
class Builder {
  readonly states: State[] = [{ kind: 'match' }]
  #work = 0

  get exhausted(): boolean {
    return this.#work > MAX_STATES
  }

  build(piece: Piece, next: number): number {
    this.#work++
    if (this.exhausted) return next
    switch (piece.kind) {
      case 'character':
        return this.#add({ kind: 'character', accepts: piece.accepts, next })
      case 'edge':
        return this.#add({ kind: 'edge', edge: piece.edge, next })
      case 'sequence':
        return piece.pieces.reduceRight((after, one) => this.build(one, after), next)
      case 'choice':
        return this.#add({ kind: 'split', next: piece.pieces.map((one) => this.build(one, next)) })
      case 'repeat':
        return this.#repeat(piece.piece, piece.least, piece.most, next)
    }
  }

  #repeat(piece: Piece, least: number, most: number, next: number): number {
    let start = next
    if (most === Number.POSITIVE_INFINITY) {
      const loop: State = { kind: 'split', next: [] }
      start = this.#add(loop)
      loop.next = [this.build(piece, start), next]
    } else {
      for (let count = least; count < most && !this.exhausted; count++) {
        start = this.#add({ kind: 'split', next: [this.build(piece, start), next] })
      }
    }
    for (let count = 0; count < least && !this.exhausted; count++) start = this.build(piece, start)
    return start
  }

  #add(state: State): number {
    this.states.push(state)
    return this.states.length - 1
  }
}

function matches(states: readonly State[], start: number, text: readonly number[]): boolean {
  let current = reachable(states, [start], 0, text.length)
  for (const [index, codePoint] of text.entries()) {
    const after: number[] = []
    for (const id of current) {
      const state = states[id]
      if (state?.kind === 'character' && state.accepts(codePoint)) after.push(state.next)
    }
    if (after.length === 0) return false
    current = reachable(states, after, index + 1, text.length)
  }
  return current.has(0)
}

/** All states that can be reached without a further character. */
function reachable(
  states: readonly State[],
  from: number[],
  at: number,
  length: number,
): ReadonlySet<number> {
  const seen = new Set<number>()
  const open = from
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue
    seen.add(id)
    const state = states[id]
    if (state?.kind === 'split') open.push(...state.next)
    if (state?.kind === 'edge' && at === (state.edge === 'start' ? 0 : length)) open.push(state.next)
  }
  return seen
}

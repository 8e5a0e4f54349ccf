/** Reads the text of a regular expression into pieces; see `pattern.ts`. */
import { type Rejection, rejection } from '../base/errors.ts'

type Accepts = (codePoint: number) => boolean

export type Piece =
  | { readonly kind: 'character'; readonly accepts: Accepts }
  | { readonly kind: 'edge'; readonly edge: 'start' | 'end' }
  | { readonly kind: 'sequence'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'choice'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'repeat'; readonly piece: Piece; readonly least: number; readonly most: number }

/** RE2 repeats nothing more often than this. */
const MAX_REPEAT = 1_000

class SyntaxProblem extends Error {}

export function parsePattern(pattern: string): Piece | Rejection {
  const reader = new Reader(pattern)
  try {
    const piece = choice(reader)
    if (reader.peek() !== undefined) throw new SyntaxProblem(`unexpected '${reader.peek()}'`)
    return piece
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    return rejection(`the regex '${pattern}' cannot be read at character ${reader.at + 1}: ${error.message}`)
  }
}

class Reader {
  readonly #characters: readonly string[]
  at = 0

  constructor(pattern: string) {
    this.#characters = Array.from(pattern)
  }

  peek(): string | undefined {
    return this.#characters[this.at]
  }

  take(): string {
    const character = this.#characters[this.at]
    if (character === undefined) throw new SyntaxProblem('it ends too early')
    this.at++
    return character
  }

  skip(text: string): boolean {
    if (this.#characters.slice(this.at, this.at + text.length).join('') !== text) return false
    this.at += text.length
    return true
  }

  /** Takes what the expression matches here; undefined when it does not. */
  match(expression: RegExp): Record<string, string | undefined> | undefined {
    const found = expression.exec(this.#characters.slice(this.at).join(''))
    if (found === null) return undefined
    this.at += found[0].length
    return found.groups ?? {}
  }
}

function choice(reader: Reader): Piece {
  const pieces = [sequence(reader)]
  while (reader.skip('|')) pieces.push(sequence(reader))
  const [only] = pieces
  return only !== undefined && pieces.length === 1 ? only : { kind: 'choice', pieces }
}

function sequence(reader: Reader): Piece {
  const pieces: Piece[] = []
  for (let next = reader.peek(); next !== undefined && next !== '|' && next !== ')'; next = reader.peek()) {
    pieces.push(repeated(reader, single(reader)))
  }
  return { kind: 'sequence', pieces }
}

function repeated(reader: Reader, piece: Piece): Piece {
  let result = piece
  for (;;) {
    const range = rangeOfRepeat(reader)
    if (range === undefined) return result
    // Whether as few or as many as possible are taken is all the same when the whole text must match.
    reader.skip('?')
    result = { kind: 'repeat', piece: result, ...range }
  }
}

function rangeOfRepeat(reader: Reader): { least: number; most: number } | undefined {
  if (reader.skip('*')) return { least: 0, most: Number.POSITIVE_INFINITY }
  if (reader.skip('+')) return { least: 1, most: Number.POSITIVE_INFINITY }
  if (reader.skip('?')) return { least: 0, most: 1 }
  const counted = reader.match(/^\{(?<least>\d+)(?<comma>,(?<most>\d*))?\}/)
  if (counted === undefined) return undefined
  const least = Number(counted['least'])
  const most = counted['comma'] === undefined ? least : Number(counted['most'] || Number.POSITIVE_INFINITY)
  if (least > most) throw new SyntaxProblem(`a repetition from ${least} to ${most}`)
  if (least > MAX_REPEAT || (most !== Number.POSITIVE_INFINITY && most > MAX_REPEAT)) {
    throw new SyntaxProblem(`a repetition of more than ${MAX_REPEAT}`)
  }
  return { least, most }
}

function single(reader: Reader): Piece {
  const character = reader.take()
  switch (character) {
    case '.':
      return { kind: 'character', accepts: (codePoint) => codePoint !== 10 }
    case '^':
      return { kind: 'edge', edge: 'start' }
    case '$':
      return { kind: 'edge', edge: 'end' }
    case '(':
      return group(reader)
    case '[':
      return { kind: 'character', accepts: characterClass(reader) }
    case '\\':
      return { kind: 'character', accepts: escape(reader) }
    case '*':
    case '+':
    case '?':
      throw new SyntaxProblem(`'${character}' has nothing to repeat`)
    default:
      return { kind: 'character', accepts: exactly(character) }
  }
}

function group(reader: Reader): Piece {
  if (reader.peek() === '?' && reader.match(/^\?(?::|P?<\w+>)/) === undefined) {
    throw new SyntaxProblem('flags and look-around are not supported')
  }
  const piece = choice(reader)
  if (!reader.skip(')')) throw new SyntaxProblem('a group is not closed')
  return piece
}

const CLASSES: Readonly<Record<string, RegExp>> = { d: /\d/, w: /\w/, s: /[\t\n\f\r ]/ }
const CONTROLS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', f: '\f', v: '\v', a: '\x07' }

function escape(reader: Reader): Accepts {
  const named = namedClass(reader)
  return named ?? exactly(escaped(reader))
}

/** `\d` and its like, with the letter as next character. */
function namedClass(reader: Reader): Accepts | undefined {
  const letter = reader.peek() ?? ''
  const expression = CLASSES[letter.toLowerCase()]
  if (expression === undefined) return undefined
  reader.take()
  const wanted = letter === letter.toLowerCase()
  return (codePoint) => expression.test(String.fromCodePoint(codePoint)) === wanted
}

/** One character behind a backslash. */
function escaped(reader: Reader): string {
  const hex = reader.match(/^x(?:(?<two>[0-9A-Fa-f]{2})|\{(?<more>[0-9A-Fa-f]{1,6})\})/)
  if (hex !== undefined) {
    const codePoint = Number.parseInt(hex['two'] ?? hex['more'] ?? '', 16)
    if (codePoint > 0x10ffff) throw new SyntaxProblem('there is no such character')
    return String.fromCodePoint(codePoint)
  }
  const character = reader.take()
  const control = CONTROLS[character]
  if (control !== undefined) return control
  if (/[A-Za-z0-9]/.test(character)) throw new SyntaxProblem(`'\\${character}' is not supported`)
  return character
}

function characterClass(reader: Reader): Accepts {
  const negated = reader.skip('^')
  const tests: Accepts[] = []
  // A bracket that comes first is a character of the class.
  for (let first = true; first || reader.peek() !== ']'; first = false) tests.push(classItem(reader))
  reader.take()
  return (codePoint) => tests.some((test) => test(codePoint)) !== negated
}

function classItem(reader: Reader): Accepts {
  if (reader.skip('[:')) throw new SyntaxProblem('named classes such as [:alpha:] are not supported')
  const character = reader.take()
  if (character === '\\') {
    const named = namedClass(reader)
    if (named !== undefined) return named
  }
  const low = character === '\\' ? escaped(reader) : character
  if (reader.match(/^-(?!\])/) === undefined) return exactly(low)
  const next = reader.take()
  const high = next === '\\' ? escaped(reader) : next
  const from = low.codePointAt(0) ?? 0
  const to = high.codePointAt(0) ?? 0
  if (from > to) throw new SyntaxProblem(`the range ${low}-${high} is empty`)
  return (codePoint) => codePoint >= from && codePoint <= to
}

function exactly(character: string): Accepts {
  const wanted = character.codePointAt(0)
  return (codePoint) => codePoint === wanted
}

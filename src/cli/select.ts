// What stands behind `-l`: `os==debian && cpus>=2`. Reads it into a question about one thing at a time. Pure.
import type { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'

export type Value = string | number | undefined

/** What a name means in what is asked about, and how a figure behind it is written. */
export interface Field {
  readonly value: Value
  /** `64MB` or `10m` as the number that `value` is counted in; plain numbers when it is left out. */
  readonly parse?: (typed: string) => number | undefined
}

export interface Selection {
  /** Every name in it. */
  readonly names: readonly string[]
  /** @throws OperatingError USAGE for a comparison with what is no figure */
  readonly fits: (field: (name: string) => Field) => boolean
}

type Question = (field: (name: string) => Field) => boolean

/** Names are words; what has other signs than these is put in quotes. */
const TOKEN =
  /\s*(?:(&&|\|\||==|!=|=~|!~|<=|>=|[=<>!(),])|"([^"]*)"|'([^']*)'|((?:[^\s&|=<>!(),"'~]|\|(?!\|)|&(?!&)|~)+))/y
const COMPARISONS = new Set(['==', '=', '!=', '=~', '!~', '<', '<=', '>', '>='])
const MOST_LENGTH = 2000

interface Token {
  readonly text: string
  readonly kind: 'sign' | 'word'
}

/** @throws OperatingError USAGE where it cannot be read */
export function parseSelection(text: string): Selection {
  const reader = new Reader(text)
  const fits = reader.either()
  reader.expectEnd()
  return { names: [...reader.names], fits }
}

class Reader {
  readonly names = new Set<string>()
  readonly #text: string
  readonly #tokens: readonly Token[]
  #at = 0
  #depth = 0

  constructor(text: string) {
    this.#text = text
    this.#tokens = tokensOf(text)
  }

  either(): Question {
    const parts = [this.#both()]
    while (this.#take('||')) parts.push(this.#both())
    return (field) => parts.some((part) => part(field))
  }

  expectEnd(): void {
    if (this.#at < this.#tokens.length) throw this.#wrong('&& or ||')
  }

  #both(): Question {
    const parts = [this.#one()]
    // As in selectors of Kubernetes, a comma is an `and`.
    while (this.#take('&&') || this.#take(',')) parts.push(this.#one())
    return (field) => parts.every((part) => part(field))
  }

  #one(): Question {
    if (++this.#depth > MOST_DEPTH) throw wrong(this.#text, `at most ${MOST_DEPTH} brackets and negations`)
    const question = this.#plain()
    this.#depth--
    return question
  }

  #plain(): Question {
    if (this.#take('!')) {
      const not = this.#one()
      return (field) => !not(field)
    }
    if (this.#take('(')) {
      const inner = this.either()
      if (!this.#take(')')) throw this.#wrong("')'")
      return inner
    }
    const name = this.#word('a name, such as agent')
    this.names.add(name)
    const sign = this.#tokens[this.#at]
    if (sign?.kind !== 'sign' || !COMPARISONS.has(sign.text)) return (field) => isThere(field(name).value)
    this.#at++
    return comparison(name, sign.text, this.#word(`what ${name} is compared with`), this.#text)
  }

  #take(sign: string): boolean {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'sign' || token.text !== sign) return false
    this.#at++
    return true
  }

  #word(expected: string): string {
    const token = this.#tokens[this.#at]
    if (token?.kind !== 'word') throw this.#wrong(expected)
    this.#at++
    return token.text
  }

  #wrong(expected: string): OperatingError {
    const found = this.#tokens[this.#at]
    const where = found === undefined ? 'at its end' : `where it has '${found.text}'`
    return wrong(this.#text, `${expected} ${where}`)
  }
}

const MOST_DEPTH = 50

function tokensOf(text: string): readonly Token[] {
  if (text.length > MOST_LENGTH) throw wrong(`${text.slice(0, 20)}…`, `at most ${MOST_LENGTH} characters`)
  const tokens: Token[] = []
  TOKEN.lastIndex = 0
  while (TOKEN.lastIndex < text.trimEnd().length) {
    const at = TOKEN.lastIndex
    const found = TOKEN.exec(text)
    if (found === null)
      throw wrong(text, `no '${text.slice(at).trim().slice(0, 1)}'; quotes go round a value`)
    const [, sign, double, single, word] = found
    tokens.push(
      sign === undefined
        ? { kind: 'word', text: double ?? single ?? word ?? '' }
        : { kind: 'sign', text: sign },
    )
  }
  return tokens
}

const isThere = (value: Value): boolean => value !== undefined && value !== '' && value !== 0

function comparison(name: string, sign: string, typed: string, text: string): Question {
  switch (sign) {
    case '=~':
    case '!~': {
      const shape = expressionOf(typed, () => wrong(text, `a regular expression, not '${typed}'`))
      return (field) => shape.test(String(field(name).value ?? '')) === (sign === '=~')
    }
    case '==':
    case '=':
      return (field) => equals(field(name), typed)
    case '!=':
      return (field) => !equals(field(name), typed)
    default:
      return (field) => compares(name, field(name), sign, typed)
  }
}

/** @throws what `refusal` makes, when it is none */
export function expressionOf(typed: string, refusal: () => OperatingError): RegExp {
  try {
    return new RegExp(typed)
  } catch (error) {
    if (error instanceof SyntaxError) throw refusal()
    throw error
  }
}

const figureOf = (typed: string, { parse }: Field): number | undefined => {
  const plain = typed.trim() === '' ? Number.NaN : Number(typed)
  return Number.isNaN(plain) ? parse?.(typed) : plain
}

function equals(field: Field, typed: string): boolean {
  const { value } = field
  return typeof value === 'number' ? value === figureOf(typed, field) : (value ?? '') === typed
}

function compares(name: string, field: Field, sign: string, typed: string): boolean {
  const { value } = field
  // A text such as an attribute may hold a figure, too.
  const left = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
  const right = figureOf(typed, field)
  if (right === undefined)
    throw usageError(`'${name}' cannot be ${sign} '${typed}': expected a figure`, '== and =~ compare words')
  if (typeof left !== 'number' || Number.isNaN(left)) return false
  switch (sign) {
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    default:
      return left >= right
  }
}

function wrong(text: string, expected: string): OperatingError {
  return usageError(
    `Option '--select' has the value '${text}': expected ${expected}`,
    "Such as -l 'state==running && cpus>=2', with ==, !=, =~, !~, <, <=, >, >=, &&, ||, ! and brackets",
  )
}

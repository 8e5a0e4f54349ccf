// Reads what the Docker Engine answered: its refusals become errors in its own words.
import { OperatingError } from '../../base/errors.ts'
import type { ContainerEvent } from './engine-answers.ts'
import { refusedRequest } from './engine-errors.ts'

/** Read whole. */
export interface Answer {
  readonly status: number
  readonly text: string
}

export function tooLong(doing: string, limit: number): OperatingError {
  return new OperatingError('LIMIT', `The Docker Engine's answer to "${doing}" is longer than ${limit} bytes`)
}

export function accepted(doing: string, answer: Answer): Answer {
  if (answer.status >= 200 && answer.status < 300) return answer
  throw refusedRequest(doing, answer.status, wordsOf(answer.text))
}

/** The engine explains itself as `{"message": "…"}`; what stands between (a proxy) may answer plain text. */
export function wordsOf(text: string): string {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message).trim()
  } catch {
    // Not JSON: the text itself is the explanation.
  }
  return text.trim().slice(0, 2000) || 'it gave no reason'
}

export function parse<T>(answer: Answer | string): T {
  const text = typeof answer === 'string' ? answer : answer.text
  try {
    return JSON.parse(text) as T
  } catch (error) {
    throw new OperatingError(
      'ENGINE',
      `The Docker Engine answered something that is not JSON: ${text.slice(0, 200)}`,
      {
        cause: error,
      },
    )
  }
}

interface EngineEvent {
  readonly Action?: string
  readonly Actor?: {
    readonly ID?: string
    readonly Attributes?: { readonly exitCode?: string; readonly signal?: string }
  }
}

export function eventOf({ Action, Actor }: EngineEvent): ContainerEvent {
  const { ID: id = '', Attributes = {} } = Actor ?? {}
  return Action === 'kill'
    ? { kind: 'signal', id, signal: Number(Attributes.signal) }
    : { kind: 'end', id, exitCode: Number(Attributes.exitCode) }
}

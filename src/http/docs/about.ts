/** What a route is for, in words and schemas: `/openapi.json`, `/docs` and `/help` are made of these. */
import type { Message } from '../../wire/message.ts'

/** A field of a page: a kind of JSON value, and what it means. */
export type PageField = readonly [
  kind: 'string' | 'number' | 'boolean' | 'object' | 'array' | 'any',
  meaning: string,
  when?: 'sometimes',
]

export type About =
  /** A JSON object with these fields, or a list of such objects. */
  | {
      readonly kind: 'page'
      readonly summary: string
      readonly fields: Readonly<Record<string, PageField>>
      readonly list?: true
      readonly query?: Readonly<Record<string, string>>
    }
  /** One sentence, bytes, or nothing at all, as the media type says. */
  | {
      readonly kind: 'plain'
      readonly summary: string
      readonly mediaType: string | undefined
      readonly query?: Readonly<Record<string, string>>
      readonly form?: Readonly<Record<string, string>>
    }
  /** Calls of one message, answered by another, by nothing, or by a stream of events. */
  | {
      readonly kind: 'calls'
      readonly summary: string
      readonly call: Message<unknown>
      readonly answer?: Message<unknown>
      readonly event?: Message<unknown>
      /** A call of each type that passes the gate. */
      readonly examples: Readonly<Record<string, unknown>>
      /** Types that are answered with 501 so far. */
      readonly later?: readonly string[]
    }
  /** Of Mesos, answered with 501 so far. */
  | { readonly kind: 'later'; readonly summary: string }

export type Abouts = Readonly<Record<string, About>>

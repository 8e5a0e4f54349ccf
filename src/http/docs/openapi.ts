/** The OpenAPI 3.1 document of a daemon, made of the very declarations by which calls are read and answers written. */
import { TEPUI_VERSION } from '../../base/version.ts'
import type { Message, NamedField } from '../../wire/message.ts'
import { componentPath } from '../../wire/message.ts'
import { schemaComponents } from '../../wire/openapi.ts'
import type { Route } from '../routes.ts'
import type { About, Abouts, PageField } from './about.ts'

type Json = Record<string, unknown>

/** @param abouts by path; a route that is not described is left out */
export function openApi(title: string, routes: readonly Route[], abouts: Abouts): Json {
  const paths: Record<string, Json> = {}
  const messages: Message<unknown>[] = []
  for (const { path, methods } of routes) {
    const about = abouts[path]
    // A test finds those that are not described.
    if (about === undefined) continue
    if (about.kind === 'calls')
      messages.push(...[about.call, about.answer, about.event].filter((one) => one !== undefined))
    const operation = operationOf(about)
    const named = methods ?? (about.kind === 'calls' ? ['POST'] : ['GET'])
    paths[path] = {
      ...paths[path],
      ...Object.fromEntries(named.map((method) => [method.toLowerCase(), operation])),
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title,
      version: TEPUI_VERSION,
      description: 'Every path is also reachable below the name of its process (/master, /slave(1)).',
    },
    paths: Object.fromEntries(Object.entries(paths).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: schemaComponents(messages) },
  }
}

function operationOf(about: About): Json {
  const { summary } = about
  switch (about.kind) {
    case 'page':
      return {
        summary,
        ...parameters(about.query),
        responses: {
          200: json('As asked.', about.list === true ? listOf(about.fields) : pageSchema(about.fields)),
        },
      }
    case 'plain':
      return {
        summary,
        ...parameters(about.query),
        ...(about.form !== undefined && { requestBody: form(about.form) }),
        responses: { 200: plain(about.mediaType) },
      }
    case 'calls':
      return { summary, requestBody: calls(about), responses: answers(about) }
    case 'later':
      return { summary, responses: { 501: plain('text/plain') } }
  }
}

const json = (description: string, schema: Json): Json => ({
  description,
  content: { 'application/json': { schema } },
})

const plain = (mediaType: string | undefined): Json => ({
  description: mediaType === undefined ? 'Done; without a body.' : 'As asked.',
  ...(mediaType !== undefined && { content: { [mediaType]: { schema: { type: 'string' } } } }),
})

function parameters(query: Readonly<Record<string, string>> = {}): Json {
  const list = Object.entries(query).map(([name, description]) => ({
    name,
    in: 'query',
    description,
    schema: { type: 'string' },
  }))
  return list.length === 0 ? {} : { parameters: list }
}

function form(fields: Readonly<Record<string, string>>): Json {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, description]) => [name, { type: 'string', description }]),
  )
  const schema = { type: 'object', properties, required: Object.keys(fields) }
  return { required: true, content: { 'application/x-www-form-urlencoded': { schema } } }
}

/** The schema of a page: its fields are all that it has, but tools may send more later. */
export function pageSchema(fields: Readonly<Record<string, PageField>>): Json {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, [type, description]]) => [
      name,
      type === 'any' ? { description } : { type, description },
    ]),
  )
  const required = Object.entries(fields).flatMap(([name, [, , when]]) => (when === undefined ? [name] : []))
  return { type: 'object', properties, required }
}

const listOf = (fields: Readonly<Record<string, PageField>>): Json => ({
  type: 'array',
  items: pageSchema(fields),
})

type Calls = Extract<About, { kind: 'calls' }>

/** One schema for each type of call, with the part that belongs to it. */
function calls({ call, examples, later = [] }: Calls): Json {
  const types = typesOf(call)
  const others = call.fields.filter(({ name }) => name !== 'type')
  const oneOf = types.map((type) => {
    const own = others.find(({ name }) => name === type.toLowerCase())
    // What is no part of one type, such as ids of the caller, belongs to every call.
    const shared = others.filter(({ name }) => !types.includes(name.toUpperCase()))
    const fields = [...shared, ...(own === undefined ? [] : [own])]
    return {
      title: type,
      ...(later.includes(type) && { description: 'Not yet: answered with 501.' }),
      type: 'object',
      properties: { type: { const: type }, ...Object.fromEntries(fields.map(property)) },
      required: ['type', ...fields.filter(({ rule }) => rule === 'required').map(({ name }) => name)],
    }
  })
  const named = Object.fromEntries(types.map((type) => [type, { value: examples[type] ?? { type } }]))
  return { required: true, content: { 'application/json': { schema: { oneOf }, examples: named } } }
}

const property = ({ name, type }: NamedField): readonly [string, Json] => [
  name,
  type.kind === 'scalar' ? { ...type.schema } : { $ref: componentPath(type.name) },
]

/** All but UNKNOWN, in the order of the declaration. */
export function typesOf(message: Message<unknown>): readonly string[] {
  const type = message.fields.find(({ name }) => name === 'type')?.type
  return type?.kind === 'enum' ? Object.keys(type.numbers).filter((name) => name !== 'UNKNOWN') : []
}

function answers({ answer, event, later = [] }: Calls): Json {
  const sentence = {
    description: 'A sentence that says why.',
    content: { 'text/plain': { schema: { type: 'string' } } },
  }
  const reference = (message: Message<unknown>): Json => ({ $ref: componentPath(message.name) })
  const shown = [answer, event].filter((one) => one !== undefined).map(reference)
  const said =
    event === undefined
      ? 'The answer, or nothing.'
      : 'The answer, nothing, or a stream: LENGTH, a newline, one event.'
  const [only] = shown
  return {
    ...(only !== undefined && { 200: json(said, shown.length === 1 ? only : { anyOf: shown }) }),
    ...(answer === undefined && { 202: { description: 'Taken; without a body.' } }),
    400: sentence,
    405: sentence,
    406: sentence,
    415: sentence,
    ...(later.length > 0 && { 501: sentence }),
  }
}

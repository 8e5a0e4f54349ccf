// `/openapi.json`, `/docs` and `/help` of both daemons: nothing is left out, and what is said is true of the answers.
import { describe, expect, test } from 'vitest'
import { AgentCall } from '../../../src/wire/agent-call.ts'
import { ExecutorCall } from '../../../src/wire/executor.ts'
import { decodeMessage } from '../../../src/wire/json.ts'
import { MasterCall } from '../../../src/wire/master-call.ts'
import type { Message } from '../../../src/wire/message.ts'
import { SchedulerCall } from '../../../src/wire/scheduler.ts'
import { TestAgent } from '../../support/agent-server.ts'
import { TestMaster } from '../../support/master-server.ts'
import type { RawAnswer } from '../../support/raw-http.ts'
import { asRecorded } from '../../support/recorded-shape.ts'

interface Schema {
  readonly type?: string
  readonly title?: string
  readonly description?: string
  readonly items?: Schema
  readonly oneOf?: readonly Schema[]
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
}

type Content = Readonly<
  Record<string, { readonly schema: Schema; readonly examples?: Record<string, { value: unknown }> }>
>

interface Operation {
  readonly summary: string
  readonly requestBody?: { readonly content: Content }
  readonly responses: Readonly<Record<string, { readonly content?: Content }>>
}

interface Document {
  readonly openapi: string
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> }
}

interface Daemon extends AsyncDisposable {
  get(path: string): Promise<RawAnswer>
  /** A call, at the path of its API. */
  post(path: string, body: string): Promise<RawAnswer>
}

const DAEMONS: Readonly<Record<string, () => Promise<Daemon>>> = {
  master: async () => {
    const undo = new AsyncDisposableStack()
    const master = undo.use(await TestMaster.start())
    undo.use(await asRecorded(master))
    return {
      get: (path) => master.get(path),
      post: (path, body) => master.post(`POST ${path}`, body),
      [Symbol.asyncDispose]: () => undo.disposeAsync(),
    }
  },
  agent: async () => {
    const agent = await TestAgent.start('127.0.0.1:1')
    return {
      get: (path) => agent.get(path),
      post: (path, body) => agent.post(path, body),
      [Symbol.asyncDispose]: () => agent[Symbol.asyncDispose](),
    }
  },
}

async function documentOf(daemon: Daemon): Promise<Document> {
  const { status, headers, body } = await daemon.get('/openapi.json')
  expect(status).toBe(200)
  expect(headers['Content-Type']).toBe('application/json')
  return JSON.parse(body) as Document
}

const CALLS: Readonly<Record<string, Readonly<Record<string, Message<unknown>>>>> = {
  master: { '/api/v1': MasterCall, '/api/v1/scheduler': SchedulerCall },
  agent: { '/api/v1': AgentCall, '/api/v1/executor': ExecutorCall },
}

describe.each(Object.keys(DAEMONS))('the %s', (name) => {
  const start = (): Promise<Daemon> =>
    (DAEMONS[name] ?? DAEMONS['master'])?.() ?? Promise.reject(new Error(name))

  test('describes every route, for people and for programs', async () => {
    await using daemon = await start()
    const { paths, openapi } = await documentOf(daemon)
    expect(openapi).toBe('3.1.0')
    const { body } = await daemon.get('/help')
    const rows = [...body.matchAll(/<dt>([^<]*) <a href="[^"]+">([^<]+)<\/a><\/dt><dd>([^<]*)<\/dd>/g)]
    expect(rows.length).toBeGreaterThan(20)
    // A route without words needs a row in src/master/route-abouts.ts or src/agent/route-abouts.ts.
    expect(rows.filter(([, , , summary]) => summary === '').map(([, , path]) => path)).toEqual([])
    expect(rows.map(([, , path = '']) => path).toSorted()).toEqual(Object.keys(paths).toSorted())
    for (const [, methods = '', path = ''] of rows) {
      const described = Object.keys(paths[path] ?? {}).map((method) => method.toUpperCase())
      expect({ path, described: described.toSorted() }).toEqual({
        path,
        described: methods.split(', ').toSorted(),
      })
      expect((await daemon.get(`/help${encodeURI(path)}`)).status).toBe(200)
    }
    expect((await daemon.get('/help/no/such/path')).status).toBe(404)
  })

  test('answers with pages that fit their schemas', async () => {
    await using daemon = await start()
    const { paths } = await documentOf(daemon)
    let looked = 0
    for (const [path, { get }] of Object.entries(paths)) {
      const schema = get?.responses['200']?.content?.['application/json']?.schema
      if (schema === undefined) continue
      const { status, body } = await daemon.get(path)
      if (status !== 200) continue
      looked++
      const value: unknown = JSON.parse(body)
      const kind = Array.isArray(value) ? 'array' : typeof value
      expect({ path, kind }).toEqual({ path, kind: schema.type })
      const pages = Array.isArray(value) ? value : [value]
      const { required = [], properties = {} } = schema.items ?? schema
      for (const page of pages as Record<string, unknown>[]) {
        expect({ path, missing: required.filter((field) => !(field in page)) }).toEqual({ path, missing: [] })
        for (const [field, { type }] of Object.entries(properties)) {
          const given = page[field]
          if (given === undefined || type === undefined) continue
          const found = Array.isArray(given) ? 'array' : typeof given
          expect({ path, field, found }).toEqual({ path, field, found: type })
        }
      }
    }
    expect(looked).toBeGreaterThan(10)
  })

  test('has a schema and an example for every type of call, and the examples are calls', async () => {
    await using daemon = await start()
    const { paths } = await documentOf(daemon)
    for (const [path, message] of Object.entries(CALLS[name] ?? {})) {
      const content = paths[path]?.['post']?.requestBody?.content['application/json']
      const titles = content?.schema.oneOf?.map(({ title }) => title)
      const kinds = message.fields.find((field) => field.name === 'type')?.type
      const types =
        kinds?.kind === 'enum' ? Object.keys(kinds.numbers).filter((type) => type !== 'UNKNOWN') : []
      expect({ path, titles }).toEqual({ path, titles: types })
      for (const type of types) {
        const example = content?.examples?.[type]?.value
        const decoded = decodeMessage(message, example)
        expect({ path, type, ok: decoded.ok }).toEqual({ path, type, ok: true })
        expect(decoded).toMatchObject({ value: { type } })
      }
    }
  })

  test('names only messages that it has', async () => {
    await using daemon = await start()
    const document = await documentOf(daemon)
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)]
    expect(references.length).toBeGreaterThan(100)
    const unknown = references.map(([, of = '']) => of).filter((of) => !(of in document.components.schemas))
    expect([...new Set(unknown)]).toEqual([])
  })

  test('gives a page to read it, which asks no other host and takes no markup from it', async () => {
    await using daemon = await start()
    const { status, headers, body } = await daemon.get('/docs')
    expect(status).toBe(200)
    expect(headers['Content-Type']).toBe('text/html; charset=utf-8')
    expect(headers['Content-Security-Policy']).toContain("default-src 'none'; connect-src 'self'")
    expect(body).not.toMatch(/https?:|innerHTML|insertAdjacentHTML|document\.write/)
    expect(body).not.toMatch(/(src|href)="\/\//)
  })
})

test('the document says of every call of the master whether it is there', async () => {
  await using daemon = await (DAEMONS['master']?.() ?? Promise.reject(new Error('no master')))
  const content = (await documentOf(daemon)).paths['/api/v1']?.['post']?.requestBody?.content[
    'application/json'
  ]
  for (const { title = '', description } of content?.schema.oneOf ?? []) {
    if (title === 'SUBSCRIBE') continue
    const { status } = await daemon.post('/api/v1', JSON.stringify(content?.examples?.[title]?.value))
    expect({ title, later: description !== undefined }).toEqual({ title, later: status === 501 })
  }
})

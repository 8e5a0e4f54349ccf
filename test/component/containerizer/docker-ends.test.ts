// One stream of the engine tells all ends; where it says nothing, the engine is asked about the container itself.
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Container } from '../../../src/containerizer/containerizer.ts'
import type { DockerContainerizer } from '../../../src/containerizer/docker/docker.ts'
import { dockerSpec } from '../../support/docker.ts'
import {
  FAKE_ID,
  FAKE_TAG,
  type FakeEngine,
  fakeEngine,
  json,
  openOnFake,
} from '../../support/fake-engine.ts'

let engine: FakeEngine
let docker: DockerContainerizer
let streams: ServerResponse[]
let outputs: ServerResponse[]
let filters: string

beforeEach(async () => {
  engine = await fakeEngine()
  streams = []
  outputs = []
  engine.script['GET events'] = (response, request) => {
    filters = new URL(request.url ?? '', 'http://engine').searchParams.get('filters') ?? ''
    response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders()
    streams.push(response)
  }
  engine.script['POST attach'] = (response) => {
    response.writeHead(200).flushHeaders()
    outputs.push(response)
  }
  engine.script['POST wait'] = (response, request) => {
    endOutputs()
    json(200, { StatusCode: 9 })(response, request)
  }
  docker = await openOnFake(engine)
  while (streams.length === 0) await new Promise((resolve) => setImmediate(resolve))
})

afterEach(async () => {
  await docker.close()
  await engine[Symbol.asyncDispose]()
})

const launch = (): Promise<Container> =>
  docker.launch(
    dockerSpec({}, {}, { sandbox: engine.folder }),
    { progress: () => undefined },
    new AbortController().signal,
  )
const endOutputs = (): void => {
  for (const output of outputs.splice(0)) output.end()
}
const tell = (id: string, exitCode: string): void => {
  const event = { Type: 'container', Action: 'die', Actor: { ID: id, Attributes: { exitCode } } }
  streams.at(-1)?.write(`${JSON.stringify(event)}\n`)
  if (id === FAKE_ID) endOutputs()
}
const wasAsked = (): boolean => engine.requests.some((request) => request.endsWith('/wait'))

test('an end that is told costs no request', async () => {
  const container = await launch()
  expect(JSON.parse(filters)).toMatchObject({ event: ['die', 'kill'], label: [`tepui.agent=${FAKE_TAG}`] })
  tell('ab'.repeat(32), '1')
  tell(FAKE_ID, '7')
  expect(await container.exit).toEqual({ kind: 'exited', code: 7 })
  expect(wasAsked()).toBe(false)
})

test('when the stream breaks, the engine is asked, and the next container is told of again', async () => {
  const first = await launch()
  streams[0]?.destroy()
  expect(await first.exit).toEqual({ kind: 'exited', code: 9 })
  await expect.poll(() => streams.length).toBe(2)
  const asked = engine.requests.filter((request) => request.endsWith('/wait')).length
  const next = await launch()
  tell(FAKE_ID, '3')
  expect(await next.exit).toEqual({ kind: 'exited', code: 3 })
  expect(engine.requests.filter((request) => request.endsWith('/wait')).length).toBe(asked)
})

test.each(['not JSON\n', `{"Actor":{"ID":"${FAKE_ID}"}}\n`])(
  'when the stream says %j, the engine is asked',
  async (line) => {
    const container = await launch()
    streams[0]?.write(line)
    expect(await container.exit).toEqual({ kind: 'exited', code: 9 })
  },
)

test('when its output has ended and the stream is silent, the engine is asked', async () => {
  engine.script['POST attach'] = (response) => response.writeHead(200).end()
  const container = await launch()
  expect(await container.exit).toEqual({ kind: 'exited', code: 9 })
  expect(wasAsked()).toBe(true)
})

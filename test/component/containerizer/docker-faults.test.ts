// An engine that refuses, hangs, breaks off and comes back: every fault ends in a clear error, and nothing is left.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Container } from '../../../src/containerizer/containerizer.ts'
import type { DockerContainerizer } from '../../../src/containerizer/docker/docker.ts'
import { dockerSpec } from '../../support/docker.ts'
import {
  FAKE_ID,
  type FakeEngine,
  cut,
  cutInside,
  fakeEngine,
  hang,
  json,
  NEVER_STARTED,
  inspected,
  openOnFake,
} from '../../support/fake-engine.ts'

let engine: FakeEngine
let docker: DockerContainerizer

beforeEach(async () => {
  engine = await fakeEngine()
  docker = await open()
})

afterEach(async () => {
  await docker.close()
  await engine[Symbol.asyncDispose]()
})

const open = (): Promise<DockerContainerizer> =>
  openOnFake(engine, { engineLossMs: 1500 }, { shortMs: 150, createMs: 150, startMs: 150 })

const launch = (signal = new AbortController().signal): Promise<Container> =>
  docker.launch(dockerSpec({}, {}, { sandbox: engine.folder }), { progress: () => undefined }, signal)
const failure = (): Promise<unknown> =>
  launch().then(
    () => 'launched',
    (error: unknown) => error,
  )
const removals = (): number => engine.removals.length

describe('a launch fails with the words and leaves nothing', () => {
  const refusal = json(500, { message: 'driver failed: the disk is full' })

  test.each(['create', 'start'])('when the engine refuses to %s', async (step) => {
    engine.script[`POST ${step}`] = refusal
    expect(await failure()).toMatchObject({
      code: 'LAUNCH',
      message: `The Docker Engine could not ${step} the container: driver failed: the disk is full`,
    })
    expect(removals()).toBe(step === 'create' ? 0 : 1)
  })

  test('when it refuses to attach', async () => {
    engine.script['POST attach'] = refusal
    expect(await failure()).toMatchObject({
      code: 'ENGINE',
      message: expect.stringContaining('the disk is full'),
    })
    expect(removals()).toBe(1)
  })

  test.each(['create', 'attach', 'start'])('when it hangs at %s', async (step) => {
    engine.script[`POST ${step}`] = hang
    engine.script['GET json'] = inspected(NEVER_STARTED)
    expect(await failure()).toMatchObject({
      code: 'ENGINE',
      message: expect.stringContaining('within 0.15 s'),
    })
    expect(removals()).toBe(1)
  })

  test.each(['create', 'attach', 'start'])('when it cuts the line at %s', async (step) => {
    engine.script[`POST ${step}`] = cut
    engine.script['GET json'] = inspected(NEVER_STARTED)
    expect(await failure()).toMatchObject({
      code: 'ENGINE',
      message: expect.stringContaining('ended the connection'),
    })
    expect(removals()).toBe(1)
  })

  test('when its answer breaks off, and when it is not JSON', async () => {
    engine.script['POST create'] = cutInside
    expect(await failure()).toMatchObject({
      code: 'ENGINE',
      message: expect.stringContaining('ended the connection'),
    })
    engine.script['POST create'] = (response) => response.writeHead(201).end('<html>')
    expect(await failure()).toMatchObject({
      code: 'ENGINE',
      message: expect.stringContaining('not JSON: <html>'),
    })
  })

  test('when nobody is at the socket', async () => {
    await engine.gone()
    expect(await failure()).toMatchObject({
      code: 'ENGINE',
      message: expect.stringMatching(
        /^Cannot create the container mesos-.*: (there is no|nobody answers|the Docker)/,
      ),
      hint: expect.stringContaining('--docker_socket'),
    })
    await expect(open()).rejects.toMatchObject({ code: 'ENGINE' })
    await engine.back()
  })

  test('when it is stopped while the image is pulled', async () => {
    engine.script['POST create'] = (response, request) =>
      request.url?.startsWith('/images/') === true
        ? response.writeHead(200).write('{"status":"Pulling fs layer","id":"a"}\n')
        : json(404, { message: 'No such image: tepui/busybox:latest' })(response, request)
    engine.script['GET json'] = json(404, { message: 'No such image' })
    const stop = new AbortController()
    const launching = launch(stop.signal).catch((error: unknown) => error)
    await expect.poll(() => engine.requests.includes('POST /images/create')).toBe(true)
    const reason = new Error('killed')
    stop.abort(reason)
    expect(await launching).toBe(reason)
    expect(engine.requests).not.toContain(`POST /containers/${FAKE_ID}/start`)
  })
})

describe('a running container', () => {
  test('is found again when the engine comes back, with the status that it had meanwhile', async () => {
    engine.script['POST wait'] = hang
    const container = await launch()
    await expect.poll(() => engine.requests.some((request) => request.endsWith('/wait'))).toBe(true)
    engine.script['POST wait'] = json(200, { StatusCode: 5 })
    await engine.gone()
    await engine.back()
    expect(await container.exit).toEqual({ kind: 'exited', code: 5 })
  })

  test('is still waited for when the answer breaks off in the middle', async () => {
    let asked = 0
    engine.script['POST wait'] = (response, request) =>
      (asked++ === 0 ? cutInside : json(200, { StatusCode: 4 }))(response, request)
    expect(await (await launch()).exit).toEqual({ kind: 'exited', code: 4 })
  })

  test('is lost in words when the engine stays away', async () => {
    engine.script['POST wait'] = hang
    const container = await launch()
    await engine.gone()
    const exit = await container.exit
    await engine.back()
    expect(exit).toMatchObject({
      kind: 'lost',
      detail: expect.stringContaining('has not answered for 1.5 s'),
    })
  })

  test('is lost in words when the engine has forgotten it', async () => {
    engine.script['POST wait'] = json(404, { message: 'No such container' })
    expect(await (await launch()).exit).toMatchObject({
      kind: 'lost',
      detail: expect.stringContaining('removed it'),
    })
  })

  test('is killed as soon as the engine takes the signal again', async () => {
    let release: (() => void) | undefined
    engine.script['POST wait'] = (response, request) => {
      release = () => json(200, { StatusCode: 137 })(response, request)
    }
    let refused = 0
    engine.script['POST kill'] = (response, request) => {
      if (refused++ < 2) json(500, { message: 'busy' })(response, request)
      else {
        response.writeHead(204).end()
        release?.()
      }
    }
    const container = await launch()
    await expect.poll(() => release).toBeDefined()
    container.kill(0)
    expect(await container.exit).toEqual({ kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    expect(refused).toBe(3)
  })
})

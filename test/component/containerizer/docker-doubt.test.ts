// An engine that does not say whether it has started a container: it runs once, whatever comes of the requests.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Container, type ContainerSpec, Leaving } from '../../../src/containerizer/containerizer.ts'
import type { DockerContainerizer, DockerOptions } from '../../../src/containerizer/docker/docker.ts'
import { dockerSpec } from '../../support/docker.ts'
import {
  cut,
  ended,
  FAKE_ID,
  FAKE_TAG,
  type FakeEngine,
  fakeEngine,
  type Handler,
  hang,
  inspected,
  inTurn,
  json,
  NEVER_STARTED,
  openOnFake,
  startsOf,
  telling,
} from '../../support/fake-engine.ts'

const TIMEOUTS = { shortMs: 60_000, createMs: 60_000, startMs: 150 }
const SOON = { timeout: 60_000, interval: 10 }

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

const open = (more: Partial<DockerOptions> = {}, timeouts = TIMEOUTS): Promise<DockerContainerizer> =>
  openOnFake(engine, { engineLossMs: 20_000, ...more }, timeouts)
const spec = (): ContainerSpec => dockerSpec({}, {}, { sandbox: engine.folder })
const launch = (one = spec(), signal = new AbortController().signal): Promise<Container> =>
  docker.launch(one, { progress: () => undefined }, signal)
const starts = (): number => startsOf(engine)
const labels = ({ containerId }: ContainerSpec, agent = FAKE_TAG): Record<string, string> => ({
  'tepui.agent': agent,
  'tepui.container': containerId,
})
const conflict = json(409, { message: 'You cannot remove a running container' })

describe.each([
  ['cut off', cut],
  ['not answered', hang],
])('a start that is %s', (_, trouble) => {
  beforeEach(() => {
    engine.script['POST start'] = trouble
    engine.script['POST wait'] = hang
  })

  test('is one if the engine says that the container runs', async () => {
    const container = await launch()
    engine.script['POST wait'] = json(200, { StatusCode: 17 })
    expect(container.id).not.toBe('')
    expect([starts(), engine.removals]).toEqual([1, []])
  })

  test('is one if the container has ended meanwhile, with its own status', async () => {
    engine.script['GET json'] = inspected(ended(17))
    expect(await (await launch()).exit).toEqual({ kind: 'exited', code: 17 })
    expect([starts(), engine.removals]).toEqual([1, []])
  })

  test('is none if the engine removes the container as one that never ran', async () => {
    engine.script['GET json'] = inspected(NEVER_STARTED)
    await expect(launch()).rejects.toMatchObject({ code: 'ENGINE' })
    expect([starts(), engine.removals]).toEqual([1, ['gentle']])
  })

  test('is one if it comes through while the container is being removed', async () => {
    engine.script['GET json'] = inTurn(inspected(NEVER_STARTED), inspected())
    engine.script['DELETE'] = conflict
    await launch()
    expect([starts(), engine.removals]).toEqual([1, ['gentle']])
  })

  test('is asked about until the engine answers again', async () => {
    engine.script['GET json'] = inTurn(cut, json(500, { message: 'busy' }), inspected(ended(3)))
    expect(await (await launch()).exit).toEqual({ kind: 'exited', code: 3 })
  })

  test('counts as failed when the engine stays away, and what there may be is removed', async () => {
    await docker.close()
    docker = await open({ engineLossMs: 300 })
    engine.script['GET json'] = cut
    await expect(launch()).rejects.toMatchObject({
      code: 'ENGINE',
      message: expect.stringContaining('did not confirm that nothing of it runs'),
    })
    await docker.close()
    expect(engine.removals).toEqual(['forced'])
  })
})

describe('an agent that leaves', () => {
  test('while the engine starts a container does not wait, and leaves it to its next life', async () => {
    await docker.close()
    docker = await open({}, { ...TIMEOUTS, startMs: 600_000 })
    engine.script['POST start'] = hang
    const leave = new AbortController()
    const launching = launch(spec(), leave.signal).catch((error: unknown) => error)
    await expect.poll(starts, SOON).toBe(1)
    leave.abort(new Leaving())
    expect(await launching).toBe(leave.signal.reason)
    expect(engine.removals).toEqual([])
  })

  test('before it asked for the start takes the container away', async () => {
    engine.script['POST attach'] = hang
    const leave = new AbortController()
    const launching = launch(spec(), leave.signal).catch((error: unknown) => error)
    await expect.poll(() => engine.requests.some((request) => request.endsWith('/attach')), SOON).toBe(true)
    leave.abort(new Leaving())
    expect(await launching).toBe(leave.signal.reason)
    expect([starts(), engine.removals]).toEqual([0, ['forced']])
  })
})

test('a container whose task is killed while the engine starts it is handed over, for its end to be told', async () => {
  const kill = new AbortController()
  engine.script['POST start'] = (response) => {
    kill.abort(new Error('killed'))
    response.writeHead(204).end()
  }
  engine.script['POST wait'] = json(200, { StatusCode: 9 })
  const container = await launch(spec(), kill.signal)
  expect(await container.exit).toEqual({ kind: 'exited', code: 9 })
  expect(engine.removals).toEqual([])
})

describe('a name that is taken', () => {
  const taken = json(409, { message: 'Conflict. The container name is already in use' })

  test('by the same container, which never was started, is made free', async () => {
    const one = spec()
    engine.script['POST create'] = inTurn(taken, json(201, { Id: FAKE_ID, Warnings: [] }))
    engine.script['GET json'] = inTurn(
      inspected(NEVER_STARTED, labels(one)),
      inspected(NEVER_STARTED, labels(one)),
      inspected({}, labels(one)),
    )
    await launch(one)
    expect([starts(), engine.removals]).toEqual([1, ['gentle']])
  })

  test.each([
    ['runs', {}],
    ['has ended', ended(17)],
  ])('by the same container, which %s, is that one, and nothing is started', async (_, state) => {
    const one = spec()
    engine.script['POST create'] = taken
    engine.script['POST wait'] = json(200, { StatusCode: 17 })
    engine.script['GET json'] = inspected(state, labels(one))
    const container = await launch(one)
    expect(await container.exit).toEqual({ kind: 'exited', code: 17 })
    expect([starts(), engine.removals]).toEqual([0, []])
  })

  test('by a foreign container fails with the words of the engine, and that one is not touched', async () => {
    const one = spec()
    engine.script['POST create'] = taken
    for (const foreign of [{}, labels(one, 'somebody'), labels(spec())]) {
      engine.script['GET json'] = inspected({}, foreign)
      await expect(launch(one)).rejects.toMatchObject({
        code: 'LAUNCH',
        message: expect.stringContaining('is already in use'),
      })
    }
    expect([starts(), engine.removals]).toEqual([0, []])
  })
})

describe('recovery', () => {
  const list = (one: ContainerSpec, State: string, agent = FAKE_TAG): Handler => {
    const listed = [{ Id: FAKE_ID, Names: ['/x'], Labels: labels(one, agent), State }]
    return (response, request) =>
      request.url?.startsWith('/containers/json') === true
        ? json(200, listed)(response, request)
        : inspect(response, request)
  }
  let inspect: Handler = inspected()
  const recover = async (known: readonly ContainerSpec[]): Promise<[string[], number]> => {
    const { containers, removed } = await docker.recover(known)
    return [[...containers.keys()], removed]
  }

  beforeEach(async () => {
    await docker.close()
    engine.script['GET events'] = telling
    engine.script['POST wait'] = hang
    engine.script['GET logs'] = json(200, '')
    docker = await open()
  })

  test('takes up what runs also when the engine does not tell of ends', async () => {
    await docker.close()
    engine.script['GET events'] = hang
    docker = await open()
    const one = spec()
    inspect = inspected()
    engine.script['GET json'] = list(one, 'running')
    engine.script['POST wait'] = json(200, { StatusCode: 6 })
    const { containers } = await docker.recover([one])
    expect(await containers.get(one.containerId)?.exit).toEqual({ kind: 'exited', code: 6 })
  })

  test('waits for an engine that does not answer yet', async () => {
    const one = spec()
    inspect = inspected()
    engine.script['GET json'] = inTurn(cut, json(503, { message: 'starting' }), list(one, 'running'))
    expect(await recover([one])).toEqual([[one.containerId], 0])
  })

  test('takes a container that a request of the earlier life starts just now for started', async () => {
    const one = spec()
    inspect = inTurn(inspected(NEVER_STARTED), inspected())
    engine.script['GET json'] = list(one, 'created')
    engine.script['DELETE'] = conflict
    expect(await recover([one])).toEqual([[one.containerId], 0])
    expect([starts(), engine.removals]).toEqual([0, ['gentle']])
  })

  test('removes a known container that never was started, for it to be asked for again', async () => {
    const one = spec()
    inspect = inspected(NEVER_STARTED)
    engine.script['GET json'] = list(one, 'created')
    expect(await recover([one])).toEqual([[], 0])
    expect(engine.removals).toEqual(['gentle'])
  })

  test('tells how a known container ended', async () => {
    const one = spec()
    inspect = inspected(ended(5))
    engine.script['GET json'] = list(one, 'exited')
    const { containers } = await docker.recover([one])
    expect(await containers.get(one.containerId)?.exit).toEqual({ kind: 'exited', code: 5 })
  })

  test.each([
    ['running', true, ['forced'], 1],
    ['running', false, [], 0],
    ['paused', false, [], 0],
    ['exited', false, ['forced'], 1],
    ['created', false, ['forced'], 1],
  ])(
    'of an unknown container that is %s, with --docker_kill_orphans=%s, removes it: %j',
    async (state, killOrphans, removals, removed) => {
      await docker.close()
      docker = await open({ killOrphans })
      inspect = inspected()
      engine.script['GET json'] = list(spec(), state)
      expect(await recover([])).toEqual([[], removed])
      expect(engine.removals).toEqual(removals)
    },
  )

  test('does not touch a container of another agent, also when the engine lists it', async () => {
    inspect = inspected()
    engine.script['GET json'] = list(spec(), 'running', 'somebody')
    expect(await recover([])).toEqual([[], 0])
    expect(engine.removals).toEqual([])
  })
})

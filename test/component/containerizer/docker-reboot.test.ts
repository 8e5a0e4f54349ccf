// What the engine says of containers of before the machine was started: whose end it was, and which must go.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseIsoTime } from '../../../src/base/clock.ts'
import type { ContainerSpec } from '../../../src/containerizer/containerizer.ts'
import type { DockerContainerizer } from '../../../src/containerizer/docker/docker.ts'
import { dockerSpec } from '../../support/docker.ts'
import {
  cut,
  ended,
  FAKE_ID,
  FAKE_TAG,
  type FakeEngine,
  fakeEngine,
  type Handler,
  inspected,
  inTurn,
  json,
  NEVER_STARTED,
  openOnFake,
  startsOf,
  telling,
} from '../../support/fake-engine.ts'

const BEGAN = '2026-01-31T12:00:00.5Z'
const BOOT = parseIsoTime('2026-02-01T08:00:00Z')

let engine: FakeEngine
let docker: DockerContainerizer
let one: ContainerSpec

beforeEach(async () => {
  engine = await fakeEngine()
  engine.script['GET logs'] = json(200, '')
  engine.script['GET events'] = telling
  one = dockerSpec({}, {}, { sandbox: engine.folder })
  docker = await openOnFake(engine, { removeDelayMs: 10 * 365 * 86_400_000, engineLossMs: 3000 })
})

afterEach(async () => {
  await docker.close()
  await engine[Symbol.asyncDispose]()
})

/** The engine has the one container, in this state. */
function has(State: string, inspect: Handler): void {
  const Labels = { 'tepui.agent': FAKE_TAG, 'tepui.container': one.containerId }
  const listed = [{ Id: FAKE_ID, Names: ['/x'], Labels, State }]
  engine.script['GET json'] = (response, request) =>
    request.url?.startsWith('/containers/json') === true
      ? json(200, listed)(response, request)
      : inspect(response, request)
}

describe('a known container', () => {
  test('whose end the engine wrote down before the machine was started has that end', async () => {
    has('exited', inspected({ ...ended(7), StartedAt: BEGAN, FinishedAt: '2026-02-01T07:59:59.9Z' }))
    const { containers } = await docker.recover([one], BOOT)
    expect(await containers.get(one.containerId)?.exit).toEqual({ kind: 'exited', code: 7 })
    expect(engine.removals).toEqual([])
  })

  test.each([
    ['after the machine was started', '2026-02-01T08:00:00.1Z'],
    ['on a clock that was behind after the start', '2026-01-31T12:00:00.4Z'],
  ])('whose end the engine wrote down %s has none of its own, and is kept to look at', async (_, at) => {
    has('exited', inspected({ ...ended(0), StartedAt: BEGAN, FinishedAt: at }))
    expect(await docker.recover([one], BOOT)).toEqual({ containers: new Map(), removed: 0 })
    expect(engine.removals).toEqual([])
    expect(docker.keeping.containers.map(({ engineId }) => engineId)).toEqual([FAKE_ID])
  })

  test('that never was started is removed, and is no end', async () => {
    has('created', inspected(NEVER_STARTED))
    expect(await docker.recover([one], BOOT)).toEqual({ containers: new Map(), removed: 0 })
    expect([engine.removals, startsOf(engine)]).toEqual([['gentle'], 0])
  })

  test('that somebody started anew is removed before its task is told as ended', async () => {
    has('running', inspected())
    engine.script['DELETE'] = inTurn(cut, json(500, { message: 'busy' }), json(204, ''))
    expect(await docker.recover([one], BOOT)).toEqual({ containers: new Map(), removed: 0 })
    expect(engine.removals).toEqual(['forced', 'forced', 'forced'])
  })

  test('that somebody started anew and that stays ends the recovery: it would run twice', async () => {
    has('running', inspected())
    engine.script['DELETE'] = json(500, { message: 'busy' })
    await expect(docker.recover([one], BOOT)).rejects.toMatchObject({ code: 'ENGINE' })
  })
})

test('without a start of the machine in between, the same container runs on', async () => {
  has('running', inspected())
  engine.script['POST wait'] = () => undefined
  const { containers } = await docker.recover([one])
  expect([...containers.keys()]).toEqual([one.containerId])
})

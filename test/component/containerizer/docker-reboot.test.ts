// What the engine says of containers of before the machine was started: whose end it was, and which must go.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseIsoTime, systemClock } from '../../../src/base/clock.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { openCgroups } from '../../../src/containerizer/cgroups/open.ts'
import type { ContainerSpec } from '../../../src/containerizer/containerizer.ts'
import { type DockerContainerizer, openDocker } from '../../../src/containerizer/docker/docker.ts'
import { openEngine } from '../../../src/containerizer/docker/engine.ts'
import { dockerSpec } from '../../support/docker.ts'
import {
  cut,
  ended,
  FAKE_ID,
  type FakeEngine,
  fakeEngine,
  type Handler,
  inspected,
  json,
  NEVER_STARTED,
} from '../../support/fake-engine.ts'

const TIMEOUTS = { shortMs: 60_000, createMs: 60_000, startMs: 60_000 }
const BEGAN = '2026-01-31T12:00:00.5Z'
const BOOT = parseIsoTime('2026-02-01T08:00:00Z')

let engine: FakeEngine
let docker: DockerContainerizer
let folder: string
let one: ContainerSpec

beforeEach(async () => {
  engine = await fakeEngine()
  engine.script['GET logs'] = json(200, '')
  folder = mkdtempSync(join(tmpdir(), 'reboot-'))
  one = dockerSpec({}, {}, { sandbox: folder })
  const options = {
    socket: engine.socket,
    clock: systemClock,
    log: silentLogger,
    // No hierarchy is mounted there: a machine without control groups.
    cgroups: openCgroups({ tag: 'reboot', cpus: 2, clock: systemClock, mount: folder }),
    agentTag: 'reboot',
    memoryTotalBytes: 1e9,
    removeDelayMs: 10 * 365 * 86_400_000,
    engineLossMs: 3000,
  }
  docker = await openDocker(
    options,
    openEngine({ socket: engine.socket, clock: systemClock, timeouts: TIMEOUTS }),
  )
})

afterEach(async () => {
  await docker.close()
  await engine[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** The engine has the one container, in this state. */
function has(State: string, inspect: Handler): void {
  const Labels = { 'tepui.agent': 'reboot', 'tepui.container': one.containerId }
  const listed = [{ Id: FAKE_ID, Names: ['/x'], Labels, State }]
  engine.script['GET json'] = (response, request) =>
    request.url?.startsWith('/containers/json') === true
      ? json(200, listed)(response, request)
      : inspect(response, request)
}

const starts = (): number => engine.requests.filter((request) => request.endsWith('/start')).length

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
    expect([engine.removals, starts()]).toEqual([['gentle'], 0])
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

/** One answer after the other, the last one for ever. */
function inTurn(...handlers: readonly Handler[]): Handler {
  let asked = 0
  return (response, request) => handlers[Math.min(asked++, handlers.length - 1)]?.(response, request)
}

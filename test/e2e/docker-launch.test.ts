// Launches that fail, are stopped on the way, or come in crowds; and what an earlier life of the agent left.
import { beforeAll, describe, expect, test } from 'vitest'
import type { OperatingError } from '../../src/base/errors.ts'
import type { ContainerSpec } from '../../src/containerizer/containerizer.ts'
import { DockerContainer } from '../../src/containerizer/docker/container.ts'
import { type RealDocker, containersOf, realDocker } from '../support/docker.ts'
import { TEST_IMAGE, engineRequest, requireEngine } from '../support/engine.ts'

beforeAll(requireEngine)

const sh = (value: string): { command: { shell: true; value: string } } => ({
  command: { shell: true, value },
})

async function failure(docker: RealDocker, spec: ContainerSpec): Promise<OperatingError> {
  const error: unknown = await docker.start(spec).then(
    () => new Error('it was launched'),
    (reason: unknown) => reason,
  )
  expect(await containersOf(docker.tag)).toEqual([])
  return error as OperatingError
}

describe('a launch', () => {
  test('of an image that nobody has fails with the engine’s own words', async () => {
    await using docker = await realDocker()
    const error = await failure(docker, docker.spec({ image: '127.0.0.1:1/nobody/has-this:1' }))
    expect(error).toMatchObject({ code: 'IMAGE' })
    expect(error.message).toMatch(
      /^Cannot pull the image 127\.0\.0\.1:1\/nobody\/has-this:1: .*connection refused/,
    )
  })

  test('with force_pull_image pulls even an image that is here', async () => {
    await using docker = await realDocker()
    const name = '127.0.0.1:1/tepui/forced'
    await engineRequest('POST', `/images/${TEST_IMAGE}/tag?repo=${encodeURIComponent(name)}&tag=latest`)
    const error = await failure(docker, docker.spec({ image: name, force_pull_image: true }))
    expect(await docker.run(docker.spec({ image: name }))).toEqual({ kind: 'exited', code: 0 })
    await engineRequest('DELETE', `/images/${encodeURIComponent(`${name}:latest`)}`)
    expect(error).toMatchObject({ code: 'IMAGE' })
  })

  test('of a program that is not in the image fails with the engine’s own words', async () => {
    await using docker = await realDocker()
    const error = await failure(
      docker,
      docker.spec({}, {}, { command: { shell: false, value: '/no/such/program' } }),
    )
    expect(error).toMatchObject({ code: 'LAUNCH' })
    expect(error.message).toContain('/no/such/program')
  })

  test('with a network that is not there fails with the engine’s own words', async () => {
    await using docker = await realDocker()
    const spec = docker.spec({ network: 'USER' }, { network_infos: [{ name: 'no-such-network' }] })
    const error = await failure(docker, spec)
    expect(error).toMatchObject({ code: 'LAUNCH' })
    expect(error.message).toContain('no-such-network not found')
  })

  test('with a bad parameter fails before anything is created', async () => {
    await using docker = await realDocker()
    const error = await failure(docker, docker.spec({ parameters: [{ key: 'rm', value: 'true' }] }))
    expect(error).toMatchObject({ code: 'LAUNCH' })
    expect(error.message).toContain("'rm' is refused: the agent removes the container itself")
  })

  test.each([0, 5, 20, 60, 120, 200])('that is stopped after %i ms leaves nothing', async (ms) => {
    await using docker = await realDocker()
    const stop = AbortSignal.timeout(ms)
    const launch = docker.containerizer.launch(
      docker.spec({}, {}, sh('sleep 600')),
      { progress: () => undefined },
      stop,
    )
    const launched = await launch.catch((error: unknown) => error)
    if (launched instanceof DockerContainer) {
      launched.kill(0)
      await launched.exit
      await launched.release()
    } else expect(launched).toBe(stop.reason)
    expect(await containersOf(docker.tag)).toEqual([])
  })
})

test('50 launches at once all run, print and end', async () => {
  await using docker = await realDocker()
  const specs = Array.from({ length: 50 }, (_, index) => docker.spec({}, {}, sh(`exit ${index}`)))
  const exits = await Promise.all(specs.map((spec) => docker.run(spec)))
  expect(exits).toEqual(specs.map((_, code) => ({ kind: 'exited', code })))
  expect(await containersOf(docker.tag)).toEqual([])
}, 180_000)

test('ended containers stay for the delay and go when the containerizer is closed', async () => {
  const docker = await realDocker({ removeDelayMs: 3_600_000 })
  await docker.run(docker.spec())
  expect(await containersOf(docker.tag)).toHaveLength(1)
  expect(await docker.containerizer.recover([])).toMatchObject({ removed: 0 })
  await docker[Symbol.asyncDispose]()
})

test('a sweep ends what an earlier life left, and touches neither its own nor foreign containers', async () => {
  await using docker = await realDocker()
  await using other = await realDocker()
  const body = {
    Image: TEST_IMAGE,
    Cmd: ['sleep', '600'],
    HostConfig: { NetworkMode: 'none' },
    Labels: { 'tepui.agent': docker.tag },
  }
  const made = await engineRequest('POST', '/containers/create', body)
  const { Id } = JSON.parse(made.text) as { Id: string }
  await engineRequest('POST', `/containers/${Id}/start`)
  const mine = await docker.start(docker.spec({}, {}, sh('sleep 600')))
  const foreign = await other.start(other.spec({}, {}, sh('sleep 600')))

  expect(await docker.containerizer.recover([])).toMatchObject({ removed: 1 })
  expect(await containersOf(docker.tag)).toHaveLength(1)
  expect(await containersOf(other.tag)).toHaveLength(1)

  for (const container of [mine, foreign]) {
    container.kill(0)
    await container.exit
    await container.release()
  }
})

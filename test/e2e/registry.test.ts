// Private registries: what an agent is told with --docker_config decides whether the engine may pull.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type TaskStatus, commandTask } from '../../src/sdk/sdk.ts'
import { engineRequest, requireEngine } from '../support/engine.ts'
import { startCluster } from '../support/real-cluster.ts'
import { OWNER, Registry } from '../support/registry.ts'

let registry: Registry
let image: string

beforeAll(async () => {
  await requireEngine()
  registry = await Registry.start()
  image = await registry.push('private/tools')
})

beforeEach(() => registry.forget(image))

afterAll(() => registry[Symbol.asyncDispose]())

/** Runs a task of the private image with an agent that is told these credentials. */
async function run(...agent: readonly string[]): Promise<TaskStatus> {
  await using cluster = await startCluster({ agent })
  await cluster.framework.launch((offer) => ({
    ...commandTask({ id: 't', offer, command: 'exit 0', cpus: 0.1, mem: 32 }),
    container: { type: 'DOCKER', docker: { image, force_pull_image: true } },
  }))
  return await cluster.framework.end('t')
}

const here = async (): Promise<boolean> =>
  (await engineRequest('GET', `/images/${encodeURIComponent(image)}/json`)).status === 200

describe('an image of a private registry', () => {
  test('is pulled with the credentials of --docker_config, as text or as a file', async () => {
    expect(await here()).toBe(false)
    const config = registry.config(OWNER.password)
    expect((await run(`--docker_config=${config}`)).state).toBe('TASK_FINISHED')
    expect(await here()).toBe(true)
    await registry.forget(image)
    const folder = mkdtempSync(join(tmpdir(), 'tepui-config-'))
    writeFileSync(join(folder, 'config.json'), config)
    expect(await run(`--docker_config=${join(folder, 'config.json')}`)).toMatchObject({
      state: 'TASK_FINISHED',
    })
    rmSync(folder, { recursive: true })
    await registry.forget(image)
  })

  test('is refused with a wrong password and without one, and the task says so and tells no secret', async () => {
    for (const agent of [[`--docker_config=${registry.config('no-such-password')}`], []]) {
      const end = await run(...agent)
      expect(end).toMatchObject({ state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LAUNCH_FAILED' })
      expect(end.message).toMatch(
        /Cannot pull the image 127\.0\.0\.1:\d+\/private\/tools:1: .*(unauthorized|no basic)/,
      )
      expect(end.message).not.toContain('no-such-password')
      expect(await here()).toBe(false)
    }
  })
})

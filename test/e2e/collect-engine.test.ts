// What lies on a real engine's disk: images that a task had pulled go and come again, all others stay; ended
// containers wait for the rest of their time, also when the agent was killed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { Metrics } from '../../src/base/metrics.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { ContainerSpec } from '../../src/containerizer/containerizer.ts'
import { type ImageRules, whyKept } from '../../src/gc/image-plan.ts'
import { Images } from '../../src/gc/images.ts'
import { Database } from '../../src/store/database.ts'
import { KeptImages } from '../../src/store/kept-images.ts'
import { COLLECTION_MIGRATIONS } from '../../src/store/scheduled-paths.ts'
import { ManualClock } from '../support/clock.ts'
import { containersOf, type RealDocker, realDocker } from '../support/docker.ts'
import { engineRequest, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { type ImageServer, serveImage } from '../support/image-server.ts'
import { Lives } from '../support/lives.ts'

const HOUR_MS = 3_600_000
const RULES: ImageRules = { isOn: true, headroom: 0.1, includesUsed: false, excluded: [] }

let scope: AsyncDisposableStack
let folder: string
let clock: ManualClock
beforeAll(requireEngine)
beforeEach(() => {
  scope = new AsyncDisposableStack()
  folder = mkdtempSync(join(tmpdir(), 'tepui-engine-'))
  scope.defer(() => rmSync(folder, { recursive: true }))
  clock = new ManualClock(systemClock.now())
})
afterEach(() => scope.disposeAsync())

/** On a disk that is full, told of what the containerizer's tasks use. */
function imagesOf({ containerizer }: RealDocker, rules: Partial<ImageRules> = {}): Images {
  const { keeping } = containerizer
  const database = scope.use(
    Database.open(join(folder, 'gc.db'), { migrations: COLLECTION_MIGRATIONS, onDamaged: () => undefined }),
  )
  const disk = () => ({ totalBytes: 1, usedBytes: 1, freeBytes: 0, usage: 1 })
  const parts = { clock, log: silentLogger, metrics: new Metrics(), kept: new KeptImages(database), disk }
  const images = new Images({ ...parts, store: keeping }, { ...RULES, ...rules })
  keeping.onImage = (use) => void images.heard(use)
  return images
}

/** An image of this test alone, with the files of the test image; it is removed at the end. */
async function committed(name: string): Promise<string> {
  const made = await engineRequest('POST', '/containers/create', { Image: TEST_IMAGE })
  const { Id } = JSON.parse(made.text) as { Id: string }
  const repository = `tepui-test/${name}-${systemRandom.uuid().slice(0, 8)}`
  await engineRequest('POST', `/commit?container=${Id}&repo=${encodeURIComponent(repository)}&tag=1`, {})
  await engineRequest('DELETE', `/containers/${Id}?force=1`)
  scope.defer(async () => void (await engineRequest('DELETE', `/images/${encodeURIComponent(repository)}:1`)))
  return `${repository}:1`
}

const isThere = async (reference: string): Promise<boolean> =>
  (await engineRequest('GET', `/images/${encodeURIComponent(reference)}/json`)).status === 200

const busybox = (...words: readonly string[]): Partial<ContainerSpec> => ({
  command: { shell: false, value: '/busybox', arguments: ['busybox', ...words] },
})

const known = (images: Images): unknown =>
  Array.from(images.known, (one) => [one.present, whyKept(one, images.rules)])

test('an image that a task had pulled goes when the disk is full, and is pulled again for the next', async () => {
  const server: ImageServer = scope.use(await serveImage(`pulled-${systemRandom.uuid().slice(0, 8)}`))
  const docker = scope.use(await realDocker())
  const images = imagesOf(docker)
  const { reference } = server
  const task = (): ContainerSpec => docker.spec({ image: reference }, {}, busybox('true'))
  for (const round of [1, 2]) {
    const before = server.asked
    expect(await docker.run(task())).toEqual({ kind: 'exited', code: 0 })
    await expect.poll(() => known(images)).toEqual([[[reference], undefined]])
    expect([round, server.asked > before]).toEqual([round, true])
    await clock.advance(HOUR_MS)
    await images.collect()
    expect(await isThere(reference)).toBe(false)
  }
  expect(images.removed).toHaveLength(2)
  expect(images.removed[0]).toMatchObject({ name: reference, why: 'space' })
  expect(images.removed[0]?.bytes).toBeGreaterThan(500_000)
}, 180_000)

test('an image of any container, running or stopped, stays, and the engine would refuse too', async () => {
  const server: ImageServer = scope.use(await serveImage(`used-${systemRandom.uuid().slice(0, 8)}`))
  const docker = scope.use(await realDocker())
  const images = imagesOf(docker)
  const { reference } = server
  const service = await docker.start(docker.spec({ image: reference }, {}, busybox('sleep', '600')))
  await expect.poll(() => [...images.known].length).toBe(1)
  await clock.advance(HOUR_MS)
  await images.collect()
  expect(known(images)).toEqual([[[reference], 'in use by 1 container']])
  expect(await docker.containerizer.keeping.remove(reference)).toEqual({
    refused: expect.stringContaining('container') as string,
  })
  const made = await engineRequest('POST', '/containers/create', { Image: reference, Cmd: ['/busybox'] })
  const { Id } = JSON.parse(made.text) as { Id: string }
  try {
    service.kill(0)
    await service.exit
    await service.release()
    await images.collect(0)
    expect(known(images)).toEqual([[[reference], 'in use by 1 container']])
  } finally {
    await engineRequest('DELETE', `/containers/${Id}?force=1`)
  }
  await images.collect(0)
  expect(await isThere(reference)).toBe(false)
}, 180_000)

test('images that no task named stay, and those that were there before only go when that is asked for', async () => {
  const [foreign, loaded] = [await committed('foreign'), await committed('loaded')]
  const docker = scope.use(await realDocker())
  const images = imagesOf(docker)
  await docker.run(docker.spec({ image: loaded }))
  await expect.poll(() => known(images)).toEqual([[[loaded], 'not pulled by this agent']])
  await clock.advance(HOUR_MS)
  await images.collect(0)
  expect([await isThere(foreign), await isThere(loaded)]).toEqual([true, true])
  const both = imagesOf(docker, { includesUsed: true })
  await both.collect(0)
  expect([await isThere(foreign), await isThere(loaded), await isThere(TEST_IMAGE)]).toEqual([
    true,
    false,
    true,
  ])
}, 180_000)

/** In an earlier life, which is killed when the engine says that the container has ended. */
async function endedBefore(lives: Lives): Promise<ContainerSpec> {
  const spec = lives.spec({ value: 'dd if=/dev/zero of=/written bs=1024 count=64 2>/dev/null; exit 4' })
  await lives.begin([spec])
  await expect
    .poll(
      async () => {
        const { text } = await engineRequest('GET', '/containers/json?all=1&filters={"status":["exited"]}')
        return text.includes(spec.containerId)
      },
      { timeout: 60_000 },
    )
    .toBe(true)
  await lives.kill()
  return spec
}

test('a container that ended before its agent was killed is kept for the rest of its time, then removed', async () => {
  const lives = scope.use(new Lives('docker', { docker: { removeDelayMs: HOUR_MS } }))
  const { containerId } = await endedBefore(lives)
  const { containerizer } = await lives.next({ clock })
  expect((await containerizer.recover([])).removed).toBe(0)
  await containerizer.keeping?.measure(new AbortController().signal)
  const [kept] = containerizer.keeping?.containers ?? []
  expect(kept).toMatchObject({ containerId })
  expect(kept?.bytes).toBeGreaterThanOrEqual(64 * 1024)
  expect((kept?.dueAt ?? 0) - (kept?.endedAt ?? 0)).toBe(HOUR_MS)
  expect(await containersOf(lives.options.tag)).toEqual([kept?.engineId])
  await clock.advance(HOUR_MS)
  await expect.poll(() => containersOf(lives.options.tag), { timeout: 60_000 }).toEqual([])
}, 180_000)

test('a container whose time was over while no agent was there is removed at the start', async () => {
  const lives = scope.use(new Lives('docker', { docker: { removeDelayMs: HOUR_MS } }))
  await endedBefore(lives)
  clock.skip(2 * HOUR_MS)
  const { containerizer } = await lives.next({ clock })
  expect((await containerizer.recover([])).removed).toBe(1)
  expect(await containersOf(lives.options.tag)).toEqual([])
}, 180_000)

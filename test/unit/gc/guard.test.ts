// On a full disk the reserve is given back piece by piece and nothing new starts; with room again all is as before.
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import { DiskGuard } from '../../../src/gc/guard.ts'
import { Reserve } from '../../../src/gc/reserve.ts'

const MB = 1024 ** 2
let folder: string
let path: string
let freeBytes: number
let collections: number
let freed: number
let metrics: Metrics
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-guard-'))
  path = join(folder, 'reserve')
  freeBytes = 1000 * MB
  collections = 0
  freed = 0
  metrics = new Metrics()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function guard(reserve: Reserve): DiskGuard {
  return new DiskGuard({
    log: silentLogger,
    metrics,
    reserve,
    disk: () => ({ totalBytes: 2000 * MB, freeBytes, usedBytes: 0, usage: 0.99 }),
    collect: () => {
      collections++
      freeBytes += freed
      return Promise.resolve()
    },
    holders: () => '3 running containers go on',
  })
}

test('the reserve is on the disk, in blocks, and its size is kept over a restart', async () => {
  const reserve = new Reserve(path, 4 * MB)
  expect(reserve.heldBytes).toBe(0)
  await reserve.fill()
  expect(reserve.heldBytes).toBe(4 * MB)
  expect(statSync(path).blocks * 512).toBeGreaterThanOrEqual(4 * MB)
  expect(new Reserve(path, 4 * MB).heldBytes).toBe(4 * MB)
  expect(new Reserve(path, 3 * MB).heldBytes).toBe(3 * MB)
  expect(statSync(path).size).toBe(3 * MB)
  expect(new Reserve(path, 0).heldBytes).toBe(0)
  expect(existsSync(path)).toBe(false)
})

test('it is given back in four pieces while the disk is full, and taken again when there is room', async () => {
  const reserve = new Reserve(path, 4 * MB)
  const watch = guard(reserve)
  await watch.look()
  expect(reserve.heldBytes).toBe(4 * MB)
  freeBytes = 0
  const held: number[] = []
  for (let look = 0; look < 5; look++) {
    await watch.look()
    held.push(reserve.heldBytes / MB)
  }
  expect(held).toEqual([3, 2, 1, 0, 0])
  expect(metrics.value('tepui/disk_full')).toBe(1)
  // The room that it gave is not room for others.
  freeBytes = 4 * MB
  expect(await watch.refusal()).toContain('The disk is full: 4 MiB of')
  freeBytes = 9 * MB
  await watch.look()
  expect(reserve.heldBytes).toBe(4 * MB)
  expect(metrics.value('tepui/disk_full')).toBe(0)
})

test('a launch is refused with the figures only when a collection made no room', async () => {
  const reserve = new Reserve(path, 4 * MB)
  writeFileSync(path, '')
  await reserve.fill()
  const watch = guard(reserve)
  expect(await watch.refusal()).toBeUndefined()
  expect(collections).toBe(0)
  freeBytes = MB / 2
  freed = 100 * MB
  expect(await watch.refusal()).toBeUndefined()
  expect(collections).toBe(1)
  freeBytes = MB / 2
  freed = 0
  expect(await watch.refusal()).toBe(
    "The disk is full: 512 KiB of 1.95 GiB are free in the agent's work folder; 3 running containers go on",
  )
  expect(metrics.value('tepui/disk_launches_refused')).toBe(1)
})

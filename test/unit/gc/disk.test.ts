// What is known of a disk when its folder goes away under the agent.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { watchedDisk } from '../../../src/gc/disk.ts'

test('a folder that vanishes is told once, and its last figures stay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tepui-disk-'))
  const troubles: unknown[] = []
  const disk = watchedDisk(folder, (error) => troubles.push(error))
  const before = disk()
  expect(before.totalBytes).toBeGreaterThan(0)
  rmSync(folder, { recursive: true })
  expect(disk().totalBytes).toBe(before.totalBytes)
  expect(disk().totalBytes).toBe(before.totalBytes)
  expect(troubles).toEqual([expect.objectContaining({ code: 'ENOENT' })])
})

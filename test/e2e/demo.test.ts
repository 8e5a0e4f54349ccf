// The demo: lending, take-back and recovery are seen on this machine, and nothing is left.
import { readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { beforeAll, expect, test } from 'vitest'
import { Run } from '../support/cli.ts'
import { leftovers, requireEngine } from '../support/engine.ts'

let before: readonly string[]
const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith('tepui-demo-'))

beforeAll(async () => {
  await requireEngine()
  before = [...(await leftovers()), ...folders()]
})

const left = async (): Promise<string[]> =>
  [...(await leftovers(before)), ...folders()].filter((thing) => !before.includes(thing))

test('The demo sees lending, take-back and recovery, prints one object, and leaves nothing', async () => {
  const { code, stderr, stdout } = await new Run(['demo', '--json']).ended
  const sheet = JSON.parse(stdout) as { name: string; ok: boolean; figures: { name: string; ok: boolean }[] }
  const missed = sheet.figures.filter(({ ok }) => !ok)
  expect({ missed, told: missed.length === 0 ? '' : stderr }).toEqual({ missed: [], told: '' })
  expect({ code, name: sheet.name, ok: sheet.ok }).toEqual({ code: 0, name: 'demo', ok: true })
  await expect.poll(left, { timeout: 20_000 }).toEqual([])
}, 180_000)

test('The demo that is stopped in the middle leaves nothing either', async () => {
  const run = new Run(['demo'])
  await expect.poll(() => run.stdout, { timeout: 60_000 }).toContain('RUNNING')
  run.child.kill('SIGINT')
  expect((await run.ended).code).toBe(130)
  await expect.poll(left, { timeout: 20_000 }).toEqual([])
}, 120_000)

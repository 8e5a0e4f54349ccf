// The fault suite in its short form, and its own promise: it leaves nothing behind, however it ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { wipeDead } from '../faults/bed.ts'
import type { FaultKind } from '../faults/plan.ts'
import { runFaults } from '../faults/run.ts'
import { leftovers, requireEngine } from '../support/engine.ts'

beforeAll(requireEngine)

const MAIN = join(import.meta.dirname, '../faults/main.ts')
/** Takes half a minute on a quiet machine. */
const PATIENCE = { timeout: 300_000 }
/** Of a plan without long waits. */
const SEED = 27559
const SHORT: readonly FaultKind[] = [
  'agent-kill',
  'agent-restart',
  'engine-restart-live',
  'engine-cut',
  'container-kill',
  'disk-full',
  'master-kill',
  'partition',
]

test('a short run of the fault suite breaks no invariant', PATIENCE, async () => {
  const sheet = await runFaults(
    { seed: SEED, faults: SHORT.length, tasks: 12, only: SHORT, recovery: 0, logs: undefined },
    new AbortController().signal,
    // Shown by the test's report when it fails.
    (line) => console.info(line),
  )
  expect(Object.values(sheet.breaches).flat()).toEqual([])
  expect(sheet.figures.filter(({ ok }) => !ok)).toEqual([])
  expect(sheet.faults.map(({ kind }) => kind).toSorted()).toEqual(SHORT.toSorted())
  expect(sheet.faults.map(({ what }) => what).filter((what) => /could not be done/.test(what))).toEqual([])
})

describe('a run of the fault suite', () => {
  /** Resolves when tasks run and the first fault has struck. */
  function begun(): Promise<ChildProcess> {
    const child = spawn(
      process.execPath,
      [MAIN, '--tasks', '4', '--faults', '100', '--seed', '1', '--only', 'link-cut'],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    const { promise: struck, resolve, reject } = Promise.withResolvers<ChildProcess>()
    let said = ''
    child.stderr.on('data', (part: Buffer) => {
      said += part.toString()
      if (/^1\/100 /m.test(said)) resolve(child)
    })
    child.once('exit', () => reject(new Error(`The run ended early: ${said}`)))
    return struck
  }

  test('that is interrupted removes everything that it made', PATIENCE, async () => {
    const before = await leftovers()
    const child = await begun()
    expect((await leftovers(before)).join('\n')).toMatch(/process \d+ runs: .*tepui\.ts agent/)
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await ended).toEqual([1, null])
    await expect.poll(() => leftovers(before)).toEqual([])
  })

  test('that is killed by SIGKILL is cleaned up after by the next one', PATIENCE, async () => {
    const before = await leftovers()
    const child = await begun()
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    expect(await leftovers(before)).not.toEqual([])
    await wipeDead()
    await expect.poll(() => leftovers(before)).toEqual([])
  })
})

// Limits of host containers on the real kernel: processors, memory, processes, the lowest tier, a crash of the agent.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Container } from '../../src/containerizer/containerizer.ts'
import { coresOver, expectQuota } from '../support/cores.ts'
import { groupFile, openHostBench, type HostBench } from '../support/host.ts'

let bench: HostBench

beforeEach(() => {
  bench = openHostBench()
})

afterEach(async () => {
  await bench[Symbol.asyncDispose]()
})

const SPIN = 'while :; do :; done'
const HOG = 'python3 -c "b = bytearray(300 * 1024 * 1024)"'

const used = async (container: Container): Promise<number> =>
  (await container.statistics())?.cpuSeconds ?? Number.NaN

/** CPU seconds that each used meanwhile, when together they have used `enough`: on a busy machine that takes longer. */
async function usedTogether(enough: number, ...containers: readonly Container[]): Promise<readonly number[]> {
  const read = (): Promise<readonly number[]> => Promise.all(containers.map((one) => used(one)))
  const before = await read()
  for (;;) {
    await systemClock.sleep(100)
    const each = (await read()).map((seconds, index) => seconds - (before[index] ?? Number.NaN))
    if (each.reduce((sum, seconds) => sum + seconds) >= enough) return each
  }
}

test('a quota of half a core is half a core, within 5 % over 5 s', async () => {
  const hog = await bench.launch(`${SPIN} & ${SPIN}`, { limits: { cpus: 0.5 } })
  await expectQuota(0.5, () => used(hog))
  const statistics = await hog.statistics()
  expect(statistics?.cpuThrottledPeriods).toBeGreaterThan(30)
  expect(statistics?.cpuThrottledSeconds).toBeGreaterThan(1)
})

test('a borrower gets less than 5 % of a core that an owner wants', async () => {
  const pinned = `exec taskset -c 0 sh -c '${SPIN}'`
  const owner = await bench.launch(pinned)
  const borrower = await bench.launch(pinned, { revocable: true })
  const [owned = 0, lent = 0] = await usedTogether(3, owner, borrower)
  expect(owned / (owned + lent)).toBeGreaterThan(0.95)
  const idle = readFileSync(groupFile('cpu', bench.cgroups.tier('lent'), 'cpu.idle', 'cpu.idle'), 'utf8')
  expect(idle).toBe('1\n')
  expect(readFileSync(`/proc/${borrower.pid}/oom_score_adj`, 'utf8')).toBe('1000\n')
})

test('shares divide a core as reserved', async () => {
  const pinned = `exec taskset -c 0 sh -c '${SPIN}'`
  const small = await bench.launch(pinned, { reserved: 'cpus:0.5;mem:64' })
  const large = await bench.launch(pinned, { reserved: 'cpus:1.5;mem:64' })
  const [few = 0, many = 0] = await usedTogether(3, small, large)
  expect(many / few).toBeGreaterThan(2.5)
  expect(many / few).toBeLessThan(3.5)
})

test('a memory hog dies at its own limit and the figures say so', async () => {
  const hog = await bench.launch(HOG)
  expect(await hog.exit).toMatchObject({
    kind: 'memory',
    level: 'own',
    limitBytes: 64 * 1024 ** 2,
    detail: 'Memory limit exceeded: limit 64 MiB, highest use 64 MiB; the kernel killed 1 process',
  })
})

test('a container that dies at the limit of its tier is told apart', async () => {
  const tier = bench.cgroups.tier('lent')
  const limit = groupFile('memory', tier, 'memory.limit_in_bytes', 'memory.max')
  writeFileSync(limit, String(48 * 1024 ** 2))
  const hog = await bench.launch(HOG, { reserved: 'cpus:0.5;mem:256', revocable: true })
  expect(await hog.exit).toMatchObject({ kind: 'memory', level: 'parent', limitBytes: 48 * 1024 ** 2 })
})

test('a child killed for memory takes its container with it', async () => {
  const parent = await bench.launch(`${HOG}; echo survived; sleep 1000`)
  await expect.poll(() => bench.text(parent, 'stdout')).toBe('survived\n')
  await parent.statistics()
  expect(await parent.exit).toMatchObject({ kind: 'memory', level: 'own' })
})

test('a fork bomb stops at its own number of processes', async () => {
  const fork = 'import os, time\nwhile True:\n try:\n  os.fork()\n except OSError:\n  time.sleep(0.01)'
  const bomb = await bench.launch(`exec python3 -c '${fork}'`, { reserved: 'cpus:0.5;mem:1024' })
  await expect.poll(async () => (await bomb.statistics())?.processes).toBe(200)
  expect(spawn('true').pid).toBeGreaterThan(0)
  bomb.kill(0)
  expect(await bomb.exit).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' })
})

test('statistics agree with what /proc says of the process', async () => {
  const busy = await bench.launch('exec python3 -c "b = bytearray(20 * 1024 * 1024)\nwhile True: pass"')
  // It runs on while it is read: its figure lies between those of /proc before and after.
  const seconds = (): number => {
    const fields = readFileSync(`/proc/${busy.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / 100
  }
  await expect.poll(seconds).toBeGreaterThan(0.5)
  expect((await coresOver(1_500, () => used(busy))).atMost).toBeGreaterThan(0.1)
  const before = seconds()
  const statistics = await busy.statistics()
  expect(statistics?.cpuSeconds).toBeGreaterThan(before - 0.1)
  expect(statistics?.cpuSeconds).toBeLessThan(seconds() + 0.1)
  const resident =
    Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${busy.pid}/status`, 'utf8'))?.[1]) * 1024
  const apart = async (): Promise<number> =>
    Math.abs(((await busy.statistics())?.memoryRssBytes ?? Number.NaN) - resident)
  await expect.poll(apart).toBeLessThan(2 * 1024 ** 2)
  expect(statistics).toMatchObject({ processes: 1, memoryLimitBytes: 64 * 1024 ** 2, oomKills: 0 })
  expect(statistics?.cpuPressureSomeSeconds).toBeGreaterThanOrEqual(0)
})

test('what a killed agent left is ended and removed by its next life, and by no other agent', async () => {
  await bench[Symbol.asyncDispose]()
  const folder = mkdtempSync(join(tmpdir(), 'tepui-host-'))
  const script = fileURLToPath(new URL('../support/host-crash.ts', import.meta.url))
  const agent = spawn(process.execPath, [script, folder], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(agent.stdout, 'data')
  agent.kill('SIGKILL')
  await once(agent, 'exit')

  const other = openHostBench()
  expect(await other.containerizer.recover([])).toMatchObject({ removed: 0 })
  await other[Symbol.asyncDispose]()

  bench = openHostBench({ folder })
  expect(bench.leftovers().length).toBeGreaterThan(4)
  expect(await bench.containerizer.recover([])).toMatchObject({ removed: 2 })
  expect(bench.leftovers()).toEqual([])
})

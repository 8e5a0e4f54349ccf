// What a task wrote, where it is when not all of it is in one file any more, and what a tombstone tells: by commands.
import { expect, test } from 'vitest'
import { commandTask } from '../../src/sdk/sdk.ts'
import { tepui } from '../support/cli.ts'
import { startCluster } from '../support/real-cluster.ts'

/** Writes until what it wrote was put aside, then so much that stays. */
const SCRIPT = `echo begin; seq 300000
  while [ -s stdout ]; do head -c 300000 /dev/zero | tr '\\0' x; sleep 0.5; done
  seq 300001 310000; echo the end; echo 'went wrong' >&2; head -c 5000000 /dev/zero >data
  while ! [ -e go ]; do sleep 0.2; done; exit 3`
const LAST = `${Array.from({ length: 10_000 }, (_, at) => 300_001 + at).join('\n')}\nthe end\n`

interface Page {
  readonly running: readonly { readonly bytes: number | null }[]
  readonly scheduled: readonly object[]
  readonly collecting: boolean
}

test('of a long output each part is told where it is, until only its end and the tombstone are left', {
  timeout: 180_000,
}, async () => {
  await using cluster = await startCluster({
    agent: ['--containerizers=mesos', '--max_log_size=1MB', '--container_disk_watch_interval=1secs'],
  })
  const typed = (...words: string[]): ReturnType<typeof tepui> =>
    tepui(words, { TEPUI_MASTER: `127.0.0.1:${cluster.master.address.port}` })
  const gc = async (): Promise<Page> => (await cluster.page('/api/x1/gc')) as Page
  await cluster.framework.launch((offer) =>
    commandTask({ id: 'job', offer, command: SCRIPT, cpus: 0.1, mem: 64, disk: 20 }),
  )
  await expect.poll(() => cluster.framework.statesOf('job')).toContain('TASK_RUNNING')
  // Measured while it runs, after it wrote all of it.
  await expect.poll(async () => (await gc()).running[0]?.bytes ?? 0).toBeGreaterThan(6e6)
  const shown = await typed('gc', '--dry-run')
  expect(shown.stdout).toMatch(
    /^1 running sandbox, .* MiB\nRUNNING +TAKES +RESERVED +ABOVE THAT *\njob +[\d.]+ MiB +20 MiB +it goes on/m,
  )

  const logs = await typed('logs', 'job')
  expect(logs.stdout).toBe(LAST)
  expect(logs.stderr).toMatch(
    /the [\d.]+ (MiB|KiB) before this are put aside: tepui fs cat job:stdout\.1; how it began: tepui logs job --head\n/,
  )
  const aside = await typed('fs', 'cat', 'job:stdout.1')
  expect([aside.code, aside.stdout.length > 1_000_000]).toEqual([0, true])
  expect((await typed('logs', 'job', '--head')).stdout).toMatch(/^begin\n1\n2\n3\n/)

  cluster.write('job', 'go', '')
  await cluster.framework.end('job')
  await expect.poll(async () => (await gc()).scheduled.length).toBe(1)
  expect((await typed('gc', '--older', '0s')).code).toBe(0)
  const left = await typed('logs', 'job')
  expect(Buffer.byteLength(left.stdout)).toBe(64 * 1024)
  expect(LAST.endsWith(left.stdout)).toBe(true)
  expect(left.stderr).toMatch(
    /'job' was collected .* ago on request; this is the end of its stdout, the last 64 KiB of [\d.]+ MiB/,
  )
  const all = await typed('logs', 'job', '--stderr')
  expect([all.stdout, all.stderr]).toEqual([
    'went wrong\n',
    expect.stringContaining('this is all of its stderr'),
  ])
  const head = await typed('logs', 'job', '--head')
  expect([head.code, head.stdout]).toEqual([1, ''])
  expect(head.stderr).toContain("The beginning of the stdout of 'job' is gone with its sandbox")
  const stone = JSON.parse((await typed('fs', 'cat', 'job:tombstone.json')).stdout) as {
    readonly figures: Readonly<Record<string, number>>
  }
  expect(stone).toMatchObject({
    ending: 'failed',
    cause: 'exited with status 3',
    why: 'asked',
    taskIds: ['job'],
  })
  expect(stone.figures).toMatchObject({ exit_code: 3, run_secs: expect.any(Number) as number })
  for (const [name, least] of Object.entries({ cpu_secs: 0, mem_bytes: 0, disk_used_bytes: 4e6 }))
    expect({ name, isTold: (stone.figures[name] ?? 0) > least }).toEqual({ name, isTold: true })
})

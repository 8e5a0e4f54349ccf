// A small disk of its own: tasks come and go, it never fills up, what failed is there; removal meets mounts.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { removeTree } from '../../src/gc/removal.ts'
import type { Offer, TaskInfo } from '../../src/sdk/sdk.ts'
import { loopMount } from '../support/loop-mount.ts'
import { type RealCluster, startCluster } from '../support/real-cluster.ts'

const MB = 1024 ** 2
const DISK_MB = 200
let folder: string
const undo: (() => void)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-disk-'))
  undo.push(() => rmSync(folder, { recursive: true, force: true }))
})
afterEach(() => {
  for (const step of undo.splice(0).toReversed()) step()
})

/** A folder with a file system of its own behind it. */
function smallDisk(name: string, megabytes: number): string {
  const place = join(folder, name)
  const mounted = loopMount(place, megabytes)
  undo.push(() => mounted[Symbol.dispose]())
  return place
}

function mount(...args: readonly string[]): void {
  execFileSync('mount', args)
  const place = args.at(-1) ?? ''
  undo.push(() => execFileSync('umount', [place]))
}

const scalar = (name: string, value: number): object => ({ name, type: 'SCALAR', scalar: { value } })

function task(id: string, offer: Offer, value: string): TaskInfo {
  return {
    name: id,
    task_id: { value: id },
    agent_id: offer.agent_id,
    resources: [scalar('cpus', 0.1), scalar('mem', 16)],
    command: { value },
  } as TaskInfo
}

test(`500 tasks come and go on ${DISK_MB} MB: the disk never fills up and the newest failed sandboxes are there`, {
  timeout: 900_000,
}, async () => {
  const place = smallDisk('work', DISK_MB)
  const cluster = await startCluster({
    workDir: place,
    agent: [
      '--gc_delay=1hrs',
      '--gc_disk_headroom=0.2',
      '--disk_watch_interval=200ms',
      '--containerizers=mesos',
    ],
  })
  // Before the disk is taken away.
  let closed = false
  const close = async (): Promise<void> => {
    if (!closed) await cluster[Symbol.asyncDispose]()
    closed = true
  }
  try {
    const { least, failed } = await comeAndGo(cluster, place)
    expect(least).toBeGreaterThan(2 * MB)
    for (const id of failed.slice(-3)) expect(cluster.file(id, 'stdout')).toBe(`${id} fails\n`)
    const page = (await cluster.page('/api/x1/gc')) as {
      readonly scheduled: readonly { readonly ending: string }[]
      readonly tombstones: { readonly entries: number }
    }
    expect(page.tombstones.entries).toBeGreaterThan(300)
    expect(page.scheduled.filter(({ ending }) => ending === 'failed').length).toBeGreaterThanOrEqual(3)
  } finally {
    await close()
  }
})

/** How many of these tasks an offer has cpus for, with those of their executors. */
function roomFor({ resources }: Offer): number {
  const cpus = (resources ?? []).find(({ name }) => name === 'cpus')?.scalar?.value ?? 0
  return Math.floor(cpus / 0.2)
}

/** Tasks of 2 MB each, up to eight at a time; each fortieth fails. Returns the least room that was seen, bytes. */
async function comeAndGo(
  { framework }: RealCluster,
  place: string,
): Promise<{ readonly least: number; readonly failed: readonly string[] }> {
  const failed: string[] = []
  let least = Infinity
  const look = (): void => {
    const { bavail, bsize } = statfsSync(place)
    least = Math.min(least, bavail * bsize)
  }
  const queue = Array.from({ length: 500 }, (_, at) => `t${at}`)
  const running: string[] = []
  while (queue.length + running.length > 0) {
    if (queue.length > 0) {
      await framework.launch((offer) => {
        const ids = queue.splice(0, Math.min(4, roomFor(offer)))
        running.push(...ids)
        return ids.map((id) => {
          const fails = Number(id.slice(1)) % 40 === 7
          if (fails) failed.push(id)
          const write = 'dd if=/dev/zero of=data bs=1M count=2 2>/dev/null'
          return task(id, offer, fails ? `echo ${id} fails; exit 3` : write)
        })
      })
    }
    // No more than so many at a time: what runs takes room that no collection frees.
    while (running.length > (queue.length > 0 ? 4 : 0)) {
      const id = running.shift() ?? ''
      const end = await framework.end(id)
      const expected = failed.includes(id) ? 'TASK_FAILED' : 'TASK_FINISHED'
      expect([id, end.state, end.message]).toEqual([id, expected, expect.anything()])
      look()
    }
  }
  return { least, failed }
}

test('a disk that is full refuses launches with the figures; what runs goes on, and it recovers', {
  timeout: 300_000,
}, async () => {
  const place = smallDisk('work', 50)
  await using cluster = await startCluster({ workDir: place, agent: ['--containerizers=mesos'] })
  const { framework } = cluster
  await framework.launch((offer) => task('runs', offer, 'echo begun; sleep 1000'))
  const end = join(folder, 'end')
  const waits = `until [ -e ${end} ]; do sleep 0.05; done; exit 3`
  await framework.launch((offer) => task('ends', offer, waits))
  await framework.status('runs', 'TASK_RUNNING')
  await framework.status('ends', 'TASK_RUNNING')
  const filler = join(place, 'filler')
  try {
    writeFileSync(filler, Buffer.alloc(60 * MB))
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC')
  }
  await framework.launch((offer) => task('refused', offer, 'true'))
  expect(await framework.end('refused')).toMatchObject({
    state: 'TASK_FAILED',
    reason: 'REASON_CONTAINER_LAUNCH_FAILED',
    message: expect.stringMatching(
      /The disk is full: .* of 4\d.* MiB are free .*; 2 running containers/,
    ) as string,
  })
  const { disk } = (await cluster.page('/api/x1/gc')) as { readonly disk: { readonly is_full: boolean } }
  expect(disk.is_full).toBe(true)
  // What ends now is told as it was, although nothing can be written down.
  writeFileSync(end, '')
  expect(await framework.end('ends')).toMatchObject({
    state: 'TASK_FAILED',
    message: 'Command exited with status 3',
  })
  expect(framework.statesOf('runs').at(-1)).toBe('TASK_RUNNING')
  expect(cluster.file('runs', 'stdout')).toBe('begun\n')
  rmSync(filler)
  await framework.launch((offer) => task('later', offer, 'true'))
  expect((await framework.end('later')).state).toBe('TASK_FINISHED')
})

test('what is mounted or bound below a tree stays, and so do the folders that lead there; all else goes', () => {
  const tree = join(folder, 'tree')
  const precious = join(folder, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'file'), 'x')
  for (const name of ['bound/here', 'other/disk', 'plain']) mkdirSync(join(tree, name), { recursive: true })
  for (const name of ['bound/a', 'other/b', 'plain/c']) writeFileSync(join(tree, name), 'x')
  // Bound from the same file system: the same device on both sides.
  mount('--bind', precious, join(tree, 'bound/here'))
  mount('-t', 'tmpfs', '-o', 'size=1m', 'none', join(tree, 'other/disk'))
  writeFileSync(join(tree, 'other/disk/d'), 'x')
  const outcome = removeTree(tree)
  expect(outcome).toMatchObject({ failed: 2, removed: 4 })
  expect(outcome.failures.join()).toMatch(/bound\/here: something is mounted here/)
  expect(readdirSync(precious)).toEqual(['file'])
  expect(existsSync(join(tree, 'other/disk/d'))).toBe(true)
  expect(readdirSync(tree).toSorted()).toEqual(['bound', 'other'])
  expect(removeTree(join(tree, 'bound/here'))).toMatchObject({ removed: 0, failed: 1 })
  expect(readdirSync(precious)).toEqual(['file'])
})

test('a sandbox with a mount below is kept and told with the reason, and goes when that is unmounted', {
  timeout: 120_000,
}, async () => {
  const precious = join(folder, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'file'), 'x')
  await using cluster = await startCluster({ agent: ['--containerizers=mesos'] })
  const { framework } = cluster
  await framework.launch((offer) => task('job', offer, 'mkdir here; echo x > data'))
  await framework.end('job')
  interface Page {
    readonly scheduled: readonly { readonly path: string }[]
    readonly collecting: boolean
    readonly last: { readonly failed: readonly { readonly failures: readonly string[] }[] } | null
  }
  const collected = async (): Promise<Page> => {
    const url = `http://127.0.0.1:${cluster.agent.address.port}/api/x1/gc`
    await fetch(url, { method: 'POST', body: '{"older_than":"0ns"}' })
    const page = async (): Promise<Page> => (await cluster.page('/api/x1/gc')) as Page
    await expect.poll(async () => (await page()).collecting, { timeout: 60_000 }).toBe(false)
    return page()
  }
  await expect
    .poll(async () => ((await cluster.page('/api/x1/gc')) as Page).scheduled.length, { timeout: 60_000 })
    .toBe(1)
  const [{ path }] = ((await cluster.page('/api/x1/gc')) as Page).scheduled as [{ path: string }]
  const below = join(cluster.workDir, path, 'here')
  execFileSync('mount', ['--bind', precious, below])
  try {
    const { last, scheduled } = await collected()
    expect(last?.failed[0]?.failures).toEqual([expect.stringMatching(/here: something is mounted here/)])
    expect(scheduled).toHaveLength(1)
  } finally {
    execFileSync('umount', [below])
  }
  expect(readdirSync(precious)).toEqual(['file'])
  expect((await collected()).scheduled).toEqual([])
  expect(existsSync(join(cluster.workDir, path))).toBe(false)
})

test('files that nobody may remove are told, and go when they may', () => {
  const place = smallDisk('work', 20)
  const tree = join(place, 'tree')
  mkdirSync(join(tree, 'a'), { recursive: true })
  for (const name of ['a/fixed', 'a/free', 'b']) writeFileSync(join(tree, name), 'x')
  execFileSync('chattr', ['+i', join(tree, 'a/fixed')])
  const outcome = removeTree(tree)
  expect(outcome).toMatchObject({ removed: 2, failed: 1 })
  expect(outcome.failures).toEqual([expect.stringMatching(/a\/fixed: EPERM/)])
  execFileSync('chattr', ['-i', join(tree, 'a/fixed')])
  expect(removeTree(tree)).toMatchObject({ removed: 3, failed: 0 })
  expect(existsSync(tree)).toBe(false)
})

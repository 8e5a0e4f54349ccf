// Tasks and the disk below them, as commands and in Docker: who takes more than he reserved is ended, whoever else is
// there goes on, and on a full disk it is told who holds it.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { commandTask, dockerTask, type Offer, type TaskInfo } from '../../src/sdk/sdk.ts'
import { requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { loopMount } from '../support/loop-mount.ts'
import { startCluster } from '../support/real-cluster.ts'

beforeAll(requireEngine)

const KINDS = ['command', 'Docker container'] as const
const MB = 1024 ** 2

function task(
  kind: (typeof KINDS)[number],
  id: string,
  offer: Offer,
  command: string,
  disk?: number,
): TaskInfo {
  const common = { id, offer, command, cpus: 0.1, mem: 64, ...(disk !== undefined && { disk }) }
  return kind === 'command' ? commandTask(common) : dockerTask({ ...common, image: TEST_IMAGE })
}

const write = (megabytes: number): string =>
  `dd if=/dev/zero of="$MESOS_SANDBOX/data" bs=1048576 count=${megabytes} 2>/dev/null; sleep 1000`

test.each(KINDS)(
  'a %s above its disk is ended with both figures, one below goes on, and so does one without any',
  { timeout: 180_000 },
  async (kind) => {
    await using cluster = await startCluster({
      agent: [
        '--containerizers=docker,mesos',
        '--enforce_container_disk_quota',
        '--container_disk_watch_interval=1secs',
      ],
    })
    const { framework } = cluster
    const plan = { calm: [2, 50], free: [20, undefined], hog: [20, 8] } as const
    for (const [id, [megabytes, disk]] of Object.entries(plan))
      await framework.launch((offer) => task(kind, id, offer, write(megabytes), disk))
    const end = await framework.end('hog')
    expect(end).toMatchObject({
      state: 'TASK_FAILED',
      reason: 'REASON_CONTAINER_LIMITATION_DISK',
      limitation: { resources: [{ name: 'disk', scalar: { value: 8 } }] },
    })
    expect(end.message).toMatch(/Disk quota exceeded: its sandbox took [\d.]+ MiB of 8 MiB reserved/)
    // Those that are left are measured again, and stay.
    interface Row {
      readonly task_ids: readonly string[]
      readonly bytes: number | null
      readonly limit_bytes: number | null
      readonly is_held_to_it: boolean
    }
    const rows = async (): Promise<readonly unknown[]> => {
      const { running } = (await cluster.page('/api/x1/gc')) as { readonly running: readonly Row[] }
      return running.map((row) => [
        row.task_ids[0],
        Math.floor((row.bytes ?? 0) / MB),
        row.limit_bytes,
        row.is_held_to_it,
      ])
    }
    await expect.poll(rows, { timeout: 60_000 }).toEqual([
      ['free', 20, null, false],
      ['calm', 2, 50 * MB, true],
    ])
    expect(framework.statesOf('calm').at(-1)).toBe('TASK_RUNNING')
    expect(framework.statesOf('free').at(-1)).toBe('TASK_RUNNING')
  },
)

test.each(KINDS)(
  'on a disk that a %s filled, a launch is refused with its name and size, and what runs goes on',
  { timeout: 180_000 },
  async (kind) => {
    const folder = mkdtempSync(join(tmpdir(), 'tepui-quota-'))
    try {
      using _ = loopMount(join(folder, 'work'), 80)
      await using cluster = await startCluster({
        workDir: join(folder, 'work'),
        agent: ['--containerizers=docker,mesos', '--container_disk_watch_interval=1secs'],
      })
      const { framework } = cluster
      await framework.launch((offer) => task(kind, 'calm', offer, write(1)))
      await framework.status('calm', 'TASK_RUNNING')
      await framework.launch((offer) => task(kind, 'hog', offer, write(200)))
      const isFull = async (): Promise<boolean> => {
        const page = (await cluster.page('/api/x1/gc')) as {
          readonly disk: { readonly is_full: boolean }
          readonly running: readonly { readonly task_ids: readonly string[]; readonly bytes: number | null }[]
        }
        const [first] = page.running
        return page.disk.is_full && first?.task_ids[0] === 'hog' && (first.bytes ?? 0) > 30 * MB
      }
      await expect.poll(isFull, { timeout: 60_000 }).toBe(true)
      await framework.launch((offer) => task(kind, 'late', offer, 'true'))
      expect(await framework.end('late')).toMatchObject({
        state: 'TASK_FAILED',
        reason: 'REASON_CONTAINER_LAUNCH_FAILED',
        message: expect.stringMatching(
          /The disk is full: .*; 2 running containers with [\d.]+ MiB, most of them 'hog' \([\d.]+ MiB\) go on/,
        ) as string,
      })
      expect(framework.statesOf('calm').at(-1)).toBe('TASK_RUNNING')
      expect(framework.statesOf('hog').at(-1)).toBe('TASK_RUNNING')
      execFileSync('rm', ['-f', ...dataOf(join(folder, 'work'))])
      await framework.launch((offer) => task(kind, 'later', offer, 'true'))
      expect((await framework.end('later')).state).toBe('TASK_FINISHED')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
)

/** What the tasks wrote. */
const dataOf = (workDir: string): string[] =>
  execFileSync('find', [workDir, '-name', 'data', '-type', 'f'], { encoding: 'utf8' }).trim().split('\n')

// What the first issue promises of Docker tasks, shown on real processes of ours, by a scheduler that is only HTTP.
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { expectQuota } from '../support/cores.ts'
import { Daemons } from '../support/daemons.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import {
  amount,
  type RawOffer,
  RawScheduler,
  type RawStatus,
  scalar,
  task,
} from '../support/raw-scheduler.ts'

const AWARE = { capabilities: [{ type: 'PARTITION_AWARE' }] }
const SOON = { timeout: 60_000, interval: 50 }

let before: string[]
let daemons: Daemons
let scheduler: RawScheduler

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
  daemons = await Daemons.start(['--cgroups_enable_cfs', '--cgroups_limit_swap'])
})

beforeEach(async () => {
  scheduler = await RawScheduler.subscribe(daemons.masterPort, AWARE)
})

afterEach(async () => {
  await scheduler.teardown()
  scheduler[Symbol.dispose]()
})

afterAll(async () => {
  await daemons[Symbol.asyncDispose]()
  await nothingLeft(before)
})

interface Docker {
  readonly command: Readonly<Record<string, unknown>>
  readonly docker?: Readonly<Record<string, unknown>>
  readonly cpus?: number
  readonly mem?: number
  readonly port?: number
}

/** More than what an ended task has left. */
const roomy = (offer: RawOffer): boolean => amount(offer, 'cpus') > 1

function dockerTask(offer: RawOffer, id: string, wanted: Docker): Record<string, unknown> {
  const { command, docker = {}, cpus = 0.1, mem = 64, port } = wanted
  const ports = { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: port, end: port }] } }
  return task(offer, id, undefined, {
    command,
    container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST', ...docker } },
    resources: [scalar('cpus', cpus), scalar('mem', mem), ...(port === undefined ? [] : [ports])],
  })
}

async function launch(id: string, wanted: Docker): Promise<void> {
  const offer = await scheduler.offer(roomy)
  await scheduler.launch(offer, [dockerTask(offer, id, wanted)])
}

describe('a Docker task', () => {
  test('on the host network gets its arguments as they are, without a shell', async () => {
    const words = ['-c', 'test "$0" = "a b" && test "$1" = \'$HOME\'', 'a b', '$HOME']
    await launch('argv', { command: { shell: false, value: 'sh', arguments: words } })
    expect(await scheduler.end('argv')).toMatchObject({ state: 'TASK_FINISHED' })
  })

  test('on the bridge answers at the port that was mapped', async () => {
    const offer = await scheduler.offer(roomy)
    const port = offer.resources.find(({ name }) => name === 'ports')?.ranges?.range[0]?.begin ?? 0
    const docker = {
      network: 'BRIDGE',
      port_mappings: [{ host_port: port, container_port: 8080, protocol: 'tcp' }],
    }
    const command = { value: 'echo from inside > index.html && exec httpd -f -p 8080' }
    await scheduler.launch(offer, [dockerTask(offer, 'web', { command, docker, port })])
    const { task_id } = await scheduler.status('web', 'TASK_RUNNING')
    const text = await vi.waitFor(async () => (await fetch(`http://127.0.0.1:${port}/`)).text(), SOON)
    expect(text).toBe('from inside\n')
    await scheduler.call('KILL', { kill: { task_id } })
    expect((await scheduler.end('web')).state).toBe('TASK_KILLED')
  })

  test('that takes more memory than it has dies at its own limit, and its status tells the figures', async () => {
    await launch('hog', { command: { value: 'x=xxxxxxxx; while :; do x=$x$x; done' }, mem: 32 })
    const end = await scheduler.end('hog')
    expect(end).toMatchObject({ state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LIMITATION_MEMORY' })
    expect(end.message).toMatch(/^Memory limit exceeded \(limit 32 MiB, /)
    expect(end.limitation?.resources).toContainEqual(expect.objectContaining({ name: 'mem' }))
  })

  test('with 0.5 cpus under a quota uses 0.5 of a core, within 5 %, over 5 s', async () => {
    await launch('spin', {
      command: { shell: false, value: 'sh', arguments: ['-c', 'while :; do :; done'] },
      cpus: 0.5,
    })
    const running = await scheduler.status('spin', 'TASK_RUNNING')
    const pid = pidOf(running)
    // A quota begins with a burst of one period; it is over after the first.
    const begun = cpuSeconds(pid)
    await expect.poll(() => cpuSeconds(pid) - begun).toBeGreaterThan(0.2)
    await expectQuota(0.5, () => cpuSeconds(pid))
    await scheduler.call('KILL', { kill: { task_id: running.task_id } })
  })
})

/** The process of a running container: Mesos hands on what the engine says of it. */
function pidOf({ data = '' }: RawStatus): number {
  const [container] = JSON.parse(Buffer.from(data, 'base64').toString()) as [{ State: { Pid: number } }]
  return container.State.Pid
}

/** What a process' control group has used, by the kernel's own counter. */
function cpuSeconds(pid: number): number {
  for (const line of readFileSync(`/proc/${pid}/cgroup`, 'utf8').split('\n')) {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    const v1 = `/sys/fs/cgroup/cpuacct${path}/cpuacct.usage`
    if (controllers.split(',').includes('cpuacct') && existsSync(v1))
      return Number(readFileSync(v1, 'utf8')) / 1e9
    const v2 = `/sys/fs/cgroup${path}/cpu.stat`
    if (controllers === '' && existsSync(v2)) {
      return Number(/usage_usec (\d+)/.exec(readFileSync(v2, 'utf8'))?.[1]) / 1e6
    }
  }
  throw new Error(`Process ${pid} is in no control group that counts its time`)
}

// Host containers on the real kernel: how they start, what they see, how they end, that nothing of them is left.
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { processEntry } from '../../src/containerizer/host/process-table.ts'
import type { ContainerInfo } from '../../src/wire/containers.ts'
import { openHostBench, resourcesOf, type HostBench } from '../support/host.ts'

let bench: HostBench

beforeEach(() => {
  bench = openHostBench()
})

afterEach(async () => {
  await bench[Symbol.asyncDispose]()
})

describe('an end is told as it was', () => {
  test.each([
    ['true', { kind: 'exited', code: 0 }],
    ['exit 3', { kind: 'exited', code: 3 }],
    ['exit 137', { kind: 'exited', code: 137 }],
    ['kill -KILL $$', { kind: 'signaled', signal: 'SIGKILL', detail: undefined }],
    ['kill -TERM $$', { kind: 'signaled', signal: 'SIGTERM', detail: undefined }],
    ['kill -INT $$', { kind: 'signaled', signal: 'SIGINT', detail: undefined }],
    ['kill -SEGV $$', { kind: 'signaled', signal: 'SIGSEGV', detail: undefined }],
    ['no-such-program', { kind: 'exited', code: 127 }],
  ])('%s', async (value, exit) => {
    const container = await bench.launch(value)
    expect(await container.exit).toEqual(exit)
  })

  test('a program without a shell gets its arguments as they are', async () => {
    const command = {
      value: '/usr/bin/printf',
      shell: false,
      arguments: ['printf', '%s|', 'a b', '$HOME', ''],
    }
    const container = await bench.launch('', { command })
    await container.exit
    expect(bench.text(container, 'stdout')).toBe('a b|$HOME||')
  })
})

describe('a task sees what its spec says and nothing else', () => {
  test('the environment is exact, names that a shell drops and values with newlines included', async () => {
    const environment = { A: '1', 'odd.name': 'x', IFS: ':', tepui_state: 'mine', LINES: 'a\nb', EMPTY: '' }
    const command = { value: '/usr/bin/env', shell: false, arguments: ['env', '-0'] }
    const container = await bench.launch('', { command, environment })
    await container.exit
    const seen = bench
      .text(container, 'stdout')
      .split('\0')
      .filter((line) => line !== '')
    const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
    const expected = { ...environment, PATH, PWD: join(bench.folder, 'sandboxes', container.id) }
    expect(seen.toSorted()).toEqual(
      Object.entries(expected)
        .map(([name, value]) => `${name}=${value}`)
        .toSorted(),
    )
  })

  test('it runs in its sandbox, in a session of its own, with both outputs in files', async () => {
    const container = await bench.launch('pwd; echo problem >&2; cut -d" " -f6 /proc/self/stat')
    await container.exit
    const [directory, session] = bench.text(container, 'stdout').split('\n')
    expect(directory).toBe(join(bench.folder, 'sandboxes', container.id))
    expect(Number(session)).not.toBe(Number(readFileSync('/proc/self/stat', 'utf8').split(' ')[5]))
    expect(bench.text(container, 'stderr')).toBe('problem\n')
  })

  test('it is another user with that user’s groups when asked, and owns its output', async () => {
    const container = await bench.launch('id -u; id -G; echo more; cat /proc/self/status | grep CapEff', {
      user: 'nobody',
    })
    expect(await container.exit).toEqual({ kind: 'exited', code: 0 })
    const [uid, groups, , capabilities] = bench.text(container, 'stdout').split('\n')
    expect([uid, groups]).toEqual(['65534', '65534'])
    expect(capabilities).toMatch(/CapEff:\s+0+$/)
    expect(statSync(join(bench.folder, 'sandboxes', container.id, 'stdout')).uid).toBe(65534)
  })

  test('resource limits are set', async () => {
    const rlimits = [
      { type: 'RLMT_NOFILE', soft: 123, hard: 456 },
      { type: 'RLMT_CORE', soft: 0, hard: 0 },
    ] as const
    const container = await bench.launch('ulimit -n; ulimit -Hn; ulimit -c', {
      container: { type: 'MESOS', rlimit_info: { rlimits } } as unknown as ContainerInfo,
      user: 'nobody',
    })
    await container.exit
    expect(bench.text(container, 'stdout')).toBe('123\n456\n0\n')
  })

  test('no instruction of it runs outside its groups', async () => {
    const container = await bench.launch('cat /proc/self/cgroup')
    await container.exit
    const lines = bench.text(container, 'stdout').split('\n')
    const v1 = ['cpu', 'cpuacct', 'memory', 'pids'].filter((name) => existsSync(`/sys/fs/cgroup/${name}`))
    for (const controller of bench.cgroups.layout === 'v1' ? v1 : [...v1, '']) {
      const line = lines.find((one) => one.split(':')[1] === controller)
      expect(line).toContain(`${bench.cgroups.tier('owners')}/host-${container.id}`)
    }
  })
})

describe('what cannot be started says why', () => {
  test('a user that does not exist', async () => {
    await expect(bench.launch('true', { user: 'nosuchuser' })).rejects.toThrow(/nosuchuser does not exist/)
  })

  test('a limit with a soft bound above its hard one', async () => {
    const rlimits = [{ type: 'RLMT_NOFILE', soft: 9, hard: 3 }]
    const container = { type: 'MESOS', rlimit_info: { rlimits } } as unknown as ContainerInfo
    await expect(bench.launch('true', { container })).rejects.toThrow(/RLMT_NOFILE has a soft limit \(9\)/)
  })

  test('an output whose name leads elsewhere is never written', async () => {
    const secret = join(bench.folder, 'secret')
    const sandbox = join(bench.folder, 'trap')
    writeFileSync(secret, 'untouched')
    mkdirSync(sandbox)
    symlinkSync(secret, join(sandbox, 'stdout'))
    await expect(bench.launch('echo overwritten', { sandbox })).rejects.toThrow(/stdout/)
    expect(readFileSync(secret, 'utf8')).toBe('untouched')
  })

  test('an aborted launch leaves nothing', async () => {
    const before = bench.leftovers()
    const { containerizer } = bench
    const spec = {
      containerId: 'aborted',
      frameworkId: 'f',
      executorId: 'e',
      taskId: undefined,
      sandbox: bench.folder,
      user: undefined,
      command: { value: 'sleep 1000' },
      container: undefined,
      resources: resourcesOf('cpus:0.1;mem:32'),
      limits: {},
      environment: {},
      revocable: false,
    }
    const controller = new AbortController()
    const launch = containerizer.launch(spec, { progress: () => undefined }, controller.signal)
    setImmediate(() => controller.abort(new Error('changed my mind')))
    await expect(launch).rejects.toThrow('changed my mind')
    await expect.poll(() => bench.leftovers()).toEqual(before)
  })
})

describe('nothing survives', () => {
  const daemons = 'setsid sleep 1001 & (setsid sh -c "trap \\"\\" TERM; sleep 1002 & wait" &) ; sleep 1003 &'

  test('background children end with the command', async () => {
    const container = await bench.launch(`${daemons} exit 5`)
    expect(await container.exit).toEqual({ kind: 'exited', code: 5 })
    expect(bench.cgroups.processes(`${bench.cgroups.tier('owners')}/host-${container.id}`)).toEqual([])
  })

  test('a kill without grace takes grandchildren in sessions of their own', async () => {
    const container = await bench.launch(`${daemons} sleep 1004`)
    const path = `${bench.cgroups.tier('owners')}/host-${container.id}`
    await expect.poll(() => bench.cgroups.processes(path).length).toBeGreaterThanOrEqual(4)
    container.kill(0)
    expect(await container.exit).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' })
    expect(bench.cgroups.processes(path)).toEqual([])
  })

  test('SIGTERM reaches the whole tree, and who minds it may end by itself', async () => {
    const child = 'sh -c "trap \\"echo child; exit 0\\" TERM; echo up; while :; do sleep 0.01; done" &'
    const container = await bench.launch(`trap "wait; exit 7" TERM; ${child} wait; wait`)
    await expect.poll(() => bench.text(container, 'stdout')).toBe('up\n')
    container.kill(60_000)
    expect(await container.exit).toEqual({ kind: 'exited', code: 7 })
    expect(bench.text(container, 'stdout')).toBe('up\nchild\n')
  })

  test('who ignores SIGTERM is killed after the grace, sooner when a shorter one is asked for', async () => {
    const container = await bench.launch('trap "" TERM; echo up; while :; do sleep 0.01; done')
    await expect.poll(() => bench.text(container, 'stdout')).toBe('up\n')
    container.kill(60_000)
    container.kill(100)
    container.kill(90_000)
    expect(await container.exit).toMatchObject({
      kind: 'signaled',
      signal: 'SIGKILL',
      detail: expect.stringMatching(/within 100 ms/) as string,
    })
  })

  test('a container whose supervising shell is killed is lost, and ends all the same', async () => {
    const container = await bench.launch('sleep 1000')
    const path = `${bench.cgroups.tier('owners')}/host-${container.id}`
    process.kill(processEntry(container.pid ?? 0)?.parent ?? 0, 'SIGKILL')
    expect(await container.exit).toEqual({
      kind: 'lost',
      detail: 'The shell that supervised the command was ended by SIGKILL first',
    })
    expect(bench.cgroups.processes(path)).toEqual([])
  })

  test('a frozen container can be killed', async () => {
    const container = await bench.launch('sleep 1000')
    bench.cgroups.freeze(`${bench.cgroups.tier('owners')}/host-${container.id}`)
    container.kill(0)
    expect(await container.exit).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' })
  })

  test('fifty containers, eight at a time, leave neither group nor process nor folder', async () => {
    const one = async (): Promise<void> => {
      const container = await bench.launch('sleep 1000 & true')
      await container.exit
      await container.release()
    }
    for (let round = 0; round < 7; round++) await Promise.all(Array.from({ length: round < 6 ? 8 : 2 }, one))
    expect(bench.leftovers()).toEqual([])
  })
})

test('output is cut at its limit, and one older file and its beginning are kept', async () => {
  await bench[Symbol.asyncDispose]()
  bench = openHostBench({ logBytes: 100_000, logHeadBytes: 5 })
  const script = 'echo begun; head -c 149994 /dev/zero; echo first; sleep 1000'
  const container = await bench.launch(script, { user: 'nobody' })
  const size = (name: string): number | undefined =>
    statSync(join(bench.folder, 'sandboxes', container.id, name), { throwIfNoEntry: false })?.size
  await expect.poll(() => size('stdout.1')).toBe(150_006)
  await expect.poll(() => size('stdout')).toBe(0)
  for (const name of ['stdout.1', 'stdout.head'])
    expect(statSync(join(bench.folder, 'sandboxes', container.id, name)).uid).toBe(65534)
  expect(bench.text(container, 'stdout.head')).toBe('begun')
})

test('without control groups a container runs, is measured and is killed with its session', async () => {
  await bench[Symbol.asyncDispose]()
  const empty = '/proc/self/task'
  bench = openHostBench({ mount: empty })
  expect(bench.cgroups.layout).toBe('none')
  expect(bench.cgroups.describe().missing).toHaveLength(9)
  const container = await bench.launch(
    'sleep 1001 & i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo done; sleep 1000',
  )
  await expect.poll(() => bench.text(container, 'stdout')).toBe('done\n')
  const statistics = await container.statistics()
  expect(statistics?.processes).toBeGreaterThanOrEqual(2)
  expect(statistics?.cpuSeconds).toBeGreaterThan(0.05)
  expect(statistics?.memoryBytes).toBeGreaterThan(500_000)
  container.kill(60_000)
  expect(await container.exit).toMatchObject({ kind: 'signaled', signal: 'SIGTERM' })
})

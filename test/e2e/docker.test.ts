// Docker tasks on the real engine: what a task may ask for, how it ends, and that nothing of it remains.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { expectQuota } from '../support/cores.ts'
import { type RealDocker, containersOf, realDocker, resourcesOf } from '../support/docker.ts'
import { engineRequest, requireEngine } from '../support/engine.ts'
import { freePort } from '../support/free-port.ts'

let docker: RealDocker

beforeAll(async () => {
  await requireEngine()
  docker = await realDocker()
})

afterAll(async () => {
  await docker[Symbol.asyncDispose]()
})

const sh = (value: string): { command: { shell: true; value: string } } => ({
  command: { shell: true, value },
})
const read = (sandbox: string, name: string): string => readFileSync(join(sandbox, name), 'utf8')

describe('a task', () => {
  test('with shell=false and arguments on the host’s network runs them as they are', async () => {
    const command = { shell: false, value: 'printf', arguments: ['%s|', 'a b', '$HOME'] }
    const spec = docker.spec({ network: 'HOST' }, {}, { command })
    const container = await docker.start(spec)
    const [data] = JSON.parse(container.inspect ?? '[]') as { Name: string; State: { Running: boolean } }[]
    expect(await container.exit).toEqual({ kind: 'exited', code: 0 })
    expect(read(spec.sandbox, 'stdout')).toBe('a b|$HOME|')
    expect(data).toMatchObject({ Name: `/mesos-${spec.containerId}`, State: { Running: true } })
    expect(container.addresses).toEqual([])
    await container.release()
    expect(await containersOf(docker.tag)).toEqual([])
  })

  test('on a bridge is reached through its mapped port and tells its address', async () => {
    const port = await freePort()
    const resources = resourcesOf(`cpus:0.5;mem:64;ports:[${port}-${port}]`)
    const port_mappings = [{ host_port: port, container_port: 8080 }]
    const command = 'mkdir /w && echo hello > /w/index.html && exec httpd -f -p 8080 -h /w'
    const spec = docker.spec({ network: 'BRIDGE', port_mappings }, {}, { ...sh(command), resources })
    const container = await docker.start(spec)
    expect(container.addresses[0]).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
    const page = (): Promise<string> =>
      fetch(`http://127.0.0.1:${port}/`).then(
        (answer) => answer.text(),
        () => 'not yet',
      )
    await expect.poll(page).toBe('hello\n')
    container.kill(0)
    expect(await container.exit).toEqual({ kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    await container.release()
  })

  test('without a network has a loopback only', async () => {
    const spec = docker.spec({ network: 'NONE' }, {}, sh('ls /sys/class/net'))
    expect(await docker.run(spec)).toEqual({ kind: 'exited', code: 0 })
    expect(read(spec.sandbox, 'stdout')).toBe('lo\n')
  })

  test('sees its volumes, its sandbox, its environment, its user and its folder', async () => {
    const parameters = [
      { key: 'user', value: '1234:1234' },
      { key: 'workdir', value: '/in' },
    ]
    const command =
      'pwd; id -u; cat file; cat "$MESOS_SANDBOX/fetched"; touch /in/x || echo read-only; ' +
      'echo "$A" > /out/a; env | grep -c MESOS_'
    const spec = docker.spec(
      { parameters },
      {
        volumes: [
          { mode: 'RO', host_path: 'in', container_path: '/in' },
          { mode: 'RW', host_path: 'out', container_path: '/out' },
        ],
      },
      { ...sh(command), environment: { A: 'two words', MESOS_TASK_ID: 't' } },
    )
    for (const name of ['in', 'out']) mkdirSync(join(spec.sandbox, name))
    writeFileSync(join(spec.sandbox, 'in', 'file'), 'from the volume\n')
    writeFileSync(join(spec.sandbox, 'fetched'), 'from the sandbox\n')
    // The task's user is not ours; the agent gives it the sandbox, the test only what it writes to.
    for (const path of [spec.sandbox, join(spec.sandbox, 'out')]) chmodSync(path, 0o777)
    expect(await docker.run(spec)).toEqual({ kind: 'exited', code: 0 })
    const lines = read(spec.sandbox, 'stdout').trim().split('\n')
    expect(lines).toEqual(['/in', '1234', 'from the volume', 'from the sandbox', 'read-only', '3'])
    expect(read(join(spec.sandbox, 'out'), 'a')).toBe('two words\n')
  })

  test.each([1, 42, 126, 200, 255])('that exits with %i ends with that', async (code) => {
    expect(await docker.run(docker.spec({}, {}, sh(`exit ${code}`)))).toEqual({ kind: 'exited', code })
  })

  test('is asked with SIGTERM first and may end by itself', async () => {
    const spec = docker.spec(
      {},
      {},
      sh('trap "echo bye; exit 7" TERM; echo up; while :; do sleep 0.05; done'),
    )
    const container = await docker.start(spec)
    await expect.poll(() => read(spec.sandbox, 'stdout')).toBe('up\n')
    container.kill(30_000)
    expect(await container.exit).toEqual({ kind: 'exited', code: 7 })
    expect(read(spec.sandbox, 'stdout')).toBe('up\nbye\n')
    await container.release()
  })

  test('that ignores SIGTERM is killed when its grace is over, and a shorter grace wins', async () => {
    const container = await docker.start(docker.spec({}, {}, sh('trap "" TERM; sleep 600')))
    container.kill(600_000)
    container.kill(300)
    container.kill(500_000)
    expect(await container.exit).toEqual({ kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    await container.release()
  })

  test('that somebody else had the engine kill says so', async () => {
    const container = await docker.start(docker.spec({}, {}, sh('sleep 600')))
    const [id] = await containersOf(docker.tag)
    await engineRequest('POST', `/containers/${id}/kill`)
    const exit = await container.exit
    expect(exit).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' })
    expect(exit).toMatchObject({
      detail: expect.stringContaining('the Docker Engine sent it, for somebody else'),
    })
    await container.release()
  })

  test('that somebody else removed is lost, in words', async () => {
    const container = await docker.start(docker.spec({}, {}, sh('sleep 600')))
    const [id] = await containersOf(docker.tag)
    await engineRequest('DELETE', `/containers/${id}?force=1`)
    const exit = await container.exit
    expect(['lost', 'signaled']).toContain(exit.kind)
    await container.release()
  })

  test('tells its statistics while it runs, and none afterwards', async () => {
    const container = await docker.start(docker.spec({}, {}, sh('sleep 600')))
    expect(container.pid).toBeGreaterThan(1)
    expect(await container.statistics()).toMatchObject({ memoryLimitBytes: 64 * 1024 ** 2 })
    container.kill(0)
    await container.exit
    expect(await container.statistics()).toBeUndefined()
    await container.release()
  })
})

describe('limits', () => {
  test('kill a memory hog at its own limit, with the figures', async () => {
    const spec = docker.spec({}, {}, { ...sh('head -c 300000000 /dev/zero | tail'), limits: {} })
    const exit = await docker.run(spec)
    expect(exit).toMatchObject({ kind: 'memory', level: 'own', limitBytes: 64 * 1024 ** 2 })
    expect(exit).toMatchObject({
      detail: expect.stringMatching(/^Memory limit exceeded: limit 64 MiB, used 6\d(\.\d)? MiB/),
    })
  })

  test('hold a cpu hog with a quota of half a core at 0.5 ± 5 % over 5 s', async () => {
    const spec = docker.spec({}, {}, { ...sh('while :; do :; done'), limits: { cpus: 0.5 } })
    const container = await docker.start(spec)
    try {
      // A quota begins with a burst of one period; it is over after the first.
      await systemClock.sleep(300)
      await expectQuota(0.5, async () => (await container.statistics())?.cpuSeconds)
      expect((await container.statistics())?.cpuThrottledPeriods).toBeGreaterThan(10)
    } finally {
      container.kill(0)
      await container.exit
      await container.release()
    }
  })

  test('put owners and borrowers below their own groups', async () => {
    const containers = await Promise.all(
      [true, false].map((revocable) => docker.start(docker.spec({}, {}, { ...sh('sleep 600'), revocable }))),
    )
    const groups = containers.map(({ pid }) => readFileSync(`/proc/${pid}/cgroup`, 'utf8'))
    expect(groups[0]).toMatch(new RegExp(`cpu.*:/tepui_${docker.tag}_lent/[0-9a-f]{64}`))
    expect(groups[1]).toMatch(new RegExp(`cpu.*:/tepui_${docker.tag}_owners/[0-9a-f]{64}`))
    for (const container of containers) container.kill(0)
    await Promise.all(containers.map((container) => container.exit.then(() => container.release())))
  })
})

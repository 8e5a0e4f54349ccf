// Checks of real containers and host tasks from inside: what passes, fails, hangs or cannot run.
import { readFileSync, readlinkSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bashConnector, dialWith, nodeConnector } from '../../src/agent/checks/dial.ts'
import type { Finding } from '../../src/agent/checks/judging.ts'
import type { Target } from '../../src/agent/checks/plans.ts'
import { probeWith } from '../../src/agent/checks/probe.ts'
import { systemClock } from '../../src/base/clock.ts'
import { reasonOf } from '../../src/base/errors.ts'
import type { Container } from '../../src/containerizer/containerizer.ts'
import { processTable } from '../../src/containerizer/host/process-table.ts'
import { taskInfo } from '../support/agent-core.ts'
import { type RealDocker, realDocker } from '../support/docker.ts'
import { requireEngine } from '../support/engine.ts'
import { type HostBench, openHostBench } from '../support/host.ts'

let docker: RealDocker
let bench: HostBench

beforeAll(async () => {
  await requireEngine()
  docker = await realDocker()
  bench = openHostBench()
})

afterAll(async () => {
  await docker[Symbol.asyncDispose]()
  await bench[Symbol.asyncDispose]()
})

const never = (): AbortSignal => new AbortController().signal
const sh = (value: string) => ({ command: { shell: true, value } })
const command = (value: string, more: object = {}): Target => ({
  type: 'COMMAND',
  command: { value, ...more },
})
const TASK = taskInfo('t', { container: { type: 'DOCKER', docker: { image: 'x', network: 'NONE' } } })

async function listening(): Promise<AsyncDisposable & { readonly port: number }> {
  const server = createServer((socket) => void socket.on('error', () => undefined))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

const check = (
  container: Container,
  target: Target,
  signal = never(),
  connector = bashConnector('/bin/bash'),
) => probeWith(dialWith(connector))(target, container, TASK, signal)

/** Processes of the whole machine with this word among their arguments. */
const running = (word: string): number[] =>
  processTable().flatMap(({ pid }) => (argumentsOf(pid).includes(word) ? [pid] : []))

function argumentsOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

const status = (exit_code: number): Partial<Finding> => ({
  passed: exit_code === 0,
  value: { type: 'COMMAND', command: { exit_code } },
})

/** Begins a check that hangs and gives it up once its command runs. */
async function giveUp(container: Container, word: string): Promise<void> {
  const tired = new AbortController()
  const checked = check(container, command(`sleep ${word} & sleep ${word}`), tired.signal)
  await expect.poll(() => running(word).length).toBeGreaterThanOrEqual(2)
  tired.abort(new Error('too late'))
  await expect(checked).rejects.toThrow('too late')
  await expect.poll(() => running(word)).toEqual([])
}

describe('a command in a Docker container', () => {
  let container: Container
  beforeAll(async () => {
    const environment = { TASK_WORD: 'of the task' }
    container = await docker.start(
      docker.spec({}, {}, { ...sh('touch /here; exec sleep 1000'), environment }),
    )
  })
  afterAll(async () => {
    container.kill(0)
    await container.exit
    await container.release()
  })

  test('passes with status 0, inside of the container and with its environment', async () => {
    const variables = [{ name: 'CHECK_WORD', value: 'of the check' }]
    const inside = command(
      'test -e /here && echo "$TASK_WORD $CHECK_WORD"; test "$CHECK_WORD" = "of the check"',
      {
        environment: { variables },
      },
    )
    expect(await check(container, inside)).toEqual({
      ...status(0),
      words: 'COMMAND check exited with status 0: of the task of the check',
    })
  })

  test('fails with any other status, and the last of what it said', async () => {
    const talkative = command('yes | head -n 20000; echo not well; exit 3')
    const finding = await check(container, talkative)
    expect(finding).toMatchObject(status(3))
    expect(finding.words).toMatch(/^COMMAND check exited with status 3: [\sy]*not well$/)
    expect(finding.words.length).toBeLessThan(300)
  })

  test('runs as a program with arguments where no shell is asked for', async () => {
    const plain = command('test', { shell: false, arguments: ['$HOME', '=', '$HOME'] })
    expect(await check(container, plain)).toMatchObject(status(0))
  })

  test('that is not there has failed and is named', async () => {
    const missing = command('/no/such/program', { shell: false })
    const told = await check(container, missing).then(
      ({ passed, words }) => `${passed} ${words}`,
      (error: unknown) => `false ${reasonOf(error)}`,
    )
    expect(told).toMatch(/^false .*\/no\/such\/program/)
  })

  test('that hangs ends with all that it started when it is given up', async () => {
    await giveUp(container, '98761')
  })
})

test('a command in a Docker container that has ended cannot be run', async () => {
  const container = await docker.start(docker.spec({}, {}, sh('exit 0')))
  await container.exit
  await expect(check(container, command('true'))).rejects.toThrow(/could not run a command/)
  await container.release()
})

describe('a server that only its own network can reach', () => {
  let container: Container
  const place = { host: '127.0.0.1', port: 81 } as const
  const tcp = (port = 81): Target => ({ type: 'TCP', ...place, port })
  const http = (path: string, port = 81): Target => ({ type: 'HTTP', scheme: 'http', ...place, path, port })

  beforeAll(async () => {
    const hang =
      'mkdir -p /w/cgi-bin; printf "#!/bin/sh\\nexec sleep 1000\\n" >/w/cgi-bin/hang; chmod +x /w/cgi-bin/hang'
    const line = `${hang}; echo fine >/w/ok; exec httpd -f -p 127.0.0.1:81 -h /w`
    container = await docker.start(docker.spec({ network: 'NONE' }, {}, sh(line)))
    while (!(await check(container, tcp())).passed) await systemClock.sleep(20)
  })
  afterAll(async () => {
    container.kill(0)
    await container.exit
    await container.release()
  })

  /** Processes of the machine itself that are in the network of the container. */
  const relays = (): number[] => {
    const link = (pid: number | string, kind: string): string => {
      try {
        return readlinkSync(`/proc/${pid}/ns/${kind}`)
      } catch {
        return 'gone'
      }
    }
    const [network, mounts] = [link(container.pid ?? 0, 'net'), link('self', 'mnt')]
    const inside = processTable().filter(
      ({ pid }) => link(pid, 'net') === network && link(pid, 'mnt') === mounts,
    )
    return inside.map(({ pid }) => pid)
  }

  for (const [name, connector] of [
    ['bash', bashConnector('/bin/bash')],
    ['node', nodeConnector],
  ] as const) {
    test(`answers requests and connections through ${name}`, async () => {
      const look = (target: Target): Promise<Finding> => check(container, target, never(), connector)
      const answered = (status_code: number) => ({ type: 'HTTP', http: { status_code } })
      expect(await look(http('/ok'))).toMatchObject({ passed: true, value: answered(200) })
      expect(await look(http('/absent'))).toMatchObject({ passed: false, value: answered(404) })
      expect(await look(tcp())).toMatchObject({
        passed: true,
        value: { type: 'TCP', tcp: { succeeded: true } },
      })
      const words = expect.stringMatching(/127\.0\.0\.1:83: .*refused/i)
      const closed = { type: 'TCP', tcp: { succeeded: false } }
      expect(await look(tcp(83))).toMatchObject({ passed: false, value: closed, words })
      expect(await look(http('/', 83))).toMatchObject({ passed: false, value: undefined, words })
      await expect.poll(relays).toEqual([])
    })

    test(`that never answers leaves nothing through ${name} when the check is given up`, async () => {
      const tired = new AbortController()
      const checked = check(container, http('/cgi-bin/hang'), tired.signal, connector)
      await expect.poll(() => relays().length).toBeGreaterThan(0)
      tired.abort(new Error('too late'))
      await expect(checked).rejects.toThrow('too late')
      await expect.poll(relays).toEqual([])
    })
  }

  test('is not what listens on the same port of the machine', async () => {
    await using here = await listening()
    expect((await check(container, tcp(here.port))).passed).toBe(false)
    const onHost = await docker.start(docker.spec({ network: 'HOST' }, {}, sh('exec sleep 1000')))
    expect((await check(onHost, tcp(here.port))).passed).toBe(true)
    onHost.kill(0)
    await onHost.exit
    await onHost.release()
  })
})

describe('a command beside a host task', () => {
  let container: Container
  beforeAll(async () => {
    const environment = { TASK_WORD: 'of the task' }
    container = await bench.launch('touch here; exec sleep 1000', { environment })
  })
  afterAll(async () => {
    container.kill(0)
    await container.exit
    await container.release()
  })

  test('runs in the sandbox, with the environment, in the control groups of the task', async () => {
    const variables = [{ name: 'CHECK_WORD', value: 'of the check' }]
    const look = 'test -e here && echo "$TASK_WORD $CHECK_WORD" && cat /proc/self/cgroup >groups'
    expect(await check(container, command(look, { environment: { variables } }))).toEqual({
      ...status(0),
      words: 'COMMAND check exited with status 0: of the task of the check',
    })
    expect(container.group).toBeDefined()
    expect(bench.text(container, 'groups')).toContain(container.group)
  })

  test('runs as the user of the task', async () => {
    const nobody = await bench.launch('exec sleep 1000', { user: 'nobody' })
    const finding = await check(nobody, command('id -un'))
    expect(finding.words).toBe('COMMAND check exited with status 0: nobody')
  })

  test('fails with its status, or that of the signal that ended it', async () => {
    expect(await check(container, command('echo >&2 not well; exit 3'))).toEqual({
      ...status(3),
      words: 'COMMAND check exited with status 3: not well',
    })
    expect(await check(container, command('kill -9 $$'))).toMatchObject(status(137))
    expect(await check(container, command('/no/such/program', { shell: false }))).toMatchObject({
      ...status(127),
      words: expect.stringContaining('/no/such/program'),
    })
  })

  test('that hangs ends with all that it started when it is given up', async () => {
    await giveUp(container, '98762')
  })

  test('is not waited for by what it leaves in the background, which ends with it', async () => {
    expect(await check(container, command('sleep 98763 & exit 0'))).toMatchObject(status(0))
    await expect.poll(() => running('98763')).toEqual([])
  })
})

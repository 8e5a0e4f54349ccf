// `tepui exec` as a user types it: in a host task and in a Docker container, through the master.
import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { allTasks, findTask } from '../../src/cli/find-task.ts'
import { MasterApi } from '../../src/cli/master-api.ts'
import { ClientSession } from '../../src/cli/session.ts'
import { type Run, Up } from '../support/cli.ts'
import { processesWith } from '../support/processes-with.ts'

const TEPUI = `${process.execPath} ${join(import.meta.dirname, '..', '..', 'src', 'cli', 'tepui.ts')}`
const KINDS = ['host', 'docker'] as const
/**
 * Busybox asks the terminal behind its prompt where the cursor is, and clears what is behind it when it draws the
 * prompt again: for a size that comes after the first one.
 */
const PROMPT = '[#$] (\\u001b\\[\\d*[a-zA-Z])*$'
/** Of a terminal, until something is seen there. */
const PATIENCE_MS = 60_000
let up: Up
let others = 0

beforeAll(async () => {
  up = await Up.start(['--agents', '1'])
  await start('host')
  await start('docker')
})
afterAll(() => up[Symbol.asyncDispose]())

/** A task that waits, and hears SIGTERM also as the first process of a container. */
async function start(kind: (typeof KINDS)[number], name: string = kind): Promise<void> {
  const image = kind === 'docker' ? ['--image', 'tepui/busybox:latest'] : []
  const words = ['run', '-d', '-q', '--name', name, '--cpus', '0.1', '-e', 'FROM_TASK=yes', ...image]
  const { code, stderr } = await up.tepui(...words, '--', 'sh', '-c', 'trap exit TERM; sleep 1000 & wait')
  if (code !== 0) throw new Error(`the task was not started: ${stderr}`)
}

interface Piped {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A session in the host task without a process of ours for it: many would need gigabytes. */
class HeldSession {
  readonly session: ClientSession
  readonly ended: Promise<string>
  seen = ''

  private constructor(session: ClientSession) {
    this.session = session
    this.ended = this.#read()
  }

  static async open(line: string): Promise<HeldSession> {
    const around = { clock: systemClock, random: systemRandom, signal: new AbortController().signal }
    using api = new MasterApi(up.master, systemClock, around.signal)
    const { task } = findTask(allTasks(await api.state()), 'host')
    const wish = { argv: ['sh', '-c', line], user: undefined, terminal: undefined }
    return new HeldSession(await ClientSession.open(up.master, task, wish, around))
  }

  async #read(): Promise<string> {
    using session = this.session
    await session.follow((_, bytes) => {
      this.seen += Buffer.from(bytes).toString()
      return Promise.resolve()
    })
    return this.seen
  }
}

/** With input of its own, which ends. */
function piped(input: string | Buffer, ...args: readonly string[]): Promise<Piped> {
  const child = spawn(process.execPath, [TEPUI.split(' ')[1] ?? '', ...args], {
    env: { ...process.env, TEPUI_MASTER: up.master },
    stdio: 'pipe',
  })
  const said = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text))
  child.stdin.end(input)
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, ...said })))
}

/** A terminal of its own, made by `script`, in which somebody types. */
class Typist implements Disposable {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  seen = ''
  #wake: () => void = () => undefined

  constructor(words: string) {
    const line = `stty rows 33 cols 101; ${TEPUI} ${words}; echo "[code $?]"; stty -a`
    this.child = spawn('/usr/bin/script', ['-qefc', line, '/dev/null'], {
      env: { ...process.env, SHELL: '/bin/sh', TEPUI_MASTER: up.master },
      stdio: 'pipe',
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.seen += text
      this.#wake()
    })
    this.ended = new Promise((resolve) => this.child.on('close', resolve))
  }

  type(text: string): void {
    this.child.stdin?.write(text)
  }

  async sees(what: RegExp): Promise<void> {
    const late = Promise.withResolvers<true>()
    using _ = systemClock.after(PATIENCE_MS, () => late.resolve(true))
    while (!what.test(this.seen)) {
      const isOver = await Promise.race([
        new Promise<false>((resolve) => (this.#wake = () => resolve(false))),
        this.ended.then(() => true),
        late.promise,
      ])
      if (isOver && !what.test(this.seen))
        throw new Error(`never saw ${String(what)} in: ${JSON.stringify(this.seen)}`)
    }
  }

  /** One that a test left in the middle would keep its session. */
  [Symbol.dispose](): void {
    this.child.kill('SIGKILL')
  }
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await systemClock.sleep(50)
}

/** For a shell: the size comes by a way of its own, a moment earlier or later than what is typed. */
const untilSize = (size: string): string =>
  `until [ "$(stty size 2>/dev/null)" = "${size}" ]; do sleep 0.1; done`

/** A number that no other process has among its arguments. */
const unlike = (): string => `${10_000_000 + Math.floor(process.pid * 100 + others++)}`

describe.each(KINDS)('in a %s container', (kind) => {
  test('output comes apart by its streams, with the exit code and the surroundings of the task', async () => {
    const line = 'echo out; echo err >&2; echo "$FROM_TASK $MESOS_SANDBOX"; exit 7'
    const { code, stderr, stdout } = await up.tepui('exec', kind, '--', 'sh', '-c', line)
    expect({ code, stderr }).toEqual({ code: 7, stderr: 'err\n' })
    expect(stdout).toMatch(/^out\nyes \/\S+\n$/)
    expect((await up.tepui('exec', '-w', '/usr', kind, '--', 'pwd')).stdout).toBe('/usr\n')
  })

  test('input is passed on byte by byte with -i to its end, and without it there is none', async () => {
    const bytes = Buffer.alloc(3_000_000, 'abcdefghij\n')
    const counted = await piped(bytes, 'exec', '-i', kind, '--', 'sh', '-c', 'cat | wc -c; exit 3')
    expect(counted).toMatchObject({ code: 3, stderr: '' })
    expect(Number(counted.stdout)).toBe(3_000_000)
    expect((await piped('hello\n', 'exec', '-i', kind, '--', 'cat')).stdout).toBe('hello\n')
    expect(await piped('hello\n', 'exec', kind, '--', 'cat')).toMatchObject({ code: 0, stdout: '' })
  })

  test('megabytes of output arrive whole', async () => {
    const line = 'i=0; while [ $i -lt 400 ]; do head -c 10000 /dev/zero | tr "\\000" x; i=$((i+1)); done'
    const { code, stdout } = await up.tepui('exec', kind, '--', 'sh', '-c', line)
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: 4_000_000 })
  })

  test('a program that is not there is told by 127', async () => {
    const { code, stderr, stdout } = await up.tepui('exec', kind, '--', 'no-such-program')
    expect(code).toBe(127)
    expect(`${stderr}${stdout}`).toContain('no-such-program')
  })

  test('with -t there is a terminal of the size of ours, Ctrl-C is a key, and ours is as before', async () => {
    using typist = new Typist(`exec -it ${kind} -- sh`)
    await typist.sees(new RegExp(PROMPT))
    typist.type(`tty; ${untilSize('33 101')}; stty size; echo "rea"dy\n`)
    await typist.sees(new RegExp(`ready\\r\\n[^]*${PROMPT}`))
    expect(typist.seen).toMatch(/\/dev\/(pts\/\d+|console)\r\n33 101\r\n/)
    const asleep = unlike()
    typist.type(`sleep ${asleep}\n`)
    await until(() => processesWith(`sleep ${asleep}`).length > 0)
    typist.type('\u0003')
    await typist.sees(new RegExp(`\\^C[^]*${PROMPT}`))
    typist.type('echo "ali"ve; exit 9\n')
    await typist.sees(/alive\r\n/)
    await typist.sees(/\[code 9\]/)
    typist.child.stdin?.end()
    await typist.ended
    expect(typist.seen).toMatch(/[^-]icanon [^]*[^-]echo /)
    expect(typist.seen).toMatch(/[\n ]opost /)
  })

  test('the terminal follows ours when its size changes', async () => {
    using typist = new Typist(`exec -it ${kind} -- sh`)
    await typist.sees(new RegExp(PROMPT))
    typist.type(`${untilSize('33 101')}; echo "rea"dy; ${untilSize('44 155')}; echo "chan"ged\n`)
    await typist.sees(/ready\r\n/)
    const [client = 0] = children(typist.child.pid ?? 0)
    const [terminal = ''] = terminalsOf(client)
    const resized = spawn('stty', ['-F', terminal, 'rows', '44', 'cols', '155'])
    await new Promise((resolve) => resized.on('close', resolve))
    await typist.sees(/changed\r\n/)
    typist.type('exit\n')
    await typist.sees(/\[code 0\]/)
    typist.child.stdin?.end()
    await typist.ended
  })

  test('nothing is left of a command whose client vanishes, nor of what it put aside', async () => {
    const [inside, aside] = [unlike(), unlike()]
    const line = `(setsid sleep ${aside} &) ; echo begun; sleep ${inside}`
    const run: Run = up.start('exec', kind, '--', 'sh', '-c', line)
    await until(() => run.stdout.includes('begun') && processesWith(aside).length > 0)
    run.child.kill('SIGKILL')
    await run.ended
    await until(() => processesWith(inside).length === 0 && processesWith(aside).length === 0)
  })

  test('Ctrl-C without a terminal ends the command, with the code of shells', async () => {
    const inside = unlike()
    const run = up.start('exec', kind, '--', 'sh', '-c', `echo begun; sleep ${inside}`)
    await until(() => run.stdout.includes('begun'))
    run.child.kill('SIGINT')
    expect((await run.ended).code).toBe(130)
    await until(() => processesWith(inside).length === 0)
  })

  test('a command ends with its task', async () => {
    const name = `${kind}-short-${others++}`
    await start(kind, name)
    const run = up.start('exec', name, '--', 'sh', '-c', 'trap "" TERM; echo begun; sleep 1000; sleep 1000')
    await until(() => run.stdout.includes('begun'))
    const killed = await up.tepui('kill', name)
    expect(killed.code).toBe(0)
    expect((await run.ended).code).not.toBe(0)
  })
})

function children(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}

function terminalsOf(pid: number): string[] {
  const line = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The controlling terminal: major 136, its minor is the number.
  const device = Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[4])
  return [`/dev/pts/${device & 0xff}`]
}

test('50 commands run in one container at a time, and the next one is refused with the reason', async () => {
  const held = await Promise.all(
    Array.from({ length: 50 }, () => HeldSession.open('echo in; read -r word; echo "got $word"')),
  )
  await until(() => held.every(({ seen }) => seen === 'in\n'))
  const refused = await up.tepui('exec', 'host', '--', 'true')
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr).toContain('has 50 sessions already, its limit (--max_container_sessions)')
  await Promise.all(held.map((one, index) => one.session.write(Buffer.from(`${index}\n`))))
  expect(await Promise.all(held.map((one) => one.ended))).toEqual(
    held.map((_, index) => `in\ngot ${index}\n`),
  )
  expect((await up.tepui('exec', 'host', '--', 'true')).code).toBe(0)
})

test('who ran what, and how it ended, is in the log of events', async () => {
  await up.tepui('exec', 'host', '--', 'sh', '-c', 'exit 5')
  const told = async (): Promise<string> => (await up.tepui('events', '--type', 'exec')).stdout
  let events = await told()
  while (!events.includes('ended with exit code 5')) events = await told()
  expect(events).toMatch(/127\.0\.0\.1 runs 'sh -c exit 5' in task host on /)
})

test('what cannot be is told in one sentence with a hint', async () => {
  const unknown = await up.tepui('exec', 'nobody', '--', 'true')
  expect(unknown).toMatchObject({ code: 1, stdout: '' })
  expect(unknown.stderr).toContain("There is no task 'nobody'")
  const none = await up.tepui('exec', 'host')
  expect(none.code).toBe(64)
  const piped = await up.tepui('exec', '-it', 'host', '--', 'sh')
  expect(piped).toMatchObject({ code: 64 })
  expect(piped.stderr).toContain('Standard input is no terminal')
  const user = await up.tepui('exec', '-u', 'nobody-at-all', 'host', '--', 'true')
  expect(user).toMatchObject({ code: 1 })
  expect(user.stderr).toContain('nobody-at-all')
  const away = await up.tepui('exec', '-m', '127.0.0.1:1', 'host', '--', 'true')
  expect(away.code).toBe(69)
})

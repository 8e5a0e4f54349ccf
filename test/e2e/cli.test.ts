// The commands as a user types them, against a real `tepui up` with a real engine.
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tepui, Up } from '../support/cli.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'

let before: readonly string[]
let up: Up

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
  up = await Up.start(['--agents', '2'])
})

afterAll(() => up[Symbol.asyncDispose]())

describe('tepui run', () => {
  test('hands on output and exit code of a host command, each stream to its own', async () => {
    const { code, stderr, stdout } = await up.tepui('run', '--', 'sh', '-c', 'echo out; echo err >&2; exit 7')
    expect({ code, stdout }).toEqual({ code: 7, stdout: 'out\n' })
    expect(stderr).toMatch(/offered[^]*starting[^]*running[^]*\nerr\n/)
    expect(stderr).toContain('Command exited with status 7')
  })

  test('runs an image with the command as its arguments, and its environment', async () => {
    const command = ['sh', '-c', 'echo "$GREETING from $(cat /etc/passwd | head -1)"']
    const { code, stdout } = await up.tepui(
      'run',
      '-q',
      '-i',
      TEST_IMAGE,
      '-e',
      'GREETING=hello',
      '--',
      ...command,
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'hello from root:x:0:0:root:/root:/bin/sh\n' })
  })

  test('shows a container a folder of the machine, which it may not change', async () => {
    const folder = mkdtempSync(join(up.folder, 'shown-'))
    writeFileSync(join(folder, 'file'), 'of the machine')
    const script = 'cat /data/file; touch /data/new || exit 6'
    const run = ['run', '-q', '-i', TEST_IMAGE, '-v', `${folder}:/data:ro`, '--', 'sh', '-c', script]
    expect(await up.tepui(...run)).toMatchObject({ code: 6, stdout: 'of the machine' })
    expect(readdirSync(folder)).toEqual(['file'])
  })

  test('loses no byte of a long output, and none is changed', async () => {
    // Every byte value, many times over, more than a hundred reads long.
    const script = 'i=0; while [ $i -lt 40 ]; do head -c 200000 "$MESOS_SANDBOX/bytes"; i=$((i+1)); done'
    const path = join(up.folder, 'bytes')
    const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7 + (index >> 8)) % 256))
    writeFileSync(path, bytes)
    const target = join(up.folder, 'copy')
    const run = up.start('run', '-q', '--uri', path, '--', 'sh', '-c', script)
    const pieces: Buffer[] = []
    run.child.stdout?.removeAllListeners('data').setEncoding('latin1')
    run.child.stdout?.on('data', (text: string) => pieces.push(Buffer.from(text, 'latin1')))
    const { code, stderr } = await run.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    writeFileSync(target, Buffer.concat(pieces))
    expect(readFileSync(target).equals(Buffer.concat(Array.from({ length: 40 }, () => bytes)))).toBe(true)
  })

  test('ends its task on Ctrl-C and says so', async () => {
    const run = up.start('run', '--name', 'sleeper', '--', 'sleep', '600')
    await expect.poll(() => run.stderr, { timeout: 20_000 }).toContain('running')
    run.child.kill('SIGINT')
    const { code, stderr } = await run.ended
    expect(code).toBe(130)
    expect(stderr).toMatch(/ended on a\d because you asked/)
    const { stdout } = await up.tepui('ps', '-o', 'json')
    expect(JSON.parse(stdout)).toEqual([])
  })

  test('gives up in time, with the nearest offer and what it misses', async () => {
    const { code, stderr } = await up.tepui('run', '--cpus', '900', '--timeout', '2s', '--', 'true')
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /not placed in time\n {2}cause: of \d+ offers none fits; the nearest is a\d: cpus: 900 wanted/,
    )
  })

  test('says what the engine said when a program is not in the image, with 127', async () => {
    const { code, stderr } = await up.tepui('run', '-i', TEST_IMAGE, '--', 'nosuch')
    expect(code).toBe(127)
    expect(stderr).toContain('exec: "nosuch": executable file not found')
  })

  test('goes where it is told to go', async () => {
    const { stderr } = await up.tepui('run', '--on', 'a2', '--', 'true')
    expect(stderr).toContain('a2 takes')
  })

  test('prints the task and where it would fit with --dry-run, and runs nothing', async () => {
    const { code, stdout } = await up.tepui('run', '--dry-run', '-o', 'json', '--cpus', '0.2', '--', 'true')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ task: { command: { value: 'true' } } })
  })
})

test('A detached task can be listed, read, followed and ended by the beginning of its name', async () => {
  const script = 'i=0; while [ $i -lt 6000 ]; do i=$((i+1)); echo tick $i; sleep 0.1; done'
  const { code, stdout: id } = await up.tepui('run', '-d', '--name', 'ticker', '--', 'sh', '-c', script)
  expect(code).toBe(0)
  const { stdout: listed } = await up.tepui('ps', '-o', 'json')
  expect(JSON.parse(listed)).toMatchObject([
    { id: id.trim(), name: 'ticker', state: 'TASK_RUNNING', live: true },
  ])
  const follow = up.start('logs', '-f', 'tick')
  await expect.poll(() => follow.stdout, { timeout: 20_000 }).toMatch(/tick 1\n[^]*tick 5\n/)
  const killed = await up.tepui('kill', 'tick')
  expect(killed).toMatchObject({ code: 0, stdout: `${id.trim()} killed\n` })
  // Its own end was told, and did not wait behind an update that nobody acknowledges.
  const { stdout: events } = await up.tepui('events', '--task', id.trim())
  expect(events.match(/task-ended/g)).toHaveLength(1)
  expect(events).toMatch(/task-ended +'ticker\S+' is killed on a\d: Command terminated/)
  expect((await follow.ended).code).toBe(0)
  const tail = await up.tepui('logs', 'ticker', '--tail', '1')
  expect(tail.stdout).toMatch(/^tick \d+\n$/)
  expect(follow.stdout.endsWith(tail.stdout)).toBe(true)
  const { stdout: frameworks } = await up.tepui('frameworks', '-o', 'json')
  expect(JSON.parse(frameworks)).toEqual([])
})

test('What tasks use is measured, who waits for one has its exit code, and a pattern ends the rest', async () => {
  // Of each try its own, so that a second one finds nothing of the first.
  const own = mkdtempSync(join(up.folder, 'use-'))
  const burn = `burn${own.slice(-6)}`
  const start = async (name: string, script: string): Promise<string> => {
    const { stdout } = await up.tepui('run', '-d', '--name', name, '--cpus', '0.2', '--', 'sh', '-c', script)
    return stdout.trim()
  }
  const busy = await start(`${burn}-1`, 'while :; do :; done')
  const idle = await start(`${burn}-2`, 'exec sleep 600')
  // It ends when somebody says so.
  const done = await start(`${burn}-short`, `until [ -e ${join(own, 'enough')} ]; do sleep 0.1; done; exit 9`)
  interface Use {
    readonly task: string
    readonly used: number | null
    readonly memory: number | null
  }
  const uses = async (): Promise<Record<string, Use>> => {
    const { stdout } = await up.tepui(
      'top',
      'tasks',
      `${burn}-?`,
      '-o',
      'jsonl',
      '--columns',
      'task,used,memory',
    )
    const rows = stdout.split('\n').filter((line) => line !== '')
    return Object.fromEntries(rows.map((row) => JSON.parse(row) as Use).map((use) => [use.task, use]))
  }
  let seen: Record<string, Use> = {}
  await expect.poll(async () => (seen = await uses())[busy]?.used ?? 0).toBeGreaterThan(0.01)
  expect(seen[busy]?.memory).toBeGreaterThan(0)
  expect(seen[idle]?.used ?? 0).toBeLessThan(seen[busy]?.used ?? 0)
  const waiting = up.start('wait', done, '-o', 'jsonl')
  writeFileSync(join(own, 'enough'), '')
  const { code, stdout } = await waiting.ended
  expect(code).toBe(9)
  expect(JSON.parse(stdout)).toMatchObject({ task: done, state: 'TASK_FAILED', exitCode: 9 })
  const killed = await up.tepui('kill', `${burn}-?`, '--yes')
  expect(killed.stdout.trim().split('\n').toSorted()).toEqual([`${busy} killed`, `${idle} killed`].toSorted())
  const which = ['-a', '--columns', 'name,state', '-l', `name=~'^${burn}'`, '--sort', 'name']
  const left = JSON.parse((await up.tepui('ps', ...which, '-o', 'json')).stdout) as unknown
  expect(left).toEqual([
    { name: `${burn}-1`, state: 'killed' },
    { name: `${burn}-2`, state: 'killed' },
    { name: `${burn}-short`, state: 'failed' },
  ])
})

test('Logs are followed to the end of the task, with its exit code and the lines that fit', async () => {
  const own = mkdtempSync(join(up.folder, 'speaks-'))
  const [gate, name] = [join(own, 'go'), `speaker${own.slice(-6)}`]
  const script = `echo one; echo bad >&2; until [ -e ${gate} ]; do sleep 0.1; done; echo two; echo last; exit 5`
  const { stdout: id } = await up.tepui('run', '-d', '--name', name, '--', 'sh', '-c', script)
  // It runs before it has said anything.
  await expect.poll(async () => (await up.tepui('logs', name)).stdout).toBe('one\n')
  const early = await up.tepui('logs', name, '--exit-code')
  expect(early).toMatchObject({ code: 1, stdout: 'one\n' })
  expect(early.stderr).toContain(`Task '${id.trim()}' has not ended, so that it has no exit code`)
  const follow = up.start(
    'logs',
    '-f',
    name,
    '--stdout',
    '--stderr',
    '--grep',
    '^(one|bad|last)$',
    '--exit-code',
  )
  await expect.poll(() => follow.stdout + follow.stderr).toMatch(/one\n[^]*bad\n/)
  writeFileSync(gate, '')
  expect(await follow.ended).toEqual({
    code: 5,
    stdout: 'one\nlast\n',
    stderr: `bad\ntepui logs: '${name}' has ended: failed\n`,
  })
})

test('Logs of a pattern go on with tasks that start later, and tell who joins and who ends', async () => {
  const follow = up.start('logs', '-f', 'part-*')
  await expect
    .poll(() => follow.stderr, { timeout: 20_000 })
    .toContain('no task that runs is named as part-* yet')
  const start = (name: string): Promise<{ readonly code: number | null }> =>
    up.tepui('run', '-d', '--name', name, '--', 'sh', '-c', `echo I am ${name}; exec sleep 600`)
  expect((await start('part-1')).code).toBe(0)
  expect((await start('other')).code).toBe(0)
  await up.tepui('run', '-q', '--name', 'part-short', '--', 'echo', 'ended before anybody looked')
  await expect
    .poll(() => follow.stdout.split('\n').toSorted().join('\n').trim(), { timeout: 20_000 })
    .toBe('part-1  I am part-1\npart-short  ended before anybody looked')
  expect((await up.tepui('kill', 'part-1')).code).toBe(0)
  await expect.poll(() => follow.stderr, { timeout: 20_000 }).toContain("'part-1' has ended: killed\n")
  expect(follow.stderr).toMatch(/^tepui logs: 'part-short' is followed too: task \S+$/m)
  await up.tepui('kill', 'other')
  follow.child.kill('SIGINT')
  expect((await follow.ended).code).toBe(130)
})

describe('tepui each', () => {
  test('folds equal outputs of all agents', async () => {
    const { code, stdout, stderr } = await up.tepui('each', '--', 'echo', 'same')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^same {2}a\d a\d \(2\)\n$/)
    expect(stderr).toContain('2 agents: 2 ok')
  })

  test('ends with 4 when some fail, and tells which and why', async () => {
    // Only one of the agents has the folder of a1 in its sandbox path.
    const script = 'case "$MESOS_SANDBOX" in */a1/*) echo bad >&2; exit 3;; esac; echo good'
    const { code, stdout } = await up.tepui('each', '--', 'sh', '-c', script)
    expect(code).toBe(4)
    expect(stdout).toMatch(/^good {2}a2 \(1\)\nFAILED {2}a1 {2}Command exited with status 3\na1: bad\n$/)
  })
})

test('agents, top and lend status say the same of an agent in JSON', async () => {
  const [agents, top, lend] = await Promise.all(
    [['agents'], ['top', '--once'], ['lend', 'status']].map((words) => up.tepui(...words, '-o', 'json')),
  )
  const names = (text = '[]', key: string): string[] =>
    (JSON.parse(text) as Record<string, string>[]).map((row) => row[key] ?? '').toSorted()
  expect(names(agents?.stdout, 'name')).toEqual(['a1', 'a2'])
  expect(names(top?.stdout, 'agent')).toEqual(['a1', 'a2'])
  const { agents: lending, total } = JSON.parse(lend?.stdout ?? '{}') as Record<string, unknown>
  expect(names(JSON.stringify(lending), 'agent')).toEqual(['a1', 'a2'])
  expect(total).toMatch(/lent/)
})

describe('A mistake', () => {
  test.each([
    [['rnu'], 64, /unknown command 'rnu'\n {2}fix: {3}Did you mean run/],
    [['run', '--cpuz', '1', '--', 'x'], 64, /unknown option '--cpuz'\n {2}fix: {3}Did you mean --cpus/],
    [['run', '--cpus', 'x', '--', 'x'], 64, /Option '--cpus' has the value 'x': expected a number/],
    [['-m', 'ftp://x', 'ps'], 64, /'ftp:\/\/x' is no address of a master/],
    [
      ['-m', '127.0.0.1:9', 'ps'],
      69,
      /No master answers at 127\.0\.0\.1:9\n {2}cause: .*\n {2}fix: {3}Start one/,
    ],
    [['agent', '--masterr=x'], 64, /Unknown flag '--masterr'\n {2}fix: {3}Did you mean --master\?/],
    [['logs', 'nix'], 1, /There is no task 'nix'/],
    [['lend', 'status', 'a9'], 1, /There is no agent 'a9'\n {2}fix: {3}Did you mean a/],
  ])('%j ends with %d and says what is wrong', async (args, expected, words) => {
    const { code, stderr, stdout } = await up.tepui(...args)
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' })
    expect(stderr).toMatch(words)
    expect(stderr).not.toContain('    at ')
  })
})

test('tepui up that is killed takes its agents and their tasks along', async () => {
  const mine = await leftovers()
  const other = await Up.start(['--agents', '1'])
  await tepui(['run', '-d', '--', 'sleep', '600'], { TEPUI_MASTER: other.master })
  other.run.child.kill('SIGKILL')
  await expect.poll(() => leftovers(mine), { timeout: 30_000 }).toEqual([])
  await other[Symbol.asyncDispose]()
})

test('Ctrl-C ends tepui up with its agents and tasks, says what it ends, and leaves nothing', async () => {
  const hearing = ['sh', '-c', 'trap exit TERM; sleep 600 & wait']
  await up.tepui('run', '-d', '--name', 'left', '-i', TEST_IMAGE, '--', ...hearing)
  up.run.child.kill('SIGINT')
  const { code, stderr } = await up.run.ended
  expect(code).toBe(0)
  expect(stderr).toMatch(/ending 1 task \(left\)\ntepui: ended 2 agents and the master/)
  await expect.poll(() => leftovers(before), { timeout: 30_000 }).toEqual([])
})

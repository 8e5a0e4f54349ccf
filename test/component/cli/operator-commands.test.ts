// What operators type, against a real master with toy agents: what happened, why, flags, inspecting and steering.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../../../src/base/exec.ts'
import { type Ended, tepui } from '../../support/cli.ts'
import { agentSubscribe, type LaunchedTask, launchTask, TestMaster } from '../../support/master-server.ts'

let master: TestMaster
let launched: LaunchedTask

beforeAll(async () => {
  master = await TestMaster.start('--cluster=here')
  launched = await launchTask(master)
  await launched.agent.update(launched.framework, 't', 'TASK_FAILED', {
    message: 'Command exited with status 3',
  })
  await launched.framework.status()
})
afterAll(async () => {
  launched[Symbol.dispose]()
  await master[Symbol.asyncDispose]()
})

const typed = (words: string): Promise<Ended> =>
  tepui(words.split(' '), { TEPUI_MASTER: `127.0.0.1:${master.port}` })

test('events tells what happened, of one task, as a table and as names', async () => {
  const { code, stdout } = await typed('events --task t')
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /EVENT +WHEN +KIND +WHAT\n.*task-launched.*\n.*task-ended .*'t' is failed on 127\.0\.0\.1:5051/,
  )
  expect((await typed('event ls --type task-ended -o name')).stdout).toMatch(/^\d+\n$/)
  expect(await typed('events --type nonsense')).toMatchObject({ code: 1, stdout: '' })
})

test('why tells how a task ended and what to do, and names an agent that does not answer', async () => {
  const { code, stderr, stdout } = await typed('why t')
  expect(stdout).toContain("'t' is failed: Command exited with status 3\n  how     exit 3\n")
  expect(stdout).toContain('next    tepui logs --stderr t\n')
  expect(stderr).toMatch(/^tepui why: 127\.0\.0\.1:5051 did not answer/)
  expect(code).toBe(4)
  expect(await typed('why nobody')).toMatchObject({ code: 1, stdout: '' })
})

test('config tells the flags of the master that runs, and where each came from', async () => {
  const { stdout } = await typed('config show --origin --set')
  expect(stdout).toMatch(/^--cluster +here +command line$/m)
  expect(stdout).not.toContain('default')
  expect((await typed('config parse agent --set -o jsonl -- --port=7')).stdout).toContain(
    '{"name":"port","value":"7","origin":"command line"}\n',
  )
})

test('config get prints the value of one flag, and tells a slip', async () => {
  expect(await typed('config get cluster')).toEqual({ code: 0, stdout: 'here\n', stderr: '' })
  expect(await typed('config get clustr')).toEqual({
    code: 64,
    stdout: '',
    stderr: "tepui config: There is no flag 'clustr' of the master\n  fix:   Did you mean cluster?\n",
  })
})

test('bundle gathers what master and agents tell in one archive, and names who did not answer', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tepui-bundle-'))
  try {
    const path = join(folder, 'b.tar.gz')
    const { code, stderr, stdout } = await typed(`bundle ${path}`)
    expect(code).toBe(4)
    expect(stdout).toMatch(/b\.tar\.gz: 9 files, /)
    // The toy agent has no pages.
    expect(stderr).toMatch(/^tepui bundle: agents\/127\.0\.0\.1_5051-\S+\/config: /m)
    const { stdout: listed } = await runCommand('tar', ['-tzf', path])
    const names = listed
      .trim()
      .split('\n')
      .map((line) => line.replace(/^tepui-bundle-\w+\//, ''))
    expect(names).toContain('README.txt')
    expect(names).toContain('state.json')
    const { stdout: config } = await runCommand('tar', ['-xzOf', path, '--wildcards', '*/config.json'])
    expect(config).toContain('"cluster"')
    expect(await typed(`bundle ${path}`)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`tepui bundle: Cannot write ${path}`) as string,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('inspect prints all of one thing, completion its name', async () => {
  expect((await typed('task inspect t')).stdout).toMatch(/^id: t$/m)
  expect(JSON.parse((await typed('framework inspect test -o json')).stdout)).toMatchObject({ name: 'test' })
  expect((await typed('completion words logs ')).stdout).toBe('t\n')
})

test('what is none of the kinds is refused before any master is asked', async () => {
  expect(await tepui(['inspect', 'frog', 'x'], { TEPUI_MASTER: '127.0.0.1:1' })).toMatchObject({
    code: 64,
    stderr: "tepui inspect: 'frog' cannot be inspected\n  fix:   tepui inspect task|agent|framework NAME\n",
  })
})

test('kill tells of a task that has ended how, and of a task that never was that there is none', async () => {
  expect((await typed('kill t')).stderr).toBe(
    "tepui kill: Task 't' has ended already: failed\n  fix:   tepui why t tells how\n",
  )
  expect((await typed('kill nobody')).stderr).toContain("There is no task 'nobody'")
})

test('What is left out is told by the command that misses it', async () => {
  expect(await typed('logs')).toMatchObject({
    code: 64,
    stderr: "tepui logs: missing required argument 'task'\n  fix:   tepui logs --help shows its options\n",
  })
})

test('drain, undrain and teardown do what they say', async () => {
  const { subscribe } = agentSubscribe() as { readonly subscribe: { readonly agent_info: object } }
  const attributes = [{ name: 'agent', type: 'TEXT', text: { value: 'a2' } }]
  const agent_info = { ...subscribe.agent_info, port: 5052, attributes }
  using agent = await master.agent({ agent_info, capabilities: [{ type: 'AGENT_DRAINING' }] })
  expect(await typed('agent drain a2 --grace 5s --reason disk-fails')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^a2 is being drained/) as string,
  })
  expect(await agent.next('DRAIN')).toMatchObject({ drain: { max_grace_period: { nanoseconds: 5e9 } } })
  expect((await typed('agents')).stdout).toMatch(/^a2 .* (draining|drained) /m)
  expect(await typed('agent undrain a2')).toMatchObject({ code: 0, stdout: 'a2 is in use again\n' })
  expect(await typed('framework teardown test')).toMatchObject({ code: 0, stdout: 'test is torn down\n' })
  // Its end, which nobody had acknowledged, is told once and stays what it was.
  expect((await typed('events --task t --type task-ended -o name')).stdout).toMatch(/^\d+\n$/)
  expect((await typed('why t')).stdout).toContain("'t' is failed: Command exited with status 3\n")
  const events = await typed('events --type framework-removed,agent-standing,operator -o jsonl')
  expect(events.stdout.split('\n').filter((line) => line !== '')).not.toHaveLength(0)
  expect(events.stdout).toContain('"kind":"framework-removed"')
  expect(events.stdout).toContain('a2 is drained')
  expect(events.stdout).toContain('An operator drains a2: disk-fails')
})

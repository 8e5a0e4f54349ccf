// `tepui fs` and `tepui gc` as a user types them, and /files through the master, on a real agent.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Up } from '../support/cli.ts'

const SCRIPT =
  'mkdir logs; for i in 1 2 3; do echo line $i >> logs/app.log; done; printf "\\000\\377\\001" > bytes; ' +
  'truncate -s 80M large; echo the end >> large; ' +
  'ln -s /etc/passwd outside; echo hello; exit 3'
interface State {
  readonly completed_frameworks: readonly {
    readonly id: string
    readonly completed_tasks: readonly { readonly id: string; readonly slave_id: string }[]
  }[]
}
let up: Up
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-fs-'))
  up = await Up.start(['--agents', '1'])
  const { code, stderr } = await up.tepui('run', '-q', '--name', 'job', '--', 'sh', '-c', SCRIPT)
  if (code !== 3) throw new Error(`the task ended with ${code}: ${stderr}`)
})
afterAll(async () => {
  await up[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

test('files of a sandbox are listed, printed, tailed and copied out byte by byte, none from outside', async () => {
  const listed = await up.tepui('fs', 'ls', 'job')
  expect(listed.stdout).toMatch(/-rw-r--r--\s+3 B .*bytes\n(.*\n)*d.*logs\n(.*\n)*.*stdout\n/)
  expect((await up.tepui('fs', 'cat', 'job:logs/app.log')).stdout).toBe('line 1\nline 2\nline 3\n')
  expect((await up.tepui('fs', 'tail', '-n', '7', 'job:logs/app.log')).stdout).toBe('line 3\n')
  expect((await up.tepui('fs', 'head', '-n', '6', 'job:logs/app.log')).stdout).toBe('line 1')
  expect((await up.tepui('fs', 'head', 'job:logs/app.log')).stdout).toBe('line 1\nline 2\nline 3\n')
  const weighed = JSON.parse((await up.tepui('fs', 'du', 'job', '-o', 'json')).stdout) as object[]
  // What takes most stands first; what a folder takes is all below it.
  expect(weighed[0]).toMatchObject({ name: 'large', files: 1 })
  expect(weighed).toContainEqual({ name: 'logs/', bytes: 21, files: 1 })
  const target = join(folder, 'copy')
  expect((await up.tepui('fs', 'get', 'job:bytes', target)).code).toBe(0)
  expect([...readFileSync(target)]).toEqual([0, 255, 1])
  for (const path of ['outside', '../../../../../../../../etc/passwd', 'logs/../../x']) {
    const { code, stdout } = await up.tepui('fs', 'cat', `job:${path}`)
    expect({ path, code, stdout }).toEqual({ path, code: 1, stdout: '' })
  }
  expect((await up.tepui('fs', 'cat', 'job:nix')).stderr).toMatch(
    /^tepui fs: Task 'job\S+' has no 'nix' in its sandbox\n {2}fix: {3}tepui fs ls job/,
  )
  expect((await up.tepui('fs', 'ls', 'job', '-o', 'name')).stdout).toMatch(/^stdout$/m)
  const wrong = await up.tepui('fs', 'peek', 'job:x')
  expect(wrong.stderr).toContain("'peek' is no action of fs: expected ls, du, cat, head, tail, get")
})

test('a download through the master has the bytes, by the path that Mesos clients build', async () => {
  const state = (await (await fetch(`http://${up.master}/state`)).json()) as State
  const [framework] = state.completed_frameworks
  const [task] = framework?.completed_tasks ?? []
  const path = `/frameworks/${framework?.id}/executors/${task?.id}/runs/latest/bytes`
  const query = new URLSearchParams({ path, agent_id: task?.slave_id ?? '' }).toString()
  const answer = await fetch(`http://${up.master}/files/download?${query}`)
  expect(answer.headers.get('content-disposition')).toBe('attachment; filename=bytes')
  expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([0, 255, 1])
  const debug = await fetch(`http://${up.master}/files/debug?agent_id=${task?.slave_id}`)
  const [real = ''] = Object.keys((await debug.json()) as object).filter((key) =>
    key.includes(task?.id ?? ''),
  )
  const read = new URLSearchParams({ path: `${real}/stdout`, offset: '0' }).toString()
  expect(await (await fetch(`http://${up.master}/files/read?${read}`)).json()).toMatchObject({
    data: 'hello\n',
  })
  expect((await fetch(`http://${up.master}/files/browse?path=/x`)).status).toBe(400)
  expect((await fetch(`http://${up.master}/files/browse?agent_id=nobody&path=/x`)).status).toBe(404)
})

test('a file larger than any buffer comes through the master, whole and by either way', {
  timeout: 120_000,
}, async () => {
  const bytes = 80 * 1024 ** 2 + 8
  const copy = join(folder, 'large')
  expect((await up.tepui('fs', 'get', 'job:large', copy)).code).toBe(0)
  expect(statSync(copy).size).toBe(bytes)
  const state = (await (await fetch(`http://${up.master}/state`)).json()) as State
  const [framework] = state.completed_frameworks
  const [task] = framework?.completed_tasks ?? []
  const path = `/frameworks/${framework?.id}/executors/${task?.id}/runs/latest/large`
  const query = new URLSearchParams({ path, agent_id: task?.slave_id ?? '' }).toString()
  const answer = await fetch(`http://${up.master}/files/download?${query}`)
  expect(answer.headers.get('content-length')).toBe(String(bytes))
  const body = Buffer.from(await answer.arrayBuffer())
  expect([body.length, body.subarray(-8).toString()]).toEqual([bytes, 'the end\n'])
})

test('how a task began is printed, also when nothing was rotated', async () => {
  expect((await up.tepui('logs', 'job', '--head')).stdout).toBe('hello\n')
})

test('gc says what is kept and why it will go, removes it when asked, and what is left is still shown', async () => {
  const dry = await up.tepui('gc', '--dry-run')
  expect(dry.stdout).toMatch(
    /1 sandbox, .*\nSANDBOX\s+ENDED AS\s+AGO\s+SIZE\s+GOES\s+WHY\njob.*failed.*in .*gc_delay/,
  )
  expect((await up.tepui('fs', 'cat', 'job:logs/app.log')).code).toBe(0)
  const done = await up.tepui('gc', '--older', '0s')
  expect({ code: done.code, stdout: done.stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/removed 1 sandbox with .*; 0 sandboxes kept/) as string,
  })
  const gone = await up.tepui('fs', 'cat', 'job:logs/app.log')
  expect(gone.code).toBe(1)
  expect(gone.stderr).toMatch(/was collected at .* on request: 'logs\/app.log' is gone/)
  expect((await up.tepui('fs', 'cat', 'job:stdout')).stdout).toBe('hello\n')
  expect((await up.tepui('logs', 'job')).stdout).toBe('hello\n')
  const stone = JSON.parse((await up.tepui('fs', 'cat', 'job:tombstone.json')).stdout) as object
  expect(stone).toMatchObject({ ending: 'failed', cause: 'exited with status 3', why: 'asked' })
})

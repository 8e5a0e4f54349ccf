// What Docker tasks print arrives in the sandbox byte for byte, however much it is, and rotates.
import { createHash } from 'node:crypto'
import { readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { realDocker } from '../support/docker.ts'
import { requireEngine } from '../support/engine.ts'

beforeAll(requireEngine)

/** Lines with numbers, so that a lost, doubled or swapped piece shows. */
function numbered(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, index) => `${index + 1}\n`).join(''))
}

const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
const run = (value: string): { command: { shell: true; value: string } } => ({
  command: { shell: true, value },
})

test('50 MB of interleaved output are in stdout and stderr exactly', async () => {
  await using docker = await realDocker({ outputMaxBytes: 1024 ** 3 })
  const count = 3_700_000
  const spec = docker.spec({}, {}, run(`seq 1 ${count} & seq 1 ${count} >&2; wait`))
  expect(await docker.run(spec)).toEqual({ kind: 'exited', code: 0 })
  const expected = numbered(count)
  expect(expected.length * 2).toBeGreaterThan(50_000_000)
  for (const name of ['stdout', 'stderr'])
    expect(hash(readFileSync(join(spec.sandbox, name)))).toBe(hash(expected))
}, 120_000)

test('a file that would grow beyond its limit is put aside, and the end and the beginning are kept', async () => {
  await using docker = await realDocker({ outputMaxBytes: 200_000, outputHeadBytes: 1000 })
  const spec = docker.spec({}, {}, run('seq 1 200000; echo only one >&2'))
  expect(await docker.run(spec)).toEqual({ kind: 'exited', code: 0 })
  const [older, newer] = ['stdout.1', 'stdout'].map((name) => readFileSync(join(spec.sandbox, name)))
  const kept = Buffer.concat([older ?? Buffer.of(), newer ?? Buffer.of()])
  expect(numbered(200_000).subarray(-kept.length).equals(kept)).toBe(true)
  expect(kept.length).toBeGreaterThan(150_000)
  for (const name of ['stdout', 'stdout.1'])
    expect(statSync(join(spec.sandbox, name)).size).toBeLessThanOrEqual(200_000)
  const head = readFileSync(join(spec.sandbox, 'stdout.head'))
  expect(head.equals(numbered(1000).subarray(0, 1000))).toBe(true)
  expect(readFileSync(join(spec.sandbox, 'stderr'), 'utf8')).toBe('only one\n')
})

test('a link in the place of stdout is not followed, and the task is not started', async () => {
  await using docker = await realDocker()
  const spec = docker.spec()
  const target = join(spec.sandbox, 'precious')
  writeFileSync(target, 'untouched')
  symlinkSync(target, join(spec.sandbox, 'stdout'))
  await expect(docker.start(spec)).rejects.toMatchObject({ code: 'FILE' })
  expect(readFileSync(target, 'utf8')).toBe('untouched')
})

test('a terminal’s output has no frames and is kept as it comes', async () => {
  await using docker = await realDocker()
  const spec = docker.spec({ parameters: [{ key: 'tty', value: 'true' }] }, {}, run('echo out; echo err >&2'))
  expect(await docker.run(spec)).toEqual({ kind: 'exited', code: 0 })
  expect(readFileSync(join(spec.sandbox, 'stdout'), 'utf8')).toBe('out\r\nerr\r\n')
})

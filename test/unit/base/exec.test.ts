// Child processes report how they ended; detached ones get exactly the environment they are given.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand, startDetached } from '../../../src/base/exec.ts'

test('output, exit code and signal of a command are told', async () => {
  expect(await runCommand('sh', ['-c', 'echo out; echo err >&2; exit 3'])).toEqual({
    exitCode: 3,
    signal: undefined,
    stdout: 'out',
    stderr: 'err',
  })
  expect((await runCommand('sh', ['-c', 'kill -9 $$'])).signal).toBe('SIGKILL')
})

test('a program that does not exist is named', async () => {
  await expect(runCommand('no-such-program', [])).rejects.toThrow('Cannot run no-such-program')
  await expect(startDetached('/no-such-program', [], { cwd: '/', env: {} })).rejects.toThrow(
    'Cannot start /no-such-program: spawn /no-such-program ENOENT',
  )
})

test('an environment that no kernel takes is named', async () => {
  const env = { BIG: 'x'.repeat(200_000) }
  await expect(startDetached('/bin/sh', [], { cwd: '/', env })).rejects.toThrow('arguments and environment')
})

test('too much output is refused', async () => {
  await expect(runCommand('sh', ['-c', 'head -c 5000 /dev/zero'], { maxOutputBytes: 100 })).rejects.toThrow(
    'more than it may',
  )
})

test('a detached process has a session of its own and no environment but the given one', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'exec-'))
  try {
    const script =
      'env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= > env; cut -d" " -f6 /proc/$$/stat > session; echo $$ > pid'
    const child = await startDetached('/bin/sh', ['-c', script], {
      cwd: folder,
      env: { PATH: '/usr/bin:/bin', ONLY: 'this' },
    })
    expect(await child.exited).toEqual({ exitCode: 0, signal: undefined })
    const read = (name: string): string => readFileSync(join(folder, name), 'utf8').trim()
    expect(read('env').split('\n').sort()).toEqual(['ONLY=this', 'PATH=/usr/bin:/bin'])
    expect(read('session')).toBe(String(child.pid))
    expect(read('pid')).toBe(String(child.pid))
  } finally {
    rmSync(folder, { recursive: true })
  }
})

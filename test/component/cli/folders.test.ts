// Folders that cannot be made: whoever names one is told so, and the command ends.
import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { CLONE } from '../../support/cli.ts'

const LONG = 50_000

test.each([
  ['up', '--data', '/proc/x'],
  ['master', '--work_dir=/proc/x', '--port=0'],
  ['master', '--log_dir=/proc/x', '--port=0'],
  ['agent', '--work_dir=/proc/x', '--master=127.0.0.1:1'],
  ['init', 'systemd', '--into', '/proc/x'],
])('tepui %s %s names the folder and ends', (...words) => {
  const [program = '', ...first] = CLONE
  // Node's own way to make a folder hears nothing but this.
  const options = { encoding: 'utf8', timeout: LONG, killSignal: 'SIGKILL' } as const
  const { status, stderr } = spawnSync(program, [...first, ...words], options)
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(/\/proc\/x.*\n +cause: .*ENOENT/),
  })
})

test('tepui up refuses wrong numbers before it makes its folder', () => {
  const [program = '', ...first] = CLONE
  for (const words of [
    ['--agents', '0'],
    ['--port', '99999'],
  ]) {
    const { status, stderr } = spawnSync(program, [...first, 'up', '--data', '/proc/x', ...words], {
      encoding: 'utf8',
    })
    expect({ status, stderr }).toEqual({ status: 64, stderr: expect.stringMatching(/^tepui up: Option '--/) })
  }
})

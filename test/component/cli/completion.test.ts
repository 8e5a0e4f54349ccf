// The script of `tepui completion bash` in a real bash, against a real master with a toy agent.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../../../src/base/exec.ts'
import { CLONE } from '../../support/cli.ts'
import { type LaunchedTask, launchTask, TestMaster } from '../../support/master-server.ts'

const HOSTILE = 'web$(touch bitten);`touch bitten`'
let folder: string
let master: TestMaster
let launched: LaunchedTask

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-completion-'))
  writeFileSync(join(folder, 'tepui'), `#!/bin/sh\nexec ${CLONE.join(' ')} "$@"\n`, { mode: 0o755 })
  master = await TestMaster.start()
  launched = await launchTask(master)
  const [offer] = await launched.framework.offers()
  if (offer === undefined) throw new Error('no second offer came')
  await launched.framework.launch(offer, HOSTILE, 'web-1', '*')
  await launched.agent.next('RUN_TASK')
})
afterAll(async () => {
  launched[Symbol.dispose]()
  await master[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

/** What bash would offer behind these words, of which the last is being typed; and all else that was printed. */
async function offered(words: readonly string[], port = master.port): Promise<readonly string[]> {
  const script = [
    'source <(tepui completion bash)',
    'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()',
    // Whatever the script registered for tepui.
    '[[ $(complete -p tepui) =~ -F\\ ([^ ]+) ]] && "${BASH_REMATCH[1]}"',
    'printf "%s\\n" "${COMPREPLY[@]}"',
  ].join('\n')
  const env = { PATH: `${folder}:${process.env['PATH']}`, TEPUI_MASTER: `127.0.0.1:${port}` }
  const args = ['--norc', '-c', script, 'bash', 'tepui', ...words]
  const { stderr, stdout } = await runCommand('bash', args, { env, cwd: folder })
  expect(stderr).toBe('')
  return stdout.split('\n').filter((line) => line !== '')
}

test('bash completes commands, verbs, options and the values of options', async () => {
  expect(await offered(['fra'])).toEqual(['framework', 'frameworks'])
  expect(await offered(['task', ''])).toEqual([
    'exec',
    'inspect',
    'kill',
    'logs',
    'ls',
    'stats',
    'stop',
    'wait',
    'why',
  ])
  expect(await offered(['logs', '--f'])).toEqual(['--follow'])
  expect(await offered(['lend', 'set', '--mode', 'o'])).toEqual(['observe', 'off'])
})

test('bash completes the names of live tasks, agents and frameworks', async () => {
  expect(await offered(['logs', 'web-'])).toEqual(['web-1'])
  expect(await offered(['drain', ''])).toEqual(['127.0.0.1:5051'])
})

test('Addresses are one word, as bash hands them on: with a colon between two', async () => {
  const address = ['127.0.0.1', ':', String(master.port)]
  expect(await offered(['-m', ...address, 'teardown', ''], 9)).toEqual(['test'])
  expect(await offered(['drain', '127.0.0.1', ':', '50'])).toEqual(['5051'])
  expect(await offered(['drain', '127.0.0.1', ':'])).toEqual(['5051'])
})

test('Names come to stand quoted, so that bash runs nothing of what a framework calls its tasks', async () => {
  expect(await offered(['logs', ''])).toEqual([
    '\\*',
    't',
    'web\\$\\(touch\\ bitten\\)\\;\\`touch\\ bitten\\`',
    'web-1',
  ])
  expect(readdirSync(folder)).toEqual(['tepui'])
})

test('Without a master commands are completed, names are not, and nothing is printed', async () => {
  expect(await offered(['logs', ''], 9)).toEqual([])
  expect(await offered(['undr'], 9)).toEqual(['undrain'])
})

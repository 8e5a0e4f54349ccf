// Names for masters: which address is meant, what is kept, and what is told of a wrong one.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/base/random.ts'
import { ctxCommand } from '../../../src/cli/commands/ctx.ts'
import { masterMeant, readContexts } from '../../../src/cli/contexts.ts'
import type { Output } from '../../../src/cli/output.ts'
import { screenOn } from '../../../src/cli/screen.ts'
import { ManualClock } from '../../support/clock.ts'

let folder: string
let environment: Record<string, string>
const file = (): string => join(folder, 'tepui', 'contexts.json')

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-contexts-'))
  environment = { HOME: '/nowhere', XDG_CONFIG_HOME: folder }
})
afterEach(() => rmSync(folder, { recursive: true }))

/** What `tepui ctx …` prints. */
async function ctx(
  words: string,
  output: Output = 'table',
): Promise<{ readonly out: string; readonly err: string }> {
  let [out, err] = ['', '']
  const screen = screenOn(
    { write: (text) => (out += text.toString()) },
    { write: (text) => (err += text.toString()) },
    false,
  )
  const args = words.split(' ').filter((word) => word !== '--use')
  const context = {
    common: { master: '', output, debug: false, endWithInput: false },
    screen,
    clock: new ManualClock(),
    random: seededRandom(1),
    environment,
    signal: new AbortController().signal,
  }
  await ctxCommand.run(context, args, { use: words.includes('--use') })
  return { out, err }
}

test('The master is what was typed, what the environment says, the name in use, or this machine', async () => {
  expect(masterMeant(undefined, environment)).toBe('127.0.0.1:5050')
  await ctx('add prod 10.0.0.2:5050')
  expect(masterMeant(undefined, environment)).toBe('127.0.0.1:5050')
  expect((await ctx('use prod')).out).toBe('prod (10.0.0.2:5050) is meant from now on\n')
  expect(masterMeant(undefined, environment)).toBe('10.0.0.2:5050')
  expect(masterMeant(undefined, { ...environment, MESOS_MASTER: 'h:1' })).toBe('h:1')
  const said = { ...environment, TEPUI_MASTER: 'h:2', MESOS_MASTER: 'h:1' }
  expect(masterMeant(undefined, said)).toBe('h:2')
  expect(masterMeant('prod', said)).toBe('10.0.0.2:5050')
  expect(masterMeant(undefined, { ...environment, TEPUI_MASTER: 'prod', MESOS_MASTER: 'h:1' })).toBe(
    '10.0.0.2:5050',
  )
  // A host that nobody has given another meaning.
  expect(masterMeant('master-1', environment)).toBe('master-1')
  await ctx('rm prod')
  expect(masterMeant(undefined, environment)).toBe('127.0.0.1:5050')
})

describe('ctx', () => {
  test('lists names with the one in use, and keeps them for their user alone', async () => {
    expect(await ctx('ls')).toEqual({
      out: '',
      err: 'No master has a name. Give it one: tepui ctx add NAME HOST:PORT\n',
    })
    await ctx('add prod 10.0.0.2:5050 --use')
    await ctx('add lab http://lab:5050')
    expect((await ctx('ls')).out).toBe('NAME  MASTER\nprod  10.0.0.2:5050    in use\nlab   http://lab:5050\n')
    expect((await ctx('ls', 'name')).out).toBe('prod\nlab\n')
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(file(), 'utf8'))).toEqual({
      current: 'prod',
      masters: { prod: '10.0.0.2:5050', lab: 'http://lab:5050' },
    })
  })

  test('tells that a variable goes before the name in use', async () => {
    await ctx('add prod 10.0.0.2:5050')
    environment['TEPUI_MASTER'] = 'h:1'
    expect((await ctx('use prod')).err).toBe('tepui ctx: TEPUI_MASTER is set here, and goes before it\n')
  })

  test('refuses what is no name, no address, or is not known', async () => {
    await ctx('add prod 10.0.0.2:5050')
    for (const [words, message] of [
      ['add a:b h:1', "'a:b' is no name for a master"],
      ['add lab ftp://x', "'ftp://x' is no address of a master"],
      ['add lab', 'a name and an address are wanted'],
      ['use prd', "No master is known as 'prd'"],
      ['rm x', "No master is known as 'x'"],
      ['show', "'ctx show' is unknown"],
    ] as const)
      await expect(ctx(words)).rejects.toMatchObject({ message })
    expect([...readContexts(environment).masters]).toEqual([['prod', '10.0.0.2:5050']])
  })

  test('is told where the file is that does not hold names', async () => {
    await ctx('add prod 10.0.0.2:5050')
    for (const text of ['', '[]', '{"masters": {"a": 1}}', 'null']) {
      writeFileSync(file(), text)
      await expect(ctx('ls')).rejects.toMatchObject({
        code: 'FILE',
        message: `${file()} does not hold names of masters`,
      })
    }
    environment['XDG_CONFIG_HOME'] = '/proc/nowhere'
    await expect(ctx('add prod h:1')).rejects.toMatchObject({
      message: '/proc/nowhere/tepui/contexts.json cannot be written',
    })
    // An address needs none.
    expect(masterMeant('h:1', environment)).toBe('h:1')
  })
})

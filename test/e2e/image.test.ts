// `tepui image`: root file systems become images of the engine here, and tasks run from them.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tepui } from '../support/cli.ts'
import { engineRequest, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { busyboxInto } from '../../src/cli/image-sources.ts'

let folder: string
const made: string[] = []

beforeAll(async () => {
  await requireEngine()
  folder = mkdtempSync(join(tmpdir(), 'tepui-images-'))
})

afterAll(async () => {
  for (const name of made) await engineRequest('DELETE', `/images/${name}?force=true`)
  rmSync(folder, { recursive: true, force: true })
})

interface Inspected {
  readonly Config: { readonly Cmd: readonly string[] }
}

async function inspect(name: string): Promise<Inspected | undefined> {
  const { status, text } = await engineRequest('GET', `/images/${name}/json`)
  return status === 200 ? (JSON.parse(text) as Inspected) : undefined
}

/** What a container of this image prints; the image must be able to run the command. */
async function output(name: string, ...command: readonly string[]): Promise<string> {
  const created = await engineRequest('POST', '/containers/create', {
    Image: name,
    Cmd: command,
    Tty: true,
    NetworkDisabled: true,
  })
  const { Id } = JSON.parse(created.text) as { Id: string }
  await engineRequest('POST', `/containers/${Id}/start`)
  await engineRequest('POST', `/containers/${Id}/wait`)
  const { text } = await engineRequest('GET', `/containers/${Id}/logs?stdout=1&stderr=1`)
  await engineRequest('DELETE', `/containers/${Id}?force=1`)
  return text.replaceAll('\r\n', '\n')
}

/** As `docker save` does. */
async function save(name: string, file: string): Promise<void> {
  const asked = request({ socketPath: '/var/run/docker.sock', path: `/images/${name}/get` }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  await pipeline(answer, createWriteStream(file))
}

describe('tepui image', () => {
  test('builds an image out of the busybox of this machine', async () => {
    const name = 'tepui-test/built:1'
    made.push(name)
    const { code, stderr, stdout } = await tepui(['image', 'build', name, '-o', 'json'])
    expect([code, stderr]).toEqual([0, expect.stringContaining('busybox')])
    expect(JSON.parse(stdout)).toEqual({ reference: name, id: expect.stringMatching(/^sha256:/) })
    expect((await inspect(name))?.Config.Cmd).toEqual(['/bin/sh'])
    expect(await output(name, 'sh', '-c', 'echo "$((6 * 7))" | tr 4 5; ls -d /tmp; id -un')).toBe(
      '52\n/tmp\nroot\n',
    )
  })

  test('imports a folder and a packed tar, with owners and links as they are', async () => {
    const root = join(folder, 'root')
    mkdirSync(root)
    await busyboxInto(root)
    writeFileSync(join(root, 'etc/mark'), 'from here')
    execFileSync('chown', ['12:34', join(root, 'etc/mark')])
    execFileSync('tar', ['-czf', join(folder, 'root.tgz'), '-C', root, '.'])
    for (const [index, source] of [root, join(folder, 'root.tgz')].entries()) {
      const name = `tepui-test/imported:${index}`
      made.push(name)
      expect(await tepui(['image', 'import', source, name, '--cmd', '/bin/ash'])).toMatchObject({ code: 0 })
      expect((await inspect(name))?.Config.Cmd).toEqual(['/bin/ash'])
      expect(await output(name, 'sh', '-c', 'cat /etc/mark; stat -c " %u:%g" /etc/mark')).toBe(
        'from here 12:34\n',
      )
    }
  })

  test('loads what docker save wrote under the names in it', async () => {
    const name = 'tepui-test/saved:1'
    made.push(name)
    await engineRequest('POST', `/images/${TEST_IMAGE}/tag?repo=tepui-test/saved&tag=1`)
    const file = join(folder, 'saved.tar')
    await save(name, file)
    await engineRequest('DELETE', `/images/${name}`)
    const { code, stderr, stdout } = await tepui(['image', 'import', file, 'other:1'])
    expect([code, stdout]).toEqual([0, `Loaded image: ${name}\n`])
    expect(stderr).toContain('other:1 was not used')
    expect(await inspect(name)).toBeDefined()
    expect(await inspect('other:1')).toBeUndefined()
  })

  test.each([
    ['a name in upper case', ['image', 'build', 'Tools'], 64, /cannot be the name of an image/],
    ['a folder that is not there', ['image', 'import', '/no/such', 'a:1'], 1, /Cannot read \/no\/such/],
    ['a file that is no archive', ['image', 'import', '/etc/passwd', 'a:1'], 1, /is not a tar archive/],
    ['no name', ['image', 'import', '/etc'], 64, /has no name/],
    ['a wrong source', ['image', 'build', 'a', '--from', 'alpine'], 64, /expected one of busybox, debian/],
    ['a package for busybox', ['image', 'build', 'a', '--include', 'vim'], 64, /Add --from debian/],
    [
      'an engine that is not there',
      ['image', 'build', 'a', '--docker-socket', '/no/d.sock'],
      1,
      /no Docker Engine's socket/,
    ],
  ])('refuses %s in one sentence, and makes nothing', async (_, args, code, words) => {
    const ended = await tepui(args)
    expect([ended.code, ended.stderr]).toEqual([code, expect.stringMatching(words)])
    expect(await inspect('a:1')).toBeUndefined()
  })
})

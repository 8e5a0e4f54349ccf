// Sandboxes as files over HTTP: every byte once, none from outside.
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { wholeCharacters } from '../../../src/agent/files.ts'
import { runTask, TestAgent, ToyMaster } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'
import { waitUntil } from '../../support/wait-until.ts'

const LATEST = '/frameworks/F1/executors/t/runs/latest'
let master: ToyMaster
let agent: TestAgent
let sandbox: string

beforeAll(async () => {
  const clock = new ManualClock()
  master = await ToyMaster.start(clock)
  agent = await TestAgent.start(master.address, { clock })
  const link = await master.link()
  link.send(runTask('t'))
  await waitUntil(() => agent.containers.containers.size === 1)
  const [id] = agent.containers.containers.keys()
  sandbox = join(agent.workDir, 'slaves/M-S0/frameworks/F1/executors/t/runs', id ?? '')
  writeFileSync(join(sandbox, 'stdout'), 'hello\n')
  mkdirSync(join(sandbox, 'folder'))
  writeFileSync(join(sandbox, 'folder/inner.txt'), 'inner')
  symlinkSync('stdout', join(sandbox, 'inside'))
  symlinkSync('/etc', join(sandbox, 'outside'))
  symlinkSync('/etc/hostname', join(sandbox, 'host-file'))
  symlinkSync('loop', join(sandbox, 'loop'))
  execFileSync('mkfifo', [join(sandbox, 'pipe')])
})

afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  await master[Symbol.asyncDispose]()
})

const query = (path: string, more: Record<string, string | number> = {}): string =>
  String(
    new URLSearchParams({
      path,
      ...Object.fromEntries(Object.entries(more).map(([k, v]) => [k, String(v)])),
    }),
  )
/** How much came, and how it ended. */
async function downloaded(
  path: string,
  onBegin: () => void = () => undefined,
): Promise<{ readonly bytes: number; readonly end: string }> {
  const sent = get(`http://127.0.0.1:${agent.port}/files/download?${query(path)}`, { agent: false })
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  onBegin()
  let [bytes, end] = [0, '']
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length
    end = piece.subarray(-7).toString()
  }
  return { bytes, end }
}
const read = (path: string, more?: Record<string, string | number>): ReturnType<TestAgent['get']> =>
  agent.get(`/files/read?${query(path, more)}`)
const readPage = async (
  path: string,
  more?: Record<string, string | number>,
): Promise<{ offset: number; data: string; next: number }> => {
  const { status, body } = await read(path, more)
  expect(status).toBe(200)
  return JSON.parse(Buffer.from(body, 'latin1').toString()) as { offset: number; data: string; next: number }
}

describe('a file', () => {
  test('tells its size when no offset is asked for, and its text from one on', async () => {
    const file = `${LATEST}/stdout`
    expect(await readPage(file)).toEqual({ offset: 6, data: '' })
    expect(await readPage(file, { offset: -1 })).toEqual({ offset: 6, data: '' })
    expect(await readPage(file, { offset: 0 })).toEqual({ offset: 0, data: 'hello\n', next: 6 })
    expect(await readPage(file, { offset: 1, length: 3 })).toEqual({ offset: 1, data: 'ell', next: 4 })
    expect(await readPage(file, { offset: 1, length: -1 })).toMatchObject({ data: 'ello\n' })
    expect(await readPage(file, { offset: 3, length: 0 })).toMatchObject({ data: '', next: 3 })
    expect(await readPage(file, { offset: 100 })).toMatchObject({ data: '' })
  })

  test('is found by its path on the machine and through a link inside of the sandbox too', async () => {
    expect(await readPage(join(sandbox, 'stdout'), { offset: 0 })).toMatchObject({ data: 'hello\n' })
    expect(await readPage(`${LATEST}/inside`, { offset: 0 })).toMatchObject({ data: 'hello\n' })
  })

  test('is given in pieces of at most 64 KiB, and whole as a download', async () => {
    writeFileSync(join(sandbox, 'big'), 'x'.repeat(200_000))
    expect((await readPage(`${LATEST}/big`, { offset: 0 })).data).toHaveLength(65_536)
    expect((await readPage(`${LATEST}/big`, { offset: 0, length: 10 ** 9 })).data).toHaveLength(65_536)
    const { status, headers, body } = await agent.get(`/files/download?${query(`${LATEST}/big`)}`)
    expect({ status, length: body.length, disposition: headers['Content-Disposition'] }).toEqual({
      status: 200,
      length: 200_000,
      disposition: 'attachment; filename=big',
    })
  })

  test('of any size is downloaded to its last byte', { timeout: 60_000 }, async () => {
    const huge = join(sandbox, 'huge')
    execFileSync('truncate', ['-s', '100M', huge])
    appendFileSync(huge, 'the end')
    expect(await downloaded(`${LATEST}/huge`)).toEqual({ bytes: 100 * 1024 ** 2 + 7, end: 'the end' })
    rmSync(huge)
  })

  test('that is cut while it is downloaded breaks the download off', async () => {
    const huge = join(sandbox, 'huge')
    execFileSync('truncate', ['-s', '300M', huge])
    await expect(downloaded(`${LATEST}/huge`, () => truncateSync(huge, 1000))).rejects.toThrow('aborted')
    rmSync(huge)
  })

  test.each([1, 2, 3, 4, 5, 7, 64])(
    'is the sum of its pieces of %i bytes, whatever is in it',
    async (length) => {
      const text = 'ASCII äöü € 漢字 🚀🏔 end\n'
      writeFileSync(join(sandbox, 'text'), text)
      let whole = ''
      for (let at = 0; ; ) {
        const { data, next } = await readPage(`${LATEST}/text`, { offset: at, length })
        // A reader that knows no `next` counts bytes, and is right.
        expect(next).toBe(at + Buffer.byteLength(data))
        if (data === '') break
        whole += data
        at = next
      }
      expect(whole).toBe(text)
    },
  )

  test('that grows gives half a character only when it is whole', async () => {
    const [first, ...rest] = Buffer.from('🚀')
    writeFileSync(join(sandbox, 'grows'), Buffer.from([0x61, first ?? 0]))
    expect(await readPage(`${LATEST}/grows`, { offset: 0 })).toMatchObject({ data: 'a', next: 1 })
    expect(await readPage(`${LATEST}/grows`, { offset: 1 })).toMatchObject({ data: '', next: 1 })
    appendFileSync(join(sandbox, 'grows'), Buffer.from(rest))
    expect(await readPage(`${LATEST}/grows`, { offset: 1 })).toMatchObject({ data: '🚀', next: 5 })
  })

  test('that is no text comes byte by byte as base64', async () => {
    const bytes = Buffer.from([0xff, 0x00, 0xc3, 0x28, 0x80, 0xf0])
    writeFileSync(join(sandbox, 'bytes'), bytes)
    const pieces: Buffer[] = []
    for (let at = 0; ; ) {
      const page = await readPage(`${LATEST}/bytes`, { offset: at, length: 2, encoding: 'base64' })
      if (page.data === '') break
      pieces.push(Buffer.from(page.data, 'base64'))
      at = page.next
    }
    expect(Buffer.concat(pieces)).toEqual(bytes)
  })

  const wrong: readonly (readonly [number, Record<string, string>])[] = [
    [400, { offset: '-2' }],
    [400, { offset: '1.5' }],
    [400, { offset: '0x10' }],
    [400, { offset: 'NaN' }],
    [400, { offset: '99999999999999999999' }],
    [400, { offset: '0', length: '-2' }],
    [400, { offset: '0', length: 'much' }],
    [400, { offset: '0', encoding: 'ebcdic' }],
  ]
  test.each(wrong)('is refused with %i for %j', async (status, more) => {
    expect(await read(`${LATEST}/stdout`, more)).toMatchObject({ status })
  })
})

test('any bytes are cut only where characters end, and never lost', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'grapheme' }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
  )
  fc.assert(
    fc.property(fc.array(piece), fc.integer({ min: 1, max: 20 }), (pieces, length) => {
      const bytes = Buffer.concat(pieces)
      const taken: Buffer[] = []
      for (let at = 0; ; ) {
        const part = wholeCharacters(bytes.subarray(at, at + length + 3), length)
        if (part.length === 0) {
          // Only an unfinished character at the very end waits.
          expect(bytes.length - at).toBeLessThan(4)
          break
        }
        taken.push(part)
        at += part.length
      }
      const whole = Buffer.concat(taken)
      expect(bytes.subarray(0, whole.length).equals(whole)).toBe(true)
    }),
  )
})

describe('not a file of a sandbox:', () => {
  const elsewhere: readonly string[] = [
    '/etc/passwd',
    `${LATEST}/../../../../../../../../../etc/passwd`,
    `${LATEST}/folder/../stdout`,
    `${LATEST}/outside/passwd`,
    `${LATEST}/host-file`,
    `${LATEST}/loop`,
    `${LATEST}/nothing`,
    `${LATEST}/${'x'.repeat(300)}`,
    `${LATEST}/stdout\0`,
    '/frameworks/F1/executors/t/runs/..',
    '/frameworks/../executors/t/runs/latest/stdout',
    '/frameworks/F2/executors/t/runs/latest/stdout',
    '/frameworks/F1/executors/u/runs/latest/stdout',
    `/elsewhere${LATEST}/stdout`,
    'stdout',
  ]
  test.each(elsewhere)('%s', async (path) => {
    for (const what of ['read', 'download', 'browse'])
      expect((await agent.get(`/files/${what}?${query(path, { offset: 0 })}`)).status).toBe(404)
  })

  test('a pipe, which is neither waited for nor read', async () => {
    expect(await read(`${LATEST}/pipe`, { offset: 0 })).toMatchObject({ status: 404 })
    expect(await agent.get(`/files/download?${query(`${LATEST}/pipe`)}`)).toMatchObject({ status: 404 })
  })

  test('a folder cannot be read, a file not browsed, and a path must be there', async () => {
    expect(await read(LATEST, { offset: 0 })).toMatchObject({ status: 400, body: 'Cannot read a directory.' })
    expect(await agent.get(`/files/browse?${query(`${LATEST}/stdout`)}`)).toMatchObject({ status: 400 })
    expect(await read('')).toMatchObject({ status: 400, body: "Expecting 'path=value' in query." })
  })
})

describe('a folder', () => {
  test('lists what is in it as ls does, without following links', async () => {
    const rows = await agent.page<{ path: string; mode: string; size: number; nlink: number; uid: string }[]>(
      `/files/browse?${query(`${LATEST}/`)}`,
    )
    const modes = Object.fromEntries(rows.map(({ path, mode }) => [path.slice(LATEST.length), mode[0]]))
    expect(modes).toMatchObject({
      '/folder': 'd',
      '/host-file': 'l',
      '/outside': 'l',
      '/pipe': 'p',
      '/stdout': '-',
    })
    expect(Object.keys(rows[0] ?? {})).toEqual(['gid', 'mode', 'mtime', 'nlink', 'path', 'size', 'uid'])
    expect(rows.find(({ path }) => path.endsWith('/stdout'))).toMatchObject({ size: 6, nlink: 1 })
  })

  test('that is swapped for a link to elsewhere meanwhile shows nothing of elsewhere', async () => {
    const swapped = join(sandbox, 'swapped')
    let isOver = false
    const swapping = (async () => {
      while (!isOver) {
        rmSync(swapped, { recursive: true, force: true })
        mkdirSync(swapped)
        await new Promise((resolve) => setImmediate(resolve))
        rmSync(swapped, { recursive: true, force: true })
        symlinkSync('/etc', swapped)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    for (let round = 0; round < 100; round++) {
      const { body } = await agent.get(`/files/browse?${query(`${LATEST}/swapped`)}`)
      expect(body).not.toContain('passwd')
      expect(await read(`${LATEST}/swapped/passwd`, { offset: 0 })).toMatchObject({ status: 404 })
    }
    isOver = true
    await swapping
  })
})

// What a task needs arrives whole, with the right owner and mode, or not at all and with the reason.
import { execFileSync } from 'node:child_process'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { Fetcher } from '../../../src/fetcher/fetcher.ts'
import type { CommandInfoURI } from '../../../src/wire/commands.ts'
import { ManualClock } from '../../support/clock.ts'

let home: string
let sandbox: string
let server: Server | undefined

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'fetch-'))
  sandbox = join(home, 'sandbox')
  mkdirSync(sandbox)
})
afterEach(async () => {
  const open = server
  server = undefined
  open?.closeAllConnections()
  if (open !== undefined) await new Promise((resolve) => open.close(resolve))
  rmSync(home, { recursive: true, force: true })
})

async function serve(handler: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  const made = createServer(handler)
  server = made
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}`
}

interface Extras {
  readonly clock?: ManualClock
  readonly signal?: AbortSignal
  readonly owner?: { uid: number; gid: number }
  readonly maxBytes?: number
  readonly progress?: string[]
}

function fetchAll(uris: CommandInfoURI[], extras: Extras = {}): Promise<void> {
  const fetcher = new Fetcher(
    { clock: extras.clock ?? systemClock, random: seededRandom(1) },
    {
      stallTimeoutMs: 5000,
      frameworksHome: undefined,
      ...(extras.maxBytes === undefined ? {} : { maxBytes: extras.maxBytes }),
    },
  )
  return fetcher.fetch(
    { uris, sandbox, owner: extras.owner },
    (sentence) => extras.progress?.push(sentence),
    extras.signal ?? new AbortController().signal,
  )
}

const inSandbox = (name: string): string => readFileSync(join(sandbox, name), 'utf8')
const make = (command: string): void => void execFileSync('sh', ['-c', command], { cwd: home })

test('a file is downloaded under its name, an executable may be run', async () => {
  const url = await serve((_, res) => res.end('#!/bin/sh\necho hi\n'))
  const progress: string[] = []
  await fetchAll([{ value: `${url}/dir/run.sh?v=1`, executable: true, output_file: 'bin/run.sh' }], {
    progress,
  })
  expect(execFileSync(join(sandbox, 'bin/run.sh'), { encoding: 'utf8' })).toBe('hi\n')
  expect(progress[0]).toBe(`Fetching ${url}/dir/run.sh?v=1: 18 B of 18 B`)
})

test('a local file and a folder are copied', async () => {
  make('echo one > a; mkdir d; echo two > d/b')
  await fetchAll([{ value: join(home, 'a') }, { value: `file://${home}/d` }])
  expect([inSandbox('a'), inSandbox('d/b')]).toEqual(['one\n', 'two\n'])
})

test.each([
  ['a.tar', 'tar cf a.tar f'],
  ['a.tgz', 'tar czf a.tgz f'],
  ['a.tar.bz2', 'tar cjf a.tar.bz2 f'],
  ['a.tar.xz', 'tar cJf a.tar.xz f'],
  ['a.zip', 'zip -q a.zip f'],
])('%s is unpacked and kept', async (name, command) => {
  make(`echo inside > f; ${command}`)
  await fetchAll([{ value: join(home, name) }])
  expect(inSandbox('f')).toBe('inside\n')
  expect(existsSync(join(sandbox, name))).toBe(true)
})

test('a lone .gz becomes the file without it', async () => {
  make('echo inside > f; gzip -k f')
  await fetchAll([{ value: join(home, 'f.gz') }])
  expect(inSandbox('f')).toBe('inside\n')
})

test('extract=false leaves an archive as it is', async () => {
  make('echo inside > f; tar cf a.tar f')
  await fetchAll([{ value: join(home, 'a.tar'), extract: false }])
  expect(readdirSync(sandbox)).toEqual(['a.tar'])
})

test('everything that is fetched belongs to the owner, links are not followed', async () => {
  make('mkdir d; echo x > d/f; ln -s f d/link; tar czf a.tgz d')
  const owner = { uid: 12345, gid: 23456 }
  await fetchAll([{ value: join(home, 'a.tgz'), output_file: 'deep/er/a.tgz' }], { owner })
  for (const path of ['d', 'd/f', 'd/link', 'deep', 'deep/er', 'deep/er/a.tgz']) {
    expect([path, lstatSync(join(sandbox, path)).uid]).toEqual([path, 12345])
  }
})

test.each([
  [
    'a name that climbs',
    'mkdir -p x/y; echo e > x/evil; cd x/y; tar cPf ../../a.tar ../evil',
    'which is outside',
  ],
  [
    'an absolute name',
    'echo e > /tmp/fetch-evil; tar cPf a.tar /tmp/fetch-evil; rm /tmp/fetch-evil',
    'which is outside',
  ],
  ['a link out', 'ln -s /etc l; tar cf a.tar l', 'links outside'],
  ['a relative link out', 'ln -s ../../etc l; tar cf a.tar l', 'links outside'],
  ['a pipe', 'mkfifo p; tar cf a.tar p', 'holds a device or pipe'],
  ['no archive at all', 'echo nonsense > a.tar', 'tar failed'],
  [
    'half an archive',
    'head -c 300000 /dev/urandom > f; tar cf b.tar f; head -c 100000 b.tar > a.tar',
    'tar failed',
  ],
])('an archive with %s is refused', async (_, command, message) => {
  make(command)
  await expect(fetchAll([{ value: join(home, 'a.tar') }])).rejects.toThrow(message)
  expect(existsSync(join(home, 'evil'))).toBe(false)
})

test.each([
  [404, 'the server answered 404 Not Found'],
  [204, 'the server answered 204, not 200'],
])('the answer %d is told with the URI', async (status, message) => {
  let requests = 0
  const url = await serve((_, res) => {
    requests++
    res.writeHead(status).end()
  })
  await expect(fetchAll([{ value: `${url}/x` }])).rejects.toThrow(`Cannot fetch '${url}/x': ${message}`)
  expect([requests, readdirSync(sandbox)]).toEqual([1, []])
})

test('a passing failure is tried again', async () => {
  let requests = 0
  const url = await serve((_, res) => {
    requests++
    if (requests === 1) res.writeHead(503).end()
    else if (requests === 2) res.destroy()
    else res.end('at last')
  })
  const clock = new ManualClock()
  const done = fetchAll([{ value: `${url}/x` }], { clock })
  while (requests < 3) await clock.advance(1000)
  await done
  expect(inSandbox('x')).toBe('at last')
})

test('a download that is cut leaves no file under the name', async () => {
  const url = await serve((_, res) => {
    res.writeHead(200, { 'Content-Length': 1000 })
    res.write('half', () => res.destroy())
  })
  const clock = new ManualClock()
  let failed: unknown
  const done = fetchAll([{ value: `${url}/x` }], { clock }).catch((error: unknown) => {
    failed = error
  })
  while (failed === undefined) await clock.advance(1000)
  await done
  expect((failed as Error).message).toContain(`Cannot fetch '${url}/x'`)
  expect(readdirSync(sandbox)).toEqual([])
})

test('a download that stalls is given up after the stall timeout', async () => {
  const url = await serve((_, res) => void res.writeHead(200, { 'Content-Length': 1000 }).write('some'))
  const clock = new ManualClock()
  let failed: unknown
  const done = fetchAll([{ value: `${url}/x` }], { clock }).catch((error: unknown) => {
    failed = error
  })
  while (failed === undefined) await clock.advance(1000)
  await done
  expect((failed as Error).message).toContain('no data came for 5secs')
  expect(readdirSync(sandbox)).toEqual([])
})

test('a file above the limit is refused', async () => {
  const url = await serve((_, res) => res.end(Buffer.alloc(5000)))
  await expect(fetchAll([{ value: `${url}/x` }], { maxBytes: 4096 })).rejects.toThrow('larger than 4 KiB')
  expect(readdirSync(sandbox)).toEqual([])
})

test('an abort ends a download at once', async () => {
  const stop = new AbortController()
  const url = await serve((_, res) => {
    res.write('some')
    stop.abort(new Error('killed'))
  })
  await expect(fetchAll([{ value: `${url}/x` }], { signal: stop.signal })).rejects.toThrow('killed')
  expect(readdirSync(sandbox)).toEqual([])
})

test('the first failure ends the rest', async () => {
  make('echo one > a')
  await expect(fetchAll([{ value: join(home, 'missing') }, { value: join(home, 'a') }])).rejects.toThrow(
    'ENOENT',
  )
  expect(readdirSync(sandbox)).toEqual([])
})

test('modes of copied files are kept readable and writable by the task', async () => {
  writeFileSync(join(home, 'a'), 'x')
  chmodSync(join(home, 'a'), 0o640)
  await fetchAll([{ value: join(home, 'a') }])
  expect(statSync(join(sandbox, 'a')).mode & 0o777).toBe(0o640)
})

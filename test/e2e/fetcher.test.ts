// What a task needs is there before it starts, and when it cannot be had the task says why: on a real agent.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Agent } from '../../src/agent/agent.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Master } from '../../src/master/master.ts'
import type { Offer, TaskInfo } from '../../src/sdk/sdk.ts'
import type { CommandInfoURI } from '../../src/wire/commands.ts'
import { tepui } from '../support/cli.ts'
import { RealFramework, startRealAgent, startRealMaster } from '../support/real-cluster.ts'

const FLAGS = ['--containerizers=mesos', '--fetcher_stall_timeout=2secs', '--fetcher_cache_size=64MB']
const GOOD = 'the contents that are meant\n'
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

let folder: string
let workDir: string
let server: Server
let url: string
let master: Master
let agent: Agent
let framework: RealFramework
const asked: string[] = []
const undo = new AsyncDisposableStack()

/** What the server has, by path. */
const files: Record<string, RequestListener> = {
  '/data.txt': (_, res) => void res.end(GOOD),
  '/tools.tgz': (_, res) => void res.end(readFileSync(join(folder, 'tools.tgz'))),
  '/say.sh': (_, res) => void res.end('#!/bin/sh\nid -un\ncat inner/word data/renamed\n'),
  '/cached.bin': (_, res) => void res.setHeader('Content-Length', GOOD.length).end(GOOD),
  '/stalls': (_, res) => void res.writeHead(200, { 'Content-Length': 1_000_000 }).write('only so much'),
  '/broken.tgz': (_, res) => void res.end('this is no archive'),
  '/huge': (_, res) => {
    res.writeHead(200, { 'Content-Length': 100 * 1024 ** 2 })
    const piece = Buffer.alloc(1024 ** 2)
    const more = (): void => void (res.destroyed || res.write(piece, more))
    more()
  },
  '/slow': (_, res) => {
    res.writeHead(200, { 'Content-Length': 7 * 100_000 })
    let left = 7
    const more = (): void => {
      if (res.destroyed) return
      if (left-- > 0) res.write(Buffer.alloc(100_000), () => void systemClock.after(400, more))
      else res.end()
    }
    more()
  },
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-fetch-'))
  undo.defer(() => rmSync(folder, { recursive: true, force: true }))
  // Another user goes through to his sandbox.
  chmodSync(folder, 0o755)
  mkdirSync(join(folder, 'inner'))
  writeFileSync(join(folder, 'inner/word'), 'from the archive\n')
  execFileSync('tar', ['-czf', join(folder, 'tools.tgz'), '-C', folder, 'inner'])
  server = createServer((req, res) => {
    const path = req.url ?? ''
    if (req.method === 'GET') asked.push(path)
    const answer = files[path]
    if (answer === undefined) res.writeHead(404).end()
    else if (req.method === 'HEAD' && path !== '/cached.bin') res.writeHead(405).end()
    else answer(req, res)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  workDir = join(folder, 'work')
  mkdirSync(workDir)
  master = undo.use(await startRealMaster())
  agent = undo.use(await startRealAgent(`127.0.0.1:${master.address.port}`, workDir, ...FLAGS))
  framework = undo.use(await RealFramework.subscribe(master))
})

afterAll(() => undo.disposeAsync())

const scalar = (name: string, value: number): object => ({ name, type: 'SCALAR', scalar: { value } })

function task(
  id: string,
  offer: Offer,
  value: string,
  uris: readonly CommandInfoURI[],
  user: string,
): TaskInfo {
  return {
    name: id,
    task_id: { value: id },
    agent_id: offer.agent_id,
    resources: [scalar('cpus', 0.1), scalar('mem', 16)],
    command: { value, uris, user },
  } as TaskInfo
}

/** For more than what an ended task gave back. */
const isRoomy = ({ resources }: Offer): boolean =>
  (resources ?? []).some(({ name, scalar }) => name === 'cpus' && (scalar?.value ?? 0) > 1)

type End = Awaited<ReturnType<RealFramework['end']>>

async function run(id: string, value: string, uris: readonly CommandInfoURI[], user = 'root'): Promise<End> {
  await framework.launch((offer) => task(id, offer, value, uris, user))
  return framework.end(id)
}

function sandbox(id: string, root = workDir): string {
  const agents = join(root, 'slaves')
  const own = readdirSync(agents).find((name) => name !== 'latest') ?? ''
  return join(agents, own, 'frameworks', framework.client.frameworkId, 'executors', id, 'runs/latest')
}

interface FetchPage {
  readonly cache: { readonly entries: readonly { readonly state: string }[] } | null
  readonly recent: readonly { readonly uri: string; readonly cache?: string; readonly error?: string }[]
}
const page = async (): Promise<FetchPage> =>
  (await (await fetch(`http://127.0.0.1:${agent.address.port}/api/x1/fetch`)).json()) as FetchPage
const metric = async (name: string): Promise<number> => {
  const answer = await fetch(`http://127.0.0.1:${agent.address.port}/metrics/snapshot`)
  return ((await answer.json()) as Record<string, number>)[name] ?? Number.NaN
}

test('archive, executable, output_file and checksum: all of it is there, and the task’s user has it', async () => {
  const uris = [
    { value: `${url}/tools.tgz` },
    { value: `${url}/say.sh`, executable: true },
    { value: `${url}/data.txt#sha256=${sha256(GOOD)}`, output_file: 'data/renamed' },
  ]
  const end = await run('whole', './say.sh; echo mine >>data/renamed; stat -c %U inner/word', uris, 'nobody')
  expect(end).toMatchObject({ state: 'TASK_FINISHED' })
  expect(readFileSync(join(sandbox('whole'), 'stdout'), 'utf8')).toBe(
    `nobody\nfrom the archive\n${GOOD}nobody\n`,
  )
  expect(readFileSync(join(sandbox('whole'), 'data/renamed'), 'utf8')).toBe(`${GOOD}mine\n`)
})

test('the second task with a cached URI has it from the cache', async () => {
  const uris = [{ value: `${url}/cached.bin`, cache: true }]
  for (const id of ['first', 'second']) {
    expect((await run(id, 'cat cached.bin', uris)).state).toBe('TASK_FINISHED')
    expect(readFileSync(join(sandbox(id), 'stdout'), 'utf8')).toBe(GOOD)
  }
  expect(asked.filter((path) => path === '/cached.bin')).toEqual(['/cached.bin'])
  expect(await metric('tepui/fetcher_cache_hits')).toBe(1)
  const uses = (await page()).recent.filter(({ uri }) => uri.endsWith('/cached.bin'))
  expect(uses.map(({ cache }) => cache)).toEqual(['hit', 'loaded'])
})

test.each([
  ['missing', 'missing', /Cannot fetch '.*\/missing': the server answered 404 Not Found.*Is the URI right/s],
  ['changed', `data.txt#sha256=${sha256('other')}`, /Cannot fetch '.*': its sha256 is .*, not .*#sha256=/s],
  ['stalled', 'stalls', /Cannot fetch '.*': no data came for 2secs .*raise --fetcher_stall_timeout/s],
  ['broken', 'broken.tgz', /Cannot fetch '.*\/broken.tgz': /],
])(
  'a %s file fails the task with the URI, the reason and the next step',
  { timeout: 120_000 },
  async (id, name, words) => {
    const each = [false, true].map((cache) => ({ taskId: `${id}-${cache}`, cache }))
    await framework.launch(
      (offer) =>
        each.map(({ cache, taskId }) =>
          task(taskId, offer, 'true', [{ value: `${url}/${name}`, cache }], 'root'),
        ),
      isRoomy,
    )
    for (const { taskId } of each) {
      expect(await framework.end(taskId)).toMatchObject({
        state: 'TASK_FAILED',
        reason: 'REASON_CONTAINER_LAUNCH_FAILED',
        message: expect.stringMatching(words) as string,
      })
      expect(readdirSync(sandbox(taskId)).filter((one) => !one.startsWith('std'))).toEqual([])
    }
    expect((await page()).cache?.entries.every(({ state }) => state === 'ready')).toBe(true)
  },
)

test('a disk that fills up in mid-download fails the task, and leaves neither a part nor an entry', {
  timeout: 120_000,
}, async () => {
  const place = join(folder, 'small')
  mkdirSync(place)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=48m', 'tmpfs', place])
  try {
    await using small = await startRealAgent(
      `127.0.0.1:${master.address.port}`,
      place,
      '--attributes=disk:small',
      '--fetcher_cache_size=1GB',
      '--containerizers=mesos',
    )
    const isSmall = ({ attributes }: Offer): boolean => (attributes ?? []).some(({ name }) => name === 'disk')
    for (const cache of [false, true]) {
      const id = `full-${cache}`
      const uris = [{ value: `${url}/huge`, cache }]
      await framework.launch((offer) => task(id, offer, 'true', uris, 'root'), isSmall)
      expect(await framework.end(id)).toMatchObject({
        state: 'TASK_FAILED',
        reason: 'REASON_CONTAINER_LAUNCH_FAILED',
        message: expect.stringMatching(/Cannot fetch '.*\/huge': ENOSPC.*disk is full/s) as string,
      })
      expect(readdirSync(sandbox(id, place)).filter((one) => !one.startsWith('std'))).toEqual([])
    }
    const fetched = await fetch(`http://127.0.0.1:${small.address.port}/api/x1/fetch`)
    expect(((await fetched.json()) as FetchPage).cache?.entries).toEqual([])
    // It has room again, and lives.
    await framework.launch((offer) => task('after', offer, 'true', [], 'root'), isSmall)
    expect((await framework.end('after')).state).toBe('TASK_FINISHED')
  } finally {
    execFileSync('umount', [place])
  }
})

test('tepui fetch shows what was fetched and empties the cache of an agent that runs', async () => {
  const environment = { TEPUI_MASTER: `127.0.0.1:${master.address.port}` }
  const listed = await tepui(['fetch', 'ls'], environment)
  expect(listed.stdout).toMatch(/1 file in the cache, 28 B of 64 MiB/)
  expect(listed.stdout).toMatch(/CACHED .*\n.*\/cached\.bin .*28 B .*ready/)
  expect(listed.stdout).toMatch(/\/missing .*failed: the server answered 404 Not Found/)
  const purged = await tepui(['fetch', 'purge', '--all'], environment)
  expect(purged.stdout).toMatch(/removed 1 file, 28 B/)
  expect((await page()).cache?.entries).toEqual([])
})

test('tepui run shows how far a download is, and how fast', { timeout: 60_000 }, async () => {
  // Where nobody else takes the offers.
  await using own = await startRealMaster()
  const place = join(folder, 'own')
  mkdirSync(place)
  await using _ = await startRealAgent(`127.0.0.1:${own.address.port}`, place, ...FLAGS)
  const environment = { TEPUI_MASTER: `127.0.0.1:${own.address.port}` }
  const { code, stderr } = await tepui(['run', '--uri', `${url}/slow`, '--', 'true'], environment)
  expect({ code, stderr }).toMatchObject({ code: 0 })
  expect(stderr).toMatch(/Fetching .*\/slow: .* KiB of 684 KiB, .*\/s/)
  expect(stderr).toMatch(/Fetched .*\/slow: 684 KiB, HTTP 200, in .* s/)
})

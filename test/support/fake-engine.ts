// A Docker Engine by script, on a real socket: answers what a test wants, hangs, or cuts the line.
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { silentLogger } from '../../src/base/log.ts'
import { openCgroups } from '../../src/containerizer/cgroups/open.ts'
import {
  type DockerContainerizer,
  type DockerOptions,
  openDocker,
} from '../../src/containerizer/docker/docker.ts'
import { openEngine } from '../../src/containerizer/docker/engine.ts'

export type Handler = (response: ServerResponse, request: IncomingMessage) => void

export interface FakeEngine extends AsyncDisposable {
  readonly socket: string
  /** With its socket, and room for the sandboxes of a test; removed at the end. */
  readonly folder: string
  /** `POST /containers/create` and so on, in the order in which they came; ids stand as they were sent. */
  readonly requests: string[]
  /** By method and path without the container's id, such as `POST start`. Replaces the friendly default. */
  readonly script: Record<string, Handler>
  /** Removals: of what runs too, or only of what does not. */
  readonly removals: ('forced' | 'gentle')[]
  /** Ends all connections and refuses new ones until `back`. */
  gone(): Promise<void>
  back(): Promise<void>
}

export const FAKE_ID = 'fe'.repeat(32)
/** Whose containers are on it. */
export const FAKE_TAG = 'faked'

export const json =
  (status: number, value: unknown): Handler =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
export const hang: Handler = () => undefined
export const cut: Handler = (response) => response.destroy()
/** Begins an answer and breaks off in the middle. */
export const cutInside: Handler = (response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' })
  response.write('{"StatusCode"', () => response.destroy())
}

/** Tells of ends from now on, and of none so far. */
export const telling: Handler = (response) => response.writeHead(200).flushHeaders()
/** One answer after the other, the last one for ever. */
export function inTurn(...handlers: readonly Handler[]): Handler {
  let asked = 0
  return (response, request) => handlers[Math.min(asked++, handlers.length - 1)]?.(response, request)
}

type State = Partial<{
  Running: boolean
  Status: string
  ExitCode: number
  StartedAt: string
  FinishedAt: string
}>

const STATE = { Running: true, Status: 'running', Pid: 0, ExitCode: 0, OOMKilled: false, Error: '' }
const EVER = '2026-01-31T12:00:00.000000000Z'

/** What the engine says of the container; without labels nobody knows whose it is. */
export const inspected = (state: State = {}, labels: Readonly<Record<string, string>> = {}): Handler =>
  json(200, {
    Id: FAKE_ID,
    State: { ...STATE, StartedAt: EVER, ...state },
    Config: { Tty: false, Labels: labels },
    HostConfig: { NetworkMode: 'host' },
    NetworkSettings: { Networks: {} },
  })
export const NEVER_STARTED = { Running: false, Status: 'created', StartedAt: '0001-01-01T00:00:00Z' }
export const ended = (ExitCode: number): State => ({ Running: false, Status: 'exited', ExitCode })

const FRIENDLY: Record<string, Handler> = {
  'GET version': json(200, { Version: '20.10', ApiVersion: '1.41' }),
  'GET info': json(200, { CgroupDriver: 'cgroupfs', CgroupVersion: '1' }),
  'POST create': json(201, { Id: FAKE_ID, Warnings: [] }),
  'POST attach': (response) => response.writeHead(200).end(),
  'POST start': (response) => response.writeHead(204).end(),
  'POST wait': json(200, { StatusCode: 0 }),
  'POST kill': (response) => response.writeHead(204).end(),
  'GET json': inspected(),
  DELETE: (response) => response.writeHead(204).end(),
}

export async function fakeEngine(): Promise<FakeEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'fake-engine-'))
  const socket = join(folder, 'engine.sock')
  const requests: string[] = []
  const script: Record<string, Handler> = {}
  const removals: ('forced' | 'gentle')[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    const key = request.method === 'DELETE' ? 'DELETE' : `${request.method} ${path.split('/').at(-1)}`
    requests.push(`${request.method} ${path}`)
    if (key === 'DELETE') removals.push(request.url?.includes('force=true') === true ? 'forced' : 'gentle')
    request.resume()
    const handler = script[key] ?? FRIENDLY[key] ?? json(404, { message: `no such thing: ${path}` })
    request.on('end', () => handler(response, request))
  })
  const listen = (): Promise<void> => new Promise((resolve) => server.listen(socket, resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  await listen()
  return {
    socket,
    folder,
    requests,
    script,
    removals,
    gone: close,
    back: listen,
    async [Symbol.asyncDispose]() {
      if (server.listening) await close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The containerizer on it, as on a machine without control groups: no hierarchy is mounted in its folder. */
export function openOnFake(
  { folder, socket }: FakeEngine,
  more: Partial<DockerOptions> = {},
  timeouts?: Parameters<typeof openEngine>[0]['timeouts'],
): Promise<DockerContainerizer> {
  const clock = systemClock
  const options = {
    socket,
    clock,
    log: silentLogger,
    cgroups: openCgroups({ tag: FAKE_TAG, cpus: 2, clock, mount: folder }),
    agentTag: FAKE_TAG,
    memoryTotalBytes: 1e9,
    removeDelayMs: 0,
    ...more,
  }
  return openDocker(options, openEngine({ socket, clock, ...(timeouts && { timeouts }) }))
}

/** How often it was asked to start a container. */
export const startsOf = ({ requests }: FakeEngine): number =>
  requests.filter((request) => request.endsWith('/start')).length

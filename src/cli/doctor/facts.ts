// Asks this machine what the daemons would find on it. Nothing stays changed: the groups that are tried are removed.
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, release } from 'node:os'
import { dirname, join } from 'node:path'
import { type Clock, parseHttpTime } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { cgroupTag, openCgroups } from '../../containerizer/cgroups/open.ts'
import { TURN_PROGRAMS } from '../../containerizer/turn-timers.ts'
import { openEngine } from '../../containerizer/docker/engine.ts'
import { HttpClient } from '../../http/client.ts'
import { distributionOf } from './distribution.ts'
import type { Daemon, DiskFact, EngineFact, Facts, MasterFact, PortFact } from './findings.ts'

export interface Question {
  readonly workDir: string
  readonly dockerSocket: string
  /** URL of the master's root. */
  readonly master: string
  /** False: it is only where one would be by default. */
  readonly isMasterNamed: boolean
}

const PORTS: readonly (readonly [Daemon, number])[] = [
  ['master', 5050],
  ['agent', 5051],
]
const ANSWER_WITHIN_MS = 5000

export async function gatherFacts(question: Question, clock: Clock, signal: AbortSignal): Promise<Facts> {
  using http = new HttpClient(clock)
  const asked = { http, clock, signal }
  const [engine, ports, master] = await Promise.all([
    engineFact(question.dockerSocket, clock),
    Promise.all(PORTS.map(([daemon, port]) => portFact(daemon, port, asked))),
    masterFact(question, asked),
  ])
  return {
    platform: process.platform,
    kernel: release(),
    node: process.versions.node,
    distribution: distributionOf(textOf('/etc/os-release'), textOf('/proc/device-tree/model')),
    isRoot: process.getuid?.() === 0,
    cgroups: await cgroupFacts(question.workDir, clock),
    missingForTurns: TURN_PROGRAMS.filter((program) => !isOnPath(program)),
    engine,
    disk: diskFact(question.workDir),
    ports,
    master,
  }
}

interface Asked {
  readonly http: HttpClient
  readonly clock: Clock
  readonly signal: AbortSignal
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // No such file here: the system is then told as unknown, the board as no special one.
    return ''
  }
}

function isOnPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => folder !== '')
  return folders.some((folder) => existsSync(join(folder, program)))
}

/** Port 0 belongs to no agent: these groups are nobody's but ours. */
async function cgroupFacts(workDir: string, clock: Clock): Promise<Facts['cgroups']> {
  const tag = cgroupTag(0, `${workDir} ${process.pid}`)
  const cgroups = openCgroups({ tag, cpus: availableParallelism(), clock })
  const { layout, powers } = cgroups
  await cgroups.close()
  return { layout, powers }
}

async function engineFact(socket: string, clock: Clock): Promise<EngineFact> {
  if (!existsSync(socket)) return { missing: `none has its socket at ${socket}`, isForbidden: false }
  try {
    accessSync(socket, constants.R_OK | constants.W_OK)
  } catch {
    return { missing: `this user may not use ${socket}`, isForbidden: true }
  }
  const engine = openEngine({ socket, clock })
  try {
    const { cgroupDriver, version } = await engine.describe()
    return { version, cgroupDriver }
  } catch (error) {
    return { missing: `none answers at ${socket}: ${reasonOf(error)}`, isForbidden: false }
  } finally {
    engine.close()
  }
}

/** The folder need not be there yet. */
function diskFact(folder: string): DiskFact {
  let existing = folder
  while (!existsSync(existing)) existing = dirname(existing)
  const { bavail, bsize } = statfsSync(existing)
  const fact = { folder, existing, freeBytes: bavail * bsize }
  try {
    accessSync(existing, constants.W_OK | constants.X_OK)
    return { ...fact, isWritable: true }
  } catch {
    return { ...fact, isWritable: false }
  }
}

async function portFact(daemon: Daemon, port: number, { http, signal }: Asked): Promise<PortFact> {
  if (await canListen(port)) return { daemon, port, state: 'free' }
  try {
    const url = `http://127.0.0.1:${port}/version`
    const { text } = await http.request({ url, timeoutMs: ANSWER_WITHIN_MS, maxBytes: 65_536 }, signal)
    return { daemon, port, state: text.includes('"tepui_version"') ? 'ours' : 'taken' }
  } catch {
    // Whatever listens there, it is no daemon of ours.
    signal.throwIfAborted()
    return { daemon, port, state: 'taken' }
  }
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

async function masterFact(question: Question, { clock, http, signal }: Asked): Promise<MasterFact> {
  const fact = { address: question.master, isNamed: question.isMasterNamed }
  const url = new URL('/health', question.master).href
  try {
    const before = clock.now()
    const { headers } = await http.request({ url, timeoutMs: ANSWER_WITHIN_MS, maxBytes: 65_536 }, signal)
    const theirs = parseHttpTime(headers.get('date') ?? '')
    // The answer was written somewhere in between, and its time is cut to whole seconds.
    const ours = (before + clock.now()) / 2
    return { ...fact, aheadMs: theirs === undefined ? undefined : theirs + 500 - ours, trouble: undefined }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof OperatingError)) throw error
    return { ...fact, aheadMs: undefined, trouble: reasonOf(error) }
  }
}

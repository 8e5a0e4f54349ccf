// Everything that a run stands on, in one folder with one mark: an engine, a master, an agent, the bad networks between
// them, a small disk for the agent, and the workload. Disposing it removes all of it, whatever state it is in.
import { mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { OperatingError } from '../../src/base/errors.ts'
import { runCommand } from '../../src/base/exec.ts'
import { hostAddress } from '../../src/cli/netns/names.ts'
import { Network, removeLeftovers, type Room, setCable } from '../../src/cli/netns/network.ts'
import { TEST_IMAGE } from '../support/engine.ts'
import { freePort } from '../support/free-port.ts'
import { openRelay, type Relay } from '../support/relay.ts'
import { Daemon } from './daemon.ts'
import { OwnEngine } from './dockerd.ts'
import { makeLedger } from './ledger.ts'
import { wipe } from './traces.ts'
import { Workload } from './workload.ts'

const ROOT = join(import.meta.dirname, '../..')
const PROGRAM = join(ROOT, 'src/cli/tepui.ts')
const CLOCK = join(ROOT, 'test/support/plugins/jumping-clock.ts')
const EXECUTOR = join(ROOT, 'test/support/executors/lasting.ts')
const DISK = '128m'
/** More than the machine has, and never used up: nothing here is about room. */
const RESOURCES = 'cpus:120;mem:60000;disk:1000;ports:[31000-32000]'
const LENT = 'fixed?resources=cpus:40'
const PREFIX = 'tepuifaults'
/** It has a network namespace of its own: its name there, and its port, which nobody else can have. */
const AGENT = 'agent'
const AGENT_PORT = 5051

/** Where the disk of the agent is, and what else lies in the folder. */
export interface Places {
  readonly folder: string
  readonly mark: string
  readonly work: string
  readonly ledger: string
  readonly clock: string
  readonly logs: string
}

export interface Bed extends AsyncDisposable {
  readonly places: Places
  readonly engine: OwnEngine
  readonly master: Daemon
  readonly agent: Daemon
  /** The one cable of the agent's network namespace, cut or whole. */
  readonly cable: (state: 'up' | 'down') => Promise<void>
  /** Between framework and master, agent and master, agent and engine. */
  readonly relays: { readonly framework: Relay; readonly link: Relay; readonly engine: Relay }
  readonly workload: Workload
  /** Ms since the bed was made. */
  readonly now: () => number
  readonly crashes: string[]
  /** Whether the master has the agent. */
  readonly settled: () => Promise<boolean>
  /** A page of the master or of the agent; undefined when it does not answer. */
  readonly page: (of: 'master' | 'agent', path: string) => Promise<unknown>
}

/** @param logs where the daemons' logs are kept; undefined: not beyond the run */
export async function makeBed(logs: string | undefined, signal: AbortSignal): Promise<Bed> {
  await wipeDead()
  const places = makePlaces(logs)
  try {
    const mounted = await runCommand('mount', ['-t', 'tmpfs', '-o', `size=${DISK}`, 'tmpfs', places.work])
    if (mounted.exitCode !== 0)
      throw new OperatingError('FILE', `The small disk cannot be mounted: ${mounted.stderr}`, {
        hint: 'Run it as root',
      })
    return await furnish(places, signal)
  } catch (error) {
    await wipe(places.mark, places.folder)
    throw error
  }
}

function makePlaces(logs: string | undefined): Places {
  const folder = mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}x`))
  // The folder's own name is in every command line, and the names of control groups begin with it.
  const mark = folder.slice(folder.lastIndexOf('/') + 1)
  const places = {
    folder,
    mark,
    work: join(folder, 'work'),
    ledger: join(folder, 'ledger'),
    clock: join(folder, 'clock'),
    logs: logs ?? join(folder, 'logs'),
  }
  mkdirSync(places.work)
  mkdirSync(places.logs, { recursive: true })
  makeLedger(places.ledger)
  writeFileSync(places.clock, '0')
  return places
}

/** What a run that was killed by SIGKILL itself has left: its folder says which process made it. */
export async function wipeDead(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = new RegExp(`^${PREFIX}(\\d+)x`).exec(name)?.[1]
    if (pid !== undefined && !isAlive(pid)) await wipe(name, join(tmpdir(), name))
  }
  await removeLeftovers()
}

function isAlive(pid: string): boolean {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false }) !== undefined
}

async function furnish(places: Places, signal: AbortSignal): Promise<Bed> {
  const began = systemClock.monotonic()
  const now = (): number => systemClock.monotonic() - began
  const crashes: string[] = []
  const onCrash = (sentence: string): void =>
    void crashes.push(`${sentence} at ${(now() / 1000).toFixed(1)} s`)
  const engine = new OwnEngine(places.folder, places.mark, join(places.logs, 'engine.log'), onCrash)
  const network = await Network.lay([AGENT])
  const room = network.room(AGENT)
  const port = await freePort()
  const page: Bed['page'] = (of, path) =>
    pageAt(of === 'master' ? `127.0.0.1:${port}` : `${room.ip}:${AGENT_PORT}`, path)
  const settled = async (): Promise<boolean> => {
    const found = (await page('master', '/slaves')) as { slaves?: readonly { active: boolean }[] } | undefined
    return found?.slaves?.some(({ active }) => active) ?? false
  }
  const relays = {
    framework: await openRelay({ port: 0 }, { port }),
    link: await openRelay({ port: 0, host: hostAddress(network.number) }, { port }),
    engine: await openRelay({ path: join(places.folder, 'relay.sock') }, { path: engine.socket }),
  }
  const isThere = (of: 'master' | 'agent') => async () => (await page(of, '/health')) !== undefined
  const node = { env: { NO_COLOR: '1', TEPUI_CLOCK_FILE: places.clock }, onCrash }
  const master = new Daemon({
    ...node,
    name: 'master',
    file: process.execPath,
    argv: () => masterArguments(port),
    log: join(places.logs, 'master.log'),
    answers: isThere('master'),
  })
  const agent = new Daemon({
    ...node,
    name: 'agent',
    file: room.enter[0] ?? '',
    argv: () => [...room.enter.slice(1), process.execPath, ...agentArguments(places, room, relays)],
    log: join(places.logs, 'agent.log'),
    answers: isThere('agent'),
  })
  const settings = {
    ledger: places.ledger,
    image: TEST_IMAGE,
    executorCommand: `exec ${process.execPath} ${EXECUTOR}`,
  }
  const workload = new Workload({ ...(relays.framework.place as { port: number }), settings, now, settled })
  const bed: Bed = {
    places,
    engine,
    master,
    agent,
    cable: (state) => setCable(network.number, AGENT, state),
    relays,
    workload,
    now,
    crashes,
    settled,
    page,
    async [Symbol.asyncDispose]() {
      for (const daemon of [agent, master, engine.daemon]) await daemon.end('SIGKILL')
      for (const relay of Object.values(relays)) await relay[Symbol.asyncDispose]()
      await network[Symbol.asyncDispose]()
      const left = await wipe(places.mark, places.folder)
      if (left.length > 0) throw new Error(`The run could not remove what it made: ${left.join(', ')}`)
    },
  }
  return started(bed, signal)
}

async function started(bed: Bed, signal: AbortSignal): Promise<Bed> {
  try {
    await bed.engine.open(signal)
    await bed.master.start(signal)
    await bed.agent.start(signal)
    return bed
  } catch (error) {
    await bed[Symbol.asyncDispose]()
    throw error
  }
}

function masterArguments(port: number): string[] {
  return [
    PROGRAM,
    'master',
    '--ip=127.0.0.1',
    `--port=${port}`,
    '--hostname=127.0.0.1',
    '--allocation_interval=200ms',
  ]
}

function agentArguments({ folder, mark, work }: Places, { ip }: Room, relays: Bed['relays']): string[] {
  const master = relays.link.place as { host: string; port: number }
  const { path } = relays.engine.place as { path: string }
  return [
    `--import=${CLOCK}`,
    PROGRAM,
    'agent',
    `--ip=${ip}`,
    `--port=${AGENT_PORT}`,
    `--hostname=${ip}`,
    `--master=${master.host}:${master.port}`,
    `--work_dir=${work}`,
    `--docker_socket=${path}`,
    `--cgroups_root=${mark}`,
    `--resources=${RESOURCES}`,
    `--resource_estimator=${LENT}`,
    '--qos_controller=noop',
    '--executor_reregistration_timeout=15secs',
    '--registration_backoff_factor=100ms',
    '--docker_remove_delay=0ns',
    '--gc_delay=5secs',
    '--gc_schedule=*/3 * * * * *',
    `--frameworks_home=${folder}`,
  ]
}

async function pageAt(address: string, path: string): Promise<unknown> {
  try {
    const answer = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(2000) })
    if (!answer.ok) return undefined
    const text = await answer.text()
    return text === '' ? {} : JSON.parse(text)
  } catch {
    // It is away, paused or just starting.
    return undefined
  }
}

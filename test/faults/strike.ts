// Carries the faults out: breaks something, waits as long as it was planned, and puts it right again.
import { closeSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { reasonOf } from '../../src/base/errors.ts'
import type { Relay, RelayMode } from '../support/relay.ts'
import type { Bed } from './bed.ts'
import type { Daemon } from './daemon.ts'
import type { FaultRecord } from './history.ts'
import type { FaultKind, PlannedFault } from './plan.ts'

/** Breaks, waits, mends; tells what it did. */
type Strike = (bed: Bed, fault: PlannedFault, signal: AbortSignal) => Promise<string>

const HOUR_MS = 3_600_000
const JUMPS_MS = [-HOUR_MS, HOUR_MS, -24 * HOUR_MS, 24 * HOUR_MS, 400 * 24 * HOUR_MS]
const SLOW_MS = 300
const BLOCKS = [1024 ** 2, 4096, 512, 1]

const STRIKES: Readonly<Record<FaultKind, Strike>> = {
  'agent-kill': (bed, fault, signal) => restart(bed.agent, 'SIGKILL', fault, signal),
  'agent-restart': (bed, fault, signal) => restart(bed.agent, 'SIGTERM', fault, signal),
  'agent-pause': (bed, fault, signal) => pause(bed.agent, fault, signal),
  'agent-kill-twice': killTwice,
  'master-kill': (bed, fault, signal) => restart(bed.master, 'SIGKILL', fault, signal),
  'master-pause': (bed, fault, signal) => pause(bed.master, fault, signal),
  'engine-restart': (bed, fault, signal) => engineAgain(bed, fault, 'SIGTERM', false, signal),
  'engine-restart-live': (bed, fault, signal) => engineAgain(bed, fault, 'SIGTERM', true, signal),
  'engine-kill': (bed, fault, signal) => engineAgain(bed, fault, 'SIGKILL', true, signal),
  'agent-and-engine': agentAndEngine,
  'engine-cut': (bed, fault, signal) => network(bed.relays.engine, { kind: 'away' }, fault, signal),
  'engine-hang': (bed, fault, signal) => network(bed.relays.engine, { kind: 'silent' }, fault, signal),
  'engine-errors': (bed, fault, signal) => network(bed.relays.engine, { kind: 'failing' }, fault, signal),
  'container-kill': (bed, fault) => hitContainer(bed, fault, 'POST', '/kill'),
  'container-stop': (bed, fault) => hitContainer(bed, fault, 'POST', '/stop?t=1'),
  'container-remove': (bed, fault) => hitContainer(bed, fault, 'DELETE', '?force=1'),
  'process-kill': async (bed, fault) => hitProcess(bed, fault),
  'disk-full': fillDisk,
  'clock-jump': jump,
  'link-cut': (bed, fault, signal) => network(bed.relays.link, { kind: 'away' }, fault, signal),
  'link-hang': (bed, fault, signal) => network(bed.relays.link, { kind: 'silent' }, fault, signal),
  'link-slow': (bed, fault, signal) => network(bed.relays.link, { kind: 'slow', ms: SLOW_MS }, fault, signal),
  partition,
  'framework-cut': (bed, fault, signal) => network(bed.relays.framework, { kind: 'away' }, fault, signal),
  'framework-hang': (bed, fault, signal) => network(bed.relays.framework, { kind: 'silent' }, fault, signal),
}

/** @throws the signal's reason */
export async function strike(bed: Bed, fault: PlannedFault, signal: AbortSignal): Promise<FaultRecord> {
  await systemClock.sleep(fault.afterMs, signal)
  const at = bed.now()
  const what = await STRIKES[fault.kind](bed, fault, signal).catch((error: unknown) => {
    signal.throwIfAborted()
    return `could not be done: ${reasonOf(error)}`
  })
  return { ...fault, at, until: bed.now(), what }
}

async function restart(
  daemon: Daemon,
  by: 'SIGKILL' | 'SIGTERM',
  { lastMs }: PlannedFault,
  signal: AbortSignal,
): Promise<string> {
  const { pid } = daemon
  const took = stopwatch()
  await daemon.end(by)
  const endedMs = took()
  await systemClock.sleep(lastMs, signal)
  daemon.launch()
  return `process ${pid} ended ${endedMs} ms after ${by}, started again ${lastMs} ms later as ${daemon.pid}`
}

async function killTwice({ agent }: Bed, { lastMs }: PlannedFault, signal: AbortSignal): Promise<string> {
  const pids = [agent.pid]
  await agent.end('SIGKILL')
  agent.launch()
  pids.push(agent.pid)
  await systemClock.sleep(lastMs, signal)
  await agent.end('SIGKILL')
  agent.launch()
  return `processes ${pids.join(' and ')} killed, the second after ${lastMs} ms; ${agent.pid} follows`
}

async function pause(daemon: Daemon, { lastMs }: PlannedFault, signal: AbortSignal): Promise<string> {
  daemon.send('SIGSTOP')
  try {
    await systemClock.sleep(lastMs, signal)
  } finally {
    daemon.send('SIGCONT')
  }
  return `process ${daemon.pid} stopped for ${lastMs} ms`
}

async function engineAgain(
  { engine }: Bed,
  { lastMs }: PlannedFault,
  by: 'SIGTERM' | 'SIGKILL',
  live: boolean,
  signal: AbortSignal,
): Promise<string> {
  await engine.daemon.works(signal)
  await engine.liveRestore(live, signal)
  const before = (await engine.containers(false)).length
  await engine.daemon.end(by)
  await systemClock.sleep(lastMs, signal)
  await engine.daemon.start(signal)
  const after = (await engine.containers(false)).length
  return `the engine ended by ${by} and started again: ${before} containers ran before, ${after} after`
}

async function agentAndEngine(bed: Bed, fault: PlannedFault, signal: AbortSignal): Promise<string> {
  await bed.agent.end('SIGKILL')
  const what = await engineAgain(bed, fault, 'SIGTERM', false, signal)
  bed.agent.launch()
  return `no agent was there when ${what}`
}

async function network(
  relay: Relay,
  mode: RelayMode,
  { lastMs }: PlannedFault,
  signal: AbortSignal,
): Promise<string> {
  relay.mode = mode
  try {
    await systemClock.sleep(lastMs, signal)
  } finally {
    relay.mode = { kind: 'open' }
  }
  return `${mode.kind} for ${lastMs} ms`
}

async function partition(
  { cable, page }: Bed,
  { lastMs }: PlannedFault,
  signal: AbortSignal,
): Promise<string> {
  const took = stopwatch()
  await cable('down')
  let heard: unknown
  try {
    heard = await page('agent', '/health')
    await systemClock.sleep(Math.max(0, lastMs - took()), signal)
  } finally {
    await cable('up')
  }
  if (heard !== undefined) throw new Error('the agent still answered')
  return `the agent's cable was cut for ${took()} ms`
}

async function hitContainer(
  { engine, workload, now }: Bed,
  { pick }: PlannedFault,
  method: string,
  verb: string,
): Promise<string> {
  const running = await engine.containers(false)
  const victim = running[Math.floor(pick * running.length)]
  if (victim === undefined) return 'no container ran'
  const id = victim.Labels['tepui.task'] ?? ''
  const task = workload.tasks.get(id)
  if (task !== undefined) task.hitAt ??= now()
  const { status } = await engine.request(method, `/containers/${victim.Id}${verb}`)
  return `${method} of container ${victim.Id.slice(0, 12)} (${id}) was answered with ${status}`
}

function hitProcess({ workload, places, now }: Bed, { pick }: PlannedFault): string {
  const running = workload.living.filter(
    ({ plan, heard }) => plan.kind === 'host' && heard.some(({ state }) => state === 'TASK_RUNNING'),
  )
  const victim = running[Math.floor(pick * running.length)]
  if (victim === undefined) return 'no process ran'
  const pid = Number(/^start (\d+)$/m.exec(readFileSync(join(places.ledger, victim.plan.id), 'utf8'))?.[1])
  // Pids are used again: only a process that carries the run's mark is the task's.
  if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(places.mark)) return 'the process was gone'
  victim.hitAt ??= now()
  process.kill(pid, 'SIGKILL')
  return `kill -9 of process ${pid} (${victim.plan.id})`
}

async function fillDisk({ places }: Bed, { lastMs }: PlannedFault, signal: AbortSignal): Promise<string> {
  const file = join(places.work, 'filler')
  try {
    const bytes = fill(file)
    await systemClock.sleep(lastMs, signal)
    return `${bytes} bytes filled the disk for ${lastMs} ms`
  } finally {
    rmSync(file, { force: true })
  }
}

/** To the last byte: smaller and smaller pieces until none fits. */
function fill(file: string): number {
  const handle = openSync(file, 'w')
  let bytes = 0
  try {
    for (const size of BLOCKS) bytes += fillWith(handle, Buffer.alloc(size, 1))
  } finally {
    closeSync(handle)
  }
  return bytes
}

function fillWith(handle: number, block: Buffer): number {
  for (let bytes = 0; ; ) {
    try {
      const written = writeSync(handle, block)
      if (written === 0) return bytes
      bytes += written
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return bytes
      throw error
    }
  }
}

async function jump(bed: Bed, { lastMs, pick }: PlannedFault, signal: AbortSignal): Promise<string> {
  const byMs = JUMPS_MS[Math.floor(pick * JUMPS_MS.length)] ?? HOUR_MS
  const set = (ms: number): void => {
    writeFileSync(bed.places.clock, String(ms))
    // Before it works it may not listen yet, and reads the file when it does.
    if (bed.agent.isWorking) bed.agent.send('SIGUSR2')
  }
  set(byMs)
  try {
    await systemClock.sleep(lastMs, signal)
  } finally {
    set(0)
  }
  return `the agent's wall clock was wrong by ${byMs / HOUR_MS} h for ${lastMs} ms`
}

function stopwatch(): () => number {
  const start = systemClock.monotonic()
  return () => Math.round(systemClock.monotonic() - start)
}

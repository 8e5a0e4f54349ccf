// `tepui master` and `tepui agent` as processes for a bench, and what the kernel says about such a process.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../../src/base/clock.ts'
import { OperatingError } from '../../src/base/errors.ts'

export interface Daemon {
  readonly pid: number
  readonly port: number
}

/** A cluster of one agent; disposing it ends both processes and removes the agent's folder. */
export interface Daemons extends AsyncDisposable {
  readonly master: Daemon
  readonly agent: Daemon
  /** Folder that is removed at the end. */
  readonly folder: string
}

export interface DaemonsOptions {
  readonly clock: Clock
  readonly agentFlags: readonly string[]
  readonly signal: AbortSignal
}

const START_MS = 60_000
const END_MS = 60_000
/** The launcher that people use: its settings for Node belong to what is measured. */
export const PROGRAM = fileURLToPath(new URL('../../bin/tepui', import.meta.url))
/** Clock ticks per second in `/proc/PID/stat`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** @throws OperatingError LAUNCH when one of them does not start; the signal's reason */
export async function startDaemons(options: DaemonsOptions): Promise<Daemons> {
  const folder = mkdtempSync(join(tmpdir(), 'tepui-bench-'))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const master = await startMaster(options, stack)
  const flags = [
    '--ip=127.0.0.1',
    '--port=0',
    `--master=127.0.0.1:${master.port}`,
    `--work_dir=${join(folder, 'agent')}`,
    ...options.agentFlags,
  ]
  const agent = await startOne('agent', flags, options, stack)
  const owned = stack.move()
  return { master, agent, folder, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

/** A master alone, which ends with the stack. @throws OperatingError LAUNCH when it does not start */
export function startMaster(
  options: Pick<DaemonsOptions, 'clock' | 'signal'>,
  stack: AsyncDisposableStack,
): Promise<Daemon> {
  return startOne('master', ['--ip=127.0.0.1', '--port=0'], options, stack)
}

async function startOne(
  kind: 'master' | 'agent',
  flags: readonly string[],
  { clock, signal }: Pick<DaemonsOptions, 'clock' | 'signal'>,
  stack: AsyncDisposableStack,
): Promise<Daemon> {
  signal.throwIfAborted()
  // A group of its own: Ctrl-C is for the bench, which then ends its daemons in order.
  const args = ['-o', 'json', '--end-with-input', kind, '--logging_level=ERROR', ...flags]
  const child = spawn(PROGRAM, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true })
  stack.defer(() => endOne(child, clock))
  const port = await firstLine(child, kind, clock, signal)
  return { pid: child.pid ?? 0, port }
}

async function firstLine(
  child: ChildProcess,
  kind: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const fail = (why: string): void => reject(new OperatingError('LAUNCH', `The ${kind} of the bench ${why}`))
  const stop = (): void => reject(signal.reason)
  using _ = clock.after(START_MS, () => fail(`was not ready within ${START_MS / 1000} s`))
  signal.addEventListener('abort', stop, { once: true })
  child.once('error', (error) => fail(`cannot be started: ${error.message}`))
  child.once('exit', (code) => fail(`ended with exit code ${code} before it was ready`))
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  lines.once('line', (line) => resolve((JSON.parse(line) as { port: number }).port))
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** Closes its standard input and waits; one that does not end in time is killed. */
async function endOne(child: ChildProcess, clock: Clock): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  using _ = clock.after(END_MS, () => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  child.stdin?.end()
  await ended
}

/** What a process holds and has used, from `/proc`. */
export function processFigures(pid: number): { rssBytes: number; cpuSeconds: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const rss = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
  // The name in brackets may hold spaces; utime and stime are the 14th and 15th field.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const ticks = Number(fields[11]) + Number(fields[12])
  return { rssBytes: Number(rss) * 1024, cpuSeconds: ticks / TICKS_PER_SECOND }
}

/** How many processes descend from this one. */
export function descendants(pid: number): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => isBelow(Number(name), pid)).length
}

function isBelow(pid: number, ancestor: number): boolean {
  for (let at = parentOf(pid); at > 1; at = parentOf(at)) if (at === ancestor) return true
  return false
}

function parentOf(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1])
  } catch {
    // It ended while we were looking.
    return 0
  }
}

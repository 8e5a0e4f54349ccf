// The timers as they are: processes of Perl, each pinned to a processor, of which /proc tells how often they woke.
import { readdirSync, readFileSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { startGroup } from '../../../src/base/exec.ts'
import { allowedCpus, TurnTimers, type TurnTimersOptions } from '../../../src/containerizer/turn-timers.ts'

const SOURCE = new URL('../../../src/containerizer/turn-timers.ts', import.meta.url).pathname

const opened: TurnTimers[] = []

afterEach(() => {
  for (const timers of opened.splice(0)) timers[Symbol.dispose]()
})

function timersOf(options: Partial<TurnTimersOptions>): { timers: TurnTimers; troubles: string[] } {
  const troubles: string[] = []
  const timers = new TurnTimers({
    turnMs: 0.5,
    onTrouble: (reason) => void troubles.push(reason),
    ...options,
  })
  opened.push(timers)
  return { timers, troubles }
}

/** What /proc says of a process; empty when it ended meanwhile. */
function about(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    // Nothing is there to be read.
    return ''
  }
}

/** Pids of the processes of one test: others have other lengths of a turn. */
function running(seconds: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    const words = about(pid, 'cmdline').split('\0')
    return words[0] === 'perl' && words[3] === seconds
  })
}

/** Those that have come to sleeping. Field 41 of proc_pid_stat(5) is the policy, and 3 is SCHED_BATCH. */
const settled = (seconds: string): number[] =>
  running(seconds).filter((pid) => about(pid, 'stat').split(') ')[1]?.split(' ')[38] === '3')

test('one process sleeps on each processor and wakes as often as a turn may be long', async () => {
  const cpus = allowedCpus()
  const { timers, troubles } = timersOf({ turnMs: 0.61 })
  await timers.start()
  await vi.waitFor(() => {
    const pinned = settled('0.00061').map(
      (pid) => /^Cpus_allowed_list:\s*(\d+)$/m.exec(about(pid, 'status'))?.[1],
    )
    expect(pinned.map(Number).toSorted((a, b) => a - b)).toEqual(cpus)
  }, 60_000)
  const leastWoken = (): number =>
    Math.min(
      ...settled('0.00061').map((pid) =>
        Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(about(pid, 'status'))?.[1] ?? 0),
      ),
    )
  await vi.waitFor(() => expect(leastWoken()).toBeGreaterThan(1000), 60_000)
  timers.stop()
  await vi.waitFor(() => expect(running('0.00061')).toEqual([]), 60_000)
  expect([timers.isRunning, troubles]).toEqual([false, []])
})

test('they end with a process that is killed', async () => {
  const program = `
    const { TurnTimers } = await import(${JSON.stringify(SOURCE)})
    await new TurnTimers({ turnMs: 0.62, onTrouble: console.error }).start()
    console.log('ready')
  `
  const parent = await startGroup(process.execPath, ['--input-type=module', '-e', program])
  try {
    await vi.waitFor(() => expect(running('0.00062')).toHaveLength(allowedCpus().length), 60_000)
  } finally {
    process.kill(parent.pid, 'SIGKILL')
  }
  await vi.waitFor(() => expect(running('0.00062')).toEqual([]), 60_000)
})

test('a machine without Perl, and a processor that is not there, are told with the reason', async () => {
  const without = timersOf({ program: 'no-such-perl' })
  await without.timers.start()
  expect(without.timers.isRunning).toBe(false)
  expect(without.troubles.join()).toMatch(/no-such-perl/)

  const absent = timersOf({ turnMs: 0.63, cpus: [0, 9999] })
  await absent.timers.start()
  await vi.waitFor(() => expect(absent.troubles).toHaveLength(1), 60_000)
  expect(absent.troubles.join()).toMatch(/processor 9999/)
  await vi.waitFor(() => expect(running('0.00063')).toEqual([]), 60_000)
})

test('timers that are stopped while they start do not stay', async () => {
  const { timers } = timersOf({ turnMs: 0.64 })
  const started = timers.start()
  timers.stop()
  await started
  expect(timers.isRunning).toBe(false)
  await vi.waitFor(() => expect(running('0.00064')).toEqual([]), 60_000)
})

test('the processors are those that the kernel lets us use', () => {
  expect(allowedCpus('Name:\tnode\nCpus_allowed_list:\t0-2,5,8-9\n')).toEqual([0, 1, 2, 5, 8, 9])
})

/**
 * How long an agent takes to collect a sandbox of very many files, against `rm -rf` on a copy of it in the same run,
 * and how it answers meanwhile.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Figure, figure } from '../../src/base/figures.ts'
import type { BenchContext } from '../bench.ts'
import { type Daemons, startDaemons } from '../launch/daemons.ts'
import { median, percentile } from '../statistics.ts'

const FOLDERS = 200
const FILES_PER_FOLDER = 1000
const ROUNDS = 3
const LOOK_MS = 5

/** Rounds of each in turns, about two minutes a round. */
export async function removalFigures(context: BenchContext): Promise<readonly Figure[]> {
  const { clock, say, signal } = context
  await using daemons = await startDaemons({
    clock,
    signal,
    agentFlags: [
      '--containerizers=mesos',
      '--gc_delay=1secs',
      '--disk_watch_interval=1days',
      '--resources=cpus:1',
    ],
  })
  const theirs: number[] = []
  const ours: number[] = []
  const answers: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    signal.throwIfAborted()
    const byRm = (): void => {
      const copy = join(daemons.folder, 'copy')
      makeTree(copy)
      const begun = clock.monotonic()
      execFileSync('rm', ['-rf', copy])
      theirs.push(clock.monotonic() - begun)
    }
    // In turns, as the second one pays for what the first one left to the disk.
    const isFirst = round % 2 === 0
    if (isFirst) byRm()
    const executor = 'agent/slaves/bench/frameworks/F/executors/E/runs'
    const sandbox = join(daemons.folder, executor, `c${round}`)
    makeTree(sandbox)
    ours.push(await collected(context, daemons, sandbox, answers))
    if (!isFirst) byRm()
    say(`round ${round + 1}: rm ${theirs.at(-1)?.toFixed(0)} ms, agent ${ours.at(-1)?.toFixed(0)} ms`)
  }
  return [
    figure('removal of 200,000 files, speed over rm -rf', median(theirs) / median(ours), 'ratio', '>= 0.5'),
    figure('removal of 200,000 files, agent', median(ours), 'ms'),
    figure('removal of 200,000 files, rm -rf', median(theirs), 'ms'),
    figure('/health while removing, p99', percentile(answers, 0.99), 'ms', '<= 50'),
  ]
}

/** From the call that starts it to the last file, ms; meanwhile the agent is asked again and again. */
async function collected(
  { clock, signal }: BenchContext,
  { agent }: Daemons,
  sandbox: string,
  answers: number[],
): Promise<number> {
  const url = `http://127.0.0.1:${agent.port}`
  const begun = clock.monotonic()
  const started = await fetch(`${url}/api/x1/gc`, { method: 'POST', body: '{"older_than":"0ns"}', signal })
  await started.text()
  while (existsSync(sandbox)) {
    const asked = clock.monotonic()
    await (await fetch(`${url}/health`, { signal })).text()
    answers.push(clock.monotonic() - asked)
    await clock.sleep(LOOK_MS, signal)
  }
  return clock.monotonic() - begun
}

/** On the disk: what was not written yet would be removed in no time, or be written while something else is timed. */
function makeTree(folder: string): void {
  for (let at = 0; at < FOLDERS; at++) {
    const inner = join(folder, String(at))
    mkdirSync(inner, { recursive: true })
    for (let file = 0; file < FILES_PER_FOLDER; file++) writeFileSync(join(inner, `file-${file}`), 'x')
  }
  execFileSync('sync')
}

// One run: the workload comes up, the faults strike, everything is drained, and what is left is counted.
import { systemClock } from '../../src/base/clock.ts'
import { type FigureSheet, figureSheet } from '../../src/base/figures.ts'
import { reasonOf } from '../../src/base/errors.ts'
import { Scope } from '../../src/base/scope.ts'
import { seededRandom } from '../../src/base/random.ts'
import { type Bed, makeBed } from './bed.ts'
import { figuresOf, type Measured, replayWords } from './figures.ts'
import type { FaultRecord, History, Leaks } from './history.ts'
import { checkHistory } from './invariants.ts'
import { engineShims, leaksOf, standing } from './leaks.ts'
import { readLedger } from './ledger.ts'
import { ALL_KINDS, type FaultKind, planFaults } from './plan.ts'
import { measureRecovery } from './recovery.ts'
import { strike } from './strike.ts'
import { drawTask } from './tasks.ts'
import { until } from './until.ts'

export interface RunOptions {
  readonly seed: number
  readonly faults: number
  /** Alive at once. */
  readonly tasks: number
  /** Empty: every kind. */
  readonly only: readonly FaultKind[]
  /** Containers with which the recovery is measured; 0: it is not. */
  readonly recovery: number
  /** Keeps the daemons' logs here. */
  readonly logs: string | undefined
}

export interface FaultSheet extends FigureSheet {
  readonly seed: number
  readonly replay: string
  readonly faults: readonly FaultRecord[]
  /** One sentence for each broken invariant. */
  readonly breaches: Readonly<Record<string, readonly string[]>>
}

const LAUNCHES_PER_SECOND = 4
/** The faults begin when this part of the tasks runs. */
const WARM = 0.8
const WARM_MS = 300_000
const SETTLE_MS = 120_000
const DRAIN_MS = 300_000
const LEAKS_MS = 60_000

/** @throws the signal's reason when it is ended from outside; nothing is left then either */
export async function runFaults(
  options: RunOptions,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<FaultSheet> {
  const kinds = options.only.length === 0 ? ALL_KINDS : options.only
  const planned = planFaults(options.seed, options.faults, kinds)
  const replay = replayWords(options.seed, options.faults, options.tasks, options.only)
  say(`seed ${options.seed}; again: ${replay}`)
  await using bed = await makeBed(options.logs, signal)
  await using scope = new Scope()
  const mounts = standing(bed)
  scope.spawn(
    'workload',
    (end) => bed.workload.run(end),
    (_, error) => bed.crashes.push(`The workload failed: ${reasonOf(error)}`),
  )
  const faults: FaultRecord[] = []
  let cut: string | undefined
  let recovery: Measured['recovery']
  try {
    await warmUp(bed, options, signal)
    for (const [at, fault] of planned.entries()) {
      const record = await strike(bed, fault, signal)
      faults.push(record)
      say(
        `${at + 1}/${planned.length} ${seconds(record.at)} ${fault.kind} (seed ${fault.seed}): ${record.what}`,
      )
      if (fault.settles) await settle(bed, signal)
    }
    await settle(bed, signal)
    await drain(bed, signal, say)
    if (options.recovery > 0) {
      recovery = await measureRecovery(bed, options.recovery, signal, say)
      await drain(bed, signal, say)
    }
    await bed.workload.leave()
  } catch (error) {
    signal.throwIfAborted()
    cut = reasonOf(error)
    say(`cut short: ${cut}`)
  }
  const leaks = await lastLeaks(bed, mounts, signal)
  const history: History = {
    tasks: [...bed.workload.tasks.values()],
    faults,
    ledger: readLedger(bed.places.ledger),
    leaks,
  }
  const measured = { seconds: bed.now() / 1000, crashes: bed.crashes, recovery, shims: engineShims(bed), cut }
  return sheetOf(options, planned, replay, history, measured)
}

function sheetOf(
  options: RunOptions,
  planned: ReturnType<typeof planFaults>,
  replay: string,
  history: History,
  measured: Measured,
): FaultSheet {
  const breaches = checkHistory(history)
  const figures = figuresOf(planned, history, breaches, measured)
  const cuts = measured.cut === undefined ? [] : [measured.cut]
  return figureSheet('faults', figures, systemClock.now(), {
    seed: options.seed,
    replay,
    faults: history.faults,
    breaches: { ...breaches, crashes: measured.crashes, cuts },
  })
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

async function warmUp(bed: Bed, { seed, tasks }: RunOptions, signal: AbortSignal): Promise<void> {
  const random = seededRandom(seed)
  bed.workload.want({ tasks, perSecond: LAUNCHES_PER_SECOND, draw: (number) => drawTask(number, random) })
  const running = (): number =>
    bed.workload.living.filter(({ heard }) => heard.at(-1)?.state === 'TASK_RUNNING').length
  await until(() => running() >= tasks * WARM, WARM_MS, `${tasks * WARM} tasks run`, signal)
}

/** Everything that was broken is back. */
async function settle(bed: Bed, signal: AbortSignal): Promise<void> {
  for (const daemon of [bed.engine.daemon, bed.master, bed.agent]) await daemon.works(signal)
  await until(bed.settled, SETTLE_MS, 'the master has the agent', signal)
}

async function drain(bed: Bed, signal: AbortSignal, say: (line: string) => void): Promise<void> {
  bed.workload.drain()
  const { tasks } = bed.workload
  say(`draining: ${bed.workload.living.length} of ${tasks.size} tasks live`)
  try {
    await until(() => bed.workload.living.length === 0, DRAIN_MS, 'every task is over', signal)
  } catch (error) {
    // The check of the history names those that are not.
    signal.throwIfAborted()
    say(reasonOf(error))
  }
}

/** What is left when the daemons had time to clean up, and have ended; then the engine's own things may go. */
async function lastLeaks(bed: Bed, mounts: readonly string[], signal: AbortSignal): Promise<Leaks> {
  const count = async (): Promise<number> => Object.values(await leaksOf(bed, mounts, false)).flat().length
  try {
    await until(async () => (await count()) === 0, LEAKS_MS, 'nothing is left', signal)
  } catch {
    // Whatever is left is counted below; an end from outside ends that as well.
    signal.throwIfAborted()
  }
  await bed.agent.end('SIGTERM')
  await bed.master.end('SIGTERM')
  return leaksOf(bed, mounts, true)
}

// `tepui batch`: a list of jobs on lent CPUs; what is taken back runs again and is charged to nobody.
import { readFileSync, statSync } from 'node:fs'
import type { Clock } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import { humanDuration } from '../../base/units.ts'
import { Driver } from '../../frameworks/effects.ts'
import { type Job, type JobNote, JobsFramework } from '../../frameworks/jobs.ts'
import { frameworkInfo, type TaskWish } from '../../frameworks/task-wish.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { openFramework } from '../framework-session.ts'
import { textOf, wholeOf } from '../option-values.ts'
import { TASK_OPTIONS, wishOf } from '../run-options.ts'

export const batchCommand: Command = {
  name: 'batch',
  arguments: ['[command...]'],
  summary: 'Run a list of jobs on lent CPUs: those of a file, one a line, or one command many times',
  options: [
    ...TASK_OPTIONS,
    {
      flags: '--file <file>',
      help: 'One job a line, for the shell; # begins a comment; - reads from standard input',
    },
    { flags: '--repeat <n>', help: 'How often the command is run (default 1)' },
    { flags: '-c, --concurrency <n>', help: 'Jobs at a time (default 16)' },
    { flags: '--retries <n>', help: 'How often a job that fails by itself is tried again (default 0)' },
  ],
  passThrough: true,
  run: batch,
}

const MAX_JOBS = 100_000

/** What lending gave. */
export interface BatchTotals {
  readonly jobs: number
  readonly finished: number
  readonly failed: number
  readonly takenBack: number
  /** Lent cpus times the hours for which jobs held them. */
  readonly lentCpuHours: number
  /** The same, of runs that were taken back before their end. */
  readonly lostCpuHours: number
  readonly seconds: number
}

async function batch(context: Context, args: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, random, screen, signal } = context
  const jobs = jobsOf(context, args, options)
  const framework = new JobsFramework(jobs, {
    id: `batch-${random.uuid().slice(0, 8)}`,
    most: wholeOf(options, 'concurrency', 16, [1, 1000]),
    retries: wholeOf(options, 'retries', 0, [0, 1000]),
  })
  const roles = [textOf(options, 'role') ?? '*']
  const info = frameworkInfo({ name: 'batch', roles, user: jobs[0]?.wish.user, borrows: true })
  const meter = new Meter(clock)
  await using client = await openFramework(context, info)
  const driver = new Driver(client)
  const done = Promise.withResolvers<void>()
  const stop = (): void => {
    driver.act(framework.step({ type: 'stop' }).effects)
    if (framework.isDone) done.resolve()
  }
  signal.addEventListener('abort', stop, { once: true })
  const events = driver.run(client.events, (event) => {
    const { effects, notes } = framework.step({ type: 'scheduler', event })
    for (const note of notes) {
      meter.see(note)
      const line = noteLine(note, framework)
      if (line !== undefined && common.output !== 'json') screen.note(line)
    }
    if (framework.isDone) done.resolve()
    return effects
  })
  await Promise.race([done.promise, events])
  signal.removeEventListener('abort', stop)
  await driver.settled()
  await client.teardown()
  const totals = meter.totals(jobs.length, framework)
  screen.print(common.output === 'json' ? JSON.stringify(totals) : totalsLine(totals))
  if (signal.aborted) return EXIT.interrupted
  return totals.failed === 0 ? EXIT.done : EXIT.error
}

/** @throws OperatingError USAGE, FILE, LIMIT */
function jobsOf(context: Context, args: readonly string[], options: OptionValues): readonly Job[] {
  const file = textOf(options, 'file') ?? (args.length === 1 && isFile(args[0]) ? args[0] : undefined)
  if (file === undefined) {
    if (args.length === 0)
      throw usageError('there are no jobs', 'tepui batch FILE, or tepui batch -- COMMAND')
    const wish = lent(wishOf(args, options, context.environment))
    const count = wholeOf(options, 'repeat', 1, [1, MAX_JOBS])
    return Array.from({ length: count }, (_, index) => ({ name: `${wish.name}-${index + 1}`, wish }))
  }
  const lines = readJobs(file)
  const wish = wishOf(['job'], options, context.environment)
  return lines.map((line, index) => {
    const name = `${textOf(options, 'name') ?? 'job'}-${index + 1}`
    return { name, wish: lent({ ...wish, name, command: line }) }
  })
}

const lent = (wish: TaskWish): TaskWish => ({ ...wish, revocable: true })

/** One argument that names a file is the list of jobs. */
function isFile(name: string | undefined): boolean {
  return name !== undefined && statSync(name, { throwIfNoEntry: false })?.isFile() === true
}

/** The jobs of a file: one a line, without comments and empty lines. */
function readJobs(file: string): readonly string[] {
  let text: string
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    throw new OperatingError('FILE', `The list of jobs '${file}' cannot be read`, { cause: error })
  }
  const lines = text.split('\n').map((line) => line.trim())
  const jobs = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (jobs.length === 0) throw usageError(`The list '${file}' has no jobs`)
  if (jobs.length > MAX_JOBS)
    throw new OperatingError(
      'LIMIT',
      `The list '${file}' has ${jobs.length} jobs; at most ${MAX_JOBS} are taken`,
    )
  return jobs
}

function noteLine(note: JobNote, { finished, running, waiting }: JobsFramework): string | undefined {
  const { attempt, job, placement } = note.at
  const where = `${job.name} on ${placement.agentName}`
  switch (note.kind) {
    case 'started':
      return undefined
    case 'running':
      return `${where} runs${attempt > 1 ? `, attempt ${attempt}` : ''}`
    case 'taken-back':
      return `${where} was taken back and waits again: ${note.message}`
    case 'finished':
      return `${where} is done (${finished} done, ${running} run, ${waiting} wait)`
    case 'failed':
      return `${where} failed${note.again ? ' and is tried again' : ''}: ${note.status.message ?? note.status.state}`
  }
}

/** Counts what was lent, from the notes. */
class Meter {
  readonly #clock: Clock
  readonly #since = new Map<string, number>()
  readonly #start: number
  #held = 0
  #lost = 0

  constructor(clock: Clock) {
    this.#clock = clock
    this.#start = clock.monotonic()
  }

  see(note: JobNote): void {
    const { job, placement } = note.at
    const now = this.#clock.monotonic()
    if (note.kind === 'running') this.#since.set(placement.taskId, now)
    if (note.kind === 'started' || note.kind === 'running') return
    const since = this.#since.get(placement.taskId)
    this.#since.delete(placement.taskId)
    if (since === undefined) return
    const cpuHours = ((now - since) / HOUR_MS) * job.wish.cpus
    this.#held += cpuHours
    if (note.kind === 'taken-back') this.#lost += cpuHours
  }

  totals(jobs: number, { failed, finished, takenBack }: JobsFramework): BatchTotals {
    const seconds = (this.#clock.monotonic() - this.#start) / 1000
    return { jobs, finished, failed, takenBack, lentCpuHours: this.#held, lostCpuHours: this.#lost, seconds }
  }
}

const HOUR_MS = 3_600_000

/** Pure, for its test. */
export function totalsLine(totals: BatchTotals): string {
  const { failed, finished, jobs, lentCpuHours, lostCpuHours, seconds, takenBack } = totals
  const hours = (value: number): string => `${value.toPrecision(3)} cpu-hours`
  const back =
    takenBack === 0
      ? 'nothing was taken back'
      : `${takenBack} times taken back (${hours(lostCpuHours)} of it)`
  const ends = `${finished} of ${jobs} jobs done${failed === 0 ? '' : `, ${failed} failed`}`
  return `${ends} in ${humanDuration(seconds * 1000)}; ` + `lending gave ${hours(lentCpuHours)}, ${back}`
}

// `tepui batch`: a list of jobs on lent CPUs; what is taken back runs again and is charged to nobody.
import { statSync } from 'node:fs'
import { reasonOf } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import { counted } from '../../base/words.ts'
import { Driver } from '../../frameworks/effects.ts'
import { type Job, type JobNote, JobsFramework } from '../../frameworks/jobs.ts'
import { frameworkInfo, type TaskWish } from '../../frameworks/task-wish.ts'
import { BatchMeter, totalsLine } from '../batch-totals.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { openFramework } from '../framework-session.ts'
import { jobsIn, MAX_JOBS, readJobList } from '../job-list.ts'
import { MasterApi, object, text } from '../master-api.ts'
import { listOf, textOf, wholeOf } from '../option-values.ts'
import { TASK_OPTIONS, wishOf } from '../run-options.ts'
import { isData, showData } from '../output.ts'

export const batchCommand: Command = {
  name: 'batch',
  arguments: ['[command...]'],
  summary: 'Run a list of jobs on lent CPUs: those of a file, one a line, or one command many times',
  options: [
    ...TASK_OPTIONS,
    {
      flags: '--file <file>',
      help: 'One job a line, for the shell, [cpus=1 mem=64MB name=x] before it; # begins a comment; - is stdin',
    },
    { flags: '-j, --job <line>', help: 'A job, written as a line of the list', many: true },
    { flags: '--repeat <n>', help: 'How often the command is run (default 1)' },
    { flags: '-c, --concurrency <n>', help: 'Jobs at a time (default 16)' },
    { flags: '--retries <n>', help: 'How often a job that fails by itself is tried again (default 0)' },
  ],
  run: batch,
}

/** Nothing runs for so long: then it is said what is lent. */
const SILENT_MS = 5000
const REMIND_MS = 60_000

async function batch(context: Context, args: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, random, screen, signal } = context
  const jobs = jobsOf(context, args, options)
  const framework = new JobsFramework(jobs, {
    id: `batch-${random.uuid().slice(0, 8)}`,
    most: wholeOf(options, 'concurrency', 16, [1, 1000]),
    retries: wholeOf(options, 'retries', 0, [0, 1000]),
  })
  const roles = [textOf(options, 'role') ?? '*']
  const info = frameworkInfo({
    name: 'batch',
    roles,
    user: jobs[0]?.wish.user,
    borrows: true,
    wish: jobs[0]?.wish,
  })
  const meter = new BatchMeter(clock)
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
      if (line !== undefined && !isData(common)) screen.note(line)
    }
    if (framework.isDone) done.resolve()
    return effects
  })
  const end = new AbortController()
  sayWhyIdle(context, framework, AbortSignal.any([signal, end.signal]))
  try {
    await Promise.race([done.promise, events])
  } finally {
    end.abort()
    signal.removeEventListener('abort', stop)
  }
  await driver.settled()
  await client.teardown()
  const totals = meter.totals(jobs.length, framework)
  if (isData(common)) await showData(context, totals)
  else screen.print(totalsLine(totals))
  if (signal.aborted) return EXIT.interrupted
  return meter.worst
}

/** @throws OperatingError USAGE, FILE, LIMIT */
function jobsOf(context: Context, args: readonly string[], options: OptionValues): readonly Job[] {
  const [first] = args
  const lines = listOf(options, 'job')
  const file = textOf(options, 'file') ?? (args.length === 1 && isList(first) ? first : undefined)
  const isCommand = args.length > 0 && file !== first
  if (Number(lines.length > 0) + Number(file !== undefined) + Number(isCommand) > 1)
    throw usageError('Give a list of jobs, or --job, or one command: not several of them')
  if (lines.length === 0 && file === undefined) {
    if (!isCommand)
      throw usageError('there are no jobs', 'tepui batch FILE, --job LINE…, or tepui batch -- COMMAND')
    const wish = lent(wishOf(args, options, context.environment))
    const count = wholeOf(options, 'repeat', 1, [1, MAX_JOBS])
    return Array.from({ length: count }, (_, index) => ({ name: `${wish.name}-${index + 1}`, wish }))
  }
  if (textOf(options, 'repeat') !== undefined)
    throw usageError("Option '--repeat' is for one command, not for a list of jobs")
  const wish = lent(wishOf(['job'], options, context.environment))
  const [list, source] =
    file === undefined ? [lines.join('\n'), '--job'] : [readJobList(file), file === '-' ? 'stdin' : file]
  return jobsIn(list, source, wish, textOf(options, 'name'))
}

const lent = (wish: TaskWish): TaskWish => ({ ...wish, revocable: true })

/** One argument that names a file, or standard input, is the list of jobs. */
function isList(name: string | undefined): boolean {
  return name === '-' || (name !== undefined && statSync(name, { throwIfNoEntry: false })?.isFile() === true)
}

/** Says what is lent when nothing runs: somebody who waits wants to know for what. */
function sayWhyIdle(context: Context, framework: JobsFramework, signal: AbortSignal): void {
  const { clock, common, screen } = context
  if (isData(common)) return
  const say = async (): Promise<void> => {
    for (let wait = SILENT_MS; ; wait = REMIND_MS) {
      await clock.sleep(wait, signal)
      if (framework.running > 0 || framework.waiting === 0) continue
      using api = new MasterApi(common.master, clock, signal)
      const { line } = object((await api.get('/api/x1/lend'))['total'])
      const jobs = counted(framework.waiting, 'job')
      screen.note(`${jobs} wait for lent CPUs: ${text(line)} (\`tepui lend status\` says why)`)
    }
  }
  // It is only a help: a master that is away shows in the subscription, and the end of the list ends this.
  say().catch((error: unknown) => {
    if (!signal.aborted) screen.note(`what is lent is not known: ${reasonOf(error)}`)
  })
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
      return `${where} was taken back and waits again (no failure of it): ${note.message}`
    case 'lost':
      return `${where} was lost and waits again (no failure of it): ${note.message}`
    case 'finished':
      return `${where} is done (${finished} done, ${running} run, ${waiting} wait)`
    case 'failed':
      return `${where} failed${note.again ? ' and is tried again' : ''}: ${note.status.message ?? note.status.state}`
  }
}

// `tepui each`: a command once on every agent; equal outputs are shown once.
import { type Clock } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import { counted } from '../../base/words.ts'
import { EachFramework, type EachResult, foldOutputs } from '../../frameworks/each.ts'
import { Driver } from '../../frameworks/effects.ts'
import { shortfallText } from '../../frameworks/placement.ts'
import { exitCodeOfTask, type Placement } from '../../frameworks/run.ts'
import { SandboxFile } from '../../frameworks/sandbox-file.ts'
import { frameworkInfo } from '../../frameworks/task-wish.ts'
import { HttpClient } from '../../http/client.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { openFramework } from '../framework-session.ts'
import { rowsMeant } from '../listing.ts'
import { MasterApi } from '../master-api.ts'
import { textOf, timeOf, wholeOf } from '../option-values.ts'
import { readScript, TASK_OPTIONS, wishOf } from '../run-options.ts'
import { isData, showData } from '../output.ts'
import { AGENT_LISTING } from './agents.ts'

export const eachCommand: Command = {
  name: 'each',
  arguments: ['[command...]'],
  summary: 'Run a command once on every agent; equal outputs are shown once',
  options: [
    ...TASK_OPTIONS,
    { flags: '-l, --select <expression>', help: "Only on agents that fit, such as 'zone==b && cpus_free>1'" },
    { flags: '--timeout <time>', help: 'For all of it (default 30s)' },
    { flags: '-c, --concurrency <n>', help: 'On how many agents at a time (default 20)' },
    { flags: '--no-fold', help: 'Show every output, with the name of its agent before each line' },
    { flags: '--script <file>', help: 'A script for the shell, in place of a command' },
  ],
  passThrough: true,
  run: each,
}

const TIMEOUT_MS = 30_000
/** Of each stream of each agent. */
const MOST_OUTPUT_BYTES = 1024 * 1024

/** What came of it on one agent. */
export interface EachLine {
  readonly agent: string
  readonly kind: 'ok' | 'failed' | 'unreachable'
  readonly exitCode: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** Why it failed. */
  readonly reason: string
}

async function each(context: Context, args: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, random, screen, signal } = context
  const script = textOf(options, 'script')
  if (script !== undefined && args.length > 0)
    throw usageError("Option '--script' and a command exclude each other")
  const wish = {
    ...wishOf(script === undefined ? args : ['script'], options, context.environment),
    ...(script !== undefined && { command: readScript(script) }),
  }
  const timeoutMs = timeOf(options, 'timeout') ?? TIMEOUT_MS
  using api = new MasterApi(common.master, clock, signal)
  const select = textOf(options, 'select')
  const all = (await api.state()).agents
  const agents = select === undefined ? all : rowsMeant(AGENT_LISTING, all, select, clock.now())
  const id = `each-${wish.name}.${random.uuid().slice(0, 8)}`
  const concurrency = wholeOf(options, 'concurrency', 20, [1, 1000])
  const framework = new EachFramework(wish, id, agents, concurrency)
  const roles = [textOf(options, 'role') ?? '*']
  const info = frameworkInfo({ name: `each ${wish.name}`, roles, user: wish.user, borrows: false })
  let lines: readonly EachLine[] = []
  if (agents.length > 0) {
    await using client = await openFramework(context, info)
    await drive(context, framework, client, timeoutMs)
    lines = await readResults(framework.results, client.frameworkId, clock, timeoutMs)
    await client.teardown()
  }
  if (isData(common)) await showData(context, lines)
  else for (const line of eachLines(lines, options['fold'] !== false)) screen.print(line)
  const exitCode = exitCodeOf(lines)
  screen.note(summaryOf(lines, exitCode))
  return signal.aborted ? EXIT.interrupted : exitCode
}

async function drive(
  { clock, signal }: Context,
  framework: EachFramework,
  client: Awaited<ReturnType<typeof openFramework>>,
  timeoutMs: number,
): Promise<void> {
  const driver = new Driver(client)
  const done = Promise.withResolvers<void>()
  const over = (): void => {
    driver.act(framework.step({ type: 'time-over' }))
    done.resolve()
  }
  signal.addEventListener('abort', over, { once: true })
  using _ = clock.after(timeoutMs, over)
  const events = driver.run(client.events, (event) => {
    const effects = framework.step({ type: 'scheduler', event })
    if (framework.done) done.resolve()
    return effects
  })
  await Promise.race([done.promise, events])
  signal.removeEventListener('abort', over)
  await driver.settled()
}

async function readResults(
  results: EachFramework['results'],
  frameworkId: string,
  clock: Clock,
  timeoutMs: number,
): Promise<EachLine[]> {
  using http = new HttpClient(clock)
  return await Promise.all(
    results.map(async ({ agent, result }) => {
      const placement = result.kind === 'never' ? undefined : result.placement
      const read = (name: string): Promise<string> => readAll(http, frameworkId, placement, name)
      const [stdout, stderr] = await Promise.all([read('stdout'), read('stderr')])
      return { agent: agent.name, stdout, stderr, ...verdict(result, timeoutMs) }
    }),
  )
}

function verdict(result: EachResult, timeoutMs: number): Pick<EachLine, 'kind' | 'exitCode' | 'reason'> {
  const limit = `${timeoutMs / 1000} s`
  switch (result.kind) {
    case 'late':
      return { kind: 'failed', exitCode: undefined, reason: `not done after ${limit}; killed` }
    case 'never': {
      const { missing } = result
      const why = missing === undefined ? 'it offered nothing' : `it has no room (${shortfallText(missing)})`
      return { kind: 'unreachable', exitCode: undefined, reason: `${why} within ${limit}` }
    }
    case 'ended': {
      const exitCode = exitCodeOfTask(result.status)
      const reason = exitCode === 0 ? '' : (result.status.message ?? result.status.state)
      return { kind: exitCode === 0 ? 'ok' : 'failed', exitCode, reason }
    }
  }
}

async function readAll(
  http: HttpClient,
  frameworkId: string,
  placement: Placement | undefined,
  name: string,
): Promise<string> {
  if (placement?.address === undefined) return ''
  const place = { from: placement.address, frameworkId, executorId: placement.taskId, run: 'latest' }
  const file = new SandboxFile(http, place, name)
  const { signal } = new AbortController()
  const pieces: Buffer[] = []
  let total = 0
  try {
    while (total < MOST_OUTPUT_BYTES) {
      const piece = await file.read(total, MOST_OUTPUT_BYTES - total, signal)
      if (piece === undefined || piece.length === 0) break
      total += piece.length
      pieces.push(piece)
    }
  } catch (error) {
    pieces.push(Buffer.from(`(${name} cannot be read: ${reasonOf(error)})`))
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** The screen: outputs of those that succeeded, then what failed and why. Pure, for its test. */
export function eachLines(lines: readonly EachLine[], fold: boolean): string[] {
  const shown: string[] = []
  const outputs = lines.filter(({ kind }) => kind === 'ok')
  if (fold) {
    const folds = foldOutputs(
      outputs.map(({ agent, stderr, stdout }) => ({ agent, output: stdout + stderr })),
    )
    const width = Math.max(0, ...folds.map(({ output }) => (output.includes('\n') ? 0 : output.length)))
    for (const { agents, output } of folds) {
      const who = `${agents.join(' ')} (${agents.length})`
      if (output.includes('\n')) shown.push(`── ${who}`, output)
      else shown.push(`${(output === '' ? '(no output)' : output).padEnd(width)}  ${who}`)
    }
  }
  const failed = lines.filter(({ kind }) => kind !== 'ok')
  for (const line of fold ? failed : lines) {
    if (line.kind !== 'ok') shown.push(`FAILED  ${line.agent}  ${line.reason}`)
    for (const text of `${line.stdout}${line.stderr}`.split('\n').filter((one) => one !== '')) {
      shown.push(`${line.agent}: ${text}`)
    }
  }
  return shown
}

export function exitCodeOf(lines: readonly EachLine[]): number {
  const ok = lines.filter(({ kind }) => kind === 'ok').length
  if (ok === lines.length && ok > 0) return EXIT.done
  return ok === 0 ? EXIT.error : EXIT.partly
}

function summaryOf(lines: readonly EachLine[], exitCode: number): string {
  const count = (kind: EachLine['kind']): number => lines.filter((line) => line.kind === kind).length
  const parts = `${count('ok')} ok, ${count('failed')} failed, ${count('unreachable')} unreachable`
  return `${counted(lines.length, 'agent')}: ${parts}${exitCode === 0 ? '' : `    exit ${exitCode}`}`
}

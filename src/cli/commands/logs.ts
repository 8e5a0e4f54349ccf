// `tepui logs`: what tasks wrote, whether they still run or not; of several each line says whose it is.
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import { humanBytes } from '../../base/units.ts'
import { type FileState, follow, SandboxFile } from '../../frameworks/sandbox-file.ts'
import { HttpClient } from '../../http/client.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, type FoundTask } from '../find-task.ts'
import { followTasks, type Reading, readTasks } from '../follow-tasks.ts'
import { LogOutputs } from '../log-output.ts'
import { isPattern, tasksMatching } from '../matching-tasks.ts'
import { type StateAgent, type ClusterState, MasterApi } from '../master-api.ts'
import { isSet, textOf, wholeOf } from '../option-values.ts'
import { expressionOf } from '../select.ts'
import { ageText } from '../words.ts'

export const logsCommand: Command = {
  name: 'logs',
  arguments: ['<task...>'],
  summary: 'Print what a task wrote, or several together: names, their beginnings, or patterns such as web*',
  options: [
    {
      flags: '-f, --follow',
      help: 'Go on until the task ends; with a pattern until Ctrl-C, with those that start later and fit it',
    },
    { flags: '--stderr', help: 'Its standard error in place of its standard output' },
    { flags: '--stdout', help: 'Its standard output; with --stderr both, each to its own' },
    { flags: '--tail <n>', help: 'Only the last lines' },
    { flags: '--head', help: 'Only how it began (64 KiB), also when the rest was rotated away' },
    { flags: '--grep <expression>', help: 'Only lines that this regular expression fits' },
    { flags: '--exit-code', help: 'End with the exit code of the task, of several the highest' },
  ],
  run: logs,
}

/** What agents keep of the beginning (--log_head_size), and read at a time. */
const HEAD_BYTES = 64 * 1024
/** How far back --tail looks for lines. */
const MOST_TAIL_BYTES = 4 * 1024 * 1024

async function logs(context: Context, typed: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  const wantsCode = isSet(options, 'exitCode')
  if (wantsCode && isSet(options, 'follow') && typed.some(isPattern))
    throw usageError('A pattern is followed until Ctrl-C', 'Name the tasks whose exit code is wanted')
  using api = new MasterApi(common.master, clock, signal)
  using http = new HttpClient(clock)
  let state: ClusterState | undefined
  const look = async (): Promise<readonly FoundTask[]> => allTasks((state = await api.state()))
  const isMerged = typed.length > 1 || typed.some(isPattern)
  const streams = streamsOf(options)
  const outputs = new LogOutputs(context, { isMerged, isBoth: streams.length > 1, grep: grepOf(options) })
  const tasks: FoundTask[] = []
  const read = async (found: FoundTask, how: Reading): Promise<void> => {
    tasks.push(found)
    const place = placeOf(found, state?.agents ?? [], api.address)
    const asked = { context, http, place, options }
    await Promise.all(streams.map((stream) => readOne(asked, found, stream, outputs, how)))
  }
  const note = (line: string): void => screen.note(`tepui logs: ${line}`)
  const trouble = (line: string): void => (isMerged ? note(line) : undefined)
  const deps = { look, read, note, trouble, clock, signal }
  const { failures } = isSet(options, 'follow')
    ? await followTasks(typed, deps)
    : await readTasks(tasksMatching(await look(), typed), deps)
  const [failure] = failures
  if (failure !== undefined && !isMerged) throw failure
  if (failure !== undefined) return failures.length === tasks.length ? EXIT.error : EXIT.partly
  return wantsCode ? await exitCodeOf(api, tasks) : EXIT.done
}

type Stream = 'stdout' | 'stderr'

function streamsOf(options: OptionValues): readonly Stream[] {
  if (!isSet(options, 'stderr')) return ['stdout']
  return isSet(options, 'stdout') ? ['stdout', 'stderr'] : ['stderr']
}

function grepOf(options: OptionValues): RegExp | undefined {
  const typed = textOf(options, 'grep')
  if (typed === undefined) return undefined
  return expressionOf(typed, () =>
    usageError(`Option '--grep' has the value '${typed}': expected a regular expression`),
  )
}

/** @throws OperatingError REFUSED for one that still runs */
async function exitCodeOf(api: MasterApi, tasks: readonly FoundTask[]): Promise<number> {
  const [{ endOfTask }, { howItEnded }] = await Promise.all([
    import('../task-end.ts'),
    import('../task-ends.ts'),
  ])
  const statuses = await Promise.all(tasks.map(({ task }) => howItEnded(api, task)))
  const codes = statuses.map((status) => {
    if (isTerminal(status.state ?? '')) return endOfTask('tepui logs', status, '').exitCode
    const id = status.task_id.value
    throw new OperatingError('REFUSED', `Task '${id}' has not ended, so that it has no exit code`, {
      hint: `tepui logs -f --exit-code ${id} waits for it`,
    })
  })
  return Math.max(EXIT.done, ...codes)
}

type Place = ConstructorParameters<typeof SandboxFile>[1]

interface Asked {
  readonly context: Context
  readonly http: HttpClient
  readonly place: Place
  readonly options: OptionValues
}

async function readOne(
  { context, http, options, place }: Asked,
  found: FoundTask,
  stream: Stream,
  outputs: LogOutputs,
  { ended, isNew }: Reading,
): Promise<void> {
  const { clock, screen, signal } = context
  const output = outputs.of(found, stream)
  const file = new SandboxFile(http, place, stream)
  const show = (piece: Uint8Array): void => output.take(piece)
  const other = (ending: string): SandboxFile => new SandboxFile(http, place, `${stream}.${ending}`)
  const now = await file.look(signal)
  if (!found.isLive && now === undefined) {
    throw new OperatingError('REFUSED', `Task '${found.task.id}' has no ${stream}`, {
      hint: 'Its sandbox was collected (--gc_delay of the agent), or it never started',
    })
  }
  if (isSet(options, 'head')) {
    if (now?.collected !== undefined && !isAll(now)) throw headless(found, stream, now)
    // There is no such file as long as nothing was rotated.
    const kept = now?.collected === undefined ? await other('head').read(0, HEAD_BYTES, signal) : undefined
    show(kept ?? (await file.read(0, HEAD_BYTES, signal)) ?? Buffer.alloc(0))
    return output.end()
  }
  const lines =
    textOf(options, 'tail') === undefined ? undefined : wholeOf(options, 'tail', 10, [0, 1_000_000])
  const from = lines === undefined || isNew ? 0 : await tailOffset(file, lines, signal)
  if (now?.collected !== undefined)
    screen.note(`tepui logs: ${collectedText(found, stream, now, clock.now())}`)
  else if (from === 0) {
    const rotated = await other('1').size(signal)
    if (rotated !== undefined) screen.note(`tepui logs: ${rotatedText(found, stream, rotated)}`)
  }
  for await (const piece of follow(file, clock, { from, ended }, signal)) show(piece)
  output.end()
}

const isAll = ({ bytes, collected }: FileState): boolean => collected?.of === bytes
const WHY: Readonly<Record<string, string>> = {
  age: ' after its --gc_delay',
  space: ' to make room on the disk',
  asked: ' on request',
}

/** Where the rest is that nobody sees here. Pure, for its test. */
export function collectedText({ task }: FoundTask, stream: string, state: FileState, now: number): string {
  const { bytes, collected } = state
  const ago = ageText((collected?.at ?? now) / 1000, now)
  const went = `the sandbox of '${task.id}' was collected ${ago} ago${WHY[collected?.why ?? ''] ?? ''}`
  if (isAll(state)) return `${went}; this is all of its ${stream}`
  const of = collected?.of === undefined ? '' : ` of ${humanBytes(collected.of)}`
  const more = `tepui fs cat ${task.id}:tombstone.json`
  return `${went}; this is the end of its ${stream}, the last ${humanBytes(bytes)}${of} (${more})`
}

/** Pure, for its test. */
export function rotatedText({ task }: FoundTask, stream: string, bytes: number): string {
  const before = `tepui fs cat ${task.id}:${stream}.1`
  return `the ${humanBytes(bytes)} before this are put aside: ${before}; how it began: tepui logs ${task.id} --head`
}

function headless(found: FoundTask, stream: string, state: FileState): OperatingError {
  const what = `The beginning of the ${stream} of '${found.task.id}' is gone with its sandbox`
  return new OperatingError('REFUSED', `${what}: its last ${humanBytes(state.bytes)} were kept`, {
    hint: `tepui logs ${found.task.id} prints those; a longer --gc_delay of the agent keeps sandboxes`,
  })
}

/** Through the master: one address is enough, wherever the agent is. */
function placeOf({ task }: FoundTask, agents: readonly StateAgent[], master: string): Place {
  if (!agents.some(({ id }) => id === task.agentId)) {
    throw new OperatingError(
      'UNREACHABLE',
      `The agent ${task.agentId} of task '${task.id}' is not registered`,
      {
        hint: 'Its logs are in its work folder; start that agent again to read them from here',
      },
    )
  }
  const { agentId, containerId, executorId, frameworkId } = task
  return { from: { master, agentId }, frameworkId, executorId, run: containerId ?? 'latest' }
}

/** Where the last lines begin. */
async function tailOffset(file: SandboxFile, lines: number, signal: AbortSignal): Promise<number> {
  const size = (await file.size(signal)) ?? 0
  const pieces: Buffer[] = []
  let from = size
  while (from > 0 && size - from < MOST_TAIL_BYTES) {
    const length = Math.min(65_536, from)
    const piece = await file.read(from - length, length, signal)
    if (piece === undefined || piece.length === 0) break
    from -= length
    pieces.unshift(piece)
    const start = startOfLast(Buffer.concat(pieces), lines)
    if (start > 0) return from + start
  }
  return lines === 0 ? size : from
}

/** Where the last `lines` lines of some text begin; 0 when it has no more than those. Pure, for its test. */
export function startOfLast(text: Buffer, lines: number): number {
  if (lines === 0) return text.length
  let at = text.length - 1
  for (let left = lines; left > 0; left--) {
    at = at <= 0 ? -1 : text.lastIndexOf(10, at - 1)
    if (at < 0) return 0
  }
  return at + 1
}

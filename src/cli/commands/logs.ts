// `tepui logs`: what tasks wrote, whether they still run or not; of several each line says whose it is.
import { OperatingError } from '../../base/errors.ts'
import { humanBytes } from '../../base/units.ts'
import { type FileState, follow, SandboxFile } from '../../frameworks/sandbox-file.ts'
import { HttpClient } from '../../http/client.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, type FoundTask } from '../find-task.ts'
import { followTasks, type Reading, readTasks } from '../follow-tasks.ts'
import { isPattern, PrefixedLines, tasksMatching } from '../matching-tasks.ts'
import { type StateAgent, type ClusterState, MasterApi } from '../master-api.ts'
import { isSet, textOf, wholeOf } from '../option-values.ts'
import { isData } from '../output.ts'
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
    { flags: '--tail <n>', help: 'Only the last lines' },
    { flags: '--head', help: 'Only how it began (64 KiB), also when the rest was rotated away' },
  ],
  run: logs,
}

/** What agents keep of the beginning (--log_head_size), and read at a time. */
const HEAD_BYTES = 64 * 1024
/** How far back --tail looks for lines. */
const MOST_TAIL_BYTES = 4 * 1024 * 1024

type Colour = Parameters<Context['screen']['paint']>[0]
const COLOURS: readonly Colour[] = ['blue', 'green', 'yellow', 'red', 'grey']

async function logs(context: Context, typed: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  using http = new HttpClient(clock)
  let state: ClusterState | undefined
  const look = async (): Promise<readonly FoundTask[]> => allTasks((state = await api.state()))
  const isMerged = typed.length > 1 || typed.some(isPattern)
  const outputs = new Outputs(context, isMerged)
  const read = (found: FoundTask, how: Reading): Promise<void> => {
    const place = placeOf(found, state?.agents ?? [], api.address)
    return readOne({ context, http, place, options }, found, outputs.of(found), how)
  }
  const note = (line: string): void => (isMerged ? screen.note(`tepui logs: ${line}`) : undefined)
  const deps = { look, read, note, clock, signal }
  const { failures, tasks } = isSet(options, 'follow')
    ? await followTasks(typed, deps)
    : await readTasks(tasksMatching(await look(), typed), deps)
  const [failure] = failures
  if (failure === undefined) return EXIT.done
  if (!isMerged) throw failure
  return failures.length === tasks ? EXIT.error : EXIT.partly
}

interface Output {
  take(piece: Uint8Array, task: string, stream: string): void
  end(): void
}

/** Of several tasks each line says whose it is, in a colour of its own. */
class Outputs {
  readonly #context: Context
  readonly #isMerged: boolean
  readonly #names = new Set<string>()

  constructor(context: Context, isMerged: boolean) {
    this.#context = context
    this.#isMerged = isMerged
  }

  of({ task }: FoundTask): Output {
    const { common, screen } = this.#context
    if (isData(common)) {
      const decoder = new TextDecoder()
      const print = (piece: Uint8Array, of: string, stream: string): void =>
        screen.print(JSON.stringify({ task: of, stream, text: decoder.decode(piece, { stream: true }) }))
      return { take: print, end: () => undefined }
    }
    if (!this.#isMerged) return { take: (piece) => screen.write(piece), end: () => undefined }
    const colour = COLOURS[this.#names.size % COLOURS.length] ?? 'grey'
    // Instances of one service have the same name.
    const name = this.#names.has(task.name) ? task.id : task.name
    this.#names.add(name)
    const lines = new PrefixedLines(`${screen.paint(colour, name)}  `, (line) => screen.print(line))
    return { take: (piece) => lines.take(piece), end: () => lines.end() }
  }
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
  output: Output,
  { ended, isNew }: Reading,
): Promise<void> {
  const { clock, screen, signal } = context
  const stream = isSet(options, 'stderr') ? 'stderr' : 'stdout'
  const file = new SandboxFile(http, place, stream)
  const show = (piece: Uint8Array): void => output.take(piece, found.task.id, stream)
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

// `tepui logs`: what tasks wrote, whether they still run or not; of several each line says whose it is.
import { OperatingError } from '../../base/errors.ts'
import { follow, SandboxFile } from '../../frameworks/sandbox-file.ts'
import { HttpClient } from '../../http/client.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, type FoundTask } from '../find-task.ts'
import { isPattern, PrefixedLines, tasksMatching } from '../matching-tasks.ts'
import { type ClusterState, MasterApi } from '../master-api.ts'
import { isSet, textOf, wholeOf } from '../option-values.ts'
import { isData } from '../output.ts'

export const logsCommand: Command = {
  name: 'logs',
  arguments: ['<task...>'],
  summary: 'Print what a task wrote, or several together: names, their beginnings, or patterns such as web*',
  options: [
    { flags: '-f, --follow', help: 'Go on until the task ends' },
    { flags: '--stderr', help: 'Its standard error in place of its standard output' },
    { flags: '--tail <n>', help: 'Only the last lines' },
    { flags: '--head', help: 'Only how it began (64 KiB), also when the rest was rotated away' },
  ],
  run: logs,
}

const LOOK_MS = 500
/** What agents keep of the beginning (--log_head_size), and read at a time. */
const HEAD_BYTES = 64 * 1024
/** How far back --tail looks for lines. */
const MOST_TAIL_BYTES = 4 * 1024 * 1024

type Colour = Parameters<Context['screen']['paint']>[0]
const COLOURS: readonly Colour[] = ['blue', 'green', 'yellow', 'red', 'grey']

async function logs(context: Context, typed: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  using http = new HttpClient(clock)
  const state = await api.state()
  const tasks = tasksMatching(allTasks(state), typed)
  const reading = { context, api, http, state, options }
  const isMerged = typed.length > 1 || typed.some(isPattern)
  await Promise.all(
    tasks.map((found, index) => read(reading, found, outputFor(context, found, isMerged, index))),
  )
  return EXIT.done
}

interface Output {
  take(piece: Uint8Array, task: string, stream: string): void
  end(): void
}

/** Of several tasks each line says whose it is, in a colour of its own. */
function outputFor(
  { common, screen }: Context,
  { task }: FoundTask,
  isMerged: boolean,
  index: number,
): Output {
  if (isData(common)) {
    const decoder = new TextDecoder()
    const print = (piece: Uint8Array, of: string, stream: string): void =>
      screen.print(JSON.stringify({ task: of, stream, text: decoder.decode(piece, { stream: true }) }))
    return { take: print, end: () => undefined }
  }
  if (!isMerged) return { take: (piece) => screen.write(piece), end: () => undefined }
  const prefix = `${screen.paint(COLOURS[index % COLOURS.length] ?? 'grey', task.name)}  `
  const lines = new PrefixedLines(prefix, (line) => screen.print(line))
  return { take: (piece) => lines.take(piece), end: () => lines.end() }
}

interface Reading {
  readonly context: Context
  readonly api: MasterApi
  readonly http: HttpClient
  readonly state: ClusterState
  readonly options: OptionValues
}

async function read(
  { api, context, http, options, state }: Reading,
  found: FoundTask,
  output: Output,
): Promise<void> {
  const { clock, signal } = context
  const stream = isSet(options, 'stderr') ? 'stderr' : 'stdout'
  const place = placeOf(found, state, api.address)
  const file = new SandboxFile(http, place, stream)
  if (!found.isLive && (await file.size(signal)) === undefined) {
    throw new OperatingError('REFUSED', `Task '${found.task.id}' has no ${stream}`, {
      hint: 'Its sandbox was collected (--gc_delay of the agent), or it never started',
    })
  }
  const show = (piece: Uint8Array): void => output.take(piece, found.task.id, stream)
  if (isSet(options, 'head')) {
    // There is no such file as long as nothing was rotated.
    const kept = await new SandboxFile(http, place, `${stream}.head`).read(0, HEAD_BYTES, signal)
    show(kept ?? (await file.read(0, HEAD_BYTES, signal)) ?? Buffer.alloc(0))
    return output.end()
  }
  const lines =
    textOf(options, 'tail') === undefined ? undefined : wholeOf(options, 'tail', 10, [0, 1_000_000])
  const from = lines === undefined ? 0 : await tailOffset(file, lines, signal)
  const ended = isSet(options, 'follow') && found.isLive ? untilEnd(context, api, found) : Promise.resolve()
  for await (const piece of follow(file, clock, { from, ended }, signal)) show(piece)
  output.end()
  await ended
}

/** Through the master: one address is enough, wherever the agent is. */
function placeOf(
  { task }: FoundTask,
  state: ClusterState,
  master: string,
): ConstructorParameters<typeof SandboxFile>[1] {
  if (!state.agents.some(({ id }) => id === task.agentId)) {
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

async function untilEnd({ clock, signal }: Context, api: MasterApi, { task }: FoundTask): Promise<void> {
  for (;;) {
    const now = allTasks(await api.state()).find((one) => one.isLive && one.task.id === task.id)
    if (now === undefined) return
    await clock.sleep(LOOK_MS, signal)
  }
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

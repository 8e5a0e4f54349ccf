// `tepui fs`: the sandbox of a task, through the master: list, print, follow, copy out; of a collected one the rest.
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { basename } from 'node:path'
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import { humanBytes } from '../../base/units.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks, findTask, type FoundTask } from '../find-task.ts'
import { type Json, list, MasterApi, MasterRefusal, number, object, text } from '../master-api.ts'
import { isSet, wholeOf } from '../option-values.ts'
import { table } from '../screen.ts'
import { ageText } from '../words.ts'
import { isData, showData } from '../output.ts'

export const fsCommand: Command = {
  name: 'fs',
  arguments: ['<action>', '<task[:path]>', '[target]'],
  summary: 'fs ls|cat|tail|get TASK[:PATH]: list, print, follow or copy out the files of a sandbox',
  options: [
    { flags: '-f, --follow', help: 'tail: go on until Ctrl-C' },
    { flags: '-n, --bytes <n>', help: 'tail: how many of the last bytes (4096)' },
  ],
  run: fs,
}

/** What agents read at a time (spec/mesos.md 4.4). */
const PIECE_BYTES = 65_536
const LOOK_MS = 500

/** A file or folder in the sandbox of a task. */
interface Place {
  readonly page: string
  readonly sandbox: string
  readonly path: string
}

async function fs(context: Context, args: readonly string[], options: OptionValues): Promise<number> {
  const [action = '', where = '', target] = args
  const { clock, common, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const cut = where.indexOf(':')
  const typed = cut < 0 ? where : where.slice(0, cut)
  const path = (cut < 0 ? '' : where.slice(cut + 1)).replaceAll(/^\/+|\/+$/g, '')
  const actions: Readonly<Record<string, (place: Place) => Promise<void>>> = {
    ls: (place) => show(context, api, place),
    cat: (place) => print(context, api, place, 0),
    tail: (place) => tail(context, api, place, options),
    get: (place) => copyOut(context, api, place, target),
  }
  const act = Object.hasOwn(actions, action) ? actions[action] : undefined
  if (act === undefined)
    throw usageError(`'${action}' is no action of fs: expected ${Object.keys(actions).join(', ')}`)
  if (path === '' && action !== 'ls')
    throw usageError(`fs ${action} wants a file: tepui fs ${action} TASK:PATH, such as ${typed}:stdout`)
  const found = findTask(allTasks(await api.state()), typed)
  try {
    await act(placeOf(found, path))
  } catch (error) {
    throw isMissing(error) ? missing(found, path) : error
  }
  return EXIT.done
}

const isMissing = (error: unknown): boolean =>
  error instanceof MasterRefusal && error.status === 404 && error.message.endsWith('File not found.')

function missing({ task }: FoundTask, path: string): OperatingError {
  const what = path === '' ? 'no sandbox' : `no '${path}' in its sandbox`
  return new OperatingError('REFUSED', `Task '${task.id}' has ${what}`, {
    hint: path === '' ? 'It has not started yet, or its sandbox was collected' : `tepui fs ls ${task.id}`,
  })
}

function placeOf({ task }: FoundTask, path: string): Place {
  const { agentId, containerId, executorId, frameworkId } = task
  const run = containerId ?? 'latest'
  return {
    page: `/api/x1/agents/${encodeURIComponent(agentId)}/files`,
    sandbox: `/frameworks/${frameworkId}/executors/${executorId}/runs/${run}`,
    path,
  }
}

function query(place: Place, more: Readonly<Record<string, string>> = {}): string {
  const path = place.path === '' ? place.sandbox : `${place.sandbox}/${place.path}`
  return new URLSearchParams({ path, ...more }).toString()
}

async function show(context: Context, api: MasterApi, place: Place): Promise<void> {
  const { clock, common, screen } = context
  const pages = list(await api.page(`${place.page}/browse?${query(place)}`)).map(object)
  const rows = pages.map((row): Json => ({ name: basename(text(row['path'])), ...row }))
  if (isData(common)) return showData(context, rows)
  const cells = rows.map((row) => [
    text(row['mode']),
    humanBytes(number(row['size'])),
    ageText(number(row['mtime']), clock.now()),
    text(row['name']),
  ])
  for (const line of table(['MODE', 'SIZE', 'AGO', 'NAME'], cells)) screen.print(line)
}

async function read(api: MasterApi, place: Place, offset: number): Promise<Json> {
  const more = { offset: String(offset), length: String(PIECE_BYTES), encoding: 'base64' }
  return api.get(`${place.page}/read?${query(place, more)}`)
}

/** Every piece from an offset to the end; returns where that is. */
async function pieces(
  api: MasterApi,
  place: Place,
  from: number,
  take: (bytes: Buffer) => void | Promise<void>,
): Promise<number> {
  for (let at = from; ; ) {
    const bytes = Buffer.from(text((await read(api, place, at))['data']), 'base64')
    if (bytes.length === 0) return at
    at += bytes.length
    await take(bytes)
  }
}

async function print({ screen }: Context, api: MasterApi, place: Place, from: number): Promise<void> {
  await pieces(api, place, from, (bytes) => screen.write(bytes))
}

const sizeOf = async (api: MasterApi, place: Place): Promise<number> =>
  number((await api.get(`${place.page}/read?${query(place)}`))['offset'])

async function tail(context: Context, api: MasterApi, place: Place, options: OptionValues): Promise<void> {
  const { clock, screen, signal } = context
  const wanted = wholeOf(options, 'bytes', 4096, [0, 2 ** 40])
  let at = Math.max(0, (await sizeOf(api, place)) - wanted)
  at = await pieces(api, place, at, (bytes) => screen.write(bytes))
  while (isSet(options, 'follow')) {
    await clock.sleep(LOOK_MS, signal)
    // Rotated: what comes now is at the beginning of a new file.
    if ((await sizeOf(api, place)) < at) at = 0
    at = await pieces(api, place, at, (bytes) => screen.write(bytes))
  }
}

/** Under its final name only when it is whole. */
async function copyOut(
  { screen }: Context,
  api: MasterApi,
  place: Place,
  target: string | undefined,
): Promise<void> {
  const name = target ?? basename(place.path)
  const part = `${name}.part`
  const file = await opened(part)
  let isWhole = false
  try {
    const bytes = await pieces(api, place, 0, async (piece) => void (await file.write(piece)))
    await file.close()
    await rename(part, name)
    isWhole = true
    screen.note(`${humanBytes(bytes)} in ${name}`)
  } finally {
    if (!isWhole) {
      await file.close()
      await rm(part, { force: true })
    }
  }
}

async function opened(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx', 0o644)
  } catch (error) {
    throw new OperatingError('FILE', `Cannot write ${path}`, { cause: error })
  }
}

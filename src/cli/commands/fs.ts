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
  summary:
    'fs ls|du|cat|head|tail|get TASK[:PATH]: list, weigh, print, follow or copy out files of a sandbox',
  options: [
    { flags: '-f, --follow', help: 'tail: go on until Ctrl-C' },
    { flags: '-n, --bytes <n>', help: 'head, tail: how many of the first or last bytes (4096)' },
  ],
  run: fs,
}

/** What agents read at a time (spec/mesos.md 4.4). */
const PIECE_BYTES = 65_536
const LOOK_MS = 500
const SOME_BYTES = 4096

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
    du: (place) => weigh(context, api, place),
    cat: (place) => print(context, api, place, 0),
    head: (place) => head(context, api, place, options),
    tail: (place) => tail(context, api, place, options),
    get: (place) => copyOut(context, api, place, target),
  }
  const act = Object.hasOwn(actions, action) ? actions[action] : undefined
  if (act === undefined)
    throw usageError(`'${action}' is no action of fs: expected ${Object.keys(actions).join(', ')}`)
  if (path === '' && action !== 'ls' && action !== 'du')
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

/** As much as du(1) of a sandbox may look at; more would keep its agent busy. */
const MOST_ENTRIES = 10_000

interface Weight {
  readonly name: string
  readonly bytes: number
  readonly files: number
}

/** What each file and folder takes with all below it, the largest first. Links are not followed. */
async function weigh(context: Context, api: MasterApi, place: Place): Promise<void> {
  const { common, screen } = context
  const budget = { left: MOST_ENTRIES }
  const weights: Weight[] = []
  for (const entry of await entriesOf(api, place, budget)) weights.push(await weightOf(api, entry, budget))
  weights.sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1))
  if (isData(common)) return showData(context, weights)
  const sum = (of: 'bytes' | 'files'): number => weights.reduce((total, one) => total + one[of], 0)
  const all = [...weights, { name: 'all of it', bytes: sum('bytes'), files: sum('files') }]
  const cells = all.map(({ bytes, files, name }) => [humanBytes(bytes), String(files), name])
  for (const line of table(['SIZE', 'FILES', 'NAME'], cells)) screen.print(line)
}

interface Entry extends Place {
  readonly name: string
  readonly isFolder: boolean
  readonly bytes: number
}

/** @throws OperatingError LIMIT when there are too many */
async function entriesOf(api: MasterApi, place: Place, budget: { left: number }): Promise<readonly Entry[]> {
  const pages = list(await api.page(`${place.page}/browse?${query(place)}`)).map(object)
  budget.left -= pages.length
  if (budget.left < 0)
    throw new OperatingError('LIMIT', `There are more than ${MOST_ENTRIES} files below it`, {
      hint: 'Name a folder further down, or ask on the agent itself: tepui each -- du -sh FOLDER',
    })
  return pages.map((page) => {
    const name = basename(text(page['path']))
    const path = place.path === '' ? name : `${place.path}/${name}`
    const isFolder = text(page['mode']).startsWith('d')
    return { ...place, path, name, isFolder, bytes: isFolder ? 0 : number(page['size']) }
  })
}

async function weightOf(api: MasterApi, entry: Entry, budget: { left: number }): Promise<Weight> {
  let { bytes } = entry
  let files = entry.isFolder ? 0 : 1
  const folders: Entry[] = entry.isFolder ? [entry] : []
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    for (const one of await entriesOf(api, folder, budget)) {
      if (one.isFolder) folders.push(one)
      else {
        bytes += one.bytes
        files++
      }
    }
  }
  return { name: entry.isFolder ? `${entry.name}/` : entry.name, bytes, files }
}

async function read(api: MasterApi, place: Place, offset: number, length: number): Promise<Json> {
  const more = { offset: String(offset), length: String(length), encoding: 'base64' }
  return api.get(`${place.page}/read?${query(place, more)}`)
}

/** Every piece from an offset to the end; returns where that is. */
async function pieces(
  api: MasterApi,
  place: Place,
  from: number,
  take: (bytes: Buffer) => void | Promise<void>,
  until = Number.POSITIVE_INFINITY,
): Promise<number> {
  let at = from
  while (at < until) {
    const length = Math.min(PIECE_BYTES, until - at)
    const bytes = Buffer.from(text((await read(api, place, at, length))['data']), 'base64')
    if (bytes.length === 0) break
    at += bytes.length
    await take(bytes)
  }
  return at
}

async function print({ screen }: Context, api: MasterApi, place: Place, from: number): Promise<void> {
  await pieces(api, place, from, (bytes) => screen.write(bytes))
}

const sizeOf = async (api: MasterApi, place: Place): Promise<number> =>
  number((await api.get(`${place.page}/read?${query(place)}`))['offset'])

async function head({ screen }: Context, api: MasterApi, place: Place, options: OptionValues): Promise<void> {
  const wanted = wholeOf(options, 'bytes', SOME_BYTES, [0, 2 ** 40])
  await pieces(api, place, 0, (bytes) => screen.write(bytes), wanted)
}

async function tail(context: Context, api: MasterApi, place: Place, options: OptionValues): Promise<void> {
  const { clock, screen, signal } = context
  const wanted = wholeOf(options, 'bytes', SOME_BYTES, [0, 2 ** 40])
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

// What `tepui gc` prints: in at most 100 columns what is kept and when it goes, or what went.
import { humanBytes, humanDuration } from '../base/units.ts'
import { type Json, list, number, object, text } from './master-api.ts'
import { table } from './screen.ts'
import { ageText } from './words.ts'

/** Rows of each kind on a screen; all are in --output=json. */
const MOST_ROWS = 40
/** So that no line is wider than 100 columns. */
const NAME_WIDTH = 40
const WHY_WIDTH = 26
const WHY: Readonly<Record<string, string>> = { age: 'gc_delay', space: 'the disk is full', asked: '--older' }

type Cells = readonly string[]

/** @param now wall time, ms */
export function dryLines(agent: string, page: Json, now: number): readonly string[] {
  const disk = object(page['disk'])
  const rules = object(page['rules'])
  const part = `${percent(number(disk['usage']))} of ${humanBytes(number(disk['total_bytes']))} used`
  const age = humanDuration(number(rules['max_allowed_age_secs']) * 1000)
  return [
    `${agent}: ${part}, so of sandboxes what ended longer ago than ${age} goes now`,
    ...runningLines(page),
    ...sandboxLines(page, now),
    ...containerLines(page, now),
    ...fileLines(page, now),
    ...imageLines(page, now),
  ]
}

/** What no collection takes: whoever takes most first. */
function runningLines(page: Json): readonly string[] {
  const rows = list(page['running']).map(object)
  const cells = rows.map((row) => [
    named(text(list(row['task_ids'])[0]) || text(row['executor_id'])),
    sizeText(row['bytes']),
    sizeText(row['limit_bytes']),
    row['is_held_to_it'] === true
      ? 'it is killed'
      : typeof row['limit_bytes'] === 'number'
        ? 'it goes on'
        : '',
  ])
  const head = ['RUNNING', 'TAKES', 'RESERVED', 'ABOVE THAT']
  return section('running sandbox', number(page['running_total']), number(page['running_bytes']), head, cells)
}

function sandboxLines(page: Json, now: number): readonly string[] {
  const rows = list(page['scheduled']).map(object)
  const total = number(page['scheduled_total'])
  const cells = rows.map((row) => [
    named(text(list(row['task_ids'])[0]) || text(row['executor_id']) || text(row['path'])),
    text(row['ending']),
    ageText(number(row['ended']), now),
    sizeText(row['bytes']),
    goesText(row, now),
    WHY[text(row['why'])] ?? text(row['why']),
  ])
  const head = ['SANDBOX', 'ENDED AS', 'AGO', 'SIZE', 'GOES', 'WHY']
  return section('sandbox', total, number(page['scheduled_bytes']), head, cells)
}

function containerLines(page: Json, now: number): readonly string[] {
  const rows = list(page['containers']).map(object)
  const cells = rows.map((row) => [
    named(text(list(row['task_ids'])[0]) || text(row['container_id'])),
    ageText(number(row['ended']), now),
    sizeText(row['bytes']),
    goesText(row, now),
    text(row['why']),
  ])
  const head = ['CONTAINER', 'ENDED AGO', 'SIZE', 'GOES', 'WHY']
  return section('ended container', number(page['containers_total']), sumOf(rows), head, cells)
}

function fileLines(page: Json, now: number): readonly string[] {
  const cache = object(page['cache'])
  const isTight = number(object(page['rules'])['max_allowed_age_secs']) === 0
  const limit = `at ${percent(1 - number(object(page['rules'])['gc_disk_headroom']))}`
  const rows = list(cache['entries'])
    .map(object)
    .toSorted((a, b) => number(a['used_at']) - number(b['used_at']))
  const cells = rows.map((row) => {
    const users = number(row['in_use'])
    return [
      named(text(row['uri'])),
      ageText(number(row['used_at']), now),
      sizeText(row['bytes']),
      users > 0 ? 'stays' : isTight ? 'now' : limit,
      users > 0 ? `in use by ${users} ${users === 1 ? 'fetch' : 'fetches'}` : 'can be fetched again',
    ]
  })
  const head = ['FETCHED FILE', 'USED AGO', 'SIZE', 'GOES', 'WHY']
  return section('fetched file', rows.length, sumOf(rows), head, cells)
}

function imageLines(page: Json, now: number): readonly string[] {
  const images = object(page['images'])
  const rows = list(images['known']).map(object)
  const limit = `at ${percent(1 - number(images['image_disk_headroom']))}`
  const cells = rows.map((row) => [
    named(text(row['name'])),
    ageText(number(row['used']), now),
    sizeText(row['bytes']),
    row['may_go'] !== true ? 'stays' : images['is_tight'] === true ? 'now' : limit,
    row['may_go'] === true ? 'can be pulled again' : shortened(text(row['kept_because']), WHY_WIDTH),
  ])
  const head = ['IMAGE', 'USED AGO', 'SIZE', 'GOES', 'WHY']
  return section('image', number(images['known_total']), sumOf(rows), head, cells)
}

/** Nothing of a kind takes no room on the screen. */
function section(
  what: string,
  total: number,
  bytes: number,
  head: Cells,
  cells: readonly Cells[],
): readonly string[] {
  if (total === 0) return []
  const shown = cells.slice(0, MOST_ROWS)
  const size = bytes > 0 ? `, ${humanBytes(bytes)}` : ''
  const lines = ['', `${total} ${total === 1 ? what : pluralOf(what)}${size}`, ...table(head, shown)]
  if (total > shown.length) lines.push(`and ${total - shown.length} more (-o json shows up to 1000)`)
  return lines
}

/**
 * @param before the page at the beginning of the collection
 * @param page the one after it
 */
export function doneLines(agent: string, before: Json, page: Json): readonly string[] {
  const since = number(before['now'])
  const last = object(page['last'])
  const isNew = number(last['ended']) >= since
  const removed = isNew ? list(last['removed']).map(object) : []
  const failed = isNew ? list(last['failed']).map(object) : []
  const gone = number(before['containers_total']) - number(page['containers_total'])
  // Those that went with the rest are among the rest.
  const told = new Set(removed.filter((row) => row['kind'] === 'image').map((row) => row['path']))
  const images = list(object(page['images'])['removed'])
    .map(object)
    .filter((row) => number(row['removed']) >= since && !told.has(row['name']))
  const rows = [...removed, ...images.filter((row) => text(row['failure']) === '').map(asImage)]
  const left = number(page['scheduled_total'])
  const kept = `${left} ${left === 1 ? 'sandbox' : 'sandboxes'} kept`
  const problems = [
    ...failed.map((row) => `  not removed: ${list(row['failures']).map(text).join('; ')}`),
    ...images
      .filter((row) => text(row['failure']) !== '')
      .map((row) => `  not removed: ${text(row['name'])}: ${text(row['failure'])}`),
  ]
  if (rows.length === 0 && gone <= 0 && problems.length === 0) return [`${agent}: nothing was due; ${kept}`]
  const containers = gone > 0 ? ` and ${gone} ended ${gone === 1 ? 'container' : 'containers'}` : ''
  const cells = rows
    .slice(-MOST_ROWS)
    .map((row) => [
      text(row['kind']),
      named(shortPath(text(row['path']))),
      sizeText(row['bytes']),
      WHY[text(row['why'])] ?? text(row['why']),
    ])
  return [
    `${agent}: removed ${countsOf(rows)}${containers} with ${humanBytes(sumOf(rows))}; ${kept}`,
    ...(cells.length === 0 ? [] : table(['REMOVED', 'WHAT', 'SIZE', 'WHY'], cells)),
    ...problems,
  ]
}

const asImage = (row: Json): Json => ({ ...row, kind: 'image', path: row['name'] ?? '' })

/** `2 sandboxes, 1 file`. */
function countsOf(rows: readonly Json[]): string {
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(text(row['kind']), (counts.get(text(row['kind'])) ?? 0) + 1)
  const words = counts.entries().map(([kind, count]) => `${count} ${count === 1 ? kind : pluralOf(kind)}`)
  return [...words].join(', ') || '0 sandboxes'
}

const pluralOf = (kind: string): string => (kind.endsWith('x') ? `${kind}es` : `${kind}s`)

/** Of a sandbox its executor and the begin of its container's id. */
function shortPath(path: string): string {
  const found = /\/executors\/([^/]+)\/runs\/([^/]{1,8})/.exec(path)
  return found === null ? path : `${found[1]} (${found[2]})`
}

function goesText(row: Json, now: number): string {
  if (row['due_now'] === true) return 'now'
  return `in ${humanDuration(Math.max(0, number(row['due']) * 1000 - now))}`
}

const named = (name: string): string => shortened(name, NAME_WIDTH)

/** In the middle: both ends tell more. */
function shortened(name: string, width: number): string {
  const letters = Array.from(name)
  if (letters.length <= width) return name
  const end = Math.floor((width - 1) / 2)
  return `${letters.slice(0, width - 1 - end).join('')}…${letters.slice(-end).join('')}`
}

const percent = (part: number): string => `${Math.round(part * 100)} %`
const sumOf = (rows: readonly Json[]): number => rows.reduce((sum, row) => sum + number(row['bytes']), 0)
const sizeText = (bytes: unknown): string => (typeof bytes === 'number' ? humanBytes(bytes) : '-')

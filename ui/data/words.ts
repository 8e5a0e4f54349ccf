// Numbers, times and states in words for people. Pure.

/** At most two decimals, none that say nothing: `1.5`, `0.25`, `12`. */
export function amount(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return String(Number(value.toFixed(digits)))
}

/** From MB. */
export function memory(mb: number): string {
  if (!Number.isFinite(mb)) return '–'
  if (Math.abs(mb) < 1024) return `${Math.round(mb)} MB`
  if (Math.abs(mb) < 1024 * 1024) return `${amount(mb / 1024)} GB`
  return `${amount(mb / 1024 / 1024)} TB`
}

/** Used, allocated and total, from MB, all in the unit of the total so that they can be compared: `0.5 / 1 / 4 GB`. */
export function threeMemories(used: number | undefined, allocated: number, total: number): string {
  const unit = MEMORY_UNITS.find(([, size]) => total >= size) ?? MEMORY_UNITS[2]
  const figures = [used, allocated, total].map((mb) => (mb === undefined ? '?' : amount(mb / unit[1])))
  return `${figures.join(' / ')} ${unit[0]}`
}

const MEMORY_UNITS = [
  ['TB', 1024 * 1024],
  ['GB', 1024],
  ['MB', 1],
] as const

/** `1 task`, `3 tasks`; also of a figure that is written already. */
export function counted(count: number | string, noun: string): string {
  return `${count} ${noun}${String(count) === '1' ? '' : 's'}`
}

/** `1 cpu`, `0.5 lent cpus`. */
export function cpuText(cpus: number, kind = ''): string {
  return counted(amount(cpus), kind === '' ? 'cpu' : `${kind} cpu`)
}

export function bytes(count: number): string {
  if (count < 1024) return `${Math.round(count)} B`
  if (count < 1024 ** 2) return `${amount(count / 1024)} KB`
  return memory(count / 1024 ** 2)
}

export const percent = (share: number): string =>
  `${share > 0 && share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
]

/** `3 d 4 h`, `12 min`, `8 s`: two units at most, the small one only beside days and hours. */
export function span(ms: number): string {
  const at = UNITS.findIndex(([, size]) => ms >= size)
  const unit = UNITS[at]
  if (unit === undefined) return ms < 0 ? '0 s' : `${(ms / 1000).toFixed(ms < 100 ? 2 : 1)} s`
  const [name, size] = unit
  const whole = Math.floor(ms / size)
  const next = UNITS[at + 1]
  if (next === undefined || at > 1) return `${whole} ${name}`
  const rest = Math.floor((ms - whole * size) / next[1])
  return rest === 0 ? `${whole} ${name}` : `${whole} ${name} ${rest} ${next[0]}`
}

const pad = (value: number): string => String(value).padStart(2, '0')

/** `14:03:59` of today, `11-22 14:03:59` of another day, on the watch of who looks. */
export function timeText(time: number, now: number): string {
  const at = new Date(time)
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`
  if (at.toDateString() === new Date(now).toDateString()) return clock
  return `${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock}`
}

export interface StateWords {
  readonly word: string
  /** A sign of its own, so that colour is never needed. */
  readonly sign: string
  readonly tone: 'good' | 'busy' | 'bad' | 'calm' | 'lent'
}

const STATES: Readonly<Record<string, StateWords>> = {
  TASK_STAGING: { word: 'staging', sign: '◌', tone: 'busy' },
  TASK_STARTING: { word: 'starting', sign: '◔', tone: 'busy' },
  TASK_RUNNING: { word: 'running', sign: '●', tone: 'good' },
  TASK_KILLING: { word: 'being killed', sign: '◑', tone: 'busy' },
  TASK_FINISHED: { word: 'finished', sign: '✓', tone: 'calm' },
  TASK_FAILED: { word: 'failed', sign: '✕', tone: 'bad' },
  TASK_ERROR: { word: 'refused', sign: '✕', tone: 'bad' },
  TASK_KILLED: { word: 'killed', sign: '■', tone: 'calm' },
  TASK_GONE: { word: 'taken back', sign: '↩', tone: 'lent' },
  TASK_GONE_BY_OPERATOR: { word: 'gone by operator', sign: '■', tone: 'calm' },
  TASK_LOST: { word: 'lost', sign: '?', tone: 'bad' },
  TASK_DROPPED: { word: 'dropped', sign: '?', tone: 'bad' },
  TASK_UNREACHABLE: { word: 'unreachable', sign: '?', tone: 'bad' },
  TASK_UNKNOWN: { word: 'unknown', sign: '?', tone: 'bad' },
}

export function stateWords(state: string): StateWords {
  return STATES[state] ?? { word: state, sign: '?', tone: 'calm' }
}

const LIVE = new Set(['TASK_STAGING', 'TASK_STARTING', 'TASK_RUNNING', 'TASK_KILLING', 'TASK_UNREACHABLE'])
export const isLive = (state: string): boolean => LIVE.has(state)
export const hasFailed = (state: string): boolean => stateWords(state).tone === 'bad'

export interface DeedWords {
  readonly word: string
  readonly sign: string
  readonly tone: 'squeeze' | 'freeze' | 'evict' | 'free' | 'note'
}

const DEEDS: Readonly<Record<string, DeedWords>> = {
  squeeze: { word: 'squeezed', sign: '▼', tone: 'squeeze' },
  freeze: { word: 'frozen', sign: '◆', tone: 'freeze' },
  evict: { word: 'ended', sign: '✕', tone: 'evict' },
  relax: { word: 'relaxed', sign: '△', tone: 'free' },
  thaw: { word: 'thawed', sign: '◇', tone: 'free' },
  lend: { word: 'lends more', sign: '+', tone: 'note' },
  unlend: { word: 'lends less', sign: '−', tone: 'note' },
  mode: { word: 'switched', sign: '‖', tone: 'note' },
  'not-ours': { word: 'not ours', sign: '○', tone: 'note' },
}

/** What lending did, by the kind of its record. */
export function deedWords(kind: string): DeedWords {
  return DEEDS[kind] ?? { word: kind, sign: '·', tone: 'note' }
}

/** Those that take something from borrowers. */
export const isTakeBack = (kind: string): boolean =>
  kind === 'squeeze' || kind === 'freeze' || kind === 'evict'

// Characters that turn the direction of what follows them: a name with one would make a sentence unreadable.
const TURNING = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g

/** A name as a part of a sentence. */
export const inSentence = (name: string): string => name.replaceAll(TURNING, '\uFFFD')

/** The end of a long id, which tells it from others of its kind. */
export function shortId(id: string): string {
  const cut = /^[0-9a-f]{8}-[0-9a-f-]{27}-(?<rest>.+)$/.exec(id)?.groups?.['rest']
  return cut ?? (id.length > 24 ? `${id.slice(0, 8)}…${id.slice(-8)}` : id)
}

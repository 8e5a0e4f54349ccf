// What the master says of one task, and what the page makes of it: phases, cause, a command that makes the like. Pure.
import type { TaskRow } from '../../src/wire/page.ts'
import { shellLine } from './shell-words.ts'
import { hasFailed, isLive, span, stateWords } from './words.ts'

export interface Status {
  readonly state: string
  readonly source?: string
  readonly reason?: string
  readonly message?: string
  /** Seconds. */
  readonly timestamp?: number
  readonly healthy?: boolean
}

interface Command {
  readonly value?: string
  readonly shell?: boolean
  readonly arguments?: readonly string[]
  readonly uris?: readonly { readonly value: string }[]
  readonly environment?: {
    readonly variables?: readonly { readonly name: string; readonly value?: string }[]
  }
}

export interface TaskDetails {
  readonly row: TaskRow
  /** Of the newest status. */
  readonly container?: string
  readonly info: {
    readonly command?: Command
    readonly executor?: { readonly command?: Command }
    readonly container?: { readonly docker?: { readonly image?: string } }
    readonly limits?: Readonly<Record<string, { readonly value: number }>>
    readonly labels?: { readonly labels?: readonly { readonly key: string; readonly value?: string }[] }
    readonly [field: string]: unknown
  }
  readonly statuses: readonly Status[]
}

/** What `api/x1/why` says of a task, as far as the page shows it. */
export interface WhyTask {
  readonly ended?: {
    readonly exit?: number
    readonly signal?: string
    readonly by?: string
    readonly stderr: readonly string[]
    readonly next: readonly string[]
  }
}

/** How it ended, and by whom. */
export function endFacts(ended: WhyTask['ended']): readonly (readonly [string, string])[] {
  const { by, exit, signal } = ended ?? {}
  const facts: (readonly [string, string])[] = []
  if (exit !== undefined) facts.push(['exit code', String(exit)])
  if (signal !== undefined) facts.push(['signal', signal])
  if (by !== undefined) facts.push(['ended by', by])
  return facts
}

export interface Phase {
  readonly state: string
  readonly begin: number
  readonly ms: number
  readonly isLast: boolean
}

/** Each state once with how long it lasted; the last of a live task goes on. */
export function phasesOf(statuses: readonly Status[], now: number): readonly Phase[] {
  const changes = statuses.filter(
    ({ state, timestamp }, index) => timestamp !== undefined && state !== statuses[index - 1]?.state,
  )
  return changes.map(({ state, timestamp = 0 }, index) => {
    const next = changes[index + 1]?.timestamp
    const begin = timestamp * 1000
    return {
      state,
      begin,
      ms: Math.max(0, (next === undefined ? now : next * 1000) - begin),
      isLast: next === undefined,
    }
  })
}

/** What became of tasks of one name: the first that failed is not hidden by the last. */
export interface Failures {
  readonly count: number
  readonly first: TaskRow
  readonly last: TaskRow
  /** Both ended with the same words. */
  readonly isSame: boolean
}

/** Undefined when fewer than two of them failed. */
export function failuresOf(alike: readonly TaskRow[]): Failures | undefined {
  const failed = alike
    .filter(({ state }) => hasFailed(state) && !isLive(state))
    .toSorted((a, b) => (a.changed ?? 0) - (b.changed ?? 0))
  const [first, last] = [failed[0], failed.at(-1)]
  if (first === undefined || last === undefined || failed.length < 2) return undefined
  return { count: failed.length, first, last, isSame: wordsOf(first) === wordsOf(last) }
}

const wordsOf = ({ message, reason, state }: TaskRow): string => message ?? reason ?? state

export interface Cause {
  readonly tone: 'bad' | 'lent' | 'calm'
  readonly sentence: string
  readonly facts: readonly (readonly [string, string])[]
  /** What one can do next. */
  readonly next: string
}

const NEXT: Readonly<Record<string, string>> = {
  REASON_CONTAINER_LIMITATION_MEMORY:
    'Give it more memory, or find what grows: the memory chart below shows when.',
  REASON_CONTAINER_LIMITATION_DISK: 'Give it more disk, or write less: the sandbox shows what is large.',
  REASON_CONTAINER_PREEMPTED:
    'Nothing failed: an owner wanted its cpus back. Work on lent resources is to be started again elsewhere.',
  REASON_CONTAINER_LAUNCH_FAILED: 'It never ran: the message says what could not be set up.',
  REASON_COMMAND_EXECUTOR_FAILED: 'Its own exit code ended it: what it wrote last usually says why.',
  REASON_AGENT_DISCONNECTED: 'Look whether the agent is back; its framework decides whether it starts again.',
}

/** Of a task that has ended; undefined while it lives. */
export function causeOf(row: TaskRow, statuses: readonly Status[]): Cause | undefined {
  if (isLive(row.state)) return undefined
  const last = statuses.at(-1)
  const running = statuses.find(({ state }) => state === 'TASK_RUNNING')?.timestamp
  const lived =
    running === undefined || last?.timestamp === undefined ? undefined : (last.timestamp - running) * 1000
  const { tone, word } = stateWords(row.state)
  const message = last?.message ?? ''
  const asked =
    row.state === 'TASK_KILLED'
      ? 'It was asked to end.'
      : `It ${word === 'taken back' ? 'was taken back' : word}.`
  const facts: (readonly [string, string])[] = [['state', row.state]]
  if (last?.reason !== undefined) facts.push(['reason', last.reason])
  if (last?.source !== undefined)
    facts.push(['told by', last.source.replace('SOURCE_', '').toLowerCase().replace('slave', 'agent')])
  facts.push(['ran for', lived === undefined ? 'it never ran' : span(lived)])
  return {
    tone: tone === 'bad' ? 'bad' : tone === 'lent' ? 'lent' : 'calm',
    sentence: message === '' ? asked : message,
    facts,
    next: NEXT[last?.reason ?? ''] ?? '',
  }
}

/** The command that runs the like of it. */
export function commandLine({ info, row }: TaskDetails): string {
  const command = info.command ?? info.executor?.command ?? {}
  const words = [
    'tepui',
    'run',
    '--name',
    row.name || row.id,
    '--cpus',
    String(row.cpus),
    '--mem',
    `${row.mem}MB`,
  ]
  if (row.lentCpus > 0) words.push('--lent')
  if (row.image !== undefined) words.push('--image', row.image)
  for (const { name, value = '' } of command.environment?.variables ?? [])
    words.push('--env', `${name}=${value}`)
  for (const { value } of command.uris ?? []) words.push('--uri', value)
  const inner = innerWords(command)
  return shellLine([...words, ...(inner.length > 0 ? ['--', ...inner] : [])])
}

/** A line for the shell, or a program with its arguments, of which the first is its name. */
function innerWords({ arguments: given = [], shell, value }: Command): readonly string[] {
  if (shell !== false) return value === undefined ? [] : ['sh', '-c', value]
  return value === undefined ? given : [value, ...given.slice(1)]
}

// Reads what several tasks wrote, or follows them to their end; with a pattern also those that start later and fit it.
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { type FoundTask, taskKey } from './find-task.ts'
import { fits, isPattern, MOST_TASKS, tasksMatching } from './matching-tasks.ts'
import { stateWord } from './words.ts'

export interface FollowDeps {
  /** All tasks that the master knows now. */
  readonly look: () => Promise<readonly FoundTask[]>
  /**
   * Reads one until `ended`, and the rest.
   * @throws OperatingError when that is not possible
   */
  readonly read: (found: FoundTask, how: Reading) => Promise<void>
  /** What becomes of them, for people. */
  readonly note: (line: string) => void
  /** What cannot be read; it is among the failures, too. */
  readonly trouble: (line: string) => void
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface Reading {
  readonly ended: Promise<void>
  /** It started after we did, so that all of it is new. */
  readonly isNew: boolean
}

const LOOK_MS = 500
/** Looking at a large cluster takes its master's time: at most a tenth of it is asked for. */
const SHARE_OF_LOOKS = 0.1

/** What came of it. */
export interface Followed {
  readonly tasks: number
  /** Why some of them could not be read, or not to their end. */
  readonly failures: readonly OperatingError[]
}

/** What they wrote until now. */
export async function readTasks(found: readonly FoundTask[], deps: FollowDeps): Promise<Followed> {
  const readers = new Readers(deps)
  for (const one of found) readers.read(one, { ended: Promise.resolve(), isNew: false })
  return readers.done()
}

/**
 * Until all have ended; with a pattern among what was typed until the signal aborts, because more may come.
 * @throws OperatingError REFUSED when a name means no task, LIMIT when too many are meant; the signal's reason
 */
export async function followTasks(typed: readonly string[], deps: FollowDeps): Promise<Followed> {
  const { clock, note, signal } = deps
  const patterns = typed.filter(isPattern)
  let tasks = await deps.look()
  const known = new Set(tasks.map(({ task }) => taskKey(task)))
  const readers = new Readers(deps)
  for (const found of meantAtFirst(tasks, typed, patterns)) readers.follow(found, false)
  if (readers.isOver && patterns.length > 0)
    note(`no task that runs is named as ${patterns.join(' or ')} yet`)
  for (let tookMs = 0; ; ) {
    readers.endAllBut(tasks)
    if (patterns.length === 0 && readers.isOver) return readers.done()
    await clock.sleep(Math.max(LOOK_MS, tookMs / SHARE_OF_LOOKS), signal)
    const began = clock.monotonic()
    tasks = await deps.look()
    tookMs = clock.monotonic() - began
    const came = tasks.filter((found) => !known.has(taskKey(found.task)))
    for (const found of came) known.add(taskKey(found.task))
    // In the order in which they started.
    for (const found of came.toReversed()) if (fits(found, patterns)) readers.join(found)
  }
}

/** Names mean also what has ended, patterns only what lives: with them more is waited for. */
function meantAtFirst(
  tasks: readonly FoundTask[],
  typed: readonly string[],
  patterns: readonly string[],
): readonly FoundTask[] {
  const lives = (pattern: string): boolean => tasks.some((found) => found.isLive && fits(found, [pattern]))
  return tasksMatching(
    tasks,
    typed.filter((one) => !patterns.includes(one) || lives(one)),
  )
}

interface One {
  readonly found: FoundTask
  readonly end: () => void
}

class Readers {
  readonly #deps: FollowDeps
  /** Those that have not ended, and can be read. */
  readonly #open = new Map<string, One>()
  readonly #reads: Promise<void>[] = []
  readonly #failures: OperatingError[] = []

  constructor(deps: FollowDeps) {
    this.#deps = deps
  }

  get isOver(): boolean {
    return this.#open.size === 0
  }

  follow(found: FoundTask, isNew: boolean): void {
    const { promise, resolve } = Promise.withResolvers<void>()
    if (found.isLive) this.#open.set(taskKey(found.task), { found, end: resolve })
    else resolve()
    this.read(found, { ended: promise, isNew })
  }

  read(found: FoundTask, how: Reading): void {
    this.#reads.push(this.#read(found, how))
  }

  /** One that started while we looked at others. */
  join(found: FoundTask): void {
    const { task } = found
    if (this.#open.size >= MOST_TASKS) {
      this.#deps.note(`'${task.name}' is not followed: ${MOST_TASKS} are already`)
      return
    }
    this.#deps.note(`'${task.name}' is followed too: task ${task.id}`)
    this.follow(found, true)
    // It lived for less than the time between two looks.
    if (!found.isLive) this.#noteEnd(found)
  }

  /** Those that the master does not list as living any more have ended. */
  endAllBut(tasks: readonly FoundTask[]): void {
    const now = new Map(tasks.map((found) => [taskKey(found.task), found]))
    for (const [key, { end, found }] of this.#open) {
      const seen = now.get(key)
      if (seen?.isLive === true) continue
      this.#open.delete(key)
      end()
      this.#noteEnd(seen ?? found)
    }
  }

  async done(): Promise<Followed> {
    await Promise.all(this.#reads)
    return { tasks: this.#reads.length, failures: this.#failures }
  }

  #noteEnd({ isLive, task }: FoundTask): void {
    // The master forgets old ends.
    const how = isLive ? 'is not known any more' : `has ended: ${stateWord(task.state)}`
    this.#deps.note(`'${task.name}' ${how}`)
  }

  async #read(found: FoundTask, how: Reading): Promise<void> {
    try {
      await this.#deps.read(found, how)
    } catch (error) {
      if (this.#deps.signal.aborted || !(error instanceof OperatingError)) throw error
      this.#open.delete(taskKey(found.task))
      this.#failures.push(error)
      this.#deps.trouble(`'${found.task.name}' cannot be read: ${reasonOf(error)}`)
    }
  }
}

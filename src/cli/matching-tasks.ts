// The tasks that several names or patterns mean together, for commands that take many. Pure.
import { OperatingError } from '../base/errors.ts'
import { findTask, type FoundTask } from './find-task.ts'

/** Followed at the same time; each takes a request now and then. */
export const MOST_TASKS = 50

export const isPattern = (typed: string): boolean => /[*?]/.test(typed)

/** Whether a task's name or id fits one of the patterns. */
export function fits({ task }: FoundTask, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const source = RegExp.escape(pattern).replaceAll('\\*', '.*').replaceAll('\\?', '.')
    const shape = new RegExp(`^${source}$`, 's')
    return shape.test(task.name) || shape.test(task.id)
  })
}

/**
 * Of a pattern (`web*`, `job-?`) all living tasks whose name or id fits, or when none lives all that ended.
 * @throws OperatingError REFUSED when one means no task, USAGE or LIMIT when too many are meant
 */
export function tasksMatching(tasks: readonly FoundTask[], typed: readonly string[]): readonly FoundTask[] {
  const found = new Set(
    typed.flatMap((one) => (isPattern(one) ? matching(tasks, one) : [findTask(tasks, one)])),
  )
  if (found.size <= MOST_TASKS) return [...found]
  throw new OperatingError(
    'LIMIT',
    `'${typed.join(' ')}' means ${found.size} tasks, more than ${MOST_TASKS}`,
    {
      hint: 'Type more of their names',
    },
  )
}

function matching(tasks: readonly FoundTask[], pattern: string): readonly FoundTask[] {
  const fitting = tasks.filter((found) => fits(found, [pattern]))
  if (fitting.length === 0)
    throw new OperatingError('REFUSED', `No task is named as '${pattern}'`, {
      hint: '`tepui ps -a` lists all tasks',
    })
  const live = fitting.filter(({ isLive }) => isLive)
  return live.length > 0 ? live : fitting
}

/** Pieces of a stream as lines with a prefix; the rest without a line break comes with `end`. */
export class PrefixedLines {
  readonly #prefix: string
  readonly #print: (line: string) => void
  readonly #decoder = new TextDecoder()
  #rest = ''

  constructor(prefix: string, print: (line: string) => void) {
    this.#prefix = prefix
    this.#print = print
  }

  take(piece: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(piece, { stream: true })).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#print(this.#prefix + line)
    // A line without an end must not grow for ever.
    if (this.#rest.length > MOST_LINE) this.#flush()
  }

  end(): void {
    if (this.#rest !== '') this.#flush()
  }

  #flush(): void {
    this.#print(this.#prefix + this.#rest)
    this.#rest = ''
  }
}

const MOST_LINE = 65_536

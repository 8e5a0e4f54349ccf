// What `tepui logs` prints: bytes as they are, or lines with whose they are, only those that fit, or as data.
import type { Context } from './command.ts'
import { type FoundTask, taskKey } from './find-task.ts'
import { PrefixedLines } from './matching-tasks.ts'
import { isData } from './output.ts'

type Colour = Parameters<Context['screen']['paint']>[0]
const COLOURS: readonly Colour[] = ['blue', 'green', 'yellow', 'red', 'grey']

/** One stream of one task. */
export interface LogOutput {
  take(piece: Uint8Array): void
  end(): void
}

interface How {
  /** Of several tasks. */
  readonly isMerged: boolean
  /** Both streams, each to our own; one alone is data, whichever it is. */
  readonly isBoth: boolean
  readonly grep: RegExp | undefined
}

/** Of several tasks each line says whose it is, in a colour of its own. */
export class LogOutputs {
  readonly #context: Pick<Context, 'common' | 'screen'>
  readonly #how: How
  /** What each task is called here, by its framework and id. */
  readonly #names = new Map<string, string>()
  readonly #taken = new Set<string>()

  constructor(context: Pick<Context, 'common' | 'screen'>, how: How) {
    this.#context = context
    this.#how = how
  }

  of(found: FoundTask, stream: 'stdout' | 'stderr'): LogOutput {
    const { common, screen } = this.#context
    const { task } = found
    const { grep, isBoth, isMerged } = this.#how
    const isError = isBoth && stream === 'stderr'
    if (isData(common)) {
      const print = (text: string): void => screen.print(JSON.stringify({ task: task.id, stream, text }))
      if (grep !== undefined) return this.#lines('', (line) => print(`${line}\n`))
      const decoder = new TextDecoder()
      return { take: (piece) => print(decoder.decode(piece, { stream: true })), end: () => undefined }
    }
    const print = (line: string): void => (isError ? screen.note(line) : screen.print(line))
    if (isMerged) return this.#lines(`${this.#nameOf(found)}  `, print)
    if (grep !== undefined) return this.#lines('', print)
    const write = (piece: Uint8Array): void => (isError ? screen.writeError(piece) : screen.write(piece))
    return { take: write, end: () => undefined }
  }

  /** Also of both streams of one task, which has one colour. */
  #nameOf({ task }: FoundTask): string {
    const key = taskKey(task)
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const colour = COLOURS[this.#names.size % COLOURS.length] ?? 'grey'
    const { paint } = this.#context.screen
    // Instances of one service have the same name.
    const name = paint(colour, this.#taken.has(task.name) ? task.id : task.name)
    this.#taken.add(task.name)
    this.#names.set(key, name)
    return name
  }

  #lines(prefix: string, print: (line: string) => void): LogOutput {
    const { grep } = this.#how
    const lines = new PrefixedLines('', (line) => {
      if (grep === undefined || grep.test(line)) print(prefix + line)
    })
    return { take: (piece) => lines.take(piece), end: () => lines.end() }
  }
}

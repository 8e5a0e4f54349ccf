// The terminal that somebody sits at, handed over to a command elsewhere: every key goes there, also Ctrl-C.
import { OperatingError } from '../base/errors.ts'
import { runCommand } from '../base/exec.ts'
import type { WindowSize } from './session.ts'

interface Sides {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
}

export class RawTerminal implements Disposable {
  readonly #sides: Sides
  readonly #onResize: () => void
  readonly #restore = (): void => {
    if (this.#sides.input.isTTY) this.#sides.input.setRawMode(false)
  }

  private constructor(sides: Sides, resized: (size: WindowSize) => void) {
    this.#sides = sides
    this.#onResize = () => resized(sizeOf(sides.output))
    if (sides.input.isTTY) sides.input.setRawMode(true)
    // Whatever ends this process: nobody is left with a terminal that shows nothing of what he types.
    process.on('exit', this.#restore)
    sides.output.on('resize', this.#onResize)
  }

  /**
   * @param told the size that the other one has
   * @param resized called with each new size
   */
  static async open(
    sides: Sides,
    told: WindowSize,
    resized: (size: WindowSize) => void,
  ): Promise<RawTerminal> {
    const terminal = new RawTerminal(sides, resized)
    const { columns, rows } = sizeOf(sides.output)
    if (columns !== told.columns || rows !== told.rows) resized({ columns, rows })
    if (sides.input.isTTY) await passOutput()
    return terminal
  }

  [Symbol.dispose](): void {
    this.#sides.output.off('resize', this.#onResize)
    process.off('exit', this.#restore)
    this.#restore()
  }
}

/** Node lets the terminal go on to add carriage returns, as the other one has done. Its way back undoes this too. */
async function passOutput(): Promise<void> {
  try {
    await runCommand('stty', ['-F', '/dev/tty', '-opost'])
  } catch (error) {
    // Without stty only programs that fill the screen look odd.
    if (!(error instanceof OperatingError)) throw error
  }
}

/** What a terminal has that does not tell. */
const COMMON: WindowSize = { rows: 24, columns: 80 }

export function sizeOf({ columns, rows }: { readonly columns?: number; readonly rows?: number }): WindowSize {
  return columns === undefined || rows === undefined || columns < 1 || rows < 1 ? COMMON : { rows, columns }
}

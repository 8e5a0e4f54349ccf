// A terminal that shows one picture after the other in place, until somebody types q or Ctrl-C.

const HOME = '\u001b[H'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'
const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR = '\u001b[2J'
const CTRL_C = '\u0003'

interface Terminal {
  readonly input: NodeJS.ReadStream
  readonly output: { write(text: string): unknown; readonly columns?: number; readonly rows?: number }
}

export class LiveScreen implements Disposable {
  readonly #terminal: Terminal
  readonly #stop = new AbortController()
  readonly #onKey = (key: Buffer): void => {
    const typed = key.toString('utf8')
    if (typed === 'q' || typed === CTRL_C) this.#stop.abort()
  }
  /** Aborts when it is enough. */
  readonly signal: AbortSignal

  constructor(terminal: Terminal, signal: AbortSignal) {
    this.#terminal = terminal
    this.signal = AbortSignal.any([signal, this.#stop.signal])
    const { input, output } = terminal
    if (input.isTTY) {
      input.setRawMode(true)
      input.on('data', this.#onKey).resume()
    }
    output.write(HIDE_CURSOR + CLEAR)
  }

  /** Line by line over what was there, so that nothing flickers; what the terminal has no room for is left out. */
  draw(lines: readonly string[]): void {
    const { columns = Number.POSITIVE_INFINITY, rows = Number.POSITIVE_INFINITY } = this.#terminal.output
    // The last row stays free: a line break there would move the picture.
    const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), '… make the window higher']
    const text = shown.map((line) => Array.from(line).slice(0, columns).join('') + CLEAR_LINE).join('\n')
    this.#terminal.output.write(`${HOME}${text}\n${CLEAR_BELOW}`)
  }

  [Symbol.dispose](): void {
    const { input, output } = this.#terminal
    if (input.isTTY) {
      input.off('data', this.#onKey).pause()
      input.setRawMode(false)
    }
    output.write(SHOW_CURSOR)
  }
}

// What a container prints while nobody listens, and while somebody begins to, is in the sandbox once and in order.
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isoTime } from '../../../../src/base/clock.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { type CatchUpDeps, copyOn, copyRest } from '../../../../src/containerizer/docker/catch-up.ts'
import { SandboxOutput } from '../../../../src/containerizer/docker/output.ts'
import { Turns } from '../../../../src/containerizer/docker/turns.ts'
import { ManualClock } from '../../../support/clock.ts'

const PIECE = 16 * 1024

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'catch-up-'))
})

afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** An engine with a container that prints on standard output: keeps whole lines with their times, hands on all. */
class Printer {
  readonly clock = new ManualClock()
  readonly isTerminal: boolean
  text = ''
  #line = ''
  readonly #pieces: { readonly at: number; readonly text: string }[] = []
  readonly #attached = new Set<PassThrough>()

  constructor(isTerminal = false) {
    this.isTerminal = isTerminal
  }

  print(text: string): void {
    this.text += text
    for (const one of this.#attached) one.write(this.isTerminal ? text : frame(Buffer.from(text)))
    for (const char of text) {
      this.#line += char
      if (char === '\n' || this.#line.length === PIECE) this.#keep()
    }
  }

  end(): void {
    if (this.#line !== '') this.#keep()
    for (const one of this.#attached) one.end()
    this.#attached.clear()
  }

  attach = async (): Promise<PassThrough> => {
    const stream = new PassThrough()
    this.#attached.add(stream)
    return stream
  }

  logs = async (_id: string, name: string, sinceSeconds = 0): Promise<Buffer> => {
    const since = sinceSeconds * 1000
    const pieces = name === 'stdout' ? this.#pieces.filter(({ at }) => at >= since) : []
    return Buffer.concat(
      pieces.map(({ at, text }) => {
        const stamped = Buffer.from(`${stampOf(at)} ${text}`)
        return this.isTerminal ? stamped : frame(stamped)
      }),
    )
  }

  #keep(): void {
    const last = this.#pieces.at(-1)?.at ?? 0
    this.#pieces.push({ at: Math.max(this.clock.now(), last + 0.001), text: this.#line })
    this.#line = ''
  }
}

function frame(payload: Buffer): Buffer {
  const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

function stampOf(at: number): string {
  const whole = Math.floor(at)
  const nanos = String(Math.round((at - whole) * 1e6)).padStart(6, '0')
  return isoTime(whole).replace('Z', `${nanos}Z`)
}

/** What the earlier life had written when it died, a while ago. */
function keep(text: string, at: number): void {
  const path = join(folder, 'stdout')
  writeFileSync(path, text)
  utimesSync(path, at / 1000, at / 1000)
}

function depsOf(printer: Printer): CatchUpDeps & { readonly output: SandboxOutput } {
  return {
    engine: printer,
    clock: printer.clock,
    log: silentLogger,
    containerId: 'one',
    dockerId: 'one',
    output: SandboxOutput.open({ sandbox: folder, maxBytes: 1e9, headBytes: 0, onTrouble: () => undefined }),
    raw: printer.isTerminal,
    signal: new AbortController().signal,
    logTurns: new Turns(1),
  }
}

const kept = (): string => readFileSync(join(folder, 'stdout'), 'utf8')

interface Print {
  readonly afterMs: number
  readonly text: string
}

interface Story {
  readonly isTerminal: boolean
  /** Printed while the earlier life lived, while nobody listened, and from the attachment on. */
  readonly before: readonly Print[]
  readonly away: readonly Print[]
  readonly after: readonly Print[]
  /** So many bytes were on their way when the earlier life died. */
  readonly inFlight: number
  readonly ends: boolean
}

async function tell(story: Story): Promise<{ readonly is: string; readonly wanted: string }> {
  const printer = new Printer(story.isTerminal)
  const { clock } = printer
  const printAll = async (prints: readonly Print[]): Promise<void> => {
    for (const { afterMs, text } of prints) {
      await clock.advance(afterMs)
      printer.print(text)
    }
  }
  await printAll(story.before)
  const last = story.before.at(-1)?.text.length ?? 0
  keep(
    printer.text.slice(0, printer.text.length - Math.min(story.inFlight, Math.max(0, last - 1))),
    clock.now() + 1,
  )
  await printAll(story.away)
  if (story.ends) printer.end()
  await clock.advance(30)
  using deps = Object.assign(depsOf(printer), { [Symbol.dispose]: () => deps.output[Symbol.dispose]() })
  const copied = story.ends ? copyRest(deps) : copyOn(deps)
  await clock.settle()
  if (!story.ends) {
    await printAll(story.after)
    await clock.advance(20_000)
    printer.end()
  }
  let isDone = false
  void copied.then(() => (isDone = true))
  while (!isDone) await clock.advance(100)
  return { is: kept(), wanted: printer.text }
}

/** Numbers, mostly one to a line, cut anywhere. */
const numbered = (salt: string): fc.Arbitrary<readonly Print[]> =>
  fc
    .tuple(
      fc.integer({ min: 0, max: 60 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 0, max: 900 })), {
        maxLength: 12,
      }),
    )
    .map(([count, cuts]) => {
      let text = Array.from(
        { length: count },
        (_, index) => `${salt}${index}${index % 7 === 3 ? ' ' : '\n'}`,
      ).join('')
      const prints: Print[] = []
      for (const [length, afterMs] of cuts) {
        if (text === '') break
        prints.push({ afterMs, text: text.slice(0, length) })
        text = text.slice(length)
      }
      return prints
    })

describe('a copy that goes on', () => {
  test('has every byte once, wherever it was cut and whatever was in flight', async () => {
    const story = fc.record({
      isTerminal: fc.boolean(),
      before: numbered('b'),
      away: numbered('w'),
      after: numbered('n'),
      inFlight: fc.integer({ min: 0, max: 80 }),
      ends: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(story, async (one) => {
        const { is, wanted } = await tell(one)
        expect(is).toBe(wanted)
      }),
      { numRuns: 300 },
    )
  })

  test('tells lines that are all the same apart by their times', async () => {
    const ticks = (count: number): Print[] =>
      Array.from({ length: count }, () => ({ afterMs: 400, text: 'tick\n' }))
    const { is, wanted } = await tell({
      isTerminal: false,
      before: ticks(40),
      away: ticks(30),
      after: ticks(20),
      inFlight: 0,
      ends: false,
    })
    expect(is.length / 5).toBe(wanted.length / 5)
  })

  test('goes on inside a line that is longer than the engine keeps in one piece', async () => {
    const line = Array.from({ length: 9000 }, (_, index) => `${index} `).join('')
    const { is, wanted } = await tell({
      isTerminal: true,
      before: [{ afterMs: 1, text: line.slice(0, 20_000) }],
      away: [{ afterMs: 100, text: line.slice(20_000, 40_000) }],
      after: [{ afterMs: 900, text: `${line.slice(40_000)}\nnext\n` }],
      inFlight: 0,
      ends: false,
    })
    expect(is === wanted).toBe(true)
  })
})

test('without the engine’s log, what is heard is kept all the same', async () => {
  const printer = new Printer()
  printer.logs = async () => Buffer.from('not a log at all')
  using deps = Object.assign(depsOf(printer), { [Symbol.dispose]: () => deps.output[Symbol.dispose]() })
  const copied = copyOn(deps)
  await printer.clock.settle()
  printer.print('heard\n')
  await printer.clock.advance(20_000)
  printer.end()
  await copied
  expect(kept()).toBe('heard\n')
})

/**
 * Copies what a container printed while nobody listened, then goes on with its attached stream: nothing is lost, and
 * nothing is there twice. What is missing comes from the engine's own log of the container.
 */
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Engine } from './engine.ts'
import { EngineError } from './engine-errors.ts'
import { type LogText, readLog, type StreamName, textAfter, textUntil } from './log-text.ts'
import type { SandboxOutput } from './output.ts'
import { type Kept, seamAfter, seamBefore } from './seams.ts'
import type { Turns } from './turns.ts'

export interface CatchUpDeps {
  readonly engine: Pick<Engine, 'attach' | 'logs'>
  readonly clock: Clock
  readonly log: Logger
  readonly containerId: string
  readonly dockerId: string
  readonly output: SandboxOutput
  /** It has a terminal. */
  readonly raw: boolean
  /** Ends the attached stream. */
  readonly signal: AbortSignal
  readonly logTurns: Turns
}

/** The engine writes a line into its log so much later at most than it hands it to who is attached, or earlier. */
const LAG_MS = 250
/** Before this, a line that was kept cannot have been printed: a look into the log begins there. */
const WINDOW_MS = 10_000
/** With less output than this, the whole log is read: it is short as a rule, and then no clock has to be right. */
const SHORT_BYTES = 1024 ** 2
/** Held back until it is known where in the log it begins; the task waits when it prints more. */
const HELD_BYTES = 1024 ** 2
/** A line that is longer than this is not waited for. */
const LINE_BYTES = 64 * 1024
const TRIES = 3
const STREAMS: readonly StreamName[] = ['stdout', 'stderr']

/** After the end of a container: copies the rest of its output. Never rejects. */
export async function copyRest(deps: CatchUpDeps): Promise<void> {
  const ended = AbortSignal.abort()
  await Promise.all(STREAMS.map((name) => new Join(deps, name, 0, ended).run()))
}

/** Copies until the attached stream ends or breaks. Never rejects. */
export async function copyOn(deps: CatchUpDeps): Promise<void> {
  const { engine, clock, dockerId, signal, output, raw } = deps
  const before = clock.now()
  const stream = await attached(deps, () => engine.attach(dockerId, signal))
  if (stream === undefined) return
  const ended = new AbortController()
  const joins = {
    stdout: new Join(deps, 'stdout', before, ended.signal),
    stderr: new Join(deps, 'stderr', before, ended.signal),
  }
  const runs = STREAMS.map((name) => joins[name].run())
  await output.follow(stream, raw, { take: (name, parts) => joins[name].take(parts) })
  ended.abort()
  await Promise.all(runs)
}

async function attached<T>(
  { log, containerId }: CatchUpDeps,
  attach: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await attach()
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    log.warn({ container: containerId, reason: reasonOf(error) }, 'Could not attach to a container again')
    return undefined
  }
}

/**
 *   catching up ──rest of the log, up to the attachment──▶ silent ──first whole line──▶ joined
 *        └─────────────a line came meanwhile─────────────────────────────────────▲
 */
class Join {
  readonly #deps: CatchUpDeps
  readonly #name: StreamName
  readonly #attachedAfter: number
  readonly #attachedBefore: number
  readonly #ended: AbortSignal
  /** It had ended before: nothing is heard. */
  readonly #isRest: boolean
  readonly #line = Promise.withResolvers<void>()
  readonly #over = Promise.withResolvers<void>()
  #held: Buffer[] = []
  #heldBytes = 0
  #lineAt: number | undefined
  #joined = false
  /** What is stamped until then is in the sandbox. */
  #doneUntil: number | undefined
  /** With so many bytes of what comes next. */
  #debt = 0

  /** @param ended aborts when the attached stream has ended: then the log holds everything */
  constructor(deps: CatchUpDeps, name: StreamName, attachedAfter: number, ended: AbortSignal) {
    this.#deps = deps
    this.#name = name
    this.#attachedAfter = attachedAfter
    this.#attachedBefore = deps.clock.now()
    this.#ended = ended
    this.#isRest = ended.aborted
    const end = (): void => this.#line.resolve()
    if (ended.aborted) end()
    else ended.addEventListener('abort', end, { once: true })
  }

  /** From the attached stream. */
  async take(parts: readonly Buffer[]): Promise<void> {
    if (this.#joined) return this.#deps.output.take(this.#name, parts)
    this.#held.push(...parts)
    this.#heldBytes += parts.reduce((sum, part) => sum + part.length, 0)
    if (this.#lineAt === undefined && parts.some((part) => part.includes('\n'))) {
      this.#lineAt = this.#deps.clock.now()
      this.#line.resolve()
    }
    if (this.#heldBytes > LINE_BYTES) this.#line.resolve()
    return this.#heldBytes > HELD_BYTES ? this.#over.promise : undefined
  }

  async run(): Promise<void> {
    try {
      await this.#wait(2 * LAG_MS)
      if (await this.#catchUp()) return
      await this.#line.promise
      for (let tries = 0; tries < TRIES; tries++) {
        await this.#wait(LAG_MS)
        if (await this.#join()) return
      }
      this.#note('It is not known where the output of a container goes on: a line may be missing')
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      this.#note('Output of a container from the time when nobody listened is missing', error)
      // An engine that is away is asked again, and has it all in its log.
      if (error instanceof EngineError && error.status === undefined) this.#held = []
    } finally {
      await this.#letThrough()
    }
  }

  /** The rest of the log up to the attachment; true when that was all. */
  async #catchUp(): Promise<boolean> {
    const { output, clock } = this.#deps
    const kept = output.kept(this.#name)
    const isShort = kept.totalBytes < SHORT_BYTES
    const askedAt = clock.now()
    const isOver = await this.#isOver()
    let log = await this.#read(isShort ? undefined : kept.changedAt - WINDOW_MS)
    let seam = seamAfter(kept, log, isShort ? kept.totalBytes : undefined)
    if (seam === undefined && !isShort) {
      log = await this.#read(undefined)
      seam = seamAfter(kept, log, undefined)
    }
    seam ??= this.#seamByTime(kept, log)
    const { position, debt } = seam
    if (isOver) return this.#writeAll(log, position)
    const isLineOld = this.#lineAt !== undefined && this.#lineAt + LAG_MS <= askedAt
    if (isLineOld && (await this.#joinAt(log, position))) return true
    const horizon = this.#heldBytes === 0 ? this.#attachedBefore + LAG_MS / 2 : this.#attachedAfter
    const sure = textUntil(log, horizon)
    await this.#write(sure, position, sure.text.length)
    this.#doneUntil = horizon
    this.#debt = Math.max(debt, position - sure.text.length)
    return false
  }

  /** With the first line of the attached stream in the log; true when its place was found. */
  async #join(): Promise<boolean> {
    const isOver = await this.#isOver()
    const doneUntil = this.#doneUntil ?? 0
    const log = textAfter(await this.#read(doneUntil - WINDOW_MS), doneUntil)
    return isOver ? this.#writeAll(log, this.#debt) : this.#joinAt(log, this.#debt)
  }

  /** After the end: what was heard is in the log too. */
  async #writeAll(log: LogText, position: number): Promise<true> {
    if (!(await this.#joinAt(log, position))) {
      await this.#write(log, position, log.text.length)
      this.#held = []
    }
    return true
  }

  /** Whether nothing more comes; then the engine has had the time to finish its log. */
  async #isOver(): Promise<boolean> {
    if (!this.#ended.aborted) return false
    if (!this.#isRest) await this.#deps.clock.sleep(LAG_MS)
    return true
  }

  async #joinAt(log: LogText, position: number): Promise<boolean> {
    const live = Buffer.concat(this.#held)
    const begin = seamBefore(live, log, this.#attachedAfter)
    if (begin === undefined) return false
    // What is heard from here on follows.
    this.#held = []
    await this.#write(log, position, begin)
    // What was kept may reach into what was heard: both end in the same line.
    this.#held.unshift(live.subarray(Math.max(0, position - begin)))
    return true
  }

  #seamByTime({ changedAt }: Kept, log: LogText): { position: number; debt: number } {
    this.#note(
      'What is kept of a container’s output is not in the engine’s log: times decide what is missing',
    )
    return { position: textUntil(log, changedAt).text.length, debt: 0 }
  }

  async #read(since: number | undefined): Promise<LogText> {
    const { engine, dockerId, raw, logTurns } = this.#deps
    const seconds = since === undefined ? undefined : Math.max(0, Math.floor(since / 1000))
    const answer = await logTurns.take(() => engine.logs(dockerId, this.#name, seconds))
    return readLog(answer ?? Buffer.of(), raw)[this.#name]
  }

  async #write(log: LogText, from: number, until: number): Promise<void> {
    if (until <= from) return
    const { output } = this.#deps
    await output.take(this.#name, [log.text.subarray(from, until)])
    // A later look into the log begins where this output was printed, not where it was written.
    const last = log.pieces.findLast(({ end }) => end <= until)
    if (last !== undefined) output.stamp(this.#name, last.at)
  }

  async #letThrough(): Promise<void> {
    while (this.#held.length > 0) await this.#deps.output.take(this.#name, this.#held.splice(0))
    this.#joined = true
    this.#over.resolve()
  }

  /** Ends early when the stream does. */
  async #wait(ms: number): Promise<void> {
    try {
      await this.#deps.clock.sleep(ms, this.#ended)
    } catch (error) {
      if (!this.#ended.aborted) throw error
    }
  }

  #note(sentence: string, error?: unknown): void {
    const { log, containerId } = this.#deps
    const reason = error === undefined ? undefined : reasonOf(error)
    log.warn({ container: containerId, stream: this.#name, reason }, sentence)
  }
}

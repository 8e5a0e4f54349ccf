// `tepui run`: one task, its phases, its output and its exit code.
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { humanDuration } from '../../base/units.ts'
import { Driver } from '../../frameworks/effects.ts'
import { shortfallText } from '../../frameworks/placement.ts'
import { type Placement, RunFramework, type RunNote, type RunOutcome } from '../../frameworks/run.ts'
import { frameworkInfo, type TaskWish } from '../../frameworks/task-wish.ts'
import type { SchedulerClient, TaskStatus } from '../../sdk/sdk.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { DETACHED_LABEL, DETACHED_SECONDS } from '../detached.ts'
import { dryRun } from '../dry-run.ts'
import { EXIT } from '../exit-codes.ts'
import { openFramework } from '../framework-session.ts'
import { isSet, textOf, timeOf } from '../option-values.ts'
import { RUN_OPTIONS, wishOf } from '../run-options.ts'
import { endOf } from '../task-end.ts'
import { TaskOutput } from '../task-output.ts'
import { stateWord } from '../words.ts'
import { isData, showData } from '../output.ts'

export const runCommand: Command = {
  name: 'run',
  arguments: ['[command...]'],
  summary: 'Run a command or an image on some agent; its output and exit code become ours',
  options: RUN_OPTIONS,
  passThrough: true,
  run: async (context, args, options) => {
    const wish = wishOf(args, options, context.environment)
    if (isSet(options, 'dryRun')) return dryRun(context, wish)
    const session = new RunSession(context, wish, options)
    return session.run()
  },
}

/** Between two lines that say that nothing fits yet. */
const NEWS_EVERY_MS = 10_000

class RunSession {
  readonly #context: Context
  readonly #wish: TaskWish
  readonly #options: OptionValues
  readonly #framework: RunFramework
  readonly #begun: number
  /** Aborts when the task is over, or when we no longer look. */
  readonly #over = Promise.withResolvers<void>()
  #driver: Driver | undefined
  #client: SchedulerClient | undefined
  #output: TaskOutput | undefined
  #placement: Placement | undefined
  #toldMissAt = Number.NEGATIVE_INFINITY
  #lastWords = ''

  constructor(context: Context, wish: TaskWish, options: OptionValues) {
    this.#context = context
    this.#wish = wish
    this.#options = options
    this.#framework = new RunFramework(wish, `${wish.name}.${context.random.uuid().slice(0, 8)}`)
    this.#begun = context.clock.monotonic()
  }

  async run(): Promise<number> {
    const { clock, signal } = this.#context
    const timeoutMs = timeOf(this.#options, 'timeout')
    const client = await openFramework(this.#context, this.#info())
    this.#client = client
    this.#driver = new Driver(client)
    const stop = (): void => this.#step({ type: 'stop' })
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    const giveUp =
      timeoutMs === undefined ? undefined : clock.after(timeoutMs, () => this.#step({ type: 'give-up' }))
    try {
      const events = this.#driver.run(client.events, (event) => this.#taken({ type: 'scheduler', event }))
      await Promise.race([this.#over.promise, events])
      await this.#driver.settled()
      return await this.#end()
    } finally {
      giveUp?.[Symbol.dispose]()
      signal.removeEventListener('abort', stop)
      this.#output?.stop()
      await this.#leave(client)
    }
  }

  get #detached(): boolean {
    return isSet(this.#options, 'detach')
  }

  #info(): ReturnType<typeof frameworkInfo> {
    return frameworkInfo({
      name: `run ${this.#wish.name}`,
      roles: [textOf(this.#options, 'role') ?? '*'],
      user: this.#wish.user,
      borrows: this.#wish.revocable,
      wish: this.#wish,
      ...(this.#detached && { failoverSeconds: DETACHED_SECONDS, labels: { [DETACHED_LABEL]: 'true' } }),
    })
  }

  #step(event: Parameters<RunFramework['step']>[0]): void {
    this.#driver?.act(this.#taken(event))
  }

  #taken(event: Parameters<RunFramework['step']>[0]): ReturnType<RunFramework['step']>['effects'] {
    const { effects, notes } = this.#framework.step(event)
    for (const note of notes) this.#told(note)
    if (this.#framework.outcome !== undefined) this.#over.resolve()
    return effects
  }

  #told(note: RunNote): void {
    switch (note.kind) {
      case 'near-miss': {
        const now = this.#context.clock.monotonic()
        if (now - this.#toldMissAt < NEWS_EVERY_MS) return
        this.#toldMissAt = now
        const { agentName, missing } = note.miss
        return this.#say(`waiting   ${agentName} does not fit: ${shortfallText(missing)}`)
      }
      case 'offer-gone':
        return this.#say(`waiting   the offer was gone: ${note.status.message ?? ''}`)
      case 'placed':
        this.#placement = note.placement
        this.#output = new TaskOutput(this.#context, this.#client?.frameworkId ?? '', note.placement)
        for (const { container, host } of note.placement.ports)
          this.#say(`port      ${note.placement.hostname}:${host} is ${container} inside`)
        return this.#say(`offered   ${note.placement.agentName} takes ${note.placement.taskId}`)
      case 'status':
        return this.#status(note.status)
    }
  }

  #status(status: TaskStatus): void {
    const words = `${stateWord(status.state).padEnd(8)}  ${status.message ?? ''}`.trimEnd()
    if (words !== this.#lastWords && !isTerminal(status.state)) this.#say(words)
    this.#lastWords = words
    if (isTerminal(status.state)) return
    if (status.state === 'TASK_RUNNING' && this.#detached) this.#over.resolve()
    if (status.state === 'TASK_RUNNING' && !this.#detached) this.#output?.start()
  }

  #say(words: string): void {
    if (isSet(this.#options, 'quiet')) return
    const { clock, screen } = this.#context
    const age = humanDuration(clock.monotonic() - this.#begun).padStart(7)
    screen.note(screen.paint('grey', `[${age}] ${words}`))
  }

  async #end(): Promise<number> {
    const { outcome } = this.#framework
    if (outcome === undefined) return this.#detach()
    if (outcome.kind === 'task-ended') await this.#output?.drain()
    return this.#tellEnd(outcome)
  }

  async #detach(): Promise<number> {
    const { common, screen } = this.#context
    const placement = this.#placement
    if (placement === undefined) throw new OperatingError('STOPPED', 'The master ended the subscription')
    const framework = this.#client?.frameworkId ?? ''
    if (isData(common))
      await showData(this.#context, { task: placement.taskId, framework, agent: placement.agentName })
    else screen.print(placement.taskId)
    this.#say(`detached  tepui logs -f ${placement.taskId}    tepui kill ${placement.taskId}`)
    return EXIT.done
  }

  #tellEnd(outcome: RunOutcome): number {
    const { screen, signal } = this.#context
    const end = endOf(outcome, signal.aborted)
    if (end.exitCode === EXIT.done) this.#say(end.lines[0] ?? 'ended')
    else for (const line of end.lines) screen.note(line)
    return end.exitCode
  }

  /** A detached task keeps its framework while it runs; every other framework goes. */
  async #leave(client: SchedulerClient): Promise<void> {
    const stays = this.#detached && this.#framework.outcome === undefined && this.#placement !== undefined
    try {
      if (!stays) await client.teardown()
    } catch (error) {
      this.#context.screen.note(`tepui run: the master was not told that we leave: ${reasonOf(error)}`)
    } finally {
      await client[Symbol.asyncDispose]()
    }
  }
}

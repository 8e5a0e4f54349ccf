/**
 * What people can ask of lending on this agent and change about it: the switch, the plug-ins' options, the history.
 * Keeps what must survive a restart.
 */
import { type Clock, every } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { ModeDecision } from '../../resources/decision.ts'
import type { Settings } from '../../store/settings.ts'
import type { Lending } from './lending.ts'
import { configure, loadPlugins, type PluginFlags, type PluginNames, wantedPlugins } from './plug-ins.ts'
import type { Records } from './records.ts'
import { type Change, type LendSwitch, MODES } from './switch.ts'

export interface DeskDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly settings: Settings
  readonly lending: Lending
  readonly power: LendSwitch
  readonly records: Records
  readonly flags: PluginFlags
}

const SAVE_EVERY_MS = 60_000
const STATE = 'lend.estimator'
/** More than the state of a thousand owners; what is larger is a mistake of a plug-in. */
const MAX_STATE_BYTES = 16 * 1024 * 1024

export class LendDesk {
  readonly #deps: DeskDeps
  #names: PluginNames
  /** Changes are made one after the other. */
  #changing: Promise<unknown> = Promise.resolve()

  /** @param names what was loaded at the start */
  constructor(deps: DeskDeps, names: PluginNames) {
    this.#deps = deps
    this.#names = names
  }

  get lending(): Lending {
    return this.#deps.lending
  }

  get power(): LendSwitch {
    return this.#deps.power
  }

  get records(): Records {
    return this.#deps.records
  }

  /** The plug-ins in use, as flags name them. */
  get names(): PluginNames {
    return this.#names
  }

  /** Before the first snapshot: what the estimator knew, and the options that were set while the agent ran. */
  async restore(): Promise<void> {
    const { clock, lending, log, power, settings } = this.#deps
    for (const note of power.notes) log.warn({ note }, 'a setting of lending was not taken over')
    try {
      await this.#configure(power.estimatorOptions, power.controllerOptions)
    } catch (error) {
      log.warn({ reason: reasonOf(error) }, 'options of lending that were set before are not taken over')
      power.apply({ estimatorOptions: {}, controllerOptions: {}, forget: true })
    }
    const saved = settings.get(STATE)
    if (!isSaved(saved) || saved.estimator !== this.#names.estimator) return
    const reason = lending.plugins.estimator?.restore?.(saved.state, clock.now())
    if (reason !== undefined) log.info({ reason }, 'the estimator starts without its history')
  }

  /** Runs lending until the signal aborts, and keeps the estimator's state. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, lending, log } = this.#deps
    const onFailure = (error: unknown): void =>
      log.warn({ reason: reasonOf(error) }, 'the state of the estimator could not be kept')
    const saving = every(clock, { ms: SAVE_EVERY_MS, name: 'keeping', onFailure }, () => this.save(), signal)
    try {
      await Promise.all([lending.run(signal), saving])
    } finally {
      try {
        this.save()
      } catch (error) {
        onFailure(error)
      }
    }
  }

  /** @throws OperatingError FILE */
  save(): void {
    const { lending, settings } = this.#deps
    const state = lending.plugins.estimator?.save?.()
    if (state === undefined) return
    const saved = { estimator: this.#names.estimator, state }
    const bytes = JSON.stringify(saved).length
    if (bytes > MAX_STATE_BYTES) throw new Error(`The estimator wants to keep ${bytes} bytes`)
    settings.set(STATE, saved)
  }

  /**
   * Makes a change, all of it or nothing.
   * @param by who asked, for the record
   * @throws OperatingError USAGE, PLUGIN with what was wrong and what was expected; FILE when it cannot be kept
   */
  change(change: Change, by: string): Promise<void> {
    const done = this.#changing.then(() => this.#change(change, by))
    // Who asked is told of a failure; the next change does not depend on it.
    this.#changing = done.then(nothing, nothing)
    return done
  }

  async #change(change: Change, by: string): Promise<void> {
    const { flags, lending, log, power } = this.#deps
    const from = power.mode
    const wasPaused = power.paused
    const to = change.mode ?? from
    if (to !== 'off' && lending.plugins.estimator === undefined) {
      const names = wantedPlugins(flags)
      const onTrouble = (reason: string): void => log.warn({ reason }, 'a plug-in of lending failed')
      const plugins = await loadPlugins(names, onTrouble)
      this.#names = names
      lending.use(plugins)
    }
    if (change.estimatorOptions !== undefined || change.controllerOptions !== undefined) {
      const estimator = { ...power.estimatorOptions, ...change.estimatorOptions }
      const controller = { ...power.controllerOptions, ...change.controllerOptions }
      await this.#configure(
        change.estimatorOptions === undefined ? {} : estimator,
        change.controllerOptions === undefined ? {} : controller,
      )
    }
    power.apply(change)
    log.info({ mode: power.mode, paused: power.paused, by }, 'lending was set')
    const turned = { from, to, ...(power.paused !== wasPaused && { paused: power.paused }) }
    if (from !== to || power.paused !== wasPaused)
      this.records.add(modeDecision(this.#deps.clock.now(), turned, by))
    lending.switched(from)
  }

  async #configure(
    estimator: LendSwitch['estimatorOptions'],
    controller: LendSwitch['controllerOptions'],
  ): Promise<void> {
    await configure(this.#names, this.#deps.lending.plugins, { estimator, controller })
  }
}

const nothing = (): void => undefined

type Turned = Pick<ModeDecision, 'from' | 'to' | 'paused'>

/** The modes are steps from off to full; a pause and its end are one step each. */
function modeDecision(at: number, turned: Turned, by: string): ModeDecision {
  const { from, to, paused } = turned
  const steps = Math.abs(MODES.indexOf(to) - MODES.indexOf(from)) + (paused === undefined ? 0 : 1)
  return {
    kind: 'mode',
    at,
    ...turned,
    by,
    owner: 'the machine',
    signal: 'the switch of lending',
    value: steps,
    threshold: 1,
    comparison: 'at least',
    unit: 'steps',
    forMs: 0,
    borrowers: [],
    terms: [],
    effect: {},
    before: { value: MODES.indexOf(from), unit: 'mode' },
    after: { value: MODES.indexOf(to), unit: 'mode' },
    why: `${by} ${turnedText(turned)}`,
  }
}

function turnedText({ from, paused, to }: Turned): string {
  const mode = from === to ? [] : [`set the mode of lending from ${from} to ${to}`]
  const pause = paused === undefined ? [] : [paused ? 'paused lending' : 'resumed lending']
  return [...mode, ...pause].join(' and ')
}

function isSaved(value: unknown): value is { readonly estimator: string; readonly state: unknown } {
  return typeof value === 'object' && value !== null && 'estimator' in value && 'state' in value
}

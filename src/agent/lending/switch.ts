// The switch of lending: mode, pause and windows as people set them, kept over restarts of the agent.
import { OperatingError } from '../../base/errors.ts'
import type { Mode } from '../../resources/decision.ts'
import type { Settings } from '../../store/settings.ts'
import { readWindows, type Windows } from './windows.ts'

export const MODES: readonly Mode[] = ['off', 'observe', 'lend', 'full']

/** Plug-ins and their options, as `NAME` and `key=value` pairs that were set while the agent ran. */
export type OptionTexts = Readonly<Record<string, string>>

/** What can be changed while the agent runs; what is left out stays. */
export interface Change {
  readonly mode?: Mode
  readonly paused?: boolean
  readonly windows?: Windows
  readonly estimatorOptions?: OptionTexts
  readonly controllerOptions?: OptionTexts
  /** The options replace those that were set before, instead of being added to them. */
  readonly forget?: boolean
}

/** What the flags say; a flag that changed since a setting was made wins over that setting. */
export interface FlagDefaults {
  readonly mode: Mode
  readonly windows: string
  readonly estimator: string
  readonly controller: string
}

const NAME = 'lend.switch'

interface Saved {
  readonly mode?: Mode
  readonly paused?: boolean
  readonly windows?: string
  readonly estimatorOptions?: OptionTexts
  readonly controllerOptions?: OptionTexts
  /** The flags as they were when the settings were made. */
  readonly flags: FlagDefaults
}

export class LendSwitch {
  readonly #settings: Settings
  readonly #flags: FlagDefaults
  mode: Mode
  paused: boolean
  windows: Windows
  estimatorOptions: OptionTexts
  controllerOptions: OptionTexts
  /** What of the saved settings was not taken over, for the log. */
  readonly notes: readonly string[]

  /** @throws OperatingError USAGE when the flags' windows cannot be read */
  constructor(settings: Settings, flags: FlagDefaults) {
    this.#settings = settings
    this.#flags = flags
    const notes: string[] = []
    const saved = readSaved(settings.get(NAME), notes)
    /** A setting counts as long as the flag that it overrides says what it said then. */
    const kept = <T>(value: T | undefined, flag: keyof FlagDefaults, fallback: T): T => {
      if (value === undefined) return fallback
      if (saved?.flags[flag] === flags[flag]) return value
      notes.push(`the flag for the ${flag} of lending changed: what was set at run time is dropped`)
      return fallback
    }
    this.mode = kept(saved?.mode, 'mode', flags.mode)
    this.paused = saved?.paused ?? false
    this.windows = readWindows(kept(saved?.windows, 'windows', flags.windows))
    this.estimatorOptions = kept(saved?.estimatorOptions, 'estimator', {})
    this.controllerOptions = kept(saved?.controllerOptions, 'controller', {})
    this.notes = notes
  }

  /** Why nothing more is lent at this wall time; undefined when lending is wanted. */
  closed(at: number): string | undefined {
    if (this.mode === 'off') return 'lending is off'
    if (this.mode === 'observe') return 'the mode is observe: nothing is lent, only recorded what would be'
    if (this.paused) return 'lending is paused'
    return this.windows.closed(at)
  }

  /** Why a decision is recorded and not carried out; undefined when it is. */
  heldBack(kind: string): string | undefined {
    if (this.mode === 'observe') return 'the mode is observe'
    if (this.mode === 'off') return 'lending is off'
    return this.mode === 'lend' && kind === 'evict' ? 'the mode is lend: no borrower is ended' : undefined
  }

  /** Takes a change over and keeps it. @throws OperatingError FILE when it cannot be kept; nothing changes then */
  apply(change: Change): void {
    const next = {
      mode: change.mode ?? this.mode,
      paused: change.paused ?? this.paused,
      windows: change.windows ?? this.windows,
      estimatorOptions: {
        ...(change.forget === true ? {} : this.estimatorOptions),
        ...change.estimatorOptions,
      },
      controllerOptions: {
        ...(change.forget === true ? {} : this.controllerOptions),
        ...change.controllerOptions,
      },
    }
    const saved: Saved = { ...next, windows: next.windows.text, flags: this.#flags }
    this.#settings.decide(NAME, saved)
    Object.assign(this, next)
  }
}

/** What the file holds, field by field: anything may stand there. */
function readSaved(value: unknown, notes: string[]): Saved | undefined {
  if (value === undefined) return undefined
  if (!isRecord(value) || !isRecord(value['flags'])) {
    notes.push('the saved switch of lending cannot be read and is dropped')
    return undefined
  }
  const { mode, paused, windows, estimatorOptions, controllerOptions, flags } = value
  const known = MODES.find((one) => one === mode)
  return {
    ...(known !== undefined && { mode: known }),
    ...(typeof paused === 'boolean' && { paused }),
    ...(typeof windows === 'string' && isReadable(windows, notes) && { windows }),
    ...(isTexts(estimatorOptions) && { estimatorOptions }),
    ...(isTexts(controllerOptions) && { controllerOptions }),
    flags: flags as unknown as FlagDefaults,
  }
}

function isReadable(windows: string, notes: string[]): boolean {
  try {
    readWindows(windows)
    return true
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    notes.push(`the saved windows of lending are dropped: ${error.message}`)
    return false
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isTexts(value: unknown): value is OptionTexts {
  return isRecord(value) && Object.values(value).every((one) => typeof one === 'string')
}

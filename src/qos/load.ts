// The `load` controller of Mesos: above a load average every borrower goes (spec/mesos.md 11.4).
import { OperatingError } from '../base/errors.ts'
import { numberOption, readOptions } from '../base/options.ts'
import type { ResourceUsage } from '../resources/usage.ts'
import type { Action, ControllerFactory, QosController, QosInput } from './controller.ts'
import { evict } from './evicting.ts'
import { PulseMeter } from './meter.ts'
import { borrowersIn, type Scene, type Signal } from './scene.ts'

const OPTIONS = {
  load_threshold_5min: numberOption(Number.POSITIVE_INFINITY, 0, Number.MAX_VALUE),
  load_threshold_15min: numberOption(Number.POSITIVE_INFINITY, 0, Number.MAX_VALUE),
}

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>

class LoadController implements QosController {
  readonly name = 'load'
  #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  configure(options: Readonly<Record<string, string>>): void {
    this.#options = readLoadOptions(options)
  }

  /** Looks once a second, when the full snapshot comes; the kill is SIGKILL at once, as in Mesos. */
  decide({ pulse, usage, allowed }: QosInput): readonly Action[] {
    if (usage === undefined || allowed === 'lend') return []
    const signal = this.#overload(usage)
    if (signal === undefined) return []
    const scene: Scene = {
      pulse,
      now: pulse.monotonic,
      cores: pulse.host.cpus,
      allowed,
      meter: new PulseMeter(),
      owners: [],
      borrowers: [],
      borrowersUse: 0,
      inactiveFile: () => 0,
    }
    const candidates = borrowersIn(scene).map((container) => ({ container, frees: container.reservedCpus }))
    const lent = candidates.reduce((sum, { frees }) => sum + frees, 0)
    return evict(scene, {
      signal,
      candidates,
      needs: lent,
      rule: 'all',
      before: { value: lent, unit: 'cpus' },
      gain: -1,
      graceMs: 0,
      text: `the ${signal.signal} is ${signal.value.toFixed(2)}, above ${signal.threshold}`,
    })
  }

  #overload({ host }: ResourceUsage): Signal | undefined {
    return (
      overload('5 minute load', host.load5, this.#options.load_threshold_5min) ??
      overload('15 minute load', host.load15, this.#options.load_threshold_15min)
    )
  }
}

function overload(signal: string, value: number, threshold: number): Signal | undefined {
  return value > threshold
    ? { owner: 'the machine', signal, value, threshold, comparison: 'above', unit: 'load', forMs: 0 }
    : undefined
}

function readLoadOptions(options: Readonly<Record<string, string>>): Options {
  const read = readOptions('load', OPTIONS, options)
  if (Object.keys(options).length > 0) return read
  throw new OperatingError(
    'USAGE',
    "The controller 'load' needs load_threshold_5min or load_threshold_15min",
    { hint: 'For example --qos_controller=load?load_threshold_5min=6' },
  )
}

const loadController: ControllerFactory = (options) => new LoadController(readLoadOptions(options))
export default loadController

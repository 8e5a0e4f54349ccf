// The `load` controller of Mesos: above a load average every borrower goes (spec/mesos.md 11.4).
import { OperatingError } from '../base/errors.ts'
import { numberOption, readOptions } from '../base/options.ts'
import type { Cause } from '../resources/decision.ts'
import type { ResourceUsage } from '../resources/usage.ts'
import type { ControllerFactory, Correction, QosController } from './controller.ts'

const OPTIONS = {
  load_threshold_5min: numberOption(Number.POSITIVE_INFINITY, 0, Number.MAX_VALUE),
  load_threshold_15min: numberOption(Number.POSITIVE_INFINITY, 0, Number.MAX_VALUE),
}

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>

class LoadController implements QosController {
  readonly name = 'load'
  readonly #options: Options

  constructor(options: Options) {
    this.#options = options
  }

  correct(usage: ResourceUsage): readonly Correction[] {
    const cause =
      overload('5 minute load', usage.host.load5, this.#options.load_threshold_5min) ??
      overload('15 minute load', usage.host.load15, this.#options.load_threshold_15min)
    if (cause === undefined) return []
    const message = `Container preempted by QoS correction: the ${cause.signal} is ${cause.value.toFixed(2)}, above ${cause.threshold}`
    return usage.containers
      .filter((container) => container.revocable)
      .map(({ frameworkId, executorId, containerId }) => ({
        kind: 'kill',
        frameworkId,
        executorId,
        containerId,
        cause,
        message,
      }))
  }
}

function overload(signal: string, value: number, threshold: number): Cause | undefined {
  return value > threshold
    ? { owner: 'the machine', signal, value, threshold, unit: 'load', forMs: 0 }
    : undefined
}

const loadController: ControllerFactory = (options) => {
  const read = readOptions('load', OPTIONS, options)
  if (Object.keys(options).length === 0) {
    throw new OperatingError(
      'USAGE',
      "The controller 'load' needs load_threshold_5min or load_threshold_15min",
      {
        hint: 'For example --qos_controller=load?load_threshold_5min=6',
      },
    )
  }
  return new LoadController(read)
}
export default loadController

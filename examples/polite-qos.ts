// A controller that never ends anybody: --qos_controller=./examples/polite-qos.ts?threshold=0.1&share=0.25
// While an owner waits for cpu, borrowers get a share of the machine. It shows pulses, actions and their records.
import type { Action, ControllerFactory, Pulse, QosController, QosInput } from '../src/qos/controller.ts'
import { PulseMeter } from '../src/qos/meter.ts'
import type { Level, Told } from '../src/resources/decision.ts'

/** Borrowers under this share of the machine are not the reason of an owner's trouble. */
const INNOCENT = 0.02
/** Owners must be calm for so long before the quota is lifted. */
const CALM_MS = 5000

interface Settings {
  readonly threshold: number
  readonly share: number
}

class Polite implements QosController {
  readonly name = 'polite'
  #settings: Settings
  readonly #meter = new PulseMeter()
  #quota = Number.POSITIVE_INFINITY
  #calmSince = 0

  constructor(settings: Settings) {
    this.#settings = settings
  }

  configure(options: Readonly<Record<string, string>>): void {
    // Read before it is taken: a refusal leaves everything as it was.
    this.#settings = read(options)
  }

  reset(): void {
    this.#quota = Number.POSITIVE_INFINITY
  }

  decide({ pulse }: QosInput): readonly Action[] {
    this.#meter.add(pulse)
    const rates = pulse.containers.flatMap(({ containerId }) => this.#meter.rates(containerId, 200) ?? [])
    const lent = rates.reduce((sum, { container, cpus }) => sum + (container.revocable ? cpus : 0), 0)
    const owners = rates.filter(({ container }) => !container.revocable)
    const worst = owners.toSorted((a, b) => (b.waiting ?? 0) - (a.waiting ?? 0))[0]
    const waiting = worst?.waiting ?? 0
    const squeezed = Number.isFinite(this.#quota)
    if (worst !== undefined && waiting >= this.#settings.threshold) {
      this.#calmSince = pulse.monotonic
      const guilty = lent >= INNOCENT * pulse.host.cpus
      return guilty && !squeezed ? [this.#squeeze(pulse, worst.container.label, waiting)] : []
    }
    return squeezed && pulse.monotonic - this.#calmSince >= CALM_MS ? [this.#relax(pulse, waiting)] : []
  }

  #squeeze(pulse: Pulse, owner: string, waiting: number): Action {
    const { cpus } = pulse.host
    const { share } = this.#settings
    const quotaCpus = share * cpus
    const why = `'${owner}' waits for cpu: borrowers get ${share * 100} % of the machine`
    const decision = {
      ...this.#told(pulse, owner, waiting, quotaCpus, why),
      kind: 'squeeze',
      floor: 0,
      // The terms add up to the quota: whoever reads the record can check it.
      terms: [
        { name: 'cores', value: cpus, unit: 'cpus', of: undefined, why: 'what the machine has' },
        { name: 'owners', value: quotaCpus - cpus, unit: 'cpus', of: undefined, why: 'set by the flag' },
      ],
    } as const
    this.#quota = quotaCpus
    return { kind: 'squeeze', quotaCpus, periodMs: 10, decision }
  }

  #relax(pulse: Pulse, waiting: number): Action {
    const quotaCpus = Number.POSITIVE_INFINITY
    const why = 'No owner waits: borrowers may use all that is idle again'
    const decision = {
      ...this.#told(pulse, 'the machine', waiting, quotaCpus, why),
      kind: 'relax',
      factor: pulse.host.cpus / this.#quota,
      ceiling: pulse.host.cpus,
    } as const
    this.#quota = quotaCpus
    return { kind: 'relax', quotaCpus, decision }
  }

  #told(pulse: Pulse, owner: string, waiting: number, after: number, why: string): Told {
    const { threshold } = this.#settings
    return {
      at: pulse.at,
      owner,
      borrowers: [],
      signal: 'cpu pressure',
      value: waiting,
      threshold,
      comparison: waiting >= threshold ? 'at least' : 'below',
      unit: 'share of time waiting',
      forMs: pulse.monotonic - this.#calmSince,
      terms: [],
      before: level(this.#quota),
      after: level(after),
      why,
      effect: {},
    }
  }
}

const polite: ControllerFactory = (options) => new Polite(read(options))
export default polite

function level(cpus: number): Level {
  return { value: Number.isFinite(cpus) ? cpus : 'max', unit: 'cpus' }
}

function read(options: Readonly<Record<string, string>>): Settings {
  const settings: Record<string, number> = { threshold: 0.1, share: 0.25 }
  for (const [name, text] of Object.entries(options)) {
    if (!Object.hasOwn(settings, name))
      throw new Error(`'polite' has no option '${name}'; it has threshold and share`)
    const value = Number(text)
    if (!(value > 0 && value <= 1)) throw new Error(`${name} is '${text}': expected more than 0, at most 1`)
    settings[name] = value
  }
  return { threshold: settings['threshold'] ?? 0, share: settings['share'] ?? 0 }
}

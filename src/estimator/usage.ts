// The `usage` estimator: lends what owners reserved and do not use, less a margin and a headroom (spec/lending.md 3.2).
//
//   idle  = Σ over owners (reserved − demand)          what stands empty
//   spare = C − system − Σ demand                      what the machine can really give
//   lend  = min(idle, spare) − headroom · C            and never below nothing
import { durationOption, numberOption, readOptions } from '../base/options.ts'
import type { Term } from '../resources/decision.ts'
import { Resources } from '../resources/resources.ts'
import type { ContainerUsage, ResourceUsage } from '../resources/usage.ts'
import { CpuHistory } from './history.ts'
import type { Estimate, EstimatorFactory, ResourceEstimator } from './estimator.ts'

const OPTIONS = {
  /** Share of all cores that is never lent: 10 % suffices while the kernel's lowest tier is in force (lending.md 3.2, step 7). */
  headroom: numberOption(0.1, 0, 1),
  /** An owner's demand is its highest second in this window … */
  window: durationOption(60_000, 1000),
  /** … times this. */
  margin: numberOption(1.1, 1, 10),
  /** A younger owner is taken to need all that it reserved (Borg and Serenity agree on five minutes). */
  cold_start: durationOption(300_000, 0),
  /** At most this share of all cores is lent. */
  cap: numberOption(1, 0, 1),
}

/** Reports are in tenths of a core: every change makes the master rescind offers. */
const STEP = 0.1
/** Readings older than this do not count as known. */
const BLIND_AFTER_MS = 3000

type Options = ReturnType<typeof readOptions<typeof OPTIONS>>

class UsageEstimator implements ResourceEstimator {
  readonly name = 'usage'
  readonly #options: Options
  readonly #history: CpuHistory
  readonly #system: SystemShare

  constructor(options: Options) {
    this.#options = options
    this.#history = new CpuHistory(options.window)
    this.#system = new SystemShare(options.window)
  }

  estimate(usage: ResourceUsage): Estimate {
    this.#history.add(usage)
    const system = this.#system.add(usage)
    if (system === undefined) return { kind: 'unknown', reason: 'the first reading has no rate yet' }
    const terms: Term[] = []
    const owners = usage.containers.filter((container) => !container.revocable)
    let idle = 0
    let demand = 0
    for (const owner of owners) {
      const reserved = owner.allocated.scalar('cpus')
      const [needs, why] = this.#demand(owner, usage, reserved)
      idle += reserved - needs
      demand += needs
      terms.push({
        name: 'reserved but idle',
        value: reserved - needs,
        unit: 'cpus',
        of: labelOf(owner),
        why,
      })
    }
    const cores = usage.host.cpus
    const spare = cores - system - demand
    if (spare < idle) {
      const why = `of ${cores} cores the system uses ${system.toFixed(2)} and owners need ${demand.toFixed(2)}`
      terms.push({
        name: 'the machine has less to spare',
        value: spare - idle,
        unit: 'cpus',
        of: 'the machine',
        why,
      })
    }
    const headroom = this.#options.headroom * cores
    terms.push({
      name: 'headroom',
      value: -headroom,
      unit: 'cpus',
      of: 'the machine',
      why: `${this.#options.headroom * 100} % of ${cores} cores stay free`,
    })
    const uncapped = Math.min(idle, spare) - headroom
    const lend = Math.min(uncapped, this.#options.cap * cores)
    if (lend < uncapped) {
      const why = `at most ${this.#options.cap * 100} % of ${cores} cores are lent`
      terms.push({ name: 'cap', value: lend - uncapped, unit: 'cpus', of: 'the machine', why })
    }
    return { kind: 'known', additional: this.#additional(usage, lend, terms), terms }
  }

  #demand(owner: ContainerUsage, usage: ResourceUsage, reserved: number): readonly [number, string] {
    const { cold_start: coldStart, margin, window } = this.#options
    const age = usage.at - owner.startedAt
    if (age < coldStart)
      return [
        reserved,
        `it is ${Math.round(age / 1000)} s old: taken to need all of it until ${coldStart / 1000} s`,
      ]
    const peak = this.#history.peak(owner.containerId)
    if (peak === undefined || this.#history.ageMs(owner.containerId, usage.monotonic) > BLIND_AFTER_MS) {
      return [reserved, 'its usage cannot be read: taken to need all of it']
    }
    const needs = Math.min(reserved, peak * margin)
    return [needs, `of ${reserved} it used at most ${peak.toFixed(2)} in ${window / 1000} s, times ${margin}`]
  }

  /** What may be lent beyond what is lent already, in steps of a tenth. Terms recompute to it. */
  #additional(usage: ResourceUsage, lend: number, terms: Term[]): Resources {
    let lent = 0
    for (const container of usage.containers) {
      if (!container.revocable) continue
      const cpus = container.allocated.revocable().scalar('cpus')
      lent += cpus
      terms.push({
        name: 'lent already',
        value: -cpus,
        unit: 'cpus',
        of: labelOf(container),
        why: 'a borrower runs on it',
      })
    }
    const rest = lend - lent
    // A ten-thousandth absorbs the error of adding decimals in binary.
    const steps = Math.max(0, Math.floor(rest / STEP + 1e-4))
    const additional = Math.round(steps * STEP * 1000) / 1000
    terms.push({
      name: 'rounding',
      value: additional - rest,
      unit: 'cpus',
      of: undefined,
      why:
        rest < 0
          ? 'nothing more is lent; nothing is taken back on an estimate alone'
          : `down to steps of ${STEP}`,
    })
    return revocableCpus(additional)
  }
}

/** CPU that no container accounts for: the kernel, the engine, this agent. Its peak in the window, at least 0.05 cores. */
class SystemShare {
  static readonly FLOOR = 0.05
  readonly #windowMs: number
  readonly #samples: { at: number; cpus: number }[] = []
  #last: { at: number; busy: number; containers: Map<string, number> } | undefined

  constructor(windowMs: number) {
    this.#windowMs = windowMs
  }

  add(usage: ResourceUsage): number | undefined {
    const containers = new Map<string, number>()
    for (const { containerId, statistics } of usage.containers) {
      if (statistics !== undefined) containers.set(containerId, statistics.cpuSeconds)
    }
    const last = this.#last
    this.#last = { at: usage.monotonic, busy: usage.host.cpuBusySeconds, containers }
    if (last === undefined || usage.monotonic <= last.at)
      return this.#samples.length === 0 ? undefined : this.#peak()
    let inside = 0
    for (const [id, seconds] of containers)
      inside += Math.max(0, seconds - (last.containers.get(id) ?? seconds))
    const cpus =
      Math.max(0, usage.host.cpuBusySeconds - last.busy - inside) / ((usage.monotonic - last.at) / 1000)
    this.#samples.push({ at: usage.monotonic, cpus })
    while ((this.#samples[0]?.at ?? 0) < usage.monotonic - this.#windowMs) this.#samples.shift()
    return this.#peak()
  }

  /** The 95th percentile, so that one odd second does not count for a whole window. */
  #peak(): number {
    const sorted = this.#samples.map((sample) => sample.cpus).sort((a, b) => a - b)
    return Math.max(SystemShare.FLOOR, sorted[Math.max(0, Math.ceil(sorted.length * 0.95) - 1)] ?? 0)
  }
}

function revocableCpus(cpus: number): Resources {
  return Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value: cpus } }]).markRevocable()
}

function labelOf(container: ContainerUsage): string {
  return container.taskIds[0] ?? container.executorId
}

const usageEstimator: EstimatorFactory = (options) =>
  new UsageEstimator(readOptions('usage', OPTIONS, options))
export default usageEstimator

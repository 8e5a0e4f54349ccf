// The `usage` estimator: lends what owners reserved and leave, explained and slowly changing (spec/lending.md 3.2).
import { Resources } from '../resources/resources.ts'
import type { ContainerUsage, ResourceUsage } from '../resources/usage.ts'
import { CpuLending } from './cpu.ts'
import type { Dynamics } from './dynamics.ts'
import type { Estimate, EstimatorFactory, ResourceEstimator, Term } from './estimator.ts'
import { MemoryLending } from './memory.ts'
import { readUsageOptions, type UsageOptions } from './options.ts'
import { type SavedUsage, SAVED_STALE_MS, SAVED_VERSION, readSaved } from './saved.ts'
import { type Sum, labelOf } from './sum.ts'

/** Snapshots further apart than this have missed something: nothing rises until it was quiet again. */
const GAP_MS = 3000
const MB = 1024 * 1024

/** One resource on its way from what could be lent to what is lent. */
interface Lendable {
  readonly resource: 'cpus' | 'mem'
  readonly sum: Sum
  readonly dynamics: Dynamics
  readonly capacity: number
  readonly headroom: number
  readonly isStale: boolean
}

export class UsageEstimator implements ResourceEstimator {
  readonly name = 'usage'
  #given: Readonly<Record<string, string>>
  #options: UsageOptions
  #cpu: CpuLending | undefined
  #memory: MemoryLending | undefined
  #restored: SavedUsage | undefined
  /** When owners from before a restart that did not come back are forgotten, monotonic ms. */
  #forgetAt: number | undefined
  #last: { readonly at: number; readonly monotonic: number } | undefined
  #estimate: Estimate = { kind: 'unknown', reason: 'no usage was seen yet' }
  #reconfigured = false

  /** @throws OperatingError USAGE */
  constructor(given: Readonly<Record<string, string>>) {
    this.#given = given
    this.#options = readUsageOptions(given)
  }

  estimate(usage: ResourceUsage): Estimate {
    // The same snapshot again, or one from before: time only goes on.
    if (this.#last !== undefined && usage.monotonic <= this.#last.monotonic) return this.#estimate
    if (!(usage.host.cpus > 0) || !Number.isFinite(usage.host.cpuBusySeconds))
      return {
        kind: 'unknown',
        reason: 'the machine does not tell how many cores it has and how busy they are',
      }
    this.#estimate = this.#next(usage)
    return this.#estimate
  }

  takeBack(now: number): void {
    this.#cpu?.dynamics.takeBack(now, this.#options)
    this.#memory?.dynamics.takeBack(now, this.#options)
  }

  configure(options: Readonly<Record<string, string>>): void {
    const given = { ...this.#given, ...options }
    this.#options = readUsageOptions(given)
    this.#given = given
    this.#reconfigured = true
    const now = this.#last?.monotonic
    if (now === undefined) return
    this.#cpu?.configure(this.#options, now)
    this.#memory?.configure(this.#options, now)
  }

  save(): SavedUsage | undefined {
    if (this.#last === undefined || this.#cpu === undefined || !this.#cpu.isKnown) return this.#restored
    const { at, monotonic } = this.#last
    const cpu = this.#cpu.save(this.#options, monotonic)
    const memory = this.#memory?.save(monotonic)
    return { version: SAVED_VERSION, at, ...cpu, ...(memory !== undefined && { memory }) }
  }

  restore(saved: unknown, now: number): string | undefined {
    if (this.#cpu !== undefined) return 'it has seen usage already: what was saved before is not taken back'
    const read = readSaved(saved, now)
    if (typeof read === 'string') return read
    this.#restored = read
    return undefined
  }

  #next(usage: ResourceUsage): Estimate {
    const now = usage.monotonic
    const gap = this.#last !== undefined && now - this.#last.monotonic > GAP_MS
    this.#last = { at: usage.at, monotonic: now }
    const [cpu, memory] = this.#parts(usage)
    const owners = usage.containers.filter((container) => !container.revocable)
    cpu.read(usage, owners, this.#options)
    memory?.read(usage, owners, this.#options)
    if (this.#forgetAt !== undefined && now >= this.#forgetAt) {
      cpu.forgetSaved()
      memory?.forgetSaved()
      this.#forgetAt = undefined
    }
    if (!cpu.isKnown) return { kind: 'unknown', reason: 'the first reading has no rate yet' }
    const headroom = this.#options.headroom * usage.host.cpus
    const lendable: Lendable[] = [
      {
        resource: 'cpus',
        sum: cpu.sum(usage, owners, this.#options),
        dynamics: cpu.dynamics,
        capacity: usage.host.cpus,
        headroom,
        isStale: cpu.isStale,
      },
    ]
    if (memory !== undefined) {
      const { sum, reserve } = memory.sum(usage, owners, this.#options)
      const capacity = usage.host.memoryTotalBytes / MB
      const { dynamics, isStale } = memory
      lendable.push({ resource: 'mem', sum, dynamics, capacity, headroom: reserve, isStale })
    }
    const steady = !cpu.ownersChanged && !this.#reconfigured
    this.#reconfigured = false
    const terms: Term[] = []
    let additional = Resources.empty
    for (const one of lendable) {
      if (gap) one.dynamics.gap(now, this.#options)
      additional = additional.plus(publish(one, usage, this.#options, steady))
      terms.push(...one.sum.terms)
    }
    return { kind: 'known', additional, terms }
  }

  /** What keeps the history of CPU and of memory, made with the first snapshot that needs it. */
  #parts(usage: ResourceUsage): readonly [CpuLending, MemoryLending | undefined] {
    const now = usage.monotonic
    const options = this.#options
    const saved = this.#restored
    // Where the moment of saving lies on the monotonic clock of this process: usually before its start.
    const savedAt = now - Math.max(0, usage.at - (saved?.at ?? usage.at))
    this.#restored = undefined
    if (this.#cpu === undefined) {
      this.#cpu = new CpuLending(options, now)
      if (saved !== undefined) {
        this.#cpu.restore(saved, options, savedAt, now)
        this.#forgetAt = savedAt + SAVED_STALE_MS
      }
    }
    if (!options.memory) this.#memory = undefined
    else if (this.#memory === undefined) {
      this.#memory = new MemoryLending(options, now)
      if (saved?.memory !== undefined) this.#memory.restore(saved.memory, options, savedAt, now)
    }
    return [this.#cpu, this.#memory]
  }
}

/** Brings the sum to what may be lent beyond what is lent already; every step of the way becomes a term. */
function publish(
  lendable: Lendable,
  usage: ResourceUsage,
  options: UsageOptions,
  steady: boolean,
): Resources {
  const { resource, sum, dynamics, capacity, headroom, isStale } = lendable
  const noRise = isStale ? 'some usage could not be read: nothing rises on old readings' : undefined
  const now = usage.monotonic
  const settled = dynamics.settle({ now, target: sum.total, capacity, headroom, noRise, steady }, options)
  if (sum.total < 0) sum.bringTo('nothing to lend', 0, () => 'owners need it all')
  sum.bringTo('rounding', settled.rounded, () => 'down to whole steps')
  sum.bringTo(settled.name, settled.published, () => settled.why)
  for (const container of usage.containers) {
    const lent = container.revocable ? revocableOf(container, resource) : 0
    if (lent > 0) sum.add('lent already', -lent, 'a borrower runs on it', labelOf(container))
  }
  if (sum.total < 0)
    sum.bringTo('not taken back', 0, () => 'borrowers hold more: nothing is taken back on an estimate alone')
  // Published amounts and allocations are in thousandths: this only drops the error of adding decimals in binary.
  const value = Math.round(sum.total * 1000) / 1000
  return value <= 0
    ? Resources.empty
    : Resources.from([{ name: resource, type: 'SCALAR', scalar: { value } }]).markRevocable()
}

function revocableOf(container: ContainerUsage, resource: 'cpus' | 'mem'): number {
  return container.allocated.revocable().scalar(resource)
}

/** Options: see `options.ts`; for example `usage?percentile=95&margin=1.1&headroom=0.1&memory=true`. */
const usageEstimator: EstimatorFactory = (options) => new UsageEstimator(options)
export default usageEstimator

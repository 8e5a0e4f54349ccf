// A borrower that takes all that a rule lends, all the time, and that no kernel holds back: the worst there can be.
// What the controller decides about it says how often a rule would have hurt if it were left to the controller alone.
import type { Pulse, PulseContainer, QosController } from '../qos/controller.ts'
import { pulseOf } from '../qos/pulse.ts'
import { type Decided, Force } from './decided.ts'
import type { Second } from './seconds.ts'

/** The agent's pulse while borrowers are alive, ms; a calm second has one. */
const PULSE_MS = 100

interface Counters {
  /** CPU seconds as recorded, and those that the owner gets beside the borrower. */
  recorded: number
  cpuSeconds: number
  waitedSeconds: number
  /** Cores that it wants in this second. */
  wants: number
}

export class AssumedBorrower {
  readonly #controller: QosController
  readonly #force = new Force()
  #owners = new Map<string, Counters>()
  #life = 0
  #startedAt = 0
  #cpuSeconds = 0
  #busySeconds = 0
  #wasThere = false

  constructor(controller: QosController) {
    this.#controller = controller
  }

  get decided(): Decided {
    return this.#force.decided
  }

  /** One second of the recording with so many cores lent. */
  async second(second: Second, lent: number): Promise<void> {
    const pulse = pulseOf(second.usage)
    this.#settle(pulse, second)
    const there = lent > 0
    // Nobody to decide about; what was in force is lifted once.
    if (!there && !this.#wasThere && this.#force.isFree) return
    if (there && !this.#wasThere) this.#begin(pulse.at)
    this.#wasThere = there
    const pressed = second.owners + second.system + lent > pulse.host.cpus || !this.#force.isFree
    const steps = second.known && pressed ? Math.max(1, Math.round(second.ms / PULSE_MS)) : 1
    const ms = second.ms / steps
    for (let step = 1; step <= steps; step++) {
      const back = ms * (steps - step)
      this.#move(second, lent, ms / 1000, pulse.host.cpus)
      const seen = this.#pulse(pulse, back, lent)
      const usage = step === steps ? { usage: second.usage } : {}
      this.#force.apply(await this.#controller.decide({ pulse: seen, allowed: 'full', ...usage }))
      if (this.#force.evicted.has(this.#id)) this.#begin(seen.at)
    }
  }

  get #id(): string {
    return `assumed:${this.#life}`
  }

  /** After an eviction the next one comes at once, as from a queue that is never empty. */
  #begin(at: number): void {
    this.#life++
    this.#startedAt = at
    this.#cpuSeconds = 0
    this.#force.keepOnly(new Set())
  }

  #settle(pulse: Pulse, { ms, known }: Second): void {
    const owners = new Map<string, Counters>()
    for (const { containerId, cpuSeconds } of pulse.containers) {
      const before = this.#owners.get(containerId)
      const wants =
        before === undefined || !known ? 0 : Math.max(0, ((cpuSeconds - before.recorded) * 1000) / ms)
      const counters = before ?? { recorded: 0, cpuSeconds: 0, waitedSeconds: 0, wants: 0 }
      owners.set(containerId, Object.assign(counters, { recorded: cpuSeconds, wants }))
    }
    this.#owners = owners
  }

  /** What the borrower holds beyond the machine's cores, owners lose, each in proportion to its use. */
  #move({ owners, system }: Second, lent: number, seconds: number, cores: number): void {
    const frozen = this.#force.frozen.has(this.#id)
    const borrower = frozen ? 0 : Math.min(lent, this.#force.quotaCpus)
    const over = owners + system + borrower - cores
    const lost = owners > 0 ? Math.min(1, Math.max(0, Math.min(over, borrower)) / owners) : 0
    for (const counters of this.#owners.values()) {
      counters.cpuSeconds += counters.wants * (1 - lost) * seconds
      counters.waitedSeconds += lost * seconds
    }
    this.#cpuSeconds += borrower * seconds
    this.#busySeconds += (owners * (1 - lost) + system + borrower) * seconds
  }

  #pulse(recorded: Pulse, back: number, lent: number): Pulse {
    const at = recorded.at - back
    const containers: PulseContainer[] = recorded.containers.map((one) => {
      const { cpuSeconds = 0, waitedSeconds = 0 } = this.#owners.get(one.containerId) ?? {}
      return { ...one, cpuSeconds, cpuPressureSomeSeconds: waitedSeconds, cpuThrottledSeconds: 0 }
    })
    if (this.#wasThere) containers.push(this.#container(lent))
    return {
      at,
      monotonic: recorded.monotonic - back,
      host: { ...recorded.host, cpuBusySeconds: this.#busySeconds },
      containers,
    }
  }

  #container(lent: number): PulseContainer {
    return {
      containerId: this.#id,
      frameworkId: 'assumed',
      executorId: this.#id,
      label: 'assumed borrower',
      revocable: true,
      startedAt: this.#startedAt,
      reservedCpus: lent,
      memoryRequestBytes: undefined,
      cpuSeconds: this.#cpuSeconds,
      cpuPressureSomeSeconds: 0,
      cpuThrottledSeconds: 0,
      memoryBytes: 0,
    }
  }
}

// What every QoS controller must hold to, whoever wrote it: call it in a test file with a way to make yours.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Action, Corrector, QosController } from '../../src/qos/controller.ts'
import { GuardedController } from '../../src/qos/guard.ts'
import { parseDecision } from '../../src/resources/decision-form.ts'
import type { ResourceUsage } from '../../src/resources/usage.ts'
import { type Doing, Force, PulseMachine } from '../support/pulses.ts'
import { Machine } from '../support/usage.ts'

export interface QosComplianceOptions {
  /** True for one that helps an owner that waits for cpu. */
  readonly mustAct?: boolean
  /** False for one that gives back only when borrowers end. */
  readonly givesBack?: boolean
}

const DOING: fc.Arbitrary<Doing> = fc.record({
  cpus: fc.double({ min: 0, max: 2, noNaN: true }),
  waiting: fc.double({ min: 0, max: 1, noNaN: true }),
  throttled: fc.constantFrom(0, 0.3),
  memoryMb: fc.integer({ min: 0, max: 3000 }),
})

const PHASES = fc.array(
  fc.record({
    rounds: fc.integer({ min: 1, max: 40 }),
    availableMb: fc.integer({ min: 0, max: 8000 }),
    load: fc.double({ min: 0, max: 20, noNaN: true }),
    doing: fc.record({ web: DOING, job: DOING, batch: DOING }),
    leaves: fc.constantFrom(undefined, undefined, 'job', 'web'),
  }),
  { minLength: 1, maxLength: 8 },
)

/** A pulse every 100 ms and a snapshot with every tenth, both of one machine. */
class Rig {
  readonly pulses = new PulseMachine()
    .add({ id: 'web', cpus: 1.5 })
    .add({ id: 'job', cpus: 0.5, revocable: true, progress: 100 })
    .add({ id: 'batch', cpus: 0.5, revocable: true, progress: 10 })
  readonly force = new Force()
  readonly actions: Action[] = []
  readonly troubles: string[] = []
  readonly #snapshots = new Machine()
  readonly #guarded: GuardedController
  #round = 0

  constructor(inner: QosController | Corrector) {
    this.#guarded = new GuardedController(inner, (reason) => this.troubles.push(reason))
    this.#snapshots.add({ id: 'web', cpus: 1.5 })
    this.#snapshots.add({ id: 'job', cpus: 0.5, revocable: true })
    this.#snapshots.add({ id: 'batch', cpus: 0.5, revocable: true })
  }

  remove(id: string): void {
    this.pulses.remove(id)
    this.#snapshots.remove(id)
  }

  async run(rounds: number, doing: Readonly<Record<string, Doing>>, load = 0): Promise<void> {
    for (let round = 0; round < rounds; round++) {
      for (const id of this.force.evicted) this.remove(id.slice(2))
      const pulse = this.pulses.tick(this.#held(doing))
      const due = this.#round++ % 10 === 0
      const usage = due ? { usage: this.#snapshot(pulse.at, pulse.monotonic, doing, load) } : {}
      const actions = await this.#guarded.decide({ pulse, ...usage, allowed: 'full' })
      this.force.apply(actions)
      this.actions.push(...actions)
    }
  }

  /** What is frozen does nothing. */
  #held(doing: Readonly<Record<string, Doing>>): Record<string, Doing> {
    const held = Object.entries(doing).filter(([id]) => !this.force.frozen.has(`c-${id}`))
    return Object.fromEntries(held)
  }

  #snapshot(
    at: number,
    monotonic: number,
    doing: Readonly<Record<string, Doing>>,
    load: number,
  ): ResourceUsage {
    this.#snapshots.load5 = load
    this.#snapshots.availableMb = this.pulses.availableMb
    return { ...this.#snapshots.tick(doing), at, monotonic }
  }
}

/** Runs the suite as tests of the calling file. `make` gives a fresh one each time. */
export function qosCompliance(
  name: string,
  make: () => QosController | Corrector,
  options: QosComplianceOptions = {},
): void {
  describe(`the controller ${name}`, () => {
    test('has a name', () => {
      expect(make().name).toMatch(/\S/)
    })

    test('says nothing that the guard refuses, whatever happens on the machine', async () => {
      await fc.assert(
        fc.asyncProperty(PHASES, async (phases) => {
          const rig = new Rig(make())
          for (const { rounds, availableMb, load, doing, leaves } of phases) {
            rig.pulses.availableMb = availableMb
            if (leaves !== undefined) rig.remove(leaves)
            await rig.run(rounds, doing, load)
          }
          // The guard refuses what touches an owner, names nobody, or carries a record that does not recompute.
          expect(rig.troubles).toEqual([])
          for (const { decision } of rig.actions) {
            const text = JSON.stringify(decision)
            expect(JSON.stringify(parseDecision(JSON.parse(text)))).toBe(text)
            expect(decision.why).toMatch(/\S/)
          }
        }),
        { numRuns: 60 },
      )
    })

    test('leaves a calm machine alone', async () => {
      const rig = new Rig(make())
      await rig.run(100, { web: { cpus: 0.2 }, job: { cpus: 0.5 }, batch: { cpus: 0.5 } })
      expect(rig.actions).toEqual([])
    })

    test('leaves borrowers alone that do nothing while an owner suffers', async () => {
      const rig = new Rig(make())
      await rig.run(300, { web: { cpus: 1, waiting: 0.8 }, job: { cpus: 0 }, batch: { cpus: 0 } })
      expect(rig.actions.filter(({ kind }) => kind !== 'not-ours')).toEqual([])
    })

    reacting(make, options)

    test('gives the same answers to the same machine', async () => {
      const run = async (): Promise<string> => {
        const rig = new Rig(make())
        await rig.run(50, { web: { cpus: 1, waiting: 0.3 }, job: { cpus: 0.5 }, batch: { cpus: 0.4 } })
        rig.pulses.availableMb = 100
        await rig.run(50, { web: { cpus: 1 }, job: { cpus: 0.5, memoryMb: 700 }, batch: { cpus: 0.4 } })
        return JSON.stringify(rig.actions)
      }
      expect(await run()).toBe(await run())
    })
  })
}

function reacting(make: () => QosController | Corrector, options: QosComplianceOptions): void {
  if (options.mustAct === true) {
    test('does something for an owner that waits beside busy borrowers', async () => {
      const rig = new Rig(make())
      await rig.run(100, { web: { cpus: 1, waiting: 0.5 }, job: { cpus: 0.5 }, batch: { cpus: 0.5 } })
      expect(rig.actions.length).toBeGreaterThan(0)
    })
  }

  if (options.givesBack !== false) {
    test('gives back what it took once owners are calm: nobody frozen, no quota', async () => {
      const rig = new Rig(make())
      await rig.run(100, { web: { cpus: 1, waiting: 0.5 }, job: { cpus: 0.5 }, batch: { cpus: 0.5 } })
      await rig.run(1200, { web: { cpus: 0.1 } })
      expect([...rig.force.frozen].filter((id) => rig.pulses.has(id.slice(2)))).toEqual([])
      expect(rig.force.quotaCpus).toBe(Number.POSITIVE_INFINITY)
    })
  }
}

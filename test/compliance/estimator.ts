// What every resource estimator must hold to, whoever wrote it: call it in a test file with a way to make yours.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Estimate, EstimatorModule } from '../../src/estimator/estimator.ts'
import { GuardedEstimator } from '../../src/estimator/guarded.ts'
import { Machine, type Second } from '../support/usage.ts'

export interface ComplianceOptions {
  /** What of the suite's machine of 4 cores may be lent at the most; default all. */
  readonly most?: number
  /** False for one that lends a constant, whatever is used. */
  readonly looksAtUsage?: boolean
}

const CORES = 4

/** One second of the suite's machine: what owners, a borrower and the system use, and who cannot be read. */
interface Moment {
  readonly web: number
  readonly db: number
  readonly job: number
  readonly system: number
  readonly blind: boolean
  readonly gap: boolean
}

const moments = fc.array(
  fc.record({
    web: fc.double({ min: 0, max: 2, noNaN: true }),
    db: fc.double({ min: 0, max: 1.5, noNaN: true }),
    job: fc.double({ min: 0, max: 1, noNaN: true }),
    system: fc.double({ min: 0, max: 0.3, noNaN: true }),
    blind: fc.boolean(),
    gap: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
)

/** Runs the suite as tests of the calling file. `make` gives a fresh one each time. */
export function estimatorCompliance(
  name: string,
  make: () => EstimatorModule,
  options: ComplianceOptions = {},
): void {
  const most = options.most ?? CORES
  describe(`the estimator ${name}`, () => {
    test('has a name', () => {
      expect(make().name).toMatch(/\S/)
    })

    if (options.looksAtUsage !== false) {
      test('says that it cannot tell while nothing is known', async () => {
        expect(await new Watched(make()).see(new Machine({ cores: CORES }).tick())).toMatchObject({
          kind: 'unknown',
        })
      })
    }

    test('lends nothing negative and no more than there is, with terms that add up', async () => {
      await lives(async (life) => {
        const watched = new Watched(make())
        const machine = machineOfTheSuite()
        for (const moment of life) {
          const estimate = await watched.see(tick(machine, moment))
          if (estimate.kind === 'unknown') continue
          const cpus = estimate.additional.scalar('cpus')
          expect(cpus).toBeGreaterThanOrEqual(0)
          expect(cpus).toBeLessThanOrEqual(most + 1e-9)
          for (const { name: term, value, why } of estimate.terms) {
            expect(Number.isFinite(value)).toBe(true)
            expect(term).toMatch(/\S/)
            expect(why).toMatch(/\S/)
          }
        }
        expect(watched.troubles).toEqual([])
      })
    })

    test('answers the same to the same history', async () => {
      await lives(async (life) => {
        expect(await estimatesOf(make(), life)).toEqual(await estimatesOf(make(), life))
      })
    })

    robustness(make)
    optionalParts(make)
  })
}

/** What a machine can do to it at any time. */
function robustness(make: () => EstimatorModule): void {
  test('survives that owners cannot be read, come and go', async () => {
    const watched = new Watched(make())
    const machine = machineOfTheSuite()
    for (let second = 0; second < 20; second++) await watched.see(machine.tick({ web: { cpus: 1 } }))
    for (let second = 0; second < 20; second++)
      await watched.see(machine.tick({ web: { blind: true }, db: { blind: true }, job: { blind: true } }))
    machine.remove('db')
    machine.add({ id: 'new', cpus: 1, ageS: 0 })
    await watched.see(machine.tick({ new: { cpus: 1 } }))
    machine.remove('web')
    machine.remove('new')
    machine.remove('job')
    await watched.see(machine.tick())
    expect(watched.troubles).toEqual([])
  })

  test('answers a snapshot that it has seen before', async () => {
    const watched = new Watched(make())
    const machine = machineOfTheSuite()
    const again = machine.tick({ web: { cpus: 1 } })
    await watched.see(again)
    await watched.see(machine.tick({ web: { cpus: 1 } }))
    await watched.see(again)
    expect(watched.troubles).toEqual([])
  })
}

/** Saving, restoring and settings: only of those that have them. */
function optionalParts(make: () => EstimatorModule): void {
  const sample = make()
  if (sample.save !== undefined && sample.restore !== undefined) {
    test('goes on after a restart with what it saved, and starts cold from what is broken', async () => {
      const before = make()
      const machine = machineOfTheSuite()
      for (let second = 0; second < 30; second++) await before.estimate(machine.tick({ web: { cpus: 1 } }))
      const saved: unknown = JSON.parse(JSON.stringify(before.save?.()))
      const at = machine.tick({ web: { cpus: 1 } }).at
      expect(make().restore?.(saved, at)).toBeUndefined()
      for (const broken of [undefined, null, 7, 'x', [], {}])
        expect(make().restore?.(broken, at)).toMatch(/\S/)
    })
  }
  if (sample.configure !== undefined) {
    test('refuses a setting that it does not have, and stays as it was', async () => {
      const changed = make()
      expect(() => changed.configure?.({ no_such_setting: '1' })).toThrow(/no_such_setting/)
      const life = [1, 2, 3, 4, 5].map((web) => ({
        web: web / 5,
        db: 0,
        job: 0,
        system: 0,
        blind: false,
        gap: false,
      }))
      expect(await estimatesOf(changed, life)).toEqual(await estimatesOf(make(), life))
    })
  }
}

/** An estimator in the guard that the agent puts it in, with the troubles that the guard reported. */
class Watched {
  readonly troubles: string[] = []
  readonly #guarded: GuardedEstimator

  constructor(estimator: EstimatorModule) {
    this.#guarded = new GuardedEstimator(estimator, (reason) => this.troubles.push(reason))
  }

  see(usage: ReturnType<Machine['tick']>): Promise<Estimate> {
    return this.#guarded.estimate(usage)
  }
}

async function lives(holds: (life: readonly Moment[]) => Promise<void>): Promise<void> {
  await fc.assert(fc.asyncProperty(moments, holds), { numRuns: 20 })
}

async function estimatesOf(estimator: EstimatorModule, life: readonly Moment[]): Promise<unknown[]> {
  const machine = machineOfTheSuite()
  const estimates: unknown[] = []
  for (const moment of life) estimates.push(await estimator.estimate(tick(machine, moment)))
  return estimates
}

function machineOfTheSuite(): Machine {
  return new Machine({ cores: CORES })
    .add({ id: 'web', cpus: 2, mem: 2000 })
    .add({ id: 'db', cpus: 1.5, mem: 1000 })
    .add({ id: 'job', cpus: 0.3, mem: 100, revocable: true })
}

function tick(machine: Machine, moment: Moment): ReturnType<Machine['tick']> {
  if (moment.gap) machine.pass(5)
  const web: Second = { cpus: moment.web, blind: moment.blind, memoryMb: 100 + 500 * moment.web }
  const doing = { web, db: { cpus: moment.db }, job: { cpus: moment.job } }
  return machine.tick(doing, moment.system)
}

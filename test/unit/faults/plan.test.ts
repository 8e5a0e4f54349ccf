// The plan of a fault run: one seed says all of it.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ALL_KINDS, FAULT_KINDS, parseKinds, planFaults } from '../../faults/plan.ts'

const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 })

describe('the faults of a seed', () => {
  test('are the same every time', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        expect(planFaults(seed, 60, ALL_KINDS)).toEqual(planFaults(seed, 60, ALL_KINDS))
      }),
      { numRuns: 20 },
    )
  })

  test('can each be planned alone by their own seed and kind', () => {
    fc.assert(
      fc.property(seeds, fc.nat({ max: 59 }), (seed, at) => {
        const fault = planFaults(seed, 60, ALL_KINDS)[at]
        if (fault === undefined) throw new Error('60 were planned')
        expect(planFaults(fault.seed, 1, [fault.kind])).toEqual([fault])
      }),
    )
  })

  test('are of every kind before one kind comes again, and last as long as their kind may', () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const faults = planFaults(seed, ALL_KINDS.length, ALL_KINDS)
        expect(faults.map(({ kind }) => kind).toSorted()).toEqual([...ALL_KINDS].toSorted())
        for (const { kind, lastMs } of faults) {
          expect(lastMs).toBeGreaterThanOrEqual(FAULT_KINDS[kind][0])
          expect(lastMs).toBeLessThanOrEqual(FAULT_KINDS[kind][1])
        }
      }),
    )
  })

  test('differ from those of another seed', () => {
    expect(planFaults(1, 10, ALL_KINDS)).not.toEqual(planFaults(2, 10, ALL_KINDS))
  })
})

test('--only takes kinds that exist, and nothing else', () => {
  expect(parseKinds('master-kill, agent-kill')).toEqual(['agent-kill', 'master-kill'])
  expect(parseKinds('agent-kill,agent-tickle')).toBeUndefined()
  expect(parseKinds('')).toBeUndefined()
})

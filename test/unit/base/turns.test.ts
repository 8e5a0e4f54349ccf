// Work that takes turns: never more at once than allowed, in the order of asking, and nobody is forgotten.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Turns } from '../../../src/base/turns.ts'

test('never more than the limit run at once, all run, in the order in which they came', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.nat(3), { maxLength: 20 }),
      async (limit, work) => {
        const turns = new Turns(limit)
        const begun: number[] = []
        let most = 0
        const signal = new AbortController().signal
        await Promise.all(
          work.map((steps, index) =>
            turns.run(signal, async () => {
              begun.push(index)
              most = Math.max(most, turns.running)
              for (let step = 0; step < steps; step++) await Promise.resolve()
            }),
          ),
        )
        expect(begun).toEqual(work.map((_, index) => index))
        expect(most).toBeLessThanOrEqual(limit)
        expect([turns.running, turns.waiting]).toEqual([0, 0])
      },
    ),
  )
})

test('who gives up while waiting leaves the turn to the next, and work that throws passes it on', async () => {
  const turns = new Turns(1)
  const never = new AbortController().signal
  const first = Promise.withResolvers<void>()
  const running = turns.run(never, () => first.promise)
  const tired = new AbortController()
  const gaveUp = turns.run(tired.signal, () => Promise.resolve('not reached'))
  const failed = turns.run(never, () => Promise.reject(new Error('broken')))
  const last = turns.run(never, () => Promise.resolve('last'))
  expect(turns.waiting).toBe(3)
  tired.abort(new Error('tired'))
  await expect(gaveUp).rejects.toThrow('tired')
  first.resolve()
  await running
  await expect(failed).rejects.toThrow('broken')
  expect(await last).toBe('last')
  await expect(turns.run(tired.signal, () => Promise.resolve())).rejects.toThrow('tired')
  expect([turns.running, turns.waiting]).toEqual([0, 0])
})

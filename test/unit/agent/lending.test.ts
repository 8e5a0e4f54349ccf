// The loop of lending: what is told to be lent, and when.
import { expect, test } from 'vitest'
import { Lending } from '../../../src/agent/lending.ts'
import { silentLogger } from '../../../src/base/log.ts'
import type { Correction } from '../../../src/qos/controller.ts'
import { Resources } from '../../../src/resources/resources.ts'
import { ManualClock } from '../../support/clock.ts'
import { Machine } from '../../support/usage.ts'

const lentCpus = (cpus: number): Resources =>
  Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value: cpus } }]).markRevocable()

test('what a borrower held is not lent any more before it is ended, so that nobody else borrows it', async () => {
  const machine = new Machine()
    .add({ id: 'web', cpus: 1.5 })
    .add({ id: 'b1', cpus: 0.4, revocable: true })
    .add({ id: 'b2', cpus: 0.4, revocable: true })
  const correction: Correction = {
    kind: 'kill',
    frameworkId: 'f',
    executorId: 'b1',
    containerId: 'c-b1',
    cause: { owner: 'web', signal: 'x', value: 1, threshold: 0, unit: '', forMs: 0 },
    message: 'web wants it',
  }
  const told: string[] = []
  const rounds: Correction[][] = [[], [correction]]
  const lending = new Lending(
    {
      clock: new ManualClock(),
      log: silentLogger,
      sample: () => Promise.resolve(machine.tick()),
      estimator: {
        name: 'none',
        estimate: () => ({ kind: 'known', additional: Resources.empty, terms: [] }),
      },
      controller: { name: 'one', correct: () => rounds.shift() ?? [] },
      onTotal: (lent) => told.push(`lent ${lent.scalar('cpus')}`),
      onCorrection: ({ executorId }) => told.push(`end ${executorId}`),
    },
    { reportMs: 0, correctionMs: 0 },
  )
  for (let round = 0; round < 3; round++) await lending.round()
  expect(told).toEqual(['lent 0.8', 'lent 0.4', 'end b1'])
  machine.remove('b1')
  machine.remove('b2')
  await lending.round()
  expect(told.at(-1)).toBe('lent 0')
  expect(lending.view.lent.equals(lentCpus(0))).toBe(true)
})

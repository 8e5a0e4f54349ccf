// What the agent's metrics say of its owners' trouble: who waits for a cpu, and whom its own quota stops.
import { expect, test } from 'vitest'
import { LendingRig } from '../../../support/lending.ts'
import { Machine } from '../../../support/usage.ts'

const crowd = (): Machine =>
  new Machine()
    .add({ id: 'web', cpus: 1 })
    .add({ id: 'db', cpus: 0.5 })
    .add({ id: 'b1', cpus: 0.4, revocable: true })

const ratios = ({ metrics }: LendingRig): readonly number[] => [
  metrics.value('tepui/owners_waiting_ratio'),
  metrics.value('tepui/owners_throttled_ratio'),
]

test('before anything was measured nobody waits and nobody is stopped', async () => {
  using rig = new LendingRig({ machine: crowd() })
  expect(ratios(rig)).toEqual([0, 0])
  rig.doing = { web: { cpus: 1, waiting: 0.6, throttled: 0.5 } }
  await rig.lending.round()
  expect(ratios(rig)).toEqual([0, 0])
})

test('it is the owner that waits, or is stopped, the most; what borrowers wait for is nobody’s trouble', async () => {
  using rig = new LendingRig({ machine: crowd() })
  rig.doing = {
    web: { cpus: 0.5, waiting: 0.55, throttled: 0.4 },
    db: { cpus: 0.3, waiting: 0.25 },
    b1: { cpus: 0.4, waiting: 0.9, throttled: 0.9 },
  }
  await rig.seconds(3)
  // 0.25 of `db`: of what `web` waits its own quota is the cause, but for 0.15.
  expect(ratios(rig)).toEqual([0.25, 0.4])
  rig.doing = { web: { cpus: 0.5 }, db: { cpus: 0.3 } }
  await rig.seconds(3)
  expect(ratios(rig)).toEqual([0, 0])
})

test('an owner that ended is in trouble no more', async () => {
  const machine = crowd()
  using rig = new LendingRig({ machine })
  rig.doing = { web: { cpus: 0.5, throttled: 0.4 }, db: { cpus: 0.3, waiting: 0.3 } }
  await rig.seconds(3)
  expect(ratios(rig)).toEqual([0.3, 0.4])
  machine.remove('web')
  machine.remove('db')
  await rig.seconds(2)
  expect(ratios(rig)).toEqual([0, 0])
})

// The cheap look of every 100 ms: what it asks the kernel for, and what it carries on from the last full snapshot.
import { expect, test } from 'vitest'
import { type Counters, Pulses } from '../../../../src/agent/lending/pulses.ts'
import { ManualClock } from '../../../support/clock.ts'
import { Machine, START_MS } from '../../../support/usage.ts'

const MB = 1024 * 1024
const NONE = new Map<string, number>()

function rig(): { machine: Machine; pulses: Pulses; asked: string[]; settle: () => void } {
  const machine = new Machine().add({ id: 'web', cpus: 1 }).add({ id: 'b1', cpus: 1, revocable: true })
  const asked: string[] = []
  const pulses = new Pulses({
    clock: new ManualClock(START_MS),
    counters: (id, { memory, waiting }): Counters => {
      asked.push(`${id}${waiting ? ' waiting' : ''}${memory ? ' memory' : ''}`)
      return {
        cpuSeconds: 1,
        cpuPressureSomeSeconds: waiting ? 0.5 : undefined,
        cpuThrottledSeconds: waiting ? 0 : undefined,
        memoryBytes: memory ? 99 * MB : undefined,
        memoryPressureFullSeconds: memory ? 0 : undefined,
      }
    },
    host: () => machine.tick().host,
    traits: (ids) => new Map(ids.includes('c-web') ? [['c-web', { latencySensitive: true }]] : []),
  })
  return {
    machine,
    pulses,
    asked,
    settle: () => void pulses.settle(machine.tick({ b1: { memoryMb: 40 } }), NONE),
  }
}

test('asks whether owners wait and not whether borrowers do, and carries memory on while it is plentiful', () => {
  const { asked, pulses, settle } = rig()
  settle()
  const { containers } = pulses.take(new Map([['c-b1', 1]]))
  expect(asked).toEqual(['c-web waiting', 'c-b1'])
  expect(containers).toMatchObject([
    { containerId: 'c-web', latencySensitive: true, cpuPressureSomeSeconds: 0.5, frozen: false },
    { containerId: 'c-b1', memoryBytes: 40 * MB, frozen: true },
  ])
})

test('reads the memory of everybody anew once it is short', () => {
  const { asked, machine, pulses, settle } = rig()
  settle()
  machine.availableMb = machine.totalMb * 0.2
  expect(pulses.take(NONE).containers.map(({ memoryBytes }) => memoryBytes)).toEqual([99 * MB, 99 * MB])
  expect(asked).toEqual(['c-web waiting memory', 'c-b1 memory'])
})

// Every controller here passes the compliance suite, the examples included.
import { expect, test } from 'vitest'
import memoryOnly from '../../../examples/memory-only-qos.ts'
import polite from '../../../examples/polite-qos.ts'
import type { QosController } from '../../../src/qos/controller.ts'
import load from '../../../src/qos/load.ts'
import pressure from '../../../src/qos/pressure.ts'
import { qosCompliance } from '../../compliance/qos.ts'
import { PulseMachine, runPulses } from '../../support/pulses.ts'

qosCompliance('pressure', () => pressure({}), { mustAct: true })
qosCompliance('pressure that ends the starved', () => pressure({ starved: '2secs' }), { mustAct: true })
qosCompliance('load', () => load({ load_threshold_5min: '4' }))
qosCompliance('polite', () => polite({}), { mustAct: true })
qosCompliance('memory only', () => memoryOnly({ reserve_mb: '300' }))

test('the polite controller squeezes to its share, lifts it after five calm seconds, and ends nobody', async () => {
  const machine = new PulseMachine().add({ id: 'web', cpus: 2 }).add({ id: 'job', cpus: 1, revocable: true })
  const qos = polite({ share: '0.5' }) as QosController
  const actions = await runPulses(qos, machine, 12_000, (_, time) => ({
    web: { cpus: 1, waiting: time > 1000 && time < 2000 ? 0.3 : 0 },
    job: { cpus: 0.8 },
  }))
  expect(actions.map(({ kind }) => kind)).toEqual(['squeeze', 'relax'])
  expect(actions[0]).toMatchObject({ quotaCpus: 1 })
  expect((actions[1]?.time ?? 0) - 2000).toBeGreaterThanOrEqual(5000)
  expect(() => polite({ share: '2' })).toThrow("share is '2'")
  expect(() => memoryOnly({ reserve_mb: 'much' })).toThrow("reserve_mb is 'much'")
})

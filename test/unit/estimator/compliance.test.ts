// Every estimator here passes the compliance suite, the examples included.
import { expect, test } from 'vitest'
import half from '../../../examples/half-estimator.ts'
import night from '../../../examples/night-estimator.ts'
import fixed from '../../../src/estimator/fixed.ts'
import { RULES } from '../../../src/estimator/rules/recreated.ts'
import usage from '../../../src/estimator/usage.ts'
import { estimatorCompliance } from '../../compliance/estimator.ts'
import { START_MS, Machine } from '../../support/usage.ts'

const AT_ONCE = { cold_start: '0ns', rise: '1', rise_interval: '0ns', quiet: '0ns' }

estimatorCompliance('usage', () => usage({}))
estimatorCompliance('usage without waiting', () => usage({ ...AT_ONCE, quiet_max: '0ns', memory: 'true' }))
estimatorCompliance('usage that lends half at the most', () => usage({ ...AT_ONCE, cap: '0.5' }), { most: 2 })
estimatorCompliance('fixed', () => fixed({ resources: 'cpus:1' }), { most: 1, looksAtUsage: false })
estimatorCompliance('half', () => half({}))
estimatorCompliance('night', () => night({ from: '0', to: '24' }), { most: 1, looksAtUsage: false })

for (const [name, make] of Object.entries(RULES)) {
  if (name === 'usage' || name === 'fixed') continue
  const options: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    borg: { cold_start: '0ns', decay: '10secs' },
    autopilot: { cold_start: '0ns' },
    'koordinator-mid': { cold_start: '0ns' },
    katalyst: { reserve: '0' },
  }
  estimatorCompliance(name, () => make(options[name] ?? {}))
}

test('the half estimator lends half of the idle, down to tenths', async () => {
  const machine = new Machine({ cores: 4 }).add({ id: 'web', cpus: 2 })
  const estimator = half({})
  await estimator.estimate(machine.tick({ web: { cpus: 0.5 } }))
  expect(await estimator.estimate(machine.tick({ web: { cpus: 0.5 } }))).toMatchObject({
    kind: 'known',
    additional: { cpus: 0.7 },
  })
  expect(() => half({ share: '0' })).toThrow("share is '0'")
})

test('the night estimator lends by night only, and its night can be moved', async () => {
  const hour = Math.floor(START_MS / 3_600_000) % 24
  const estimator = night({ from: `${hour}`, to: `${hour + 1}`, cpus: '2' })
  const machine = new Machine({ cores: 4 })
  expect(await estimator.estimate(machine.tick())).toMatchObject({ additional: { cpus: 2 } })
  estimator.configure?.({ from: '0', to: '0' })
  expect(await estimator.estimate(machine.tick())).toMatchObject({ additional: { cpus: 0 } })
  expect(() => estimator.configure?.({ cpus: '5', to: '25' })).toThrow("to is '25'")
  estimator.configure?.({ to: '24' })
  expect(await estimator.estimate(machine.tick())).toMatchObject({ additional: { cpus: 2 } })
})

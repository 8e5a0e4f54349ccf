// What a task's checks mean, with the defaults that the protocol gives them.
import { expect, test } from 'vitest'
import {
  checkPlanOf,
  healthPlanOf,
  LONGEST_RUN_MS,
  SHORTEST_INTERVAL_MS,
} from '../../../../src/agent/checks/plans.ts'
import type { CheckInfo, HealthCheck } from '../../../../src/wire/health.ts'
import { taskInfo } from '../../../support/agent-core.ts'

const healthOf = (health_check: HealthCheck) => healthPlanOf(taskInfo('t', { health_check }))
const checkOf = (check: CheckInfo) => checkPlanOf(taskInfo('t', { check }))

test('a check that says nothing of its times begins after 15 s, every 10 s, for 20 s at most', () => {
  expect(checkOf({ type: 'TCP', tcp: { port: 80 } })).toEqual({
    target: { type: 'TCP', host: '127.0.0.1', port: 80 },
    delayMs: 15_000,
    intervalMs: 10_000,
    timeoutMs: 20_000,
  })
  expect(healthOf({ type: 'TCP', tcp: { port: 80 } })).toMatchObject({
    delayMs: 15_000,
    intervalMs: 10_000,
    timeoutMs: 20_000,
    graceMs: 10_000,
    failuresMax: 3,
  })
})

test('what it says of its times counts, down to a tenth of a second between runs and up to ten minutes for one', () => {
  const own = { delay_seconds: 0, interval_seconds: 0.5, timeout_seconds: 1.5 }
  const more = { grace_period_seconds: 0, consecutive_failures: 1 }
  expect(healthOf({ type: 'COMMAND', command: { value: 'true' }, ...own, ...more })).toEqual({
    target: { type: 'COMMAND', command: { value: 'true' } },
    delayMs: 0,
    intervalMs: 500,
    timeoutMs: 1500,
    graceMs: 0,
    failuresMax: 1,
  })
  const eager = { type: 'TCP', tcp: { port: 1 }, interval_seconds: 0 } as const
  expect(checkOf({ ...eager, timeout_seconds: 0 })).toMatchObject({
    intervalMs: SHORTEST_INTERVAL_MS,
    timeoutMs: LONGEST_RUN_MS,
  })
  expect(checkOf({ ...eager, timeout_seconds: 1e9 })?.timeoutMs).toBe(LONGEST_RUN_MS)
})

test('requests go to the loopback address of the protocol, over the scheme that a health check may choose', () => {
  expect(
    healthOf({ type: 'HTTP', http: { port: 1, scheme: 'https', path: '/x', protocol: 'IPv6' } })?.target,
  ).toEqual({ type: 'HTTP', scheme: 'https', host: '::1', port: 1, path: '/x' })
  expect(healthOf({ type: 'HTTP', http: { port: 1 } })?.target).toMatchObject({ scheme: 'http', path: '' })
  expect(healthOf({ type: 'TCP', tcp: { port: 1, protocol: 'IPv6' } })?.target).toMatchObject({ host: '::1' })
  expect(checkOf({ type: 'HTTP', http: { port: 1, path: '/x' } })?.target).toEqual({
    type: 'HTTP',
    scheme: 'http',
    host: '127.0.0.1',
    port: 1,
    path: '/x',
  })
  expect(checkOf({ type: 'COMMAND', command: { command: { value: 'x' } } })?.target).toEqual({
    type: 'COMMAND',
    command: { value: 'x' },
  })
})

test('nothing is checked where nothing, or nothing that we know, is asked for', () => {
  expect(healthPlanOf(taskInfo('t'))).toBeUndefined()
  expect(checkPlanOf(taskInfo('t'))).toBeUndefined()
  for (const type of ['COMMAND', 'HTTP', 'TCP', 'UNKNOWN'] as const) {
    expect(healthOf({ type })).toBeUndefined()
    expect(checkOf({ type })).toBeUndefined()
  }
  expect(healthOf({})).toBeUndefined()
  expect(checkOf({})).toBeUndefined()
})

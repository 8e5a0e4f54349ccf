// Lending and checks together on one clock: a borrower that stands still answers nobody, and that is not its fault.
import { expect, test } from 'vitest'
import { Checks } from '../../../../src/agent/checks/checks.ts'
import type { Finding } from '../../../../src/agent/checks/judging.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { taskInfo } from '../../../support/agent-core.ts'
import { freeze, thaw } from '../../../support/lend-actions.ts'
import { LendingRig, shop } from '../../../support/lending.ts'

const FINE: Finding = { passed: true, value: undefined, words: 'fine' }
const BAD: Finding = { passed: false, value: undefined, words: 'refused' }
const TASK = taskInfo('t', {
  health_check: {
    type: 'TCP',
    tcp: { port: 80 },
    delay_seconds: 0,
    interval_seconds: 1,
    timeout_seconds: 2,
    grace_period_seconds: 0,
    consecutive_failures: 1,
  },
})

test('one that is frozen for an hour is not found unhealthy, and is looked at again after the thaw', async () => {
  using rig = new LendingRig({ machine: shop() })
  const { clock, lending, metrics, tier } = rig
  const told: string[] = []
  let sick = false
  using checks = new Checks({
    clock,
    log: silentLogger,
    metrics,
    container: () => container,
    lastFrozen: (containerId) => lending.actions.lastFrozen(containerId),
    // As a socket of a process that stands still: it takes the connection and never says a word.
    probe: (_target, _container, _task, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error))
        if (!tier.frozen.has('c-b1'))
          void clock.sleep(500, signal).then(() => resolve(sick ? BAD : FINE), reject)
      }),
    tell: (news) => void told.push(news.type === 'health' ? `${news.healthy}` : news.type),
  })
  const container = { pid: 1, addresses: [] }
  const nothing = { healthy: undefined, checkStatus: undefined, failures: 0 }
  checks.watch({ containerId: 'c-b1', task: TASK, startedAt: clock.now(), ...nothing })
  await lending.round()
  await clock.advance(1700)
  expect(told).toEqual(['true'])
  // A look is under way, of which nothing will come.
  rig.answer = () => [freeze('c-b1')]
  await lending.round()
  rig.answer = () => []
  expect(lending.isFrozen('c-b1')).toBe(true)
  const run = metrics.value('tepui/checks_run')
  await clock.advance(3_600_000)
  expect(told).toEqual(['true'])
  expect(metrics.value('tepui/checks_run')).toBe(run)
  expect(metrics.value('tepui/checks_discarded')).toBeGreaterThan(3000)
  rig.answer = () => [thaw('c-b1')]
  await lending.round()
  rig.answer = () => []
  await clock.advance(10_000)
  expect(metrics.value('tepui/checks_run')).toBeGreaterThan(run)
  expect(told).toEqual(['true'])
  sick = true
  await clock.advance(3000)
  expect(told).toContain('false')
})

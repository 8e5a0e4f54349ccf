// What lending shows of itself in the metrics, read when somebody looks; docs/reference/metrics.md has the meanings.
import type { Metrics } from '../../base/metrics.ts'
import type { Lending } from './lending.ts'
import type { LendSwitch } from './switch.ts'

export function declareGauges(metrics: Metrics, lending: Lending, power: LendSwitch): void {
  metrics.gauge('tepui/lend_lendable_cpus', () => {
    const { estimate } = lending
    return estimate?.kind === 'known' ? estimate.additional.scalar('cpus') : 0
  })
  metrics.gauge('tepui/lend_lent_cpus', () => lending.lent.scalar('cpus'))
  metrics.gauge('tepui/lend_lent_mem_mbs', () => lending.lent.scalar('mem'))
  metrics.gauge('tepui/lend_lent_used_cpus', () => lending.sight.used(true))
  metrics.gauge('tepui/lend_owners_used_cpus', () => lending.sight.used(false))
  metrics.gauge('tepui/owners_waiting_ratio', () => lending.sight.mostWaiting())
  metrics.gauge('tepui/owners_throttled_ratio', () => lending.sight.mostThrottled())
  metrics.gauge('tepui/lend_paused', () => (power.paused ? 1 : 0))
  metrics.gauge('tepui/lend_turns_short', () => (lending.turns.areShort ? 1 : 0))
  metrics.gauge('tepui/lend_squeezed', () => (lending.actions.quota === Number.POSITIVE_INFINITY ? 0 : 1))
}

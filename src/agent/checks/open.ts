// Puts the checks together with what they look at: containers, and what lending does to them.
import type { Metrics } from '../../base/metrics.ts'
import type { AgentDeps } from '../ground.ts'
import type { OpenLending } from '../lending/open.ts'
import type { Shell } from '../shell.ts'
import type { Supervisor } from '../supervisor.ts'
import { Checks } from './checks.ts'
import { dialWith } from './dial.ts'
import { probeWith } from './probe.ts'

/** @param later parts that are made after the checks */
export function openChecks(
  metrics: Metrics,
  supervisor: Supervisor,
  later: () => { readonly lending: OpenLending; readonly shell: Shell },
  { clock, log }: AgentDeps,
): Checks {
  return new Checks({
    clock,
    log,
    metrics,
    probe: probeWith(dialWith()),
    container: (containerId) => supervisor.running(containerId),
    lastFrozen: (containerId) => later().lending.desk.lending.actions.lastFrozen(containerId),
    tell: (news) => later().shell.dispatch(news),
  })
}

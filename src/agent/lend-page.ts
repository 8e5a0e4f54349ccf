// `/api/x1/lend` of the agent: what is lent and why so much, what was taken back and why, figures with their sums.
import type { Page } from '../http/pages/resources.ts'
import type { Resources } from '../resources/resources.ts'
import type { LendingView } from './lending.ts'

export interface LendFacts {
  /** As the flags name them; `noop` when lending is off. */
  readonly estimator: string
  readonly controller: string
}

/** Plain numbers: cores, megabytes, ms. */
export function lendPage(view: LendingView, facts: LendFacts): Page {
  const { usage, estimate } = view
  return {
    estimator: facts.estimator,
    controller: facts.controller,
    lending: facts.estimator !== 'noop',
    ...(facts.estimator === 'noop' && {
      why_not: 'Lending is off: start the agent with --resource_estimator=usage',
    }),
    lent: amounts(view.lent),
    estimate:
      estimate === undefined
        ? { kind: 'none yet' }
        : estimate.kind === 'unknown'
          ? estimate
          : { kind: 'known', additional: amounts(estimate.additional), terms: estimate.terms },
    ...(usage !== undefined && {
      at: usage.at,
      host: usage.host,
      containers: usage.containers.map((container) => ({
        container_id: container.containerId,
        framework_id: container.frameworkId,
        executor_id: container.executorId,
        tasks: container.taskIds,
        revocable: container.revocable,
        allocated: amounts(container.allocated),
        statistics: container.statistics,
      })),
    }),
    corrections: view.corrections.map(({ at, correction }) => ({ at, ...correction })),
  }
}

function amounts(resources: Resources): Record<string, number> {
  return Object.fromEntries([...resources.quantities()].map(([name, milli]) => [name, milli / 1000]))
}

// `/api/x1/lend` of the agent: what is lent and why so much, what is held back and why, each figure with its sum.
import type { Page } from '../../http/pages/resources.ts'
import type { Resources } from '../../resources/resources.ts'
import type { ContainerUsage } from '../../resources/usage.ts'
import type { LendDesk } from './desk.ts'
import type { Recorded } from './records.ts'

const SHOWN_DECISIONS = 20

/** Bytes that the sandbox of a running container takes, when they were measured. */
export type DiskOf = (containerId: string) => number | undefined

/** Plain numbers: cores, megabytes, shares of time, ms. */
export function lendPage(desk: LendDesk, diskOf: DiskOf): Page {
  const { lending, names, power, records } = desk
  const { actions, estimate, usage } = lending
  const closed = lending.closed
  return {
    mode: power.mode,
    paused: power.paused,
    windows: power.windows.text,
    estimator: names.estimator,
    controller: names.controller,
    estimator_options: power.estimatorOptions,
    controller_options: power.controllerOptions,
    lending: power.mode === 'lend' || power.mode === 'full',
    ...(closed !== undefined && { why_not: whyNot(closed, power.mode) }),
    tier: lending.tier.tier,
    tier_detail: lending.tier.detail + (lending.turns.areShort ? '; turns of borrowers are kept short' : ''),
    turns_short: lending.turns.areShort,
    lent: amounts(lending.lent),
    ...(power.mode === 'observe' && { would_lend: amounts(lending.wouldLend) }),
    estimate:
      estimate === undefined
        ? { kind: 'none yet' }
        : estimate.kind === 'unknown'
          ? estimate
          : { kind: 'known', additional: amounts(estimate.additional), terms: estimate.terms },
    quota_cpus: Number.isFinite(actions.quota) ? actions.quota : 'max',
    frozen: [...actions.frozen].map(([id, since]) => ({ container_id: id, since })),
    ...(usage !== undefined && {
      at: usage.at,
      host: usage.host,
      containers: usage.containers.map((container) => containerPage(desk, container, diskOf)),
    }),
    corrections: records.newest.flatMap(correctionPage),
    decisions: records.newest.slice(-SHOWN_DECISIONS).map(({ decision, id, tasks }) => ({
      event: id,
      ...decision,
      tasks,
    })),
  }
}

function whyNot(closed: string, mode: string): string {
  return mode === 'off' ? 'Lending is off: switch it on with `tepui lend set --mode full`' : closed
}

function containerPage({ lending }: LendDesk, container: ContainerUsage, diskOf: DiskOf): Page {
  const disk = diskOf(container.containerId)
  const rates = lending.sight.rates(container.containerId)
  return {
    container_id: container.containerId,
    framework_id: container.frameworkId,
    executor_id: container.executorId,
    tasks: container.taskIds,
    revocable: container.revocable,
    allocated: amounts(container.allocated),
    statistics: container.statistics,
    ...(disk !== undefined && { disk_used_bytes: disk }),
    ...(rates !== undefined && { cpus: rates.cpus, waits: rates.waiting, memory_stall: rates.memoryStall }),
    ...(container.revocable && { frozen: lending.isFrozen(container.containerId) }),
  }
}

/** Evictions that were carried out, in the form that commands read. */
function correctionPage({ decision, id, tasks }: Recorded): readonly Page[] {
  if (decision.kind !== 'evict' || decision.heldBack !== undefined) return []
  const { at, forMs, owner, signal, threshold, unit, value, why } = decision
  return [{ event: id, at, tasks, cause: { owner, signal, value, threshold, unit, forMs }, message: why }]
}

export function amounts(resources: Resources): Record<string, number> {
  return Object.fromEntries([...resources.quantities()].map(([name, milli]) => [name, milli / 1000]))
}

// Frameworks as the pages of Mesos show them (spec/mesos.md 4.4), in full and in short.
import { type OutstandingOffer, type Cluster, type Framework, isActive } from './core/cluster.ts'
import { double, seconds } from '../http/pages/number.ts'
import { lazily, type LazyList } from '../http/pages/page-text.ts'
import { tallyOf, type Tally, type TaskCounts } from './tally.ts'
import { resourceMap, type Page } from '../http/pages/resources.ts'
import { executorPage, taskList } from './view-tasks.ts'

/** The part that `/state` and `/state-summary` share. */
function headOf(framework: Framework, tally: Tally): Page {
  const { info } = framework
  return {
    id: framework.id,
    name: info.name,
    used_resources: resourceMap(tally.used.of(framework.id)),
    offered_resources: resourceMap(tally.offered.of(framework.id)),
    capabilities: [...framework.capabilities],
    hostname: info.hostname ?? '',
    webui_url: info.webui_url ?? '',
    active: isActive(framework),
    connected: framework.state.kind === 'connected',
    recovered: framework.state.kind === 'recovered',
  }
}

/** The object that `/state` has of a framework, running or completed. */
export function frameworkPage(cluster: Cluster, framework: Framework, tally: Tally): Page {
  const { id, info, registeredAt, reregisteredAt } = framework
  const offers = [...framework.offers].flatMap((offer) => cluster.offers.get(offer) ?? [])
  return {
    ...headOf(framework, tally),
    user: info.user,
    failover_timeout: double(info.failover_timeout ?? 0),
    checkpoint: info.checkpoint ?? false,
    registered_time: seconds(registeredAt ?? 0),
    unregistered_time: seconds(framework.unregisteredAt ?? 0),
    ...(info.principal !== undefined && { principal: info.principal }),
    resources: resourceMap(tally.used.of(id).plus(tally.offered.of(id))),
    ...(reregisteredAt !== undefined && { reregistered_time: seconds(reregisteredAt) }),
    ...(framework.capabilities.has('MULTI_ROLE')
      ? { roles: framework.roles }
      : { role: framework.roles[0] ?? '*' }),
    tasks: taskList(framework.tasks.values()),
    unreachable_tasks: taskList(framework.unreachableTasks.values()),
    completed_tasks: taskList(framework.completedTasks),
    offers: offers.map(offerPage),
    executors: (tally.executors.get(id) ?? []).map(executorPage),
    ...(info.labels?.labels !== undefined && { labels: info.labels.labels }),
    offer_constraints: framework.offerConstraints ?? {},
  }
}

function offerPage(offer: OutstandingOffer): Page {
  return {
    id: offer.id,
    framework_id: offer.frameworkId,
    allocation_info: { role: offer.role },
    slave_id: offer.agentId,
    resources: resourceMap(offer.resources),
  }
}

/** `/frameworks`. */
export function frameworksPage(cluster: Cluster, wanted: string | undefined): Page {
  const tally = tallyOf(cluster)
  const pages = (frameworks: ReadonlyMap<string, Framework>): LazyList =>
    lazily(
      [...frameworks.values()].filter(({ id }) => wanted === undefined || id === wanted),
      (framework) => frameworkPage(cluster, framework, tally),
    )
  return {
    frameworks: pages(cluster.frameworks),
    completed_frameworks: pages(cluster.completedFrameworks),
    unregistered_frameworks: [],
  }
}

/** A framework in `/state-summary`. */
export function frameworkSummary(framework: Framework, tally: Tally, counts: TaskCounts): Page {
  return {
    ...headOf(framework, tally),
    ...counts.of(framework.id),
    slave_ids: counts.partners(framework.id),
  }
}

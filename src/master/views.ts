// The pages of the master that show all of it: /state, /state-summary, /version, /flags (spec/mesos.md 4.4).
import type { FlagRow } from '../base/flags.ts'
import { MESOS_API_VERSION } from '../base/version.ts'
import type { MasterInfo } from '../wire/agents.ts'
import type { Cluster } from './core/cluster.ts'
import { double, seconds } from '../http/pages/number.ts'
import { lazily } from '../http/pages/page-text.ts'
import { tallyOf, TaskCounts } from './tally.ts'
import { agentList, agentSummary, isActive } from './view-agents.ts'
import { frameworkPage, frameworkSummary } from './view-frameworks.ts'
import type { Page } from '../http/pages/resources.ts'
import { buildPage } from '../http/pages/version.ts'

/** What the pages say of the master beside its cluster. */
export interface MasterFacts {
  readonly info: MasterInfo
  /** Wall time in ms. */
  readonly startedAt: number
  readonly electedAt: number
  readonly cluster: string | undefined
  readonly logDir: string | undefined
  /** `--name` to its value as text. */
  readonly flags: Readonly<Record<string, string>>
  /** The same with where each came from. */
  readonly config: readonly FlagRow[]
}

/** `/flags`. */
export function flagsPage(facts: MasterFacts): Page {
  return { flags: facts.flags }
}

/** `/state`. */
export function statePage(cluster: Cluster, facts: MasterFacts): Page {
  const { info } = facts
  const tally = tallyOf(cluster)
  const agents = [...cluster.agents.values()]
  const active = agents.filter(isActive).length
  return {
    version: MESOS_API_VERSION,
    ...buildPage(),
    start_time: seconds(facts.startedAt),
    elected_time: seconds(facts.electedAt),
    id: info.id,
    pid: info.pid,
    hostname: info.hostname,
    capabilities: (info.capabilities ?? []).map(({ type }) => type),
    activated_slaves: double(active),
    deactivated_slaves: double(agents.length - active),
    unreachable_slaves: double(cluster.unreachableAgents.size),
    leader: info.pid,
    leader_info: { id: info.id, pid: info.pid, port: info.port, hostname: info.hostname },
    ...(facts.cluster !== undefined && { cluster: facts.cluster }),
    ...(facts.logDir !== undefined && { log_dir: facts.logDir }),
    flags: facts.flags,
    slaves: agentList(agents, tally),
    recovered_slaves: [],
    frameworks: lazily(cluster.frameworks.values(), (one) => frameworkPage(cluster, one, tally)),
    completed_frameworks: lazily(cluster.completedFrameworks.values(), (one) =>
      frameworkPage(cluster, one, tally),
    ),
    orphan_tasks: [],
    unregistered_frameworks: [],
  }
}

/** `/state-summary`. */
export function summaryPage(cluster: Cluster, facts: MasterFacts): Page {
  const tally = tallyOf(cluster)
  const counts = new TaskCounts(cluster)
  return {
    hostname: facts.info.hostname,
    ...(facts.cluster !== undefined && { cluster: facts.cluster }),
    slaves: lazily(cluster.agents.values(), (agent) => agentSummary(agent, tally, counts)),
    frameworks: lazily(cluster.frameworks.values(), (one) => frameworkSummary(one, tally, counts)),
  }
}

/** How a master starts: the sixteen steps of Mesos in their order (spec/mesos.md 1.3), and what later issues add. */
import { flagRows, type ParsedFlags } from '../base/flags.ts'
import { Metrics } from '../base/metrics.ts'
import type { Random } from '../base/random.ts'
import type { Scope } from '../base/scope.ts'
import { MESOS_API_VERSION, TEPUI_VERSION } from '../base/version.ts'
import type { Allocator } from '../allocator/allocator.ts'
import { DrfAllocator } from '../allocator/drf.ts'
import {
  advertisedHostname,
  advertisedIp,
  bindAddress,
  ipAsNumber,
  machineAddresses,
} from '../http/address.ts'
import { SharedPages } from '../http/pages/shared-pages.ts'
import { LogSwitch } from '../http/operator/log-switch.ts'
import type { Route } from '../http/routes.ts'
import { listen } from '../http/server.ts'
import { STREAM_LIMITS } from '../http/stream.ts'
import type { MasterInfo } from '../wire/agents.ts'
import { AgentLinkApi, type AgentLinkDeps } from './api-agent-link.ts'
import { type CallBackDeps, CallBacks } from './call-backs.ts'
import { AgentsApi } from './api-agents.ts'
import { SchedulerApi } from './api-scheduler.ts'
import type { CoreOptions } from './core/cluster.ts'
import { MasterCore } from './core/core.ts'
import type { History } from './history/history.ts'
import { openHistory } from './history/open.ts'
import { WhyApi } from './why/api.ts'
import { LastOffers } from './why/last-offers.ts'
import { masterRoutes } from './endpoints.ts'
import { MASTER_FLAGS, type MasterFlags } from './flags.ts'
import type { MasterDeps } from './master.ts'
import { allMetrics, registerMetrics } from './metrics.ts'
import { OperatorApi } from './operator/api.ts'
import { StateAnswers } from './operator/state.ts'
import { Subscribers } from './operator/subscribers.ts'
import { masterRow } from './page/rows.ts'
import { PageStream } from './page/stream.ts'
import { countOffer, declareOffers, masterFamilies } from './prometheus-families.ts'
import { Shell } from './shell.ts'
import type { MasterFacts } from './views.ts'

/**
 * Starts everything; what was opened ends with the scope.
 *
 * @throws OperatingError USAGE for flags that cannot be meant, PORT_TAKEN when the address is in use
 */
export async function startUp(
  scope: Scope,
  flags: ParsedFlags<typeof MASTER_FLAGS>,
  deps: MasterDeps,
): Promise<MasterInfo> {
  const { values } = flags
  const { clock, log, random } = deps
  const startedAt = clock.now()
  // 1. Flags: parsed and each checked by the command; here what they say together. --ip_discovery_command, and --zk
  //    against --master_contender and --master_detector, come with high availability.
  const host = bindAddress(values)
  // 2. Logging: made by the command from --logging_level, --log_dir and --quiet.
  for (const warning of flags.warnings) log.warn({}, warning)
  log.info({ version: TEPUI_VERSION, api: MESOS_API_VERSION }, 'The master starts')
  // 3. Name and address of this process, and what it counts. The realms of its endpoints come with authentication.
  const metrics = new Metrics()
  const info = await masterInfo(values, deps)
  // 4. Logging in older releases; step 2 has it.
  // 5. /version: among the routes of step 16.
  // 6. Firewall rules (--firewall_rules), before any endpoint is there: with authentication and authorization.
  // 7. Modules (--modules, --modules_dir): with plug-ins for the master.
  // 8. Hooks (--hooks): with plug-ins for the master.
  // 9. The allocator; hierarchical is the only one, drf its only order.
  const allocator = createAllocator(values, random)
  // 10. The storage of the registry (--registry, --quorum): with durable state. Until then it is in memory.
  // 11. The state on that storage: with durable state.
  // 12. The registrar and /registrar(1)/registry: with durable state.
  // 13. Contender and detector (--zk): with high availability. A master alone is the leader from its first moment.
  const electedAt = clock.now()
  // 14. The authorizer (--authorizers, --acls): with authentication and authorization. Until then everybody may do all.
  // 15. The virtual files below /files: with the web UI. The limit of agent removals (--agent_removal_rate_limit): with
  //     high availability.
  // 16. The master itself.
  const core = new MasterCore(coreOptions(values, info), allocator)
  const { cluster } = core
  const { allocation_interval: allocationIntervalMs } = values
  const shell = new Shell({ step: (event) => core.step(event), clock, log, metrics, allocationIntervalMs })
  const { history } = scope.use(openHistory(values, { clock, log, metrics, cluster }))
  shell.watch(history.watch)
  registerMetrics(metrics, { cluster, clock, version: () => shell.steps })
  const facts: MasterFacts = {
    info,
    startedAt,
    electedAt,
    cluster: values.cluster,
    logDir: values.log_dir,
    flags: flags.printed,
    config: flagRows(MASTER_FLAGS, flags),
  }
  const routes = openApis(
    scope,
    { core, shell, metrics, facts, history, values, ownIp: info.address?.ip ?? host },
    deps,
  )
  const streams = { ...STREAM_LIMITS, unsentBytes: values.max_stream_backlog }
  const server = scope.use(
    await listen({ host, port: values.port, processes: ['master'], routes, clock, log, metrics, streams }),
  )
  // Only now a port that was left to the system is known; no request is looked at before this turn is over.
  setPort(info, values.advertise_port ?? server.port)
  // Ends before the server: streams that end because of us change nothing any more.
  scope.use(shell)
  shell.start()
  log.info(
    { id: info.id, address: `${host}:${server.port}`, pid: info.pid },
    'The master is elected and listens',
  )
  return info
}

interface Assembled {
  readonly core: MasterCore
  readonly shell: Shell
  readonly metrics: Metrics
  readonly facts: MasterFacts
  readonly history: History
  readonly ownIp: string
  readonly values: MasterFlags
}

/** What is answered, before there is a port to ask on. */
function openApis(scope: Scope, parts: Assembled, deps: MasterDeps): Route[] {
  const { clock, log, random } = deps
  const { core, shell, metrics, facts, history, ownIp, values } = parts
  const { cluster } = core
  const logging = scope.use(new LogSwitch(clock, log.verbosity))
  const read = (): Readonly<Record<string, number>> => allMetrics(metrics, cluster)
  const version = (): number => shell.steps
  metrics.declare('master/http_cache_hits')
  const pages = new SharedPages(version, () => metrics.count('master/http_cache_hits'))
  const state = new StateAnswers(cluster)
  const limit = values.max_operator_event_stream_subscribers
  const subscribers = scope.use(new Subscribers({ cluster, state, clock, metrics, version, limit }))
  shell.watch((what) => subscribers.tell(what))
  declareOffers(metrics)
  shell.watch((what) => countOffer(metrics, what))
  const agents = scope.use(new AgentsApi({ cluster, clock, history }))
  const page = new PageStream({ cluster, clock, log, metrics, master: () => masterRow(facts), version })
  const offers = new LastOffers()
  shell.watch(offers.watch)
  return masterRoutes({
    cluster,
    shell,
    metrics,
    facts,
    scheduler: new SchedulerApi({ cluster, shell, random, metrics }),
    pages,
    operator: new OperatorApi({
      cluster,
      shell,
      history,
      facts,
      flags: facts.flags,
      metrics: read,
      logging,
      counters: metrics,
      state,
      subscribers,
      pages,
      agents,
    }),
    logging,
    page: scope.use(page),
    families: masterFamilies({ cluster, metrics, all: read }),
    history,
    why: new WhyApi({ cluster, clock, agents, history, offers }),
    agents,
    agentLink: openAgentLink(scope, values, { cluster, shell, metrics, ownIp }, deps),
  })
}

/** Agents come in by it, and are called back. */
function openAgentLink(
  scope: Scope,
  { agent_callback_timeout: timeoutMs }: MasterFlags,
  parts: Pick<AgentLinkDeps, 'cluster' | 'metrics' | 'ownIp' | 'shell'>,
  { clock, log, random }: MasterDeps,
): AgentLinkApi {
  const { metrics, shell } = parts
  const tell: CallBackDeps['tell'] = (...words) => shell.tellAgent(...words)
  const callBacks = scope.use(new CallBacks({ clock, log, metrics, timeoutMs, tell }))
  return new AgentLinkApi({ ...parts, random, callBacks })
}

/** Says who this master is (spec/mesos.md 1.3); a new id in every life. */
async function masterInfo(values: MasterFlags, deps: MasterDeps): Promise<MasterInfo> {
  const { ip, why } = advertisedIp(values, deps.machine ?? (await machineAddresses()))
  deps.log.info({ ip, why }, 'The address that others are told')
  const hostname = await advertisedHostname(values, ip, deps)
  const port = values.advertise_port ?? values.port
  const info: MasterInfo = {
    id: deps.random.uuid(),
    ip: ipAsNumber(ip),
    port,
    hostname,
    version: MESOS_API_VERSION,
    address: { hostname, ip, port },
    // Only this: others break the JSON of mesos-go (spec/clients.md Q14), and name what we do not do yet.
    capabilities: [{ type: 'AGENT_UPDATE' }, { type: 'AGENT_DRAINING' }],
  }
  setPort(info, port)
  return info
}

function setPort(info: MasterInfo, port: number): void {
  const { address } = info
  Object.assign(info, { port, pid: `master@${address?.ip}:${port}`, address: { ...address, port } })
}

function createAllocator(values: MasterFlags, random: Random): Allocator {
  const allocator = new DrfAllocator(
    { random },
    {
      allocationIntervalMs: values.allocation_interval,
      minAllocatable: values.min_allocatable_resources,
      filterGpuResources: values.filter_gpu_resources,
      excludedFromShares: values.fair_sharing_excluded_resource_names,
    },
  )
  for (const [role, weight] of values.weights ?? []) allocator.setWeight(role, weight)
  return allocator
}

function coreOptions(values: MasterFlags, masterInfo: MasterInfo): CoreOptions {
  return {
    masterInfo,
    cluster: values.cluster,
    agentPingTimeoutMs: values.agent_ping_timeout,
    maxAgentPingTimeouts: values.max_agent_ping_timeouts,
    agentReregisterTimeoutMs: values.agent_reregister_timeout,
    offerTimeoutMs: values.offer_timeout,
    roles: values.roles,
    rootSubmissions: values.root_submissions,
    maxCompletedFrameworks: values.max_completed_frameworks,
    maxCompletedTasksPerFramework: values.max_completed_tasks_per_framework,
    maxUnreachableTasksPerFramework: values.max_unreachable_tasks_per_framework,
    maxUnreachableAgents: values.registry_max_agent_count,
  }
}

// Which paths the agent answers, and with what (spec/mesos.md 4.4). Every path works with and without `/slave(1)`.
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os'
import type { Metrics } from '../base/metrics.ts'
import { withDocs } from '../http/docs/routes.ts'
import type { LogSwitch } from '../http/operator/log-switch.ts'
import { versionPage } from '../http/pages/version.ts'
import { prometheusRoute } from '../http/prometheus.ts'
import { empty, json, text } from '../http/response.ts'
import type { Route } from '../http/routes.ts'
import type { ExecutorApi } from './api-executor.ts'
import type { AgentState } from './core/state.ts'
import type { Files } from './files.ts'
import type { LendDesk } from './lending/desk.ts'
import { lendRoutes } from './lending/routes.ts'
import type { OperatorApi } from './operator/api.ts'
import { agentAbouts } from './route-abouts.ts'
import { agentFamilies } from './prometheus-families.ts'
import { containersPage, type ContainerSight, statisticsPage } from './view-statistics.ts'
import { type AgentFacts, selfPage, statePage } from './views.ts'

export interface EndpointDeps {
  readonly facts: AgentFacts
  readonly state: Readonly<AgentState>
  readonly executors: ExecutorApi
  readonly operator: OperatorApi
  readonly logging: LogSwitch
  readonly files: Files
  readonly metrics: Metrics
  readonly fetching: readonly Route[]
  readonly lending: LendDesk
  /** Bytes of the sandbox of a running container, when they were measured. */
  readonly sandboxBytes: (containerId: string) => number | undefined
  /** What the running containers use, new enough for a page. */
  readonly containers: () => Promise<readonly ContainerSight[]>
  readonly collection: readonly Route[]
  readonly usage: Route
  /** Where the link is open to. */
  readonly master: () => string | undefined
}

/** Paths of Mesos that come later: who asks is told so, and not that he mistyped. */
const NOT_YET: readonly (readonly [path: string, methods: readonly string[], subject: string])[] = [
  ['/containerizer/debug', ['GET'], 'the list of pending operations'],
]

export function agentRoutes(deps: EndpointDeps): Route[] {
  const later = NOT_YET.map(([path, , subject]) => [path, subject] as const)
  return withDocs('Tepui agent', ['slave(1)'], ownRoutes(deps), agentAbouts(later))
}

function ownRoutes(deps: EndpointDeps): Route[] {
  const { facts, state, files } = deps
  const get = (path: string, handle: Route['handle']): Route => ({ path, methods: ['GET'], handle })
  return [
    { path: '/api/v1/executor', handle: (request) => deps.executors.handle(request) },
    { path: '/api/v1', handle: (request) => deps.operator.handle(request) },
    ...deps.logging.routes,
    get('/health', () => empty(200)),
    get('/version', () => json(versionPage())),
    get('/flags', () => json({ flags: facts.flags })),
    get('/api/x1/config', () => json({ flags: facts.config })),
    get('/state', () => json(statePage(state, facts, deps.master()))),
    get('/metrics/snapshot', () => json(deps.metrics.snapshot())),
    prometheusRoute(agentFamilies({ metrics: deps.metrics, agent: () => nameOf(facts), proc: '/proc' })),
    // Some collectors still ask by the name of old releases.
    ...['/monitor/statistics', '/monitor/statistics.json'].map((path) =>
      get(path, async () => json(statisticsPage(state, await deps.containers()))),
    ),
    get('/containers', async (request) => {
      const wanted = request.query.get('container_id')
      const containers = await deps.containers()
      const asked = containers.filter(({ containerId }) => (wanted ?? containerId) === containerId)
      return json(containersPage(state, asked))
    }),
    get('/api/x1/self', () => json(selfPage(state))),
    get('/system/stats.json', () => json(systemPage())),
    get('/files/browse', (request) => files.browse(request)),
    get('/files/read', (request) => files.read(request)),
    get('/files/download', (request) => files.download(request)),
    ...deps.fetching,
    get('/files/debug', () => files.debug()),
    ...deps.collection,
    deps.usage,
    ...lendRoutes(
      deps.lending,
      () => ({ id: state.agentId ?? '', hostname: facts.info.hostname }),
      deps.sandboxBytes,
    ),
    ...NOT_YET.map(([path, methods, subject]): Route => {
      const sentence = `${path} is not there yet: ${subject} comes with a later version (docs/compatibility.md)`
      return { path, methods, handle: () => text(501, sentence) }
    }),
  ]
}

/** As the master names the agent: its attribute `agent`, else its address. */
function nameOf({ info, port }: AgentFacts): string {
  return info.attributes?.find(({ name }) => name === 'agent')?.text?.value ?? `${info.hostname}:${port}`
}

function systemPage(): Record<string, unknown> {
  const [one = 0, five = 0, fifteen = 0] = loadavg()
  return {
    avg_load_15min: fifteen,
    avg_load_1min: one,
    avg_load_5min: five,
    cpus_total: availableParallelism(),
    mem_free_bytes: freemem(),
    mem_total_bytes: totalmem(),
  }
}

/** Which path of the master is answered by what (spec/mesos.md 4.4); every path is reachable below /master too. */
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os'
import type { Metrics } from '../base/metrics.ts'
import { prometheusRoute, type Family } from '../http/prometheus.ts'
import type { HttpRequest } from '../http/request.ts'
import type { Page } from '../http/pages/resources.ts'
import { empty, json, jsonPieces, redirect, text, type Answer } from '../http/response.ts'
import type { Handler, Route } from '../http/routes.ts'
import type { AgentLinkApi } from './api-agent-link.ts'
import type { AgentsApi } from './api-agents.ts'
import { withDocs } from '../http/docs/routes.ts'
import type { LogSwitch } from '../http/operator/log-switch.ts'
import { killByOperator } from './api-kill.ts'
import type { SchedulerApi } from './api-scheduler.ts'
import type { Cluster } from './core/cluster.ts'
import { double } from '../http/pages/number.ts'
import { EventsApi } from './history/api.ts'
import type { History } from './history/history.ts'
import { allMetrics } from './metrics.ts'
import { pageBytes } from '../http/pages/page-text.ts'
import type { SharedPages } from '../http/pages/shared-pages.ts'
import type { OperatorApi } from './operator/api.ts'
import { tearDown } from './operator/steer.ts'
import { pageRoutes } from './page/files.ts'
import type { PageStream } from './page/stream.ts'
import { taskDetails } from './page/task-details.ts'
import { masterAbouts } from './route-abouts.ts'
import type { Shell } from './shell.ts'
import { agentsPage, lendPage } from './view-agents.ts'
import { frameworksPage } from './view-frameworks.ts'
import { rolesPage } from './view-roles.ts'
import { tasksPage } from './view-tasks.ts'
import type { WhyApi } from './why/api.ts'
import { versionPage } from '../http/pages/version.ts'
import { flagsPage, statePage, summaryPage, type MasterFacts } from './views.ts'

export interface EndpointDeps {
  readonly cluster: Cluster
  readonly shell: Shell
  readonly metrics: Metrics
  readonly facts: MasterFacts
  readonly scheduler: SchedulerApi
  readonly agentLink: AgentLinkApi
  readonly agents: AgentsApi
  readonly history: History
  readonly why: WhyApi
  readonly operator: OperatorApi
  readonly pages: SharedPages
  /** For `/metrics`. */
  readonly families: readonly Family[]
  readonly logging: LogSwitch
  readonly page: PageStream
}

/** What Mesos has and we do not yet: the path, its methods there, and what it is about. */
const NOT_YET: readonly (readonly [path: string, methods: readonly string[], subject: string])[] = [
  ['/reserve', ['POST'], 'reserving resources'],
  ['/unreserve', ['POST'], 'reserving resources'],
  ['/create-volumes', ['POST'], 'persistent volumes'],
  ['/destroy-volumes', ['POST'], 'persistent volumes'],
  ['/quota', ['GET', 'POST', 'DELETE'], 'quota'],
  ['/weights', ['GET', 'PUT'], 'changing weights'],
  ['/maintenance/schedule', ['GET', 'POST'], 'maintenance'],
  ['/maintenance/status', ['GET'], 'maintenance'],
  ['/machine/down', ['POST'], 'maintenance'],
  ['/machine/up', ['POST'], 'maintenance'],
  ['/registrar(1)/registry', ['GET'], 'the durable registry'],
]

/** All routes of the master. */
export function masterRoutes(deps: EndpointDeps): Route[] {
  const later = NOT_YET.map(([path, , subject]) => [path, subject] as const)
  return withDocs('Tepui master', ['master'], ownRoutes(deps), masterAbouts(later))
}

function ownRoutes(deps: EndpointDeps): Route[] {
  const { cluster, facts, scheduler, agentLink } = deps
  const events = new EventsApi(deps.history, cluster)
  const get = (path: string, handle: Handler): Route => ({ path, methods: ['GET'], handle })
  return [
    { path: '/api/v1/scheduler', handle: (request) => scheduler.handle(request) },
    { path: '/api/x1/agent', handle: (request) => agentLink.handle(request) },
    get('/api/x1/lend', () => json(lendPage(cluster))),
    get('/api/x1/events', (request) => events.handle(request)),
    get('/api/x1/why', (request) => deps.why.handle(request)),
    ...deps.agents.routes,
    { path: '/api/v1', handle: (request) => deps.operator.handle(request) },
    ...deps.logging.routes,
    get('/health', () => empty(200)),
    get('/version', () => json(versionPage())),
    get('/flags', () => json(flagsPage(facts))),
    get('/api/x1/config', () => json({ flags: facts.config })),
    get('/state', () => shared(deps, '/state', () => statePage(cluster, facts))),
    get('/state-summary', () => shared(deps, '/state-summary', () => summaryPage(cluster, facts))),
    get('/slaves', ({ query }) => page(agentsPage(cluster, query.get('slave_id')))),
    get('/frameworks', ({ query }) => page(frameworksPage(cluster, query.get('framework_id')))),
    get('/tasks', ({ query }) => page(tasksPage(cluster, wishOf(query)))),
    get('/roles', () => json(rolesPage(cluster))),
    get('/metrics/snapshot', () => json(metricsPage(deps))),
    prometheusRoute(deps.families),
    get('/system/stats.json', () => json(systemPage())),
    { ...get('/redirect', () => redirect(leaderLocation(facts))), exact: true },
    { path: '/teardown', methods: ['POST'], handle: (request) => teardown(deps, request) },
    { path: '/api/x1/kill', methods: ['POST'], handle: (request) => killByOperator(deps, request) },
    get('/api/x1/stream', (request) => deps.page.handle(request)),
    get('/api/x1/usage', () => deps.page.day()),
    get('/api/x1/task', ({ query }) => taskDetails(cluster, query)),
    ...pageRoutes(() => front(facts)),
    ...NOT_YET.map(([path, methods, subject]): Route => {
      const sentence = `${path} is not there yet: ${subject} comes with a later version (docs/compatibility.md)`
      return { path, methods, handle: () => text(501, sentence) }
    }),
  ]
}

/** A page that may be long, written in slices. */
async function page(content: Page): Promise<Answer> {
  return jsonPieces(await pageBytes(content))
}

/** One that many ask for again and again. */
async function shared({ pages }: EndpointDeps, key: string, make: () => Page): Promise<Answer> {
  return jsonPieces(await pages.bytes(key, make))
}

/** `//host:port`, from which clients of every kind find the leader (spec/clients.md Q9). */
function leaderLocation({ info }: MasterFacts): string {
  return `//${info.hostname}:${info.port}`
}

function wishOf(query: ReadonlyMap<string, string>): Parameters<typeof tasksPage>[1] {
  return {
    frameworkId: query.get('framework_id'),
    taskId: query.get('task_id'),
    limit: query.get('limit'),
    offset: query.get('offset'),
    order: query.get('order'),
  }
}

function metricsPage({ metrics, cluster }: EndpointDeps): Record<string, unknown> {
  const all = Object.entries(allMetrics(metrics, cluster))
  return Object.fromEntries(all.map(([name, value]) => [name, double(value)]))
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

/** For programs that ask whether anybody is there; a browser gets the page. */
function front({ info }: MasterFacts): string {
  return (
    `Tepui master at ${info.hostname}:${info.port}. ` +
    'A browser shows the web page here; look also at /state, /metrics/snapshot and /api/x1/lend.\n'
  )
}

const MAX_TEARDOWN_BYTES = 4096

/** `frameworkId=ID` as a form: the framework is removed as if it had called TEARDOWN. */
async function teardown(deps: EndpointDeps, request: HttpRequest): Promise<Answer> {
  const body = await request.body(MAX_TEARDOWN_BYTES)
  if (!body.ok) return body.answer
  const id = new URLSearchParams(body.bytes.toString('utf8')).get('frameworkId')
  if (id === null) return text(400, "Missing 'frameworkId' query parameter in the request body")
  return tearDown(deps, id, request.remote.address)
}

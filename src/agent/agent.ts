// Assembles one agent: what it runs tasks with, how it talks to its master. The only place that says `new`.
import { OperatingError, reasonOf } from '../base/errors.ts'
import { flagRows, type ParsedFlags } from '../base/flags.ts'
import { Metrics } from '../base/metrics.ts'
import { Scope } from '../base/scope.ts'
import { killLeftSessions } from '../containerizer/session.ts'
import type { SandboxMeter } from '../gc/sandbox-meter.ts'
import { bindAddress } from '../http/address.ts'
import { LogSwitch } from '../http/operator/log-switch.ts'
import { listen } from '../http/server.ts'
import { STREAM_LIMITS } from '../http/stream.ts'
import type { EvictAction } from '../qos/controller.ts'
import type { Resources } from '../resources/resources.ts'
import { ExecutorApi } from './api-executor.ts'
import type { Checks } from './checks/checks.ts'
import { openChecks } from './checks/open.ts'
import { type CollectionEdges, type OpenCollection, openCollection } from './collection/open.ts'
import { collectionRoutes } from './collection/page.ts'
import { openSupervisor } from './containers.ts'
import { CAPABILITIES, coreSettings } from './core-settings.ts'
import { AgentCore } from './core/core.ts'
import type { GracefulCorrection } from './core/events.ts'
import type { SavedRow } from './core/saved.ts'
import { executorOf } from './core/state.ts'
import { agentRoutes } from './endpoints.ts'
import { finish, unendedTasks } from './farewell.ts'
import { Fetching } from './fetching.ts'
import { Files } from './files.ts'
import { AGENT_FLAGS, type AgentFlags } from './flags.ts'
import { type AgentDeps, type Ground, summaryOf, survey } from './ground.ts'
import { type OpenLending, openLending } from './lending/open.ts'
import { Keeper } from './keeper.ts'
import { Link } from './link.ts'
import { OperatorApi } from './operator/api.ts'
import { ContainerEnds } from './operator/container-ends.ts'
import { declareMetrics } from './metrics.ts'
import { Outbox } from './outbox.ts'
import { listenAsBefore, type PortWish } from './port.ts'
import { type Happening, Shell } from './shell.ts'
import { type NestedOutputs, nestedOutputs } from './sessions/outputs.ts'
import { openSessions, type Sessions } from './sessions/sessions.ts'
import { openSight, type Sight } from './sight.ts'
import type { ContainerNews, Supervisor } from './supervisor.ts'
import { Sampler } from './usage.ts'
import { type AgentFacts, shownFlags } from './views.ts'

export type { AgentDeps } from './ground.ts'

/** A running agent; disposing it ends what it runs at once, unless it has left. */
export interface Agent extends AsyncDisposable {
  readonly address: { readonly ip: string; readonly port: number; readonly hostname: string }
  /** For people, at the start: what is offered, what can be enforced, what is missing and how to get it. */
  readonly summary: readonly string[]
  /** Ends all tasks, tells the master, and settles `ended`; the next life in this work folder is another agent. */
  shutdown(message: string): void
  /** Ends, and leaves what runs for frameworks with `checkpoint` running; settles `ended`. */
  leave(message: string): void
  /** The tasks that run on when the agent has left, by name. */
  readonly left: readonly string[]
  /** Settles when the agent has ended: undefined as asked, else why. Never rejects. */
  readonly ended: Promise<OperatingError | undefined>
}

/**
 * Starts an agent: it listens, registers with its master and keeps trying, whichever is there first.
 * @throws OperatingError USAGE, ISOLATION, ENGINE, PORT_TAKEN, FILE, PLUGIN when it cannot start
 */
export async function startAgent(parsed: ParsedFlags<typeof AGENT_FLAGS>, deps: AgentDeps): Promise<Agent> {
  const scope = new Scope()
  try {
    for (const warning of parsed.warnings) deps.log.warn({}, warning)
    const ground = await survey(parsed.values, deps, scope)
    return await assemble(parsed, ground, deps, scope)
  } catch (error) {
    await scope[Symbol.asyncDispose]()
    throw error
  }
}

/** The parts that know each other. */
interface Parts {
  readonly core: AgentCore
  readonly keeper: Keeper
  readonly link: Link
  readonly shell: Shell
  readonly supervisor: Supervisor
  readonly fetching: Fetching
  readonly metrics: Metrics
  readonly sight: Sight
  readonly meter: SandboxMeter
  readonly lending: OpenLending
  readonly collection: OpenCollection
  readonly checks: Checks
  readonly ends: ContainerEnds
  readonly sessions: Sessions
  readonly outputs: NestedOutputs
}

interface ServedParts extends Parts {
  readonly logging: LogSwitch
}

async function assemble(
  parsed: ParsedFlags<typeof AGENT_FLAGS>,
  ground: Ground,
  deps: AgentDeps,
  scope: Scope,
): Promise<Agent> {
  const flags = parsed.values
  const { info, ip } = ground
  const ended = Promise.withResolvers<OperatingError | undefined>()
  const parts = connectParts(flags, ground, deps, ended.resolve)
  await parts.fetching.open(scope)
  scope.use(parts.lending)
  scope.use(parts.keeper)
  scope.use(parts.collection)
  scope.use(parts.shell)
  scope.use(parts.checks)
  const facts: AgentFacts = {
    info,
    ip,
    get port() {
      return info.port ?? 0
    },
    resources: ground.resources,
    capabilities: CAPABILITIES,
    workDir: ground.workDir,
    flags: shownFlags(parsed.printed),
    config: flagRows(AGENT_FLAGS, { ...parsed, printed: shownFlags(parsed.printed) }),
    startedAt: deps.clock.now(),
  }
  const logging = scope.use(new LogSwitch(deps.clock, deps.log.verbosity))
  const all = { ...parts, logging }
  const open = (port: number): ReturnType<typeof listen> => openServer({ ...flags, port }, facts, all, deps)
  const server = scope.use(await listenAsBefore(portWish(flags, ground), open, deps.log))
  // Only now is a port that the system chose known; nothing was told to anybody before.
  info.port = flags.advertise_port ?? server.port
  const onCrash = (name: string, error: unknown): void => {
    const words = `The loop '${name}' of the agent failed: ${reasonOf(error)}`
    const trouble = new OperatingError('STOPPED', words, { cause: error })
    void finish({ trouble }, parts).then(ended.resolve)
  }
  const cleanup = flags.recover === 'cleanup'
  takeUp(ground, parts, cleanup)
  const recoverySecs = (deps.clock.monotonic() - ground.recoveryBeganAt) / 1000
  parts.metrics.gauge('slave/recovery_time_secs', () => recoverySecs)
  void ground.laterAttributes?.then((attributes) => {
    info.attributes = attributes
    parts.shell.dispatch({ type: 'info-changed' })
  })
  // An agent that only cleans up never registers (spec/mesos.md 6.3).
  if (!cleanup) scope.spawn('link', (signal) => parts.link.run(signal), onCrash)
  scope.spawn('sandbox sizes', (signal) => parts.meter.run(signal), onCrash)
  scope.spawn('collection', (signal) => parts.collection.run(signal), onCrash)
  await parts.lending.desk.restore()
  scope.spawn('lending', (signal) => parts.lending.desk.run(signal), onCrash)
  return {
    address: { ip, port: server.port, hostname: info.hostname },
    summary: summaryOf(ground),
    shutdown: (message) => parts.shell.dispatch({ type: 'shutdown', message }),
    leave: (message) => parts.shell.dispatch({ type: 'leave', message }),
    get left() {
      return parts.supervisor.hasLeft ? unendedTasks(parts.core.state) : []
    },
    ended: ended.promise,
    [Symbol.asyncDispose]: () => endAll(parts, scope),
  }
}

function portWish(flags: AgentFlags, { found, recovery }: Ground): PortWish {
  const { agent, state } = recovery.restored
  const alive = [...state.frameworks.values()].flatMap((framework) =>
    [...framework.executors.values()].filter(({ containerId }) => found.has(containerId)),
  )
  return {
    flag: flags.port,
    before: flags.advertise_port === undefined ? agent?.info.port : undefined,
    executors: alive.filter(({ kind }) => kind === 'custom').map(({ id }) => id),
  }
}

/** What was found goes on, and the core settles the rest; before anybody can call the agent. */
function takeUp({ found, recovery }: Ground, { metrics, shell, supervisor }: Parts, cleanup: boolean): void {
  killLeftSessions(new Set(found.keys()))
  for (const container of found.values()) supervisor.adopt(container)
  const { problems, rebootedAt } = recovery
  metrics.count('slave/recovery_errors', problems.length)
  shell.dispatch({
    type: 'recover',
    found: new Set(found.keys()),
    rebooted: rebootedAt !== undefined,
    cleanup,
  })
}

function connectParts(
  flags: AgentFlags,
  ground: Ground,
  deps: AgentDeps,
  onEnded: (trouble: OperatingError | undefined) => void,
): Parts {
  const { clock, log } = deps
  const metrics = new Metrics()
  const { core, keeper } = newCore(flags, ground, deps, metrics)
  const link = newLink(flags, ground, deps, (happening) => shell.dispatch(happening))
  const outbox = new Outbox(link, () => keeper.safe())
  const agentId = (): string => core.state.agentId ?? ''
  const fetching = new Fetching(flags, ground.workDir, metrics, deps)
  const news = { admit: () => collection.admit(), agentId, tell: (one: ContainerNews) => hear(one) }
  const supervisor = openSupervisor({ flags, ground, fetching, ...news }, deps)
  const checks = openChecks(metrics, supervisor, () => ({ lending, shell }), deps)
  const shell: Shell = new Shell({
    ...deps,
    checks,
    step: (event) => core.step(event),
    commit: () => keeper.commit(),
    metrics,
    link: outbox,
    containers: {
      launch: (request) => supervisor.launch(request),
      resize: (...wanted) => supervisor.resize(...wanted),
      // A frozen borrower hears no signal.
      kill: (containerId, graceMs) => {
        lending.desk.lending.actions.letGo(containerId)
        supervisor.kill(containerId, graceMs)
      },
    },
    onDone: (end) => void finish(end, { keeper, link: outbox, supervisor }).then(onEnded),
  })
  const statistics = (id: string): ReturnType<Supervisor['statistics']> => supervisor.statistics(id)
  const sampler = new Sampler({ clock, log, state: () => core.state, statistics }, ground.resources)
  const lending = openLending(
    {
      flags,
      ground,
      metrics,
      state: core.state,
      sample: () => sampler.sample(),
      groupOf: (containerId) => supervisor.groupOf(containerId),
      onTotal: (resources) => shell.dispatch({ type: 'oversubscribed', resources }),
      onSaying: (saying) => shell.dispatch({ type: 'lending', lending: saying }),
      onEvict: (action) => shell.dispatch({ type: 'correction', correction: correctionOf(action) }),
    },
    deps,
  )
  const kept = { flags, metrics, workDir: ground.workDir, state: core.state }
  const keeping = ground.containerizers.find((one) => one.keeping !== undefined)?.keeping
  const measured = measuredBy(sampler, () => meter)
  const collection = openCollection({ ...kept, ...measured, keeping, cache: () => fetching.cache }, deps)
  const ends = new ContainerEnds()
  const hear = (news: ContainerNews): void => {
    collection.hear(news)
    shell.dispatch(news)
    ends.hear(news)
    if (news.type !== 'started') return
    lending.desk.lending.launched(executorOf(core.state, news.containerId)?.revocable === true)
  }
  const lent = (): Resources => lending.desk.lending.lent
  declareMetrics(metrics, { clock, state: core.state, total: ground.resources, lent })
  const { meter, sight } = openSight({ flags, ground, metrics, sampler, supervisor, state: core.state }, deps)
  const sessions = openSessions(flags, metrics, supervisor, deps)
  const outputs = nestedOutputs(flags, ground.workDir, core.state, log)
  const seen = { metrics, sight, meter, lending, collection, ends, sessions, outputs }
  return { core, keeper, link, shell, supervisor, fetching, checks, ...seen }
}

/** What was measured of a container last, and of its sandbox. */
function measuredBy(
  sampler: Sampler,
  meter: () => SandboxMeter,
): Pick<CollectionEdges, 'lastUse' | 'sandboxBytes'> {
  return { lastUse: (id) => sampler.lastOf(id), sandboxBytes: (id) => meter().usageOf(id)?.bytes }
}

function newCore(
  flags: AgentFlags,
  ground: Ground,
  { clock, log, random }: AgentDeps,
  metrics: Metrics,
): Pick<Parts, 'core' | 'keeper'> {
  const { info, recovery } = ground
  const { checkpoint, bootId, restored, rows } = recovery
  const core = new AgentCore({ random, state: restored.state }, coreSettings(flags, ground))
  const takeRows = (): readonly SavedRow[] => core.takeRows({ info, bootId })
  return { core, keeper: new Keeper({ clock, log, metrics, checkpoint, takeRows }, rows) }
}

function newLink(
  flags: AgentFlags,
  { master }: Ground,
  { clock, log, random }: AgentDeps,
  dispatch: (happening: Happening) => void,
): Link {
  return new Link({
    clock,
    random,
    log,
    master,
    backoffMs: flags.registration_backoff_factor,
    onOpening: () => dispatch({ type: 'link-open' }),
    onEvent: (event) => dispatch({ type: 'link', event }),
    onLost: () => dispatch({ type: 'link-lost' }),
  })
}

/** As the core knows corrections: Mesos' kill, with a grace. */
function correctionOf(action: EvictAction): GracefulCorrection {
  const { containerId, decision, executorId, frameworkId, graceMs, message } = action
  return { kind: 'kill', frameworkId, executorId, containerId, graceMs, cause: decision, message }
}

function operatorApi(
  facts: AgentFacts,
  files: Files,
  { collection, core, ends, logging, metrics, outputs, sessions, sight, supervisor }: ServedParts,
): OperatorApi {
  return new OperatorApi({
    flags: facts.flags,
    info: facts.info,
    metrics: () => metrics.snapshot(),
    logging,
    counters: metrics,
    state: core.state,
    files,
    containers: () => sight.containers(),
    kill: (containerId) => supervisor.kill(containerId, 0),
    onEnd: (containerId, then) => ends.wait(containerId, then),
    sessions,
    prune: async (excluded) => collection.engine.images?.prune(excluded),
    openOutput: outputs.open,
    removeOutput: outputs.remove,
  })
}

function openServer(
  flags: AgentFlags,
  facts: AgentFacts,
  parts: ServedParts,
  deps: AgentDeps,
): ReturnType<typeof listen> {
  const { collection, core, shell, fetching, metrics, meter, sight, lending, link, logging } = parts
  const { clock, log, random } = deps
  const { state } = core
  const { workDir } = facts
  const files = new Files({ workDir, agentId: () => state.agentId, tombstones: collection.tombstones })
  return listen({
    host: bindAddress(flags),
    port: flags.port,
    processes: ['slave(1)'],
    clock,
    log,
    metrics,
    streams: { ...STREAM_LIMITS, unsentBytes: flags.max_stream_backlog },
    routes: agentRoutes({
      facts,
      state,
      executors: new ExecutorApi({ state, shell, random, metrics }),
      operator: operatorApi(facts, files, parts),
      logging,
      files,
      collection: collectionRoutes(collection, { clock, log }),
      metrics,
      fetching: fetching.routes,
      lending: lending.desk,
      sandboxBytes: (containerId) => meter.usageOf(containerId)?.bytes,
      usage: lending.usage,
      containers: () => sight.containers(),
      master: () => link.master,
    }),
  })
}

/** Nothing new begins; whatever still runs is killed before its cgroups and connections go. */
async function endAll(
  { checks, core, keeper, lending, sessions, shell, supervisor }: Parts,
  scope: Scope,
): Promise<void> {
  shell[Symbol.dispose]()
  checks[Symbol.dispose]()
  await sessions.close()
  if (!supervisor.hasLeft) {
    for (const containerId of core.state.containers.keys()) {
      lending.desk.lending.actions.letGo(containerId)
      supervisor.kill(containerId, 0)
    }
    await supervisor.idle()
    keeper.forget()
  }
  await scope[Symbol.asyncDispose]()
}

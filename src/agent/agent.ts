// Assembles one agent: what it offers, what it runs tasks with, how it talks to its master. The only place that says `new`.
import { mkdirSync } from 'node:fs'
import { utimes } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { type ParsedFlags, usageError } from '../base/flags.ts'
import type { Logger } from '../base/log.ts'
import { Metrics } from '../base/metrics.ts'
import type { Random } from '../base/random.ts'
import { Scope } from '../base/scope.ts'
import { MESOS_API_VERSION } from '../base/version.ts'
import { type Cgroups } from '../containerizer/cgroups.ts'
import { cgroupTag, openCgroups } from '../containerizer/cgroups/open.ts'
import { loadEstimator } from '../estimator/built-in.ts'
import { Fetcher } from '../fetcher/fetcher.ts'
import { SandboxCollector } from '../gc/sandboxes.ts'
import { onSchedule } from '../gc/schedule.ts'
import { advertisedHostname, advertisedIp, bindAddress, machineAddresses } from '../http/address.ts'
import { listen } from '../http/server.ts'
import { STREAM_LIMITS } from '../http/stream.ts'
import { loadQosController } from '../qos/built-in.ts'
import type { Resources } from '../resources/resources.ts'
import type { AgentInfo, AgentInfoCapabilityType } from '../wire/agents.ts'
import { ExecutorApi } from './api-executor.ts'
import { type OpenedContainerizers, openContainerizers } from './containerizers.ts'
import { AgentCore } from './core/core.ts'
import { DEFAULT_LIMITS } from './core/state.ts'
import { agentRoutes } from './endpoints.ts'
import { Files } from './files.ts'
import type { AGENT_FLAGS, AgentFlags } from './flags.ts'
import { agentAttributes, agentResources, type Hardware, readHardware } from './hardware.ts'
import { requireIsolation } from './isolation.ts'
import { Lending } from './lending.ts'
import { Link, masterAddress } from './link.ts'
import { declareMetrics } from './metrics.ts'
import { agentsDirectory } from './paths.ts'
import { type MadeSandbox, makeSandbox, type SandboxSettings } from './sandbox.ts'
import { Shell } from './shell.ts'
import { Supervisor } from './supervisor.ts'
import { Sampler } from './usage.ts'
import type { AgentFacts } from './views.ts'

export interface AgentDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** A running agent; disposing it ends what it runs at once. */
export interface Agent extends AsyncDisposable {
  readonly address: { readonly ip: string; readonly port: number; readonly hostname: string }
  /** For people, at the start: what is offered, what can be enforced, what is missing and how to get it. */
  readonly summary: readonly string[]
  /** Ends all tasks, tells the master, and settles `ended`. */
  shutdown(message: string): void
  /** Settles when the agent has ended: undefined as asked, else why. Never rejects. */
  readonly ended: Promise<OperatingError | undefined>
}

/** What we do of what agents of Mesos can do. */
const CAPABILITIES: readonly AgentInfoCapabilityType[] = [
  'MULTI_ROLE',
  'HIERARCHICAL_ROLE',
  'RESERVATION_REFINEMENT',
]

/** What the start has found out about this machine. */
interface Ground {
  readonly workDir: string
  readonly tag: string
  readonly hardware: Hardware
  readonly cgroups: Cgroups
  readonly opened: OpenedContainerizers
  readonly resources: Resources
  readonly info: AgentInfo
  readonly ip: string
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

/** Looks at the machine and prepares what tasks run in; leftovers of an earlier life are ended. */
async function survey(flags: AgentFlags, deps: AgentDeps, scope: Scope): Promise<Ground> {
  const { clock, log } = deps
  if (flags.master === undefined) throw usageError("Flag '--master' is required: --master=HOST:PORT")
  if (!flags.master.startsWith('file://')) await masterAddress(flags.master)
  if (flags.work_dir === undefined) throw usageError("Flag '--work_dir' is required: --work_dir=PATH")
  const workDir = makeFolder('work_dir', resolve(flags.work_dir))
  const hardware = await readHardware(workDir, (what) =>
    log.warn({ what }, 'the machine does not tell; a default is taken'),
  )
  const tag = cgroupTag(flags.port, workDir)
  const cgroups = openCgroups({
    mount: flags.cgroups_hierarchy,
    root: flags.cgroups_root,
    tag,
    cpus: hardware.cpus,
    clock,
  })
  scope.defer(() => cgroups.close())
  requireIsolation(flags.isolation, cgroups)
  const runtimeDir = makeFolder('runtime_dir', resolve(flags.runtime_dir ?? join(workDir, 'runtime')))
  const opened = await openContainerizers(flags, {
    clock,
    log,
    cgroups,
    tag,
    memoryBytes: hardware.memoryBytes,
    runtimeDir,
  })
  for (const containerizer of opened.all) {
    scope.defer(() => containerizer.close())
    const ended = await containerizer.sweep()
    if (ended > 0)
      log.warn(
        { containerizer: containerizer.name, ended },
        'containers of an earlier life of this agent ended',
      )
  }
  const resources = agentResources(hardware, flags.resources, flags.default_role)
  const ip = advertisedIp(flags, await machineAddresses())
  const info: AgentInfo = {
    hostname: await advertisedHostname(flags, ip, { clock, log }),
    port: flags.advertise_port ?? flags.port,
    resources: resources.toWire(),
    attributes: agentAttributes(
      hardware,
      { cgroups: cgroups.layout, engine: opened.engine },
      flags.attributes,
    ),
  }
  return { workDir, tag, hardware, cgroups, opened, resources, info, ip }
}

function makeFolder(flag: string, path: string): string {
  try {
    mkdirSync(path, { recursive: true })
    return path
  } catch (error) {
    throw new OperatingError('FILE', `Flag '--${flag}': cannot make the folder ${path}`, { cause: error })
  }
}

async function assemble(
  parsed: ParsedFlags<typeof AGENT_FLAGS>,
  ground: Ground,
  deps: AgentDeps,
  scope: Scope,
): Promise<Agent> {
  const { clock, random, log } = deps
  const flags = parsed.values
  const { info, ip, resources, workDir } = ground
  const metrics = new Metrics()
  const core = new AgentCore(
    { random },
    {
      info,
      ip,
      version: MESOS_API_VERSION,
      capabilities: CAPABILITIES.map((type) => ({ type })),
      registrationTimeoutMs: flags.executor_registration_timeout,
      shutdownGraceMs: flags.executor_shutdown_grace_period,
      cfs: flags.cgroups_enable_cfs,
      limits: { ...DEFAULT_LIMITS, completedExecutors: flags.max_completed_executors_per_framework },
    },
  )
  const ended = Promise.withResolvers<OperatingError | undefined>()
  const link = new Link({
    clock,
    random,
    log,
    master: flags.master ?? '',
    backoffMs: flags.registration_backoff_factor,
    onOpening: () => shell.dispatch({ type: 'link-open' }),
    onEvent: (event) => shell.dispatch({ type: 'link', event }),
    onLost: () => shell.dispatch({ type: 'link-lost' }),
  })
  const supervisor = openSupervisor(
    flags,
    ground,
    deps,
    () => core.state.agentId ?? '',
    (news) => shell.dispatch(news),
  )
  const shell: Shell = new Shell({
    step: (event) => core.step(event),
    clock,
    log,
    metrics,
    link,
    containers: supervisor,
    onDone: (trouble) => void finish(supervisor, link).then(() => ended.resolve(trouble)),
  })
  scope.use(shell)
  const { lending, sampler } = await openLending(flags, ground, deps, { core, supervisor, shell })
  declareMetrics(metrics, { clock, state: core.state, total: resources, lent: () => lending.view.lent })
  const onCrash = (name: string, error: unknown): void =>
    ended.resolve(
      new OperatingError('STOPPED', `The loop '${name}' of the agent failed: ${reasonOf(error)}`, {
        cause: error,
      }),
    )
  const facts: AgentFacts = {
    info,
    ip,
    get port() {
      return info.port ?? 0
    },
    resources,
    capabilities: CAPABILITIES,
    workDir,
    flags: parsed.printed,
    startedAt: clock.now(),
  }
  const server = scope.use(
    await listen({
      host: bindAddress(flags),
      port: flags.port,
      processes: ['slave(1)'],
      clock,
      log,
      metrics,
      streams: { ...STREAM_LIMITS, unsentBytes: flags.max_stream_backlog },
      routes: agentRoutes({
        facts,
        lend: { estimator: flags.resource_estimator, controller: flags.qos_controller },
        state: core.state,
        executors: new ExecutorApi({ state: core.state, shell, random, metrics }),
        files: new Files({ workDir, agentId: () => core.state.agentId }),
        metrics,
        lending: () => lending.view,
        sample: () => sampler.sample(),
        master: () => link.master,
      }),
    }),
  )
  // Only now is a port that the system chose known; nothing was told to anybody before.
  info.port = flags.advertise_port ?? server.port
  collectSandboxes(flags, workDir, deps, metrics, core, scope)
  scope.spawn('link', (signal) => link.run(signal), onCrash)
  scope.spawn('lending', (signal) => lending.run(signal), onCrash)
  return {
    address: { ip, port: server.port, hostname: info.hostname },
    summary: summaryOf(ground, flags),
    shutdown: (message) => shell.dispatch({ type: 'shutdown', message }),
    ended: ended.promise,
    [Symbol.asyncDispose]: () => endAll(core, supervisor, scope),
  }
}

/** After the core is done: the last containers are released, the last calls answered. */
async function finish(supervisor: Supervisor, link: Link): Promise<void> {
  await supervisor.idle()
  await link.flush()
}

/** Whatever still runs is killed before its cgroups and connections go. */
async function endAll(core: AgentCore, supervisor: Supervisor, scope: Scope): Promise<void> {
  for (const containerId of core.state.containers.keys()) supervisor.kill(containerId, 0)
  await supervisor.idle()
  await scope[Symbol.asyncDispose]()
}

function openSupervisor(
  flags: AgentFlags,
  ground: Ground,
  deps: AgentDeps,
  agentId: () => string,
  tell: ConstructorParameters<typeof Supervisor>[0]['tell'],
): Supervisor {
  const { clock, random, log } = deps
  const fetcher = new Fetcher(
    { clock, random },
    { stallTimeoutMs: flags.fetcher_stall_timeout, frameworksHome: flags.frameworks_home },
  )
  const settings = (): SandboxSettings => ({
    workDir: ground.workDir,
    switchUser: flags.switch_user,
    agentId: agentId(),
    ip: ground.ip,
    port: ground.info.port ?? 0,
    extra: flags.executor_environment_variables ?? {},
    sandboxDirectory: flags.sandbox_directory,
  })
  const made = new Map<string, MadeSandbox>()
  return new Supervisor({
    log,
    containerizers: ground.opened.all,
    sandbox: async (request) => {
      const sandbox = await makeSandbox(request, settings(), random)
      made.set(request.containerId, sandbox)
      return sandbox
    },
    fetch: (request, sandbox, observer, signal) => {
      const owner = made.get(request.containerId)?.owner
      const wanted = { uris: request.uris, sandbox: sandbox.directory, owner }
      return fetcher.fetch(wanted, (sentence) => observer.progress(sentence), signal)
    },
    tell: (news) => {
      if (news.type === 'exited' || news.type === 'launch-failed') {
        void stamp(made.get(news.containerId), clock, log)
        made.delete(news.containerId)
      }
      tell(news)
    },
  })
}

/** The sandbox's age for the garbage collector counts from the end of its container. */
async function stamp(sandbox: MadeSandbox | undefined, clock: Clock, log: Logger): Promise<void> {
  if (sandbox === undefined) return
  const now = clock.now() / 1000
  try {
    await utimes(sandbox.directory, now, now)
  } catch (error) {
    log.warn(
      { sandbox: sandbox.directory, reason: reasonOf(error) },
      'the sandbox is not to be found any more',
    )
  }
}

async function openLending(
  flags: AgentFlags,
  ground: Ground,
  deps: AgentDeps,
  parts: { readonly core: AgentCore; readonly supervisor: Supervisor; readonly shell: Shell },
): Promise<{ lending: Lending; sampler: Sampler }> {
  const { clock, log } = deps
  const { core, supervisor, shell } = parts
  const onTrouble = (reason: string): void => log.warn({ reason }, 'a plug-in of lending failed')
  const statistics = (containerId: string): ReturnType<Supervisor['statistics']> =>
    supervisor.statistics(containerId)
  const sampler = new Sampler({ clock, state: () => core.state, statistics }, ground.resources)
  const lending = new Lending(
    {
      clock,
      log,
      sample: () => sampler.sample(),
      estimator: await loadEstimator(flags.resource_estimator, onTrouble),
      controller: await loadQosController(flags.qos_controller, onTrouble),
      onTotal: (lent) => shell.dispatch({ type: 'oversubscribed', resources: lent }),
      onCorrection: (correction) => shell.dispatch({ type: 'correction', correction }),
    },
    { reportMs: flags.oversubscribed_resources_interval, correctionMs: flags.qos_correction_interval_min },
  )
  return { lending, sampler }
}

function collectSandboxes(
  flags: AgentFlags,
  workDir: string,
  deps: AgentDeps,
  metrics: Metrics,
  core: AgentCore,
  scope: Scope,
): void {
  const { clock, log } = deps
  const isLive = (containerId: string): boolean => core.state.containers.has(containerId)
  const collector = new SandboxCollector(
    { clock, log, metrics, isLive },
    agentsDirectory(workDir),
    flags.gc_delay,
  )
  const onFailure = (error: unknown): void =>
    log.warn({ reason: reasonOf(error) }, 'sandboxes could not be collected')
  scope.use(onSchedule(flags.gc_schedule, async () => void (await collector.sweep()), onFailure))
}

/** One line for what is offered, one for what can be enforced, one per missing power, one for lending. */
function summaryOf(ground: Ground, flags: AgentFlags): readonly string[] {
  const { summary, missing } = ground.cgroups.describe()
  const engine =
    ground.opened.engine === undefined ? 'no Docker Engine' : `Docker Engine ${ground.opened.engine}`
  const lending =
    flags.resource_estimator === 'noop'
      ? 'lending: off (switch it on with --resource_estimator=usage)'
      : `lending: on, estimator ${flags.resource_estimator}, controller ${flags.qos_controller}`
  return [`offers: ${ground.resources.toText()}`, `isolation: ${summary}; ${engine}`, ...missing, lending]
}

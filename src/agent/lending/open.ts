// Puts lending together on what an agent stands on: the log and the settings in its work folder, the tier, the loops.
import { join } from 'node:path'
import type { Metrics } from '../../base/metrics.ts'
import { TurnTimers } from '../../containerizer/turn-timers.ts'
import type { EvictAction } from '../../qos/controller.ts'
import type { Route } from '../../http/routes.ts'
import type { Resources } from '../../resources/resources.ts'
import type { ResourceUsage } from '../../resources/usage.ts'
import { Database } from '../../store/database.ts'
import { EVENT_LOG_MIGRATIONS, EventLog } from '../../store/event-log.ts'
import { Settings } from '../../store/settings.ts'
import type { LinkCallLending } from '../../wire/link.ts'
import { liveContainers } from '../core/live.ts'
import { type AgentState, executorOf } from '../core/state.ts'
import type { AgentFlags } from '../flags.ts'
import type { AgentDeps, Ground } from '../ground.ts'
import { readHost } from '../usage.ts'
import { LendDesk } from './desk.ts'
import { Lending } from './lending.ts'
import { KernelTier } from './tier.ts'
import { Pulses } from './pulses.ts'
import { Recorder } from './recorder.ts'
import { type Party, Records } from './records.ts'
import { LendSwitch } from './switch.ts'
import { traitsOf } from './traits.ts'
import { Turns } from './turns.ts'
import { lendEvent, type LendingNow, UsageHistory, usageRoute } from './usage-history.ts'

export interface LendingEdges {
  readonly flags: AgentFlags
  readonly ground: Ground
  readonly metrics: Metrics
  readonly state: Readonly<AgentState>
  readonly sample: () => Promise<ResourceUsage>
  readonly groupOf: (containerId: string) => string | undefined
  readonly onTotal: (lent: Resources) => void
  readonly onEvict: (action: EvictAction) => void
  readonly onSaying: (saying: LinkCallLending) => void
}

/** Lending, and the database that has to be closed after it. */
export interface OpenLending extends Disposable {
  readonly desk: LendDesk
  /** What was used lately, for the web page. */
  readonly usage: Route
}

/** @throws OperatingError FILE when the work folder does not take the database */
export function openLending(edges: LendingEdges, deps: AgentDeps): OpenLending {
  const { flags, ground, metrics, state } = edges
  const { clock, log } = deps
  const database = Database.open(join(ground.workDir, 'lending.db'), {
    migrations: EVENT_LOG_MIGRATIONS,
    onDamaged: (message) => log.warn({}, message),
  })
  const settings = new Settings(database)
  const power = new LendSwitch(settings, {
    mode: ground.lendMode,
    windows: flags.lend_windows,
    estimator: flags.resource_estimator,
    controller: flags.qos_controller ?? '',
  })
  const records = new Records({
    clock,
    log,
    metrics,
    events: new EventLog(database),
    agentId: () => state.agentId ?? '',
    partyOf: (containerId) => partyOf(state, containerId),
    figuresNow: (owner) => lending.figuresNow(owner),
  })
  const tier = new KernelTier({ cgroups: ground.cgroups, tier: ground.lentTier, groupOf: edges.groupOf })
  const pulses = new Pulses({
    clock,
    counters: (containerId, wish) => tier.counters(containerId, wish),
    host: () => readHost('/proc'),
    traits: (containerIds) => traitsOf(state, containerIds),
  })
  const turns = new Turns(turnTimers(flags.lent_turn_max, deps))
  const { onEvict, onSaying, onTotal } = edges
  const recorder = new Recorder(join(ground.workDir, 'usage'), log)
  const history = new UsageHistory()
  const sample = async (): Promise<ResourceUsage> => {
    const usage = await edges.sample()
    recorder.add(usage)
    history.add(usage, lendingNow(lending))
    return usage
  }
  const live = (): ReturnType<typeof liveContainers> => liveContainers(state)
  const lending: Lending = new Lending(
    { clock, log, metrics, live, onEvict, onSaying, onTotal, power, pulses, records, sample, tier, turns },
    { reportMs: flags.oversubscribed_resources_interval, correctionMs: flags.qos_correction_interval_min },
  )
  lending.use(ground.plugins)
  const named = { estimator: flags.resource_estimator, controller: flags.qos_controller }
  const desk = new LendDesk(
    { clock, log, settings, lending, power, records, flags: named },
    ground.pluginNames,
  )
  const eventsAfter = (event: number): ReturnType<typeof lendEvent>[] =>
    records.newest.filter(({ id }) => id > event).map(lendEvent)
  return {
    desk,
    usage: usageRoute({ history, now: () => clock.now(), eventsAfter }),
    [Symbol.dispose]: () => {
      records[Symbol.dispose]()
      database[Symbol.dispose]()
    },
  }
}

/** None when the kernel alone shall say how long a turn lasts. */
function turnTimers(turnMs: number, { log }: AgentDeps): TurnTimers | undefined {
  if (turnMs === 0) return undefined
  const onTrouble = (reason: string): void =>
    log.warn({ reason }, 'turns of borrowers last until the next tick of the kernel: nothing ends them early')
  return new TurnTimers({ turnMs, onTrouble })
}

function lendingNow({ actions, estimate, lent }: Lending): LendingNow {
  return {
    lentCpus: lent.scalar('cpus'),
    lendableCpus: estimate?.kind === 'known' ? estimate.additional.scalar('cpus') : undefined,
    quotaCpus: Number.isFinite(actions.quota) ? actions.quota : undefined,
  }
}

function partyOf(state: Readonly<AgentState>, containerId: string): Party | undefined {
  const executor = executorOf(state, containerId)
  if (executor === undefined) return undefined
  const [taskId = executor.id] = executor.tasks.keys()
  return { taskId, frameworkId: executor.frameworkId }
}

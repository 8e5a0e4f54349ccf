// What an agent stands on: its flags checked together, the machine read, control groups and containerizers opened.
import { accessSync, constants, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { Scope } from '../base/scope.ts'
import type { Cgroups } from '../containerizer/cgroups.ts'
import { cgroupTag, openCgroups } from '../containerizer/cgroups/open.ts'
import type { Containerizer } from '../containerizer/containerizer.ts'
import { LentTier } from '../containerizer/lent-tier.ts'
import {
  advertisedHostname,
  advertisedIp,
  bindAddress,
  type MachineAddresses,
  machineAddresses,
} from '../http/address.ts'
import type { Mode } from '../resources/decision.ts'
import type { Resources } from '../resources/resources.ts'
import type { AgentInfo } from '../wire/agents.ts'
import { openContainerizers } from './containerizers.ts'
import type { AgentFlags } from './flags.ts'
import { agentAttributes, agentResources, type Machine, readHardware } from './hardware.ts'
import { requireIsolation } from './isolation.ts'
import type { Plugins } from './lending/lending.ts'
import { loadPlugins, namedPlugins, type PluginNames, wantedPlugins } from './lending/plug-ins.ts'
import { masterAddress } from './link.ts'
import { lockFolder } from './lock.ts'

export interface AgentDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** What the machine has; it is asked when left out. */
  readonly machine?: Machine
  /** What this machine says about its addresses; read from it when left out. */
  readonly addresses?: MachineAddresses
  /** In place of those that `--containerizers` names. */
  readonly containerizers?: readonly Containerizer[]
}

/** What the start has found out about this machine. */
export interface Ground {
  readonly master: string
  readonly workDir: string
  readonly cgroups: Cgroups
  readonly containerizers: readonly Containerizer[]
  /** Version of the Docker Engine, when one is used. */
  readonly engine: string | undefined
  readonly lentTier: LentTier
  /** What the flags make of lending; people may change it while the agent runs. */
  readonly lendMode: Mode
  readonly pluginNames: PluginNames
  readonly plugins: Plugins
  readonly resources: Resources
  readonly info: AgentInfo
  readonly ip: string
}

/**
 * Looks at the machine and prepares what tasks run in; leftovers of an earlier life are ended. Everything that can be
 * refused is refused before the first of these is touched.
 */
export async function survey(flags: AgentFlags, deps: AgentDeps, scope: Scope): Promise<Ground> {
  const { clock, log } = deps
  const { master, work_dir: folder } = flags
  if (master === undefined) throw usageError("Flag '--master' is required: --master=HOST:PORT")
  if (!master.startsWith('file://')) await masterAddress(master)
  if (folder === undefined) throw usageError("Flag '--work_dir' is required: --work_dir=PATH")
  if (!flags.revocable_cpu_low_priority)
    throw usageError(
      'Borrowers always run in the lowest class: --no-revocable_cpu_low_priority cannot be had',
    )
  bindAddress(flags)
  const onTrouble = (reason: string): void => log.warn({ reason }, 'a plug-in of lending failed')
  const lendMode = lendModeOf(flags)
  const named = { estimator: flags.resource_estimator, controller: flags.qos_controller }
  const pluginNames = lendMode === 'off' ? namedPlugins(named) : wantedPlugins(named)
  const plugins = await loadPlugins(pluginNames, onTrouble)
  const workDir = makeFolder('work_dir', resolve(folder))
  const runtimeDir = makeFolder('runtime_dir', resolve(flags.runtime_dir ?? join(workDir, 'runtime')))
  const onMissing = (what: string): void =>
    log.warn({ what }, 'the machine does not tell; a default is taken')
  const hardware = await readHardware(workDir, clock, onMissing, deps.machine)
  const resources = agentResources(hardware, flags.resources, flags.default_role)
  agentAttributes(hardware, { cgroups: '', engine: undefined }, flags.attributes)
  scope.use(await lockFolder(workDir))
  const tag = cgroupTag(flags.port, workDir)
  const mount = flags.cgroups_hierarchy
  const cgroups = openCgroups({ mount, root: flags.cgroups_root, tag, cpus: hardware.cpus, clock })
  scope.defer(() => cgroups.close())
  const lentTier = new LentTier(cgroups)
  // Before anything of an earlier life is ended: a frozen process of a v1 freezer does not even die.
  thawLeftovers(lentTier, log)
  requireIsolation(flags.isolation, cgroups)
  const needs = { clock, log, cgroups, tag, memoryBytes: hardware.memoryBytes, runtimeDir }
  const { all: containerizers, engine } =
    deps.containerizers === undefined
      ? await openContainerizers(flags, needs)
      : { all: deps.containerizers, engine: undefined }
  // All of them are closed, also when the sweep of one fails.
  for (const containerizer of containerizers) scope.defer(() => containerizer.close())
  await sweep(containerizers, log)
  const ip = advertisedIp(flags, deps.addresses ?? (await machineAddresses()))
  const facts = { cgroups: cgroups.layout, engine }
  const info: AgentInfo = {
    hostname: await advertisedHostname(flags, ip, { clock, log }),
    port: flags.advertise_port ?? flags.port,
    resources: resources.toWire(),
    attributes: agentAttributes(hardware, facts, flags.attributes),
  }
  const lending = { lentTier, lendMode, pluginNames, plugins }
  return { master, workDir, cgroups, containerizers, engine, resources, info, ip, ...lending }
}

/** Full with an estimator, as in Mesos; else off: an honest noop. */
function lendModeOf(flags: AgentFlags): Mode {
  return flags.lend_mode ?? (flags.resource_estimator === 'noop' ? 'off' : 'full')
}

/** An agent that died in the middle of taking back left borrowers slowed or stopped. */
function thawLeftovers(lentTier: LentTier, log: Logger): void {
  const { liftedCpus, thawed } = lentTier.thawAll()
  if (thawed.length > 0 || liftedCpus !== undefined)
    log.warn(
      { thawed, liftedCpus },
      'an earlier life of this agent left borrowers slowed or frozen: they go on',
    )
}

async function sweep(containerizers: readonly Containerizer[], log: Logger): Promise<void> {
  for (const containerizer of containerizers) {
    const { removed: ended } = await containerizer.recover([])
    if (ended === 0) continue
    const fields = { containerizer: containerizer.name, ended }
    log.warn(fields, 'containers of an earlier life of this agent ended')
  }
}

function makeFolder(flag: string, path: string): string {
  try {
    mkdirSync(path, { recursive: true })
    accessSync(path, constants.W_OK | constants.X_OK)
    return path
  } catch (error) {
    throw new OperatingError('FILE', `Flag '--${flag}': cannot write into the folder ${path}`, {
      cause: error,
    })
  }
}

/** One line for what is offered, one for what can be enforced, one per missing power, one for lending. */
export function summaryOf(ground: Ground): readonly string[] {
  const { summary, missing } = ground.cgroups.describe()
  const engine = ground.engine === undefined ? 'no Docker Engine' : `Docker Engine ${ground.engine}`
  return [
    `offers: ${ground.resources.toText()}`,
    `isolation: ${summary}; ${engine}`,
    ...missing,
    lendingLine(ground),
  ]
}

function lendingLine({ lendMode, lentTier, pluginNames }: Ground): string {
  if (lendMode === 'off') return 'lending: off (switch it on with --resource_estimator=usage)'
  const { controller, estimator } = pluginNames
  const taken =
    controller === 'noop' ? 'nothing is taken back (--qos_controller=pressure)' : `controller ${controller}`
  return `lending: ${lendMode}, estimator ${estimator}, ${taken}; ${lentTier.inForce().text}`
}

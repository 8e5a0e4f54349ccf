// What an agent stands on: its flags checked together, the machine read, control groups and containerizers opened.
import { accessSync, constants } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import { makeFolders } from '../base/folders.ts'
import type { Logger } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { Scope } from '../base/scope.ts'
import type { Cgroups } from '../containerizer/cgroups.ts'
import { openCgroups } from '../containerizer/cgroups/open.ts'
import type { Container, Containerizer, ContainerSpec } from '../containerizer/containerizer.ts'
import { LentTier } from '../containerizer/lent-tier.ts'
import type { DiskUse } from '../gc/disk.ts'
import {
  advertisedHostname,
  advertisedIp,
  bindAddress,
  type MachineAddresses,
  machineAddresses,
  wayTo,
} from '../http/address.ts'
import type { Mode } from '../resources/decision.ts'
import type { Resources } from '../resources/resources.ts'
import type { AgentInfo } from '../wire/agents.ts'
import type { Attribute } from '../wire/values.ts'
import { keptOnEngine, openContainerizers } from './containerizers.ts'
import { coreSettings } from './core-settings.ts'
import type { AgentFlags } from './flags.ts'
import { agentAttributes, agentResources, type Machine, readHardware } from './hardware.ts'
import { requireIsolation } from './isolation.ts'
import { knownContainers } from './known.ts'
import type { Plugins } from './lending/lending.ts'
import { loadPlugins, namedPlugins, type PluginNames, wantedPlugins } from './lending/plug-ins.ts'
import { masterAddress } from './link.ts'
import { lockFolder } from './lock.ts'
import {
  type Boot,
  compareIdentity,
  findContainers,
  openRecovery,
  readBoot,
  type Recovery,
} from './recovery.ts'
import { sandboxSettings } from './sandbox.ts'
import { agentTag } from './tag.ts'

export interface AgentDeps {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** What the machine has; it is asked when left out. */
  readonly machine?: Machine
  /** What this machine says about its addresses; read from it when left out. */
  readonly addresses?: MachineAddresses
  /** What the file system of the work folder has; it is asked when left out. */
  readonly disk?: () => DiskUse
  /** In place of those that `--containerizers` names. */
  readonly containerizers?: readonly Containerizer[]
  /** This life of the machine; the kernel is asked when left out. */
  readonly boot?: Boot
  /** Brings the checkpoint's file to the disk; the system does when left out. */
  readonly sync?: (path: string) => Promise<void>
  /** Ends a start that waits. */
  readonly signal?: AbortSignal
}

/** What the start has found out about this machine. */
export interface Ground {
  readonly master: string
  readonly workDir: string
  readonly cgroups: Cgroups
  readonly containerizers: readonly Containerizer[]
  /** Version of the Docker Engine, when one is used. */
  readonly engine: string | undefined
  /** The agent's attributes when an engine comes that was not there at the start. */
  readonly laterAttributes: Promise<Attribute[]> | undefined
  readonly lentTier: LentTier
  /** What the flags make of lending; people may change it while the agent runs. */
  readonly lendMode: Mode
  readonly pluginNames: PluginNames
  readonly plugins: Plugins
  readonly resources: Resources
  readonly info: AgentInfo
  readonly ip: string
  /** What an earlier life wrote down. */
  readonly recovery: Recovery
  /** When that was begun to be read, monotonic ms. */
  readonly recoveryBeganAt: number
  /** The containers that it had, and those of them that were found, by id. */
  readonly known: readonly ContainerSpec[]
  readonly found: ReadonlyMap<string, Container>
}

/**
 * Looks at the machine and prepares what tasks run in; what an earlier life left is found again or ended.
 * Everything that can be refused is refused before the first of these is touched.
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
  const ip = await ownIp(flags, master, deps)
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
  const recoveryBeganAt = clock.monotonic()
  const sync = deps.sync && { sync: deps.sync }
  const opened = openRecovery(workDir, { strict: flags.strict, boot: deps.boot ?? readBoot(), ...sync }, log)
  scope.use(opened.checkpoint)
  const tag = agentTag(flags.port, workDir)
  const mount = flags.cgroups_hierarchy
  const cgroups = openCgroups({ mount, root: flags.cgroups_root, tag, cpus: hardware.cpus, clock })
  scope.defer(() => cgroups.close())
  // Before anything of an earlier life is ended: a frozen process of a v1 freezer does not even die.
  const lentTier = thawLeftovers(cgroups, log)
  requireIsolation(flags.isolation, cgroups)
  const kept = keptOnEngine(opened.restored.state)
  const signal = deps.signal ?? new AbortController().signal
  const needs = { clock, log, cgroups, tag, memoryBytes: hardware.memoryBytes, runtimeDir, kept, signal }
  const given = deps.containerizers && { all: deps.containerizers, engine: undefined, laterEngine: undefined }
  const { all: containerizers, engine, laterEngine } = given ?? (await openContainerizers(flags, needs))
  // All of them are closed, also when the recovery of one fails.
  for (const containerizer of containerizers) scope.defer(() => containerizer.close())
  const attributesWith = (version: string | undefined): Attribute[] =>
    agentAttributes(hardware, { cgroups: cgroups.layout, engine: version }, flags.attributes)
  const info: AgentInfo = {
    hostname: await advertisedHostname(flags, ip, { clock, log }),
    port: flags.advertise_port ?? flags.port,
    resources: resources.toWire(),
    attributes: attributesWith(engine),
  }
  const recovery = compareIdentity(opened, info, flags.reconfiguration_policy, workDir)
  const found = { workDir, info, ip, recovery, cgroups, containerizers }
  const earlier = await earlierContainers(flags, found, { log, signal })
  const lending = { lentTier, lendMode, pluginNames, plugins }
  const laterAttributes = laterEngine?.then(attributesWith)
  const place = { master, workDir, cgroups, containerizers, engine, laterAttributes, resources, info, ip }
  return { ...place, ...lending, recovery, recoveryBeganAt, ...earlier }
}

/** The address that others are told, which is said with the reason. */
async function ownIp(flags: AgentFlags, master: string, { addresses, log }: AgentDeps): Promise<string> {
  // A file that names the master may come later, and the master another time be another.
  const base = await masterAddress(master).catch((error: unknown) => {
    log.info({ reason: reasonOf(error) }, 'the master is not known yet')
    return undefined
  })
  const way = base === undefined ? undefined : await wayTo(base)
  const { ip, why } = advertisedIp(flags, addresses ?? (await machineAddresses()), way)
  log.info({ ip, why }, 'the address that others are told')
  return ip
}

async function earlierContainers(
  flags: AgentFlags,
  ground: Pick<Ground, 'cgroups' | 'containerizers' | 'info' | 'ip' | 'recovery' | 'workDir'>,
  { log, signal }: { readonly log: Logger; readonly signal: AbortSignal },
): Promise<Pick<Ground, 'found' | 'known'>> {
  const { containerizers, info, ip, recovery, workDir } = ground
  const { state } = recovery.restored
  const at = { workDir, agentId: state.agentId ?? '', ip, port: info.port ?? 0 }
  const known = knownContainers(state, coreSettings(flags, ground), sandboxSettings(flags, at))
  // One that waits for its engine stops waiting.
  const stop = (): void => containerizers.forEach((containerizer) => void containerizer.close())
  signal.addEventListener('abort', stop)
  const found = await findContainers(containerizers, known, recovery, log)
  signal.removeEventListener('abort', stop)
  return { known, found }
}

/** Full with an estimator, as in Mesos; else off: an honest noop. */
function lendModeOf(flags: AgentFlags): Mode {
  return flags.lend_mode ?? (flags.resource_estimator === 'noop' ? 'off' : 'full')
}

/** An agent that died in the middle of taking back left borrowers slowed or stopped. */
export function thawLeftovers(cgroups: Cgroups, log: Logger): LentTier {
  const lentTier = new LentTier(cgroups)
  const { liftedCpus, thawed } = lentTier.thawAll()
  if (thawed.length > 0 || liftedCpus !== undefined)
    log.warn(
      { thawed, liftedCpus },
      'an earlier life of this agent left borrowers slowed or frozen: they go on',
    )
  return lentTier
}

function makeFolder(flag: string, path: string): string {
  try {
    makeFolders(path)
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

// What an earlier life of the agent left of host containers: which live on, which have ended, which have to go.
import type { Clock } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import type { Cgroups } from '../cgroups.ts'
import type { ContainerSpec } from '../containerizer.ts'
import { setOwnLimits } from '../own-quota.ts'
import type { Shim } from './container.ts'
import type { ShimEnds } from './ends.ts'
import { CgroupFence, signalProcess, TreeFence, type Fence } from './fence.ts'
import { processArguments, processEntry, processTable, treeOf, type ProcessEntry } from './process-table.ts'
import { type Birth, bootId, ContainerState, knownContainers } from './state.ts'

export interface RecoveryDeps {
  readonly cgroups: Cgroups
  readonly clock: Clock
  readonly log: Logger
  readonly runtimeDirectory: string
  readonly ends: ShimEnds
  /** Of the names of the containers' groups. */
  readonly prefix: string
  /** Cores that a container may use at most. */
  readonly quotaOf: (spec: ContainerSpec) => number | undefined
  /** The machine was started since. */
  readonly hasRebooted: boolean
}

/** A container that was started by an earlier life, running or ended. */
export interface Survivor {
  readonly spec: ContainerSpec
  readonly pid: number
  readonly state: ContainerState
  readonly fence: Fence
  readonly shim: Shim
}

const ENDED = { exitCode: undefined, signal: undefined }
const UNRECORDED = 'The shell that supervised the command was gone when the agent came back, without a record'

/** Of the known containers those that were started; everything else of this agent is ended and removed. */
export async function recoverContainers(
  deps: RecoveryDeps,
  known: readonly ContainerSpec[],
): Promise<{ readonly survivors: readonly Survivor[]; readonly removed: number }> {
  const folders = new Set(await knownContainers(deps.runtimeDirectory))
  const boot = bootId()
  const looked = await Promise.all(
    known.filter(({ containerId }) => folders.has(containerId)).map((spec) => look(deps, spec, boot)),
  )
  const survivors = looked.filter((one) => one !== undefined)
  const kept = new Set(survivors.map(({ spec }) => spec.containerId))
  const paths = new Set(survivors.flatMap(({ fence }) => fence.path ?? []))
  const knownIds = new Set(known.map(({ containerId }) => containerId))
  const doomed = [...folders].filter((id) => !kept.has(id))
  const removed = await removeAll(deps, { ids: doomed, except: paths, boot })
  return { survivors, removed: removed.filter((id) => !knownIds.has(id)).length }
}

/** Of what the machine's start ended there is no record, and what ended before that has left one. */
async function look(deps: RecoveryDeps, spec: ContainerSpec, boot: string): Promise<Survivor | undefined> {
  const state = new ContainerState(deps.runtimeDirectory, spec.containerId)
  const [first, birth, record] = await Promise.all([state.started(), state.birth(), state.exit()])
  if (first === undefined || (deps.hasRebooted && record === undefined)) return undefined
  const sameBoot = birth?.bootId === boot && !deps.hasRebooted
  const shim = shimOf(first.session, state)
  const isFirstAlive = (): boolean => sameBoot && isAlive(first)
  const fence = fenceOf(deps, spec, birth, sameBoot ? { first, shim } : undefined)
  const base = { spec, pid: first.pid, state, fence }
  if (record !== undefined || (shim === undefined && !isFirstAlive())) {
    return { ...base, shim: { exited: Promise.resolve(ENDED), unrecorded: UNRECORDED } }
  }
  const isSomebodyAlive = (): boolean => (shim !== undefined && isAlive(shim)) || isFirstAlive()
  const exited = deps.ends.of(state, isSomebodyAlive).then(() => ENDED)
  giveQuotaBack(deps, spec, fence)
  return { ...base, shim: { exited, ...(shim === undefined && { unrecorded: UNRECORDED }) } }
}

/** The very process, not another with its number, and not one that only waits to be buried. */
function isAlive({ pid, startTicks }: ProcessEntry): boolean {
  const now = processEntry(pid)
  return now !== undefined && now.startTicks === startTicks && now.state !== 'Z'
}

/** Its arguments name the folder, so it is ours, whatever its number was before. */
function shimOf(pid: number, state: ContainerState): ProcessEntry | undefined {
  if (processArguments(pid)?.split('\0').includes(state.directory) !== true) return undefined
  const entry = processEntry(pid)
  return entry !== undefined && entry.state !== 'Z' ? entry : undefined
}

function fenceOf(
  { cgroups, clock, prefix }: RecoveryDeps,
  { containerId, revocable }: ContainerSpec,
  birth: Birth | undefined,
  /** Undefined when their numbers may be others' by now. */
  alive: { readonly first: ProcessEntry; readonly shim: ProcessEntry | undefined } | undefined,
): Fence {
  if (cgroups.layout === 'none') {
    const fence = new TreeFence(clock)
    if (alive !== undefined) fence.found(alive.first, alive.shim)
    return fence
  }
  const tier = revocable ? 'lent' : 'owners'
  const path = `${cgroups.tier(tier)}/${prefix}${containerId}`
  cgroups.adopt(path)
  return new CgroupFence(cgroups, tier, path, birth?.marks)
}

/** A life that ended while borrowers were squeezed took with it which quotas of single ones it had cut. */
function giveQuotaBack({ cgroups, log, quotaOf }: RecoveryDeps, spec: ContainerSpec, fence: Fence): void {
  const quotaCpus = quotaOf(spec)
  if (!spec.revocable || fence.path === undefined || quotaCpus === undefined) return
  try {
    setOwnLimits(cgroups, fence.path, { quotaCpus })
  } catch (error) {
    const fields = { container: spec.containerId, reason: reasonOf(error) }
    log.warn(fields, 'the quota of a borrower of an earlier life could not be set')
  }
}

/** Ends what is left of these containers and of groups at other paths; returns the ids of those that were something. */
async function removeAll(
  deps: RecoveryDeps,
  {
    ids,
    except,
    boot,
  }: { readonly ids: readonly string[]; readonly except: ReadonlySet<string>; readonly boot: string },
): Promise<readonly string[]> {
  const { cgroups, prefix, runtimeDirectory } = deps
  const states = ids.map((id) => new ContainerState(runtimeDirectory, id))
  const started = await Promise.all(states.map((state) => state.started()))
  // A shim that has not come to its command yet would go on after its group was swept.
  if (started.includes(undefined)) endLateShims(states.filter((_, index) => started[index] === undefined))
  const paths = await cgroups.sweep(prefix, except)
  const ended = new Set(paths.map((path) => path.slice(path.lastIndexOf('/') + 1 + prefix.length)))
  await Promise.all(
    states.map(async (state, index) => {
      const first = started[index]
      // After a start of the machine its number may be anybody's, with the same start time even.
      const birth = await state.birth()
      const isOfNow = birth === undefined ? !deps.hasRebooted : birth.bootId === boot
      if (first !== undefined && isOfNow && (await endTree(deps.clock, state, first)))
        ended.add(ids[index] ?? '')
      await state.remove()
    }),
  )
  return [...ended]
}

function endLateShims(states: readonly ContainerState[]): void {
  // The whole process group: the inner shell may not have entered its groups yet.
  for (const { pid } of processTable().filter((entry) => entry.pid === entry.session))
    if (states.some((state) => shimOf(pid, state) !== undefined)) signalProcess(-pid, 'SIGKILL')
}

/** Ends what a shim of an earlier life still supervises; true when there was something. */
async function endTree(clock: Clock, state: ContainerState, first: ProcessEntry): Promise<boolean> {
  // Pids are used again: the session is ours only while its shell is, the first process only with its start time.
  for (let wait = 1, found = false; ; wait = Math.min(wait * 2, 50)) {
    const same = processEntry(first.pid)?.startTicks === first.startTicks
    const roots = new Set(same ? [first.pid] : [])
    const session = shimOf(first.session, state) === undefined ? undefined : first.session
    const members = treeOf(processTable(), roots, session, undefined)
    if (members.length === 0) return found
    found = true
    for (const entry of members) signalProcess(entry.pid, 'SIGKILL')
    await clock.sleep(wait)
  }
}

// Assembles the control groups of one agent for the layout that this machine has.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { assert, OperatingError, reasonOf } from '../../base/errors.ts'
import type { ContainerStatistics } from '../../resources/usage.ts'
import type {
  CgroupDriver,
  CgroupLayout,
  CgroupLimits,
  CgroupOptions,
  CgroupPulse,
  PulseWish,
  Cgroups,
  GroupRank,
  GroupSettings,
  MemoryDeath,
  MemoryMarks,
  Power,
  PowerName,
  Tier,
} from '../cgroups.ts'
import { readDetails, type GroupDetails } from './details.ts'
import { killGroup, lowestProcess, processesOf, removeGroup, setFrozen, type Ending } from './ending.ts'
import { errnoOf, kernelFiles, type KernelFiles } from './files.ts'
import { enteredHierarchies, findHierarchies, type Hierarchies } from './hierarchies.ts'
import { writeLimits } from './limits.ts'
import { explainMemoryDeath, markMemory } from './memory.ts'
import { describePowers, probePowers } from './powers.ts'
import { readQuota, readRank, readSettings, writeQuota } from './settings.ts'
import { StatisticsReader } from './statistics.ts'
import {
  killTogether,
  makeGroup,
  settleLent,
  settleOwners,
  sliceProperties,
  tierPath,
  TIERS,
} from './tiers.ts'

/** How the two makers of groups name that of a container. */
const DOCKER_GROUP: Readonly<Record<CgroupDriver, RegExp>> = {
  cgroupfs: /^([0-9a-f]{64})$/,
  systemd: /^docker-([0-9a-f]{64})\.scope$/,
}

/** The tag of an agent: its port for people to see, and its work directory so that two agents never share one. */
export function cgroupTag(port: number, workDirectory: string): string {
  return `${port}${createHash('sha256').update(workDirectory).digest('hex').slice(0, 6)}`
}

/**
 * Finds the hierarchies, makes both tiers, and sees what can be enforced. Never throws for a machine without
 * control groups.
 */
export function openCgroups(options: CgroupOptions): Cgroups {
  return new KernelCgroups(options)
}

class KernelCgroups implements Cgroups {
  readonly layout: CgroupLayout
  readonly powers: readonly Power[]
  readonly #files: KernelFiles
  readonly #hierarchies: Hierarchies
  readonly #options: CgroupOptions
  readonly #reader: StatisticsReader
  readonly #ending: Ending
  /** Groups whose hard memory limit was set once: from then on it only rises. */
  readonly #limited = new Set<string>()
  readonly #settled = new Set<Tier>()

  constructor(options: CgroupOptions) {
    assert(/^[A-Za-z0-9]+$/.test(options.tag), `the tag ${options.tag} has letters and digits only`)
    this.#options = options
    this.#files = options.files ?? kernelFiles
    this.#hierarchies = findHierarchies(this.#files, options.mount ?? '/sys/fs/cgroup')
    this.#reader = new StatisticsReader(this.#files, this.#hierarchies)
    this.#ending = {
      files: this.#files,
      hierarchies: this.#hierarchies,
      clock: options.clock,
      killProcess,
    }
    const unusable = this.#hierarchies.layout === 'none' ? undefined : this.#tryTiers()
    this.layout = unusable === undefined ? this.#hierarchies.layout : 'none'
    const probed = this.#hierarchies.layout === 'none' ? undefined : this.tier('owners')
    this.powers = probePowers(this.#files, this.#hierarchies, probed, unusable)
  }

  can(power: PowerName): boolean {
    return this.powers.some((one) => one.name === power && one.available)
  }

  describe(): { readonly summary: string; readonly missing: readonly string[] } {
    return describePowers(this.layout, this.powers)
  }

  tier(tier: Tier): string {
    return tierPath(this.#options.root ?? 'tepui', this.#options.tag, tier)
  }

  ensureTier(tier: Tier): void {
    const path = this.tier(tier)
    // Every launch asks. Whoever removed the group removed its settings with it, so a look at the group is enough.
    if (this.#settled.has(tier) && this.#isThere(path)) return
    makeGroup(this.#files, this.#hierarchies, path, true)
    if (tier === 'lent') this.lower(path)
    else settleOwners(this.#files, this.#hierarchies, path, this.#options.cpus)
    this.#settled.add(tier)
  }

  dockerParent(tier: Tier, driver: CgroupDriver): string {
    return driver === 'cgroupfs' ? this.tier(tier) : this.#slice(tier).slice(1)
  }

  dockerPath(tier: Tier, dockerId: string, driver: CgroupDriver): string {
    if (driver === 'cgroupfs') return `${this.tier(tier)}/${dockerId}`
    return `${this.#slice(tier)}/docker-${dockerId}.scope`
  }

  dockerGroups(driver: CgroupDriver): ReadonlyMap<string, string> {
    const found = new Map<string, string>()
    for (const tier of TIERS) {
      const parent = driver === 'cgroupfs' ? this.tier(tier) : this.#slice(tier)
      for (const name of this.#namesBelow(parent)) {
        const id = DOCKER_GROUP[driver].exec(name)?.[1]
        if (id !== undefined) found.set(id, `${parent}/${name}`)
      }
    }
    return found
  }

  ensureSlice(tier: Tier): void {
    const slice = this.#slice(tier)
    if (tier === 'lent') this.lower(slice)
    else settleOwners(this.#files, this.#hierarchies, slice, this.#options.cpus)
  }

  sliceProperties(tier: Tier): readonly (readonly string[])[] {
    return sliceProperties(tier, this.#options.cpus)
  }

  create(tier: Tier, name: string): string {
    assert(/^[A-Za-z0-9._-]+$/.test(name) && !name.startsWith('.'), `${name} can name a group`)
    if (this.layout === 'none') {
      throw new OperatingError('ISOLATION', 'No control groups can be made on this machine', {
        hint: this.describe().missing[0] ?? '',
      })
    }
    const path = `${this.tier(tier)}/${name}`
    // Only the last level is new as a rule; a tier that somebody removed is made again.
    if (!this.#makeLeaf(path)) {
      this.ensureTier(tier)
      makeGroup(this.#files, this.#hierarchies, path, false)
    }
    killTogether(this.#files, this.#hierarchies, path)
    return path
  }

  setLimits(path: string, limits: CgroupLimits): void {
    const group = { files: this.#files, hierarchies: this.#hierarchies, path }
    writeLimits(group, limits, !this.#limited.has(path))
    if (limits.memoryLimitBytes !== undefined) this.#limited.add(path)
  }

  entrances(path: string): readonly string[] {
    if (this.layout === 'none') return []
    return enteredHierarchies(this.#hierarchies).map((directory) => join(directory, path, 'cgroup.procs'))
  }

  processes(path: string): readonly number[] {
    return processesOf(this.#files, this.#hierarchies, path)
  }

  lowestProcess(path: string): number | undefined {
    return lowestProcess(this.#files, this.#hierarchies, path)
  }

  statistics(path: string): ContainerStatistics | undefined {
    return this.#reader.read(path, this.#options.clock.now())
  }

  details(path: string): GroupDetails | undefined {
    return readDetails(this.#files, this.#hierarchies, path)
  }

  pulse(path: string, wish: PulseWish): CgroupPulse | undefined {
    return this.#reader.pulse(path, wish)
  }

  forget(path: string): void {
    this.#reader.forget(path)
    this.#limited.delete(path)
  }

  memoryMarks(tier: Tier): MemoryMarks {
    return markMemory(this.#files, this.#hierarchies, this.tier(tier))
  }

  memoryDeath(path: string, tier: Tier, marks: MemoryMarks): MemoryDeath | undefined {
    return explainMemoryDeath(this.#files, this.#hierarchies, path, this.tier(tier), marks)
  }

  parents(tier: Tier): readonly string[] {
    const hierarchy = this.#anyHierarchy()
    const there = (path: string): boolean =>
      hierarchy !== undefined && this.#files.exists(join(hierarchy, path))
    return [this.tier(tier), this.#slice(tier)].filter(there)
  }

  children(path: string): readonly string[] {
    const hierarchy = this.#anyHierarchy()
    const names = hierarchy === undefined ? [] : this.#files.directories(join(hierarchy, path))
    return names.map((name) => `${path}/${name}`).sort()
  }

  settings(path: string): GroupSettings {
    return readSettings(this.#files, this.#hierarchies, path)
  }

  quota(path: string): Pick<GroupSettings, 'quotaCpus' | 'periodMs'> {
    return readQuota(this.#files, this.#hierarchies, path)
  }

  rank(path: string): GroupRank {
    return readRank(this.#files, this.#hierarchies, path)
  }

  lower(path: string): void {
    settleLent(this.#files, this.#hierarchies, path)
  }

  setQuota(path: string, cpus: number, periodMs: number): void {
    writeQuota(this.#files, this.#hierarchies, path, cpus, periodMs)
  }

  freeze(path: string): boolean {
    return setFrozen(this.#files, this.#hierarchies, path, true)
  }

  thaw(path: string): boolean {
    return setFrozen(this.#files, this.#hierarchies, path, false)
  }

  async kill(path: string): Promise<void> {
    await killGroup(this.#ending, path)
  }

  async remove(path: string): Promise<void> {
    this.forget(path)
    await removeGroup(this.#ending, path)
  }

  adopt(path: string): void {
    this.#limited.add(path)
  }

  async sweep(prefix: string, except: ReadonlySet<string> = new Set()): Promise<readonly string[]> {
    const found = TIERS.flatMap((tier) =>
      [...this.#namesBelow(this.tier(tier))]
        .filter((name) => name.startsWith(prefix))
        .map((name) => `${this.tier(tier)}/${name}`),
    )
    const doomed = found.filter((path) => !except.has(path))
    await Promise.all(
      doomed.map(async (path) => {
        await this.kill(path)
        await this.remove(path)
      }),
    )
    return doomed
  }

  async close(): Promise<void> {
    this.#reader.close()
    for (const tier of TIERS) {
      for (const hierarchy of this.#hierarchies.all) {
        // Busy: containers outlive the agent on purpose, and so does the tier that they live in.
        this.#files.removeDirectory(join(hierarchy, this.tier(tier)))
      }
    }
  }

  /** In any hierarchy: what was interrupted while it was made or removed is only in some. */
  #namesBelow(path: string): ReadonlySet<string> {
    return new Set(
      this.#hierarchies.all.flatMap((hierarchy) => this.#files.directories(join(hierarchy, path))),
    )
  }

  /** One that every container's group is in, with the quotas if possible; a look into all costs ten times as much. */
  #anyHierarchy(): string | undefined {
    const { homes, unified, all } = this.#hierarchies
    return homes.cpu?.directory ?? unified ?? all[0]
  }

  #slice(tier: Tier): string {
    return `${this.tier(tier)}.slice`
  }

  /** Who removes a group removes it everywhere, so one hierarchy speaks for all. */
  #isThere(path: string): boolean {
    const home = this.#hierarchies.homes.cpu?.directory ?? this.#hierarchies.unified
    return home !== undefined && this.#files.exists(join(home, path))
  }

  #tryTiers(): string | undefined {
    try {
      for (const tier of TIERS) this.ensureTier(tier)
      return undefined
    } catch (error) {
      if (error instanceof OperatingError) return reasonOf(error)
      throw error
    }
  }

  #makeLeaf(path: string): boolean {
    try {
      for (const hierarchy of enteredHierarchies(this.#hierarchies)) {
        this.#files.makeDirectory(join(hierarchy, path))
      }
      return true
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return false
      throw new OperatingError('ISOLATION', `Cannot make the control group ${path}: ${reasonOf(error)}`, {
        cause: error,
      })
    }
  }
}

function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error
  }
}

// The door to the kernel's control groups: one interface for v1, hybrid and v2, one set of groups for one agent.
import type { Clock } from '../base/clock.ts'
import type { ContainerStatistics } from '../resources/usage.ts'
import type { GroupDetails } from './cgroups/details.ts'
import type { KernelFiles } from './cgroups/files.ts'

export type CgroupLayout = 'v1' | 'hybrid' | 'v2' | 'none'

/** Owners run on what they reserved; the lent tier gets what they leave, in the kernel's lowest class. */
export type Tier = 'owners' | 'lent'

/**
 * Who makes the groups of Docker containers: the engine itself, or systemd on its behalf (`docker info`: Cgroup
 * Driver).
 */
export type CgroupDriver = 'cgroupfs' | 'systemd'

export type PowerName =
  | 'cpu shares'
  | 'cpu quota'
  | 'cpu idle'
  | 'memory limit'
  | 'swap limit'
  | 'pids limit'
  | 'freeze'
  | 'pressure'
  | 'kill'

/** One thing that can or cannot be enforced (or, for pressure, observed) on this machine. */
export type Power =
  | { readonly name: PowerName; readonly available: true }
  | { readonly name: PowerName; readonly available: false; readonly reason: string; readonly fix: string }

/**
 * What a group may use. A field that is left out keeps what the group has. Numbers become kernel values as in
 * spec/mesos.md 8.3, 8.4.
 */
export interface CgroupLimits {
  /** Reserved cores: shares (v1) or weight (v2). */
  readonly cpus?: number
  /** With `cpus`: a borrower gets 10 shares or weight 1 per core instead of 1024 or 100. */
  readonly revocable?: boolean
  /** Most cores over each 100 ms; `Infinity` lifts the quota. */
  readonly quotaCpus?: number
  /** Reserved memory: the soft limit (v1) or `memory.low` (v2); at least 32 MiB. */
  readonly memoryRequestBytes?: number
  /** Hard limit, at least 32 MiB; `Infinity` lifts it. After the first time it is only ever raised. */
  readonly memoryLimitBytes?: number
  /** With `memoryLimitBytes`: no swap beyond the memory limit. */
  readonly limitSwap?: boolean
  readonly pids?: number
}

/**
 * Where the counters of the tier's own memory limit stood: taken before a container starts, compared after it
 * ended.
 */
export interface MemoryMarks {
  readonly tierHits: number
}

/** A death by the kernel's memory killer, explained from its counters. */
export interface MemoryDeath {
  readonly level: 'own' | 'parent' | 'host'
  readonly kills: number
  readonly limitBytes: number | undefined
  readonly peakBytes: number | undefined
  /** One sentence with the figures. */
  readonly detail: string
}

/** The few counters of a group that a decision in 100 ms needs; since the group's start. */
export interface CgroupPulse {
  readonly cpuSeconds: number
  /** Undefined where the kernel does not tell, as all below. With `waiting` only. */
  readonly cpuPressureSomeSeconds: number | undefined
  readonly cpuThrottledSeconds: number | undefined
  /** With `memory` only. */
  readonly memoryBytes: number | undefined
  readonly memoryPressureFullSeconds: number | undefined
}

/** What a pulse shall have beside the time used: each is a read more, ten times a second for every container. */
export interface PulseWish {
  readonly waiting: boolean
  readonly memory: boolean
}

/** Its class among the groups beside it; undefined fields: this machine has no such setting, as below. */
export interface GroupRank {
  readonly idle: boolean | undefined
  /** v2 weight or v1 shares, as the kernel counts them. */
  readonly weight: number | undefined
  readonly shares: number | undefined
}

/** What the kernel says about a group now. */
export interface GroupSettings extends GroupRank {
  /** Cores; `Infinity`: no quota. */
  readonly quotaCpus: number | undefined
  readonly periodMs: number | undefined
  /** Ordered to stand still, itself or by the group above. */
  readonly frozen: boolean | undefined
  /** Share of the disks, where a scheduler honours one. */
  readonly ioWeight: number | undefined
}

/**
 * The groups of one agent. A `path` is relative to the root of every hierarchy and begins with `/`, such as
 * `/tepui_5051_lent/host-1b…` or `/tepui_5051_lent/<docker id>`. Everything synchronous costs microseconds.
 */
export interface Cgroups {
  readonly layout: CgroupLayout
  readonly powers: readonly Power[]
  can(power: PowerName): boolean
  /** For the agent's start: one line with what can be enforced, and one line per missing power with its fix. */
  describe(): { readonly summary: string; readonly missing: readonly string[] }

  /** The group that all containers of a tier live below. Both lie at the top, so that lent is last machine-wide. */
  tier(tier: Tier): string
  /** Makes (or repairs) a tier's groups and settings; idempotent. Throws `OperatingError` (ISOLATION). */
  ensureTier(tier: Tier): void
  /** `HostConfig.CgroupParent` for a Docker container of the tier. */
  dockerParent(tier: Tier, driver: CgroupDriver): string
  /** The path of a Docker container with this full id; hand it to `statistics`. */
  dockerPath(tier: Tier, dockerId: string, driver: CgroupDriver): string
  /** The groups of Docker containers below both tiers, in whichever hierarchy: each path with the engine's id. */
  dockerGroups(driver: CgroupDriver): ReadonlyMap<string, string>
  /**
   * After the start of a lent container under the systemd driver, which makes its slice itself: puts the slice
   * in the idle class.
   */
  ensureSlice(tier: Tier): void
  /**
   * What systemd is to know of the slice that `dockerParent` names, as words for `systemctl set-property`: the best
   * first, then what an older systemd takes.
   */
  sliceProperties(tier: Tier): readonly (readonly string[])[]

  /**
   * Makes a group below a tier in every hierarchy that counts, returns its path. Throws `OperatingError`
   * (ISOLATION).
   */
  create(tier: Tier, name: string): string
  /**
   * Writes limits; those the machine cannot enforce are left out (see `powers`). Throws `OperatingError`
   * (ISOLATION) on a refusal.
   */
  setLimits(path: string, limits: CgroupLimits): void
  /** The absolute `cgroup.procs` files to write a pid (or `0`, oneself) into in order to enter the group whole. */
  entrances(path: string): readonly string[]
  /** Processes in the group and all below, as the kernel lists them now. */
  processes(path: string): readonly number[]
  /** The lowest pid in the group itself: of a container, that of its first process. */
  lowestProcess(path: string): number | undefined

  /** Counters of a group; undefined when it is gone. Keeps its files open until `forget` or `remove`. */
  statistics(path: string): ContainerStatistics | undefined
  /** What only pages show; a dozen files are opened for it. Undefined when the group is gone. */
  details(path: string): GroupDetails | undefined
  /**
   * The counters for a decision in 100 ms, at most five short reads of files that stay open as those of `statistics`.
   * Undefined when the group is gone.
   */
  pulse(path: string, wish: PulseWish): CgroupPulse | undefined
  /** Closes the files that `statistics` kept open. `remove` does it too; needed for groups that Docker removes. */
  forget(path: string): void

  /** Take them before the start, from the tier that the container will live in. */
  memoryMarks(tier: Tier): MemoryMarks
  /**
   * Whether and by whose limit the kernel killed inside `path`; undefined when it killed nothing or the group
   * is gone.
   */
  memoryDeath(path: string, tier: Tier, marks: MemoryMarks): MemoryDeath | undefined

  /** The groups that containers of a tier live right below: the tier's own and, under systemd, its slice. */
  parents(tier: Tier): readonly string[]
  /** Paths of the groups right below, each once. */
  children(path: string): readonly string[]
  /** Reads back what is in force for a group. */
  settings(path: string): GroupSettings
  /** Of the settings the quota alone, at a fifth of the cost. */
  quota(path: string): Pick<GroupSettings, 'quotaCpus' | 'periodMs'>
  /** Of the settings the rank alone, for one or two reads. */
  rank(path: string): GroupRank
  /** Puts a group that borrowers live below into the lowest class that the kernel has; nothing where it is there. */
  lower(path: string): void
  /**
   * Most cores over each period, `Infinity` for no bound. Throws `OperatingError` (ISOLATION), on v1 also when a
   * group below has more.
   */
  setQuota(path: string, cpus: number, periodMs: number): void
  /** Stops or continues every process of a group. Returns false when this machine cannot. */
  freeze(path: string): boolean
  thaw(path: string): boolean
  /**
   * Kills every process in the group and all below, and resolves when none is left. Throws `OperatingError`
   * (ISOLATION) after 60 s.
   */
  kill(path: string): Promise<void>
  /**
   * Removes the group and all below from every hierarchy; idempotent. Throws `OperatingError` (ISOLATION) when
   * it stays busy.
   */
  remove(path: string): Promise<void>
  /** A group that an earlier life of the agent made: its hard memory limit has been set once. */
  adopt(path: string): void
  /**
   * Kills and removes groups below both tiers whose name begins with `prefix`, without those at the paths of `except`;
   * returns their paths. Foreign groups are never touched.
   */
  sweep(prefix: string, except?: ReadonlySet<string>): Promise<readonly string[]>
  /** Closes all files and removes the tiers where nothing lives below them. */
  close(): Promise<void>
}

export interface CgroupOptions {
  /** Where the hierarchies are mounted. Default `/sys/fs/cgroup`. */
  readonly mount?: string
  /** How to reach them. Default: the file system; tests hand in one that behaves as a kernel of their choice. */
  readonly files?: KernelFiles
  /** First part of the groups' names (`--cgroups_root`). Default `tepui`. */
  readonly root?: string
  /**
   * Tells agents on one machine apart, and is the same in every life of one agent: from its work directory and
   * port.
   */
  readonly tag: string
  /** Cores of the machine: the owners' tier weighs that much against everything else that runs here. */
  readonly cpus: number
  readonly clock: Clock
}

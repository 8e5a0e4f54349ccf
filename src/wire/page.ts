/**
 * What the web page is told: the events of `/api/x1/stream`, the rows in them, and the columns of recorded usage. Plain
 * JSON of Tepui's own; cpus are cores, memory and disk MB, times ms since 1970. This file imports nothing, so that the
 * page can be built with it.
 */

/** Of one kind of resource each; what is missing is 0. */
export interface Amounts {
  readonly cpus: number
  readonly mem: number
  readonly disk: number
  readonly gpus: number
}

export interface AgentRow {
  readonly id: string
  /** Its attribute `agent`, else host:port. */
  readonly name: string
  readonly hostname: string
  readonly ip: string
  readonly port: number
  readonly state: 'connected' | 'disconnected'
  /** When it registered; when it went away, if it did. */
  readonly since: number
  readonly version: string
  readonly attributes: Readonly<Record<string, string>>
  /** What is the machine's own. */
  readonly total: Amounts
  /** Of that, what is promised to tasks. */
  readonly allocated: Amounts
  readonly offered: Amounts
  /** Told to be lent, and what of that borrowers hold. */
  readonly lent: Amounts
  readonly lentHeld: Amounts
  /** `off`, `observe`, `lend`, `full`, or empty before it told. */
  readonly mode: string
  /** What could be lent in addition, cpus; missing while it is not known. */
  readonly lendable?: number
  /** The sum behind it, or why it is not known, and why nothing more is lent. */
  readonly sum: string
  readonly unknown: string
  readonly closed: string
  readonly drain?: 'DRAINING' | 'DRAINED'
  /** An operator took it out of use: it is offered to nobody. */
  readonly deactivated?: true
}

export interface FrameworkRow {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly roles: readonly string[]
  readonly state: 'connected' | 'disconnected' | 'recovered' | 'completed'
  readonly registered: number
  /** When it went away, if it did. */
  readonly since?: number
  readonly failoverTimeout: number
  readonly checkpoint: boolean
  readonly capabilities: readonly string[]
  readonly principal?: string
  readonly webui?: string
  readonly hostname?: string
  readonly allocated: Amounts
  readonly lentHeld: Amounts
  readonly offered: Amounts
  /** What it wants for its next task, if it says so and has none that runs or starts. */
  readonly waits?: {
    readonly name: string
    readonly cpus: number
    readonly mem: number
    readonly lent: boolean
  }
}

export interface TaskRow {
  /** FRAMEWORK/TASK: names it in the whole cluster. */
  readonly key: string
  readonly id: string
  readonly name: string
  readonly framework: string
  readonly agent: string
  /** Empty for a command task. */
  readonly executor: string
  readonly state: string
  readonly role: string
  readonly cpus: number
  readonly mem: number
  /** Of the cpus, what is lent. */
  readonly lentCpus: number
  readonly image?: string
  /** Time of the newest status; missing before there is one. */
  readonly changed?: number
  readonly healthy?: boolean
  /** Of the newest status. */
  readonly reason?: string
  readonly message?: string
}

/**
 * Tasks of one framework on one agent. There are very many, so each is a list: the values of `TASK_VALUES` in their
 * order, null for what is missing or as in `TASK_USUAL`, and cut after the last that is neither.
 */
export interface TaskGroup {
  readonly framework: string
  readonly agent: string
  readonly tasks: readonly (readonly TaskValue[])[]
}
export type TaskValue = string | number | boolean | null

export const TASK_VALUES = [
  'id',
  'name',
  'state',
  'changed',
  'cpus',
  'mem',
  'lentCpus',
  'role',
  'executor',
  'image',
  'healthy',
  'reason',
  'message',
] as const satisfies readonly (keyof TaskRow)[]

export const TASK_USUAL = { name: '', lentCpus: 0, role: '*', executor: '' } as const

export interface OfferRow {
  readonly id: string
  readonly framework: string
  readonly agent: string
  readonly role: string
  readonly amounts: Amounts
  readonly lent: Amounts
  readonly since: number
}

/** What lending did on an agent. */
export interface LendEvent {
  readonly agent: string
  /** Its number in the log of that agent. */
  readonly event: number
  readonly at: number
  readonly kind: string
  readonly owner: string
  readonly tasks: readonly string[]
  readonly why: string
  readonly signal: string
  readonly value: number
  readonly threshold: number
  readonly unit: string
  readonly before: string
  readonly after: string
  /** Why it was only written down. */
  readonly heldBack?: string
}

/** The columns of an agent's recorded usage. -1: not known. */
export const USAGE_COLUMNS = [
  'at',
  'cpusTotal',
  'cpusAllocated',
  'cpusOwners',
  'cpusLent',
  'cpusBorrowers',
  'cpusLendable',
  'cpusMachine',
  'cpuPressure',
  'cpusQuota',
  'memTotal',
  'memAllocated',
  'memOwners',
  'memBorrowers',
  'memMachine',
  'memStall',
] as const
export type UsagePoint = Readonly<Record<(typeof USAGE_COLUMNS)[number], number>>

/** The columns of a container's. */
export const CONTAINER_COLUMNS = ['at', 'cpus', 'mem', 'memAnon', 'memCache', 'throttled', 'waits'] as const

/** The columns of the cluster's; `agents` counts those that told their usage. */
export const CLUSTER_COLUMNS = [
  'at',
  'cpusTotal',
  'cpusAllocated',
  'cpusOwners',
  'cpusLent',
  'cpusBorrowers',
  'memTotal',
  'memAllocated',
  'memOwners',
  'memBorrowers',
  'agents',
] as const

/** Points as lists of numbers in the order of their columns. */
export type Points = readonly (readonly number[])[]

/** `/api/x1/usage` of an agent. */
export interface UsagePage {
  readonly now: number
  /** Distance of two points, ms. */
  readonly step: number
  readonly columns: readonly string[]
  readonly points: Points
  readonly events?: readonly Omit<LendEvent, 'agent'>[]
}

export interface MasterFactsRow {
  readonly id: string
  readonly address: string
  readonly cluster: string
  readonly version: string
  readonly startedAt: number
}

/** Rows by their list; `gone` names rows by id, tasks by key. */
export interface Rows {
  readonly agents: readonly AgentRow[]
  readonly frameworks: readonly FrameworkRow[]
  readonly tasks: readonly TaskGroup[]
  readonly offers: readonly OfferRow[]
}
export type RowKind = keyof Rows

export type StreamEvent =
  | ({ readonly type: 'snapshot'; readonly now: number; readonly master: MasterFactsRow } & Rows)
  | ({
      readonly type: 'change'
      readonly now: number
      readonly gone: Readonly<Record<RowKind, readonly string[]>>
    } & Rows)
  /** All that is remembered of usage, once after the snapshot. */
  | {
      readonly type: 'history'
      readonly now: number
      readonly points: Points
      readonly events: readonly LendEvent[]
      readonly usage: Readonly<Record<string, readonly number[]>>
    }
  /** Each second: the newest of the cluster, of each agent that told something new, and what lending did. */
  | {
      readonly type: 'usage'
      readonly now: number
      readonly point: readonly number[]
      readonly usage: Readonly<Record<string, readonly number[]>>
      readonly events: readonly LendEvent[]
    }

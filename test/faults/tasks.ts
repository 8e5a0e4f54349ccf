// The tasks of the workload: what each does is drawn from the seed, and each writes its starts and its own end into a
// ledger outside of everything that the agent owns.
import type { Random } from '../../src/base/random.ts'
import { type RawOffer, type RawResource, scalar } from '../support/raw-scheduler.ts'

export const TASK_KINDS = ['docker', 'host', 'executor'] as const
export type TaskKind = (typeof TASK_KINDS)[number]

export type PlannedEnd =
  /** By itself, with this status. */
  | { readonly kind: 'exits'; readonly afterMs: number; readonly code: number }
  /** By its framework. */
  | { readonly kind: 'killed'; readonly afterMs: number }
  /** Only when the run is over. */
  | { readonly kind: 'stays' }

export interface TaskPlan {
  readonly id: string
  readonly kind: TaskKind
  readonly revocable: boolean
  readonly end: PlannedEnd
}

/** What tasks need to know of the machine that they run on. */
export interface TaskSettings {
  /** Folder of the ledger: one file a task. */
  readonly ledger: string
  readonly image: string
  /** Starts the custom executor. */
  readonly executorCommand: string
}

/** Custom executors are whole Node processes: few of them do. */
const SHARE_OF_DOCKER = 0.5
const SHARE_OF_EXECUTORS = 0.08
const SHARE_OF_BORROWERS = 0.2
const SHARE_THAT_EXITS = 0.5
const SHARE_THAT_IS_KILLED = 0.25
const SHARE_OF_SUCCESS = 0.4
const LIFE_MS = [500, 40_000] as const
/** Above 125 a status means something to shells. */
const HIGHEST_CODE = 125
const LEDGER_INSIDE = '/ledger'

export function drawTask(number: number, random: Random): TaskPlan {
  const share = random.next()
  const kind: TaskKind =
    share < SHARE_OF_EXECUTORS ? 'executor' : share < SHARE_OF_EXECUTORS + SHARE_OF_DOCKER ? 'docker' : 'host'
  const revocable = kind !== 'executor' && random.next() < SHARE_OF_BORROWERS
  const end = drawEnd(random)
  const words = end.kind === 'exits' ? `exits-${end.code}` : end.kind
  const lent = revocable ? '-lent' : ''
  return { id: `t${String(number).padStart(4, '0')}-${kind}${lent}-${words}`, kind, revocable, end }
}

function drawEnd(random: Random): PlannedEnd {
  const share = random.next()
  const afterMs = Math.round(LIFE_MS[0] + random.next() * (LIFE_MS[1] - LIFE_MS[0]))
  const code = random.next() < SHARE_OF_SUCCESS ? 0 : 1 + Math.floor(random.next() * HIGHEST_CODE)
  if (share < SHARE_THAT_EXITS) return { kind: 'exits', afterMs, code }
  return share < SHARE_THAT_EXITS + SHARE_THAT_IS_KILLED ? { kind: 'killed', afterMs } : { kind: 'stays' }
}

/** One that does nothing but run, in the engine. */
export function stayingTask(number: number): TaskPlan {
  return {
    id: `r${String(number).padStart(4, '0')}-docker-stays`,
    kind: 'docker',
    revocable: false,
    end: { kind: 'stays' },
  }
}

/** A script for any POSIX shell. The sleep is in the background, because a shell hears a signal only while it waits. */
export function scriptOf(plan: TaskPlan, ledger: string): string {
  const file = `${ledger}/${plan.id}`
  const { end } = plan
  const begin = `echo "start $$" >>${file}; trap 'echo term >>${file}; exit 143' TERM`
  if (end.kind !== 'exits') return `${begin}; while :; do sleep 3600 & wait $!; done`
  const sleep = `sleep ${(end.afterMs / 1000).toFixed(2)} & wait $!`
  return `${begin}; ${sleep}; echo "end ${end.code}" >>${file}; exit ${end.code}`
}

const CPUS = 0.1
const MEGABYTES = 32

/** The task as ACCEPT wants it, on the agent of an offer. */
export function taskInfo(plan: TaskPlan, offer: RawOffer, settings: TaskSettings): Record<string, unknown> {
  const lent: Partial<RawResource> = plan.revocable ? { revocable: {} } : {}
  const common = {
    name: plan.id,
    task_id: { value: plan.id },
    agent_id: offer.agent_id,
    resources: [{ ...scalar('cpus', CPUS), ...lent }, scalar('mem', MEGABYTES)],
  }
  if (plan.kind === 'docker') {
    const volumes = [{ host_path: settings.ledger, container_path: LEDGER_INSIDE, mode: 'RW' }]
    const docker = { image: settings.image, network: 'HOST' }
    const command = { value: scriptOf(plan, LEDGER_INSIDE) }
    return { ...common, command, container: { type: 'DOCKER', docker, volumes } }
  }
  const script = scriptOf(plan, settings.ledger)
  if (plan.kind === 'host') return { ...common, command: { value: script } }
  const executor = {
    type: 'CUSTOM',
    executor_id: { value: `e-${plan.id}` },
    framework_id: offer.framework_id,
    command: { value: settings.executorCommand },
    resources: [scalar('cpus', CPUS), scalar('mem', 2 * MEGABYTES)],
  }
  return { ...common, executor, data: Buffer.from(script).toString('base64') }
}

/** Whether an offer has room for a task, beside what was taken from it already. */
export function fits(plan: TaskPlan, offer: RawOffer, taken: readonly TaskPlan[]): boolean {
  const left = (name: string, revocable: boolean, each: number): number => {
    const all = offer.resources.filter(
      (one) => one.name === name && (one.revocable !== undefined) === revocable,
    )
    const used = taken.filter((one) => name !== 'cpus' || one.revocable === revocable).length * each
    return all.reduce((sum, { scalar: amount }) => sum + (amount?.value ?? 0), 0) - used
  }
  // An executor needs as much again as its task; every task counts as one, which is on the safe side.
  return (
    left('cpus', plan.revocable, 2 * CPUS) >= 2 * CPUS && left('mem', false, 3 * MEGABYTES) >= 3 * MEGABYTES
  )
}

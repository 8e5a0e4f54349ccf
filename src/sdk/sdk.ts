/**
 * The SDK of frameworks and executors: their clients, and the few words in which tasks are built. What the builders
 * return is plain and may be changed further.
 *
 * @example
 * import { commandTask, launch, SchedulerClient } from 'tepui/sdk'
 */
import type { CommandInfo } from '../wire/commands.ts'
import type { ContainerInfoDockerInfoNetwork } from '../wire/containers.ts'
import type { ExecutorInfo, TaskInfo } from '../wire/tasks.ts'
import type { Offer, OfferOperation } from '../wire/offers.ts'
import type { Resource } from '../wire/resources.ts'

export { Refused, Retry } from './errors.ts'
export { ExecutorClient, type ExecutorOptions, type StatusReport } from './executor-client.ts'
export type { ExecutorEnvironment } from './executor-environment.ts'
export { SchedulerClient, type SubscribeOptions } from './scheduler-client.ts'
export type { FrameworkCall } from './scheduler-calls.ts'
export type { ExecutorCall, ExecutorEvent } from '../wire/executor.ts'
export type { FrameworkInfo } from '../wire/frameworks.ts'
export type { Filters, Offer, OfferOperation } from '../wire/offers.ts'
export type { SchedulerCall, SchedulerEvent } from '../wire/scheduler.ts'
export { isTerminal } from '../wire/terminal-states.ts'
export type { ExecutorInfo, TaskInfo, TaskState, TaskStatus } from '../wire/tasks.ts'

export interface Amounts {
  readonly cpus?: number
  /** MB. */
  readonly mem?: number
  /** MB. */
  readonly disk?: number
  readonly gpus?: number
}

export interface TaskOptions extends Amounts {
  /** Unique among the tasks of the framework that are not over. */
  readonly id: string
  /** For people. Default: the id. */
  readonly name?: string
  /** The offer that will be accepted with it. */
  readonly offer: Offer
  /** Uses cpus that may be taken back, of which the offer must have some; of the rest what it offers like that. */
  readonly revocable?: boolean
  readonly environment?: Readonly<Record<string, string>>
  /** Files to fetch into the sandbox. */
  readonly uris?: readonly string[]
  readonly user?: string
}

export interface CommandTaskOptions extends TaskOptions {
  /** A line for the shell, or a program with its arguments, started as it is. */
  readonly command: string | readonly [string, ...string[]]
}

export interface DockerTaskOptions extends TaskOptions {
  readonly image: string
  /** Default HOST, as in Mesos. */
  readonly network?: ContainerInfoDockerInfoNetwork
  readonly ports?: readonly {
    readonly host: number
    readonly container: number
    readonly protocol?: 'tcp' | 'udp'
  }[]
  /** A line for the shell, or arguments for the image's entrypoint. Default: what the image says. */
  readonly command?: string | readonly string[]
  readonly forcePull?: boolean
}

/**
 * Amounts as resources, zeros left out.
 *
 * @example
 * scalars({ cpus: 0.5, mem: 64 }, { revocable: true })
 */
export function scalars(amounts: Amounts, options: { readonly revocable?: boolean } = {}): Resource[] {
  const { cpus = 0, mem = 0, disk = 0, gpus = 0 } = amounts
  const pairs = Object.entries({ cpus, mem, disk, gpus }).filter(([, value]) => value > 0)
  return pairs.map(([name, value]) => ({
    name,
    type: 'SCALAR',
    scalar: { value },
    ...(options.revocable === true && { revocable: {} }),
  }))
}

/** How much of each scalar resource an offer has, in all its roles; revocable or not, as asked. */
export function amountsOf(offer: Offer, options: { readonly revocable?: boolean } = {}): Required<Amounts> {
  const sum = { cpus: 0, mem: 0, disk: 0, gpus: 0 }
  for (const { name, scalar, revocable } of offer.resources ?? []) {
    if (scalar === undefined || (revocable !== undefined) !== (options.revocable === true)) continue
    if (name === 'cpus' || name === 'mem' || name === 'disk' || name === 'gpus') sum[name] += scalar.value
  }
  return sum
}

function commandOf(options: TaskOptions): CommandInfo {
  const variables = Object.entries(options.environment ?? {}).map(([name, value]) => ({ name, value }))
  return {
    ...(variables.length > 0 && { environment: { variables } }),
    ...(options.uris !== undefined && { uris: options.uris.map((value) => ({ value })) }),
    ...(options.user !== undefined && { user: options.user }),
  }
}

function taskOf(options: TaskOptions): TaskInfo {
  return {
    name: options.name ?? options.id,
    task_id: { value: options.id },
    agent_id: options.offer.agent_id,
    resources: options.revocable === true ? lentOf(options) : scalars(options),
  }
}

/** Cpus always of what is lent; the rest where the offer lends it too, as memory rarely is, else of its own. */
function lentOf({ cpus = 0, disk = 0, gpus = 0, mem = 0, offer }: TaskOptions): Resource[] {
  const lends = (wanted: string): boolean =>
    (offer.resources ?? []).some(({ name, revocable }) => name === wanted && revocable !== undefined)
  return Object.entries({ cpus, mem, disk, gpus }).flatMap(([name, value]) =>
    scalars({ [name]: value }, { revocable: name === 'cpus' || lends(name) }),
  )
}

/**
 * A task that runs a command on the agent.
 *
 * @example
 * commandTask({ id: 'hello.1', offer, command: 'echo hello', cpus: 0.1, mem: 32 })
 */
export function commandTask(options: CommandTaskOptions): TaskInfo {
  const { command } = options
  const words: CommandInfo =
    typeof command === 'string'
      ? { shell: true, value: command }
      : { shell: false, value: command[0], arguments: [...command] }
  return { ...taskOf(options), command: { ...commandOf(options), ...words } }
}

/**
 * A task that runs in a Docker container.
 *
 * @example
 * const ports = [{ host: 31000, container: 80 }]
 * dockerTask({ id: 'web.1', offer, image: 'nginx', network: 'BRIDGE', ports, cpus: 1, mem: 64 })
 */
export function dockerTask(options: DockerTaskOptions): TaskInfo {
  const { image, network, ports = [], command = [], forcePull } = options
  const words: CommandInfo =
    typeof command === 'string' ? { shell: true, value: command } : { shell: false, arguments: [...command] }
  const mappings = ports.map(({ host, container, protocol }) => ({
    host_port: host,
    container_port: container,
    ...(protocol !== undefined && { protocol }),
  }))
  const task = taskOf(options)
  const range = mappings.map(({ host_port }) => ({ begin: host_port, end: host_port }))
  if (range.length > 0) task.resources?.push({ name: 'ports', type: 'RANGES', ranges: { range } })
  return {
    ...task,
    command: { ...commandOf(options), ...words },
    container: {
      type: 'DOCKER',
      docker: {
        image,
        ...(network !== undefined && { network }),
        ...(mappings.length > 0 && { port_mappings: mappings }),
        ...(forcePull !== undefined && { force_pull_image: forcePull }),
      },
    },
  }
}

/** A task for an executor of the framework's own. */
export function executorTask(options: TaskOptions & { readonly executor: ExecutorInfo }): TaskInfo {
  return { ...taskOf(options), executor: options.executor }
}

/** The operation that launches tasks: `client.accept([offer], [launch([task])])`. */
export function launch(tasks: readonly TaskInfo[]): OfferOperation {
  return { type: 'LAUNCH', launch: { task_infos: [...tasks] } }
}

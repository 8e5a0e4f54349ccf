// What somebody wants to run, and the task that it becomes on an offer: pure.
import { userInfo } from 'node:os'
import { NEED_LABEL, needText } from '../resources/need.ts'
import type { CommandInfo, CommandInfoURI } from '../wire/commands.ts'
import type { ContainerInfo } from '../wire/containers.ts'
import type { FrameworkInfo } from '../wire/frameworks.ts'
import type { Offer } from '../wire/offers.ts'
import type { TaskInfo } from '../wire/tasks.ts'
import type { Volume } from '../wire/volumes.ts'
import type { Match, Want } from './placement.ts'

export interface TaskWish extends Want {
  readonly name: string
  /** A Docker image; without one the command runs on the host. */
  readonly image?: string | undefined
  /** A line for the shell, or a program and its arguments (for the entrypoint of an image). */
  readonly command: string | readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly uris?: readonly CommandInfoURI[]
  readonly user?: string | undefined
  readonly network?: 'HOST' | 'BRIDGE' | 'NONE' | undefined
  /** Grace between SIGTERM and SIGKILL, ms; the agent's default when left out. */
  readonly graceMs?: number | undefined
  /** Cores and megabytes that it may use beyond what it reserves, while others leave them. */
  readonly most?: { readonly cpus?: number; readonly mem?: number }
  /** Folders and files of the agent's machine, inside of a container. */
  readonly volumes?: readonly Volume[]
}

/** The task for an offer that fits. */
export function taskFor(
  wish: TaskWish,
  id: string,
  offer: Offer,
  match: Extract<Match, { fits: true }>,
): TaskInfo {
  const container = wish.image === undefined ? undefined : containerFor(wish, wish.image, match)
  const limits = Object.entries(wish.most ?? {}).map(([name, value]) => [name, { value }] as const)
  return {
    name: wish.name,
    task_id: { value: id },
    agent_id: offer.agent_id,
    resources: [...match.resources],
    command: commandFor(wish),
    ...(container !== undefined && { container }),
    ...(limits.length > 0 && { limits: Object.fromEntries(limits) }),
    ...(wish.graceMs !== undefined && {
      kill_policy: { grace_period: { nanoseconds: Math.round(wish.graceMs * 1e6) } },
    }),
  }
}

function commandFor({ command, image, environment = {}, uris = [], user }: TaskWish): CommandInfo {
  const variables = Object.entries(environment).map(([name, value]) => ({ name, value }))
  const rest = {
    ...(variables.length > 0 && { environment: { variables } }),
    ...(uris.length > 0 && { uris: [...uris] }),
    ...(user !== undefined && { user }),
  }
  if (typeof command === 'string') return { shell: true, value: command, ...rest }
  // On the host the first argument is the program's name; an image has an entrypoint in its place (spec/mesos.md 7.3).
  const [program] = command
  const value = image === undefined && program !== undefined ? { value: program } : {}
  return { shell: false, ...value, arguments: [...command], ...rest }
}

function containerFor(wish: TaskWish, image: string, match: Extract<Match, { fits: true }>): ContainerInfo {
  const mappings = match.ports.map(({ host, container, protocol }) => ({
    host_port: host,
    container_port: container,
    ...(protocol !== undefined && { protocol }),
  }))
  const network = wish.network ?? (mappings.length > 0 ? 'BRIDGE' : 'HOST')
  return {
    type: 'DOCKER',
    ...(wish.volumes !== undefined && wish.volumes.length > 0 && { volumes: [...wish.volumes] }),
    docker: { image, network, ...(mappings.length > 0 && { port_mappings: mappings }) },
  }
}

/** Who a framework of ours is. */
export function frameworkInfo(options: {
  readonly name: string
  readonly roles: readonly string[]
  readonly user?: string | undefined
  /** It wants lent resources too. */
  readonly borrows: boolean
  /** Seconds for which its tasks outlive its connection. */
  readonly failoverSeconds?: number
  readonly labels?: Readonly<Record<string, string>>
  /** What its next task wants, so that the master can say why it waits. */
  readonly wish?: TaskWish | undefined
}): FrameworkInfo {
  const { name, roles, borrows, failoverSeconds = 0, labels = {}, wish } = options
  const needs = wish === undefined ? {} : { [NEED_LABEL]: needText({ ...wish, lent: wish.revocable }) }
  const pairs = Object.entries({ ...labels, ...needs }).map(([key, value]) => ({ key, value }))
  return {
    user: options.user ?? userInfo().username,
    name,
    roles: [...roles],
    failover_timeout: failoverSeconds,
    checkpoint: failoverSeconds > 0,
    capabilities: [
      { type: 'MULTI_ROLE' },
      { type: 'RESERVATION_REFINEMENT' },
      { type: 'PARTITION_AWARE' },
      // Where nobody acknowledges that a task is being ended, its end would wait behind that: 10 s, as Mesos does.
      ...(failoverSeconds > 0 ? [] : ([{ type: 'TASK_KILLING_STATE' }] as const)),
      ...(borrows ? ([{ type: 'REVOCABLE_RESOURCES' }] as const) : []),
    ],
    ...(pairs.length > 0 && { labels: { labels: pairs } }),
  }
}

/** A name for a task out of what it runs, of characters that ids may have. */
export function nameFrom(command: string | readonly string[], image: string | undefined): string {
  const words = typeof command === 'string' ? command.trim().split(/\s+/) : command
  const word = words[0] ?? image ?? 'task'
  const last = word.split('/').findLast((part) => part !== '') ?? 'task'
  return last.replaceAll(/[^A-Za-z0-9_-]+/g, '-').replaceAll(/^-+|-+$/g, '') || 'task'
}

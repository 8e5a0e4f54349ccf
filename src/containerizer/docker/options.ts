// What a task says about its container, translated to the engine's create request. Pure.
import { type Rejection, rejection } from '../../base/errors.ts'
import type { RLimitInfo } from '../../wire/linux.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import type { ContainerSpec } from '../containerizer.ts'
import { type CreateBody, type Endpoint, append } from './body.ts'
import { type LimitSettings, applyDemand } from './demand.ts'
import { imageReference } from './reference.ts'
import { type ContainerDns, applyDns, applyPortMappings, networkMode, networkProblem } from './network.ts'
import { applyParameters } from './parameters.ts'
import { applyVolumes } from './volumes.ts'

/** The labels by which people and later lives of the agent find its containers (spec/experience.md P33). */
export const LABELS = {
  agent: 'tepui.agent',
  cluster: 'tepui.cluster',
  framework: 'tepui.framework',
  executor: 'tepui.executor',
  task: 'tepui.task',
  container: 'tepui.container',
} as const

export interface OptionSettings extends LimitSettings {
  /** Tells this agent's containers from those of other agents on the same engine; the same after a restart. */
  readonly agentTag: string
  /** `--sandbox_directory`: where the sandbox is mounted inside. */
  readonly sandboxDirectory: string
  /** `--default_container_dns`, part `docker`. */
  readonly containerDns: readonly ContainerDns[]
  /** Size at which the engine's own log of a container is rotated: it keeps two files. */
  readonly engineLogBytes: number
}

export interface Translation {
  /** With its tag or digest. */
  readonly image: string
  readonly name: string
  readonly body: CreateBody
  /** What was left out, as Mesos does, in sentences for the log. */
  readonly notes: readonly string[]
}

const ARGUMENTS_MAX = 10_000

/** `mesos-<container id>`, as people and tools expect (spec/mesos.md 7.2). */
function containerName(containerId: string): string {
  return `mesos-${containerId}`
}

/** The whole request, or the sentence that says why there cannot be one. `cgroupParent` undefined: the engine's own. */
export function translate(
  spec: ContainerSpec,
  settings: OptionSettings,
  cgroupParent: string | undefined,
): Translation | Rejection {
  const info = spec.container
  const docker = info?.docker
  if (info === undefined || docker === undefined)
    return rejection('container.docker: it is required for a container of type DOCKER')
  const image = imageReference(docker.image)
  if (typeof image !== 'string') return image
  const mode = networkMode(info)
  if (typeof mode !== 'string') return mode

  const body = emptyBody(spec, settings, image, mode)
  const notes: string[] = []
  if (cgroupParent !== undefined) body.HostConfig.CgroupParent = cgroupParent
  if (docker.privileged === true) body.HostConfig.Privileged = true
  if (info.hostname !== undefined && info.hostname !== '') body.Hostname = info.hostname
  const endpoint: Endpoint = {}
  const shell = spec.command.shell ?? true
  const problem =
    applyCommand(body, spec.command, shell) ??
    applyEnvironment(body, spec, settings) ??
    applyDemand(body.HostConfig, spec, settings) ??
    applyVolumes(body, info, { sandbox: spec.sandbox, mappedSandbox: settings.sandboxDirectory }, notes) ??
    applyPortMappings(body, info) ??
    applyUlimits(body, info.rlimit_info) ??
    applyParameters({ body, endpoint, revocable: spec.revocable, shell }, docker.parameters ?? []) ??
    networkProblem(body, spec.resources.ranges('ports')) ??
    applyEndpoint(body, endpoint)
  if (problem !== undefined) return problem
  applyDns(body, settings.containerDns)
  if (info.linux_info !== undefined)
    notes.push('container.linux_info was left out: it is for the mesos containerizer')
  if (info.tty_info !== undefined) notes.push('container.tty_info was left out: use the parameter tty')
  return { image, name: containerName(spec.containerId), body, notes }
}

function emptyBody(spec: ContainerSpec, settings: OptionSettings, image: string, mode: string): CreateBody {
  return {
    Image: image,
    Env: [],
    Tty: false,
    AttachStdout: true,
    AttachStderr: true,
    Labels: {
      [LABELS.agent]: settings.agentTag,
      ...(spec.cluster === undefined ? {} : { [LABELS.cluster]: spec.cluster }),
      [LABELS.framework]: spec.frameworkId,
      [LABELS.executor]: spec.executorId,
      [LABELS.container]: spec.containerId,
      ...(spec.taskId === undefined ? {} : { [LABELS.task]: spec.taskId }),
    },
    HostConfig: {
      NetworkMode: mode,
      // The engine keeps a copy of the output; unbounded it would fill the disk (spec/experience.md P22).
      LogConfig: { Type: 'json-file', Config: { 'max-size': `${settings.engineLogBytes}`, 'max-file': '2' } },
    },
  }
}

function applyCommand(body: CreateBody, command: CommandInfo, shell: boolean): Rejection | undefined {
  const args = command.arguments ?? []
  if (args.length > ARGUMENTS_MAX)
    return rejection(`command.arguments: ${args.length} are more than ${ARGUMENTS_MAX}`)
  if ([command.value ?? '', ...args].some((text) => text.includes('\0')))
    return rejection('command: its value and arguments cannot hold a NUL character')
  if (shell) {
    if (command.value === undefined || command.value === '')
      return rejection(
        "command.value: it is required when command.shell is true; set shell to false for the image's own",
      )
    body.Entrypoint = ['/bin/sh']
    body.Cmd = ['-c', command.value]
    return undefined
  }
  const words = command.value === undefined || command.value === '' ? args : [command.value, ...args]
  if (words.length > 0) body.Cmd = [...words]
  return undefined
}

function applyEnvironment(
  body: CreateBody,
  spec: ContainerSpec,
  settings: OptionSettings,
): Rejection | undefined {
  const environment = {
    ...spec.environment,
    MESOS_SANDBOX: settings.sandboxDirectory,
    MESOS_CONTAINER_NAME: containerName(spec.containerId),
  }
  for (const [name, value] of Object.entries(environment)) {
    if (name === '' || name.includes('=') || name.includes('\0') || value.includes('\0'))
      return rejection(
        `command.environment: '${name}' cannot be a variable; expected a name without = and no NUL`,
      )
    body.Env.push(`${name}=${value}`)
  }
  return undefined
}

/** The engine's names are the lower-case ends of Mesos'. */
function applyUlimits(body: CreateBody, info: RLimitInfo | undefined): Rejection | undefined {
  for (const [index, { type, soft, hard }] of (info?.rlimits ?? []).entries()) {
    const where = `container.rlimit_info.rlimits[${index}]`
    if (type === undefined || type === 'UNKNOWN') return rejection(`${where}.type: it is required`)
    if ((soft === undefined) !== (hard === undefined))
      return rejection(`${where}: expected soft and hard, or neither for unlimited`)
    if (soft !== undefined && hard !== undefined && soft > hard)
      return rejection(`${where}: its soft limit ${soft} is above its hard limit ${hard}`)
    const Name = type.slice('RLMT_'.length).toLowerCase()
    append(body.HostConfig, 'Ulimits', { Name, Soft: soft ?? -1, Hard: hard ?? -1 })
  }
  return undefined
}

/** Aliases and fixed addresses belong to one user network; elsewhere the engine would drop or refuse them. */
function applyEndpoint(body: CreateBody, endpoint: Endpoint): Rejection | undefined {
  if (Object.keys(endpoint).length === 0) return undefined
  const mode = body.HostConfig.NetworkMode
  if (['host', 'none', 'bridge', 'default'].includes(mode) || mode.startsWith('container:'))
    return rejection(
      `container.docker.parameters: aliases and addresses need a USER network, this one's is ${mode}`,
    )
  body.NetworkingConfig = { EndpointsConfig: { [mode]: endpoint } }
  return undefined
}

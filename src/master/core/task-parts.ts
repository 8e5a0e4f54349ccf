// Rules for the parts of a task: command, container, checks, limits (spec/mesos.md 2.5, 2.9).
import type { Resources } from '../../resources/resources.ts'
import { toMilli } from '../../resources/value.ts'
import type { CommandInfo, EnvironmentVariable } from '../../wire/commands.ts'
import type { ContainerInfo } from '../../wire/containers.ts'
import type { CheckInfo, HealthCheck } from '../../wire/health.ts'
import type { TaskInfo } from '../../wire/tasks.ts'
import type { Volume } from '../../wire/volumes.ts'

export function problemWithCommand(command: CommandInfo | undefined): string | undefined {
  for (const variable of command?.environment?.variables ?? []) {
    const problem = problemWithVariable(variable)
    if (problem !== undefined) return problem
  }
  return undefined
}

function problemWithVariable({ name, type, value, secret }: EnvironmentVariable): string | undefined {
  const which = `Environment variable '${name}'`
  switch (type ?? 'VALUE') {
    case 'VALUE':
      if (secret !== undefined) return `${which} of type 'VALUE' must not have a secret set`
      if (value === undefined) return `${which} of type 'VALUE' must have a value set`
      return undefined
    case 'SECRET':
      if (value !== undefined) return `${which} of type 'SECRET' must not have a value set`
      if (secret === undefined) return `${which} of type 'SECRET' must have a secret set`
      return hasNul(secret.value?.data)
        ? `${which} specifies a secret containing null bytes, which is not allowed in the environment`
        : undefined
    case 'UNKNOWN':
      return `${which} of type 'UNKNOWN' is not allowed`
  }
}

function hasNul(base64: string | undefined): boolean {
  return base64 !== undefined && Buffer.from(base64, 'base64').includes(0)
}

export function problemWithContainer(container: ContainerInfo | undefined): string | undefined {
  if (container === undefined) return undefined
  const { type, docker, volumes } = container
  if (type === 'DOCKER' && docker === undefined) {
    return "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
  }
  if (docker?.parameters?.some((parameter) => parameter.key === 'name') === true) {
    return "Parameter in DockerInfo must not be 'name'"
  }
  for (const volume of volumes ?? []) {
    const problem = problemWithVolume(volume)
    if (problem !== undefined) return `Volume '${volume.container_path}' is invalid: ${problem}`
  }
  return undefined
}

const SOURCE_FIELDS = {
  DOCKER_VOLUME: 'docker_volume',
  HOST_PATH: 'host_path',
  SANDBOX_PATH: 'sandbox_path',
  SECRET: 'secret',
  CSI_VOLUME: 'csi_volume',
} as const

function problemWithVolume({ host_path, image, source }: Volume): string | undefined {
  if ([host_path, image, source].filter((one) => one !== undefined).length !== 1) {
    return "Exactly one of 'host_path', 'image' and 'source' must be set"
  }
  if (source === undefined) return undefined
  const { type } = source
  if (type === undefined || type === 'UNKNOWN') return "'source.type' is unknown"
  const field = SOURCE_FIELDS[type]
  return source[field] === undefined ? `'source.${field}' is not set for ${type} volume` : undefined
}

export function problemWithCheck(check: CheckInfo | undefined): string | undefined {
  if (check === undefined) return undefined
  const { type, command, http, tcp } = check
  switch (type) {
    case undefined:
      return 'CheckInfo must specify a type'
    case 'UNKNOWN':
      return "'UNKNOWN' is not a valid check type"
    case 'COMMAND':
      if (command === undefined) return "Expecting 'command' to be set for COMMAND check"
      if (command.command.value === undefined) return 'Command check must contain a command value'
      return problemWithCommand(command.command) ?? problemWithTimes(check)
    case 'HTTP':
      if (http === undefined) return "Expecting 'http' to be set for HTTP check"
      return problemWithPath(http.path) ?? problemWithTimes(check)
    case 'TCP':
      return tcp === undefined ? "Expecting 'tcp' to be set for TCP check" : problemWithTimes(check)
  }
}

export function problemWithHealthCheck(check: HealthCheck | undefined): string | undefined {
  if (check === undefined) return undefined
  const { type, command, http, tcp } = check
  switch (type) {
    case undefined:
      return 'HealthCheck must specify a type'
    case 'UNKNOWN':
      return "'UNKNOWN' is not a valid health check type"
    case 'COMMAND':
      if (command === undefined) return "Expecting 'command' to be set for COMMAND health check"
      if (command.value === undefined) return 'Command health check must contain a command value'
      return problemWithCommand(command) ?? problemWithTimes(check)
    case 'HTTP':
      if (http === undefined) return "Expecting 'http' to be set for HTTP health check"
      if (http.scheme !== undefined && http.scheme !== 'http' && http.scheme !== 'https') {
        return `Unsupported HTTP health check scheme: '${http.scheme}'`
      }
      return problemWithPath(http.path) ?? problemWithTimes(check)
    case 'TCP':
      return tcp === undefined ? "Expecting 'tcp' to be set for TCP health check" : problemWithTimes(check)
  }
}

function problemWithPath(path: string | undefined): string | undefined {
  return path === undefined || path.startsWith('/')
    ? undefined
    : `The path '${path}' of HTTP check must start with '/'`
}

const TIMES = ['delay_seconds', 'interval_seconds', 'timeout_seconds', 'grace_period_seconds'] as const

function problemWithTimes(check: Partial<Record<(typeof TIMES)[number], number>>): string | undefined {
  const wrong = TIMES.find((field) => !((check[field] ?? 0) >= 0))
  return wrong === undefined ? undefined : `Expecting '${wrong}' to be non-negative`
}

/** `TaskInfo.limits`: cpus and mem only, at least what is requested, Infinity allowed (spec/mesos.md 2.5). */
export function problemWithLimits(
  task: TaskInfo,
  requested: Resources,
  agentCan: boolean,
): string | undefined {
  const limits = Object.entries(task.limits ?? {})
  if (limits.length > 0 && !agentCan) return 'Agent is not capable of handling task resource limits'
  for (const [name, { value }] of limits) {
    if (name !== 'cpus' && name !== 'mem') {
      return `The limit on '${name}' is not allowed: only cpus and mem can be limited`
    }
    const asked = requested.milli(name)
    if (asked === 0) return `The limit on '${name}' is set, but the task requests none of it`
    if (Number.isNaN(value) || (Number.isFinite(value) && toMilli(value) < asked)) {
      return `The limit ${name}:${value} is less than the requested ${name}:${asked / 1000}`
    }
  }
  return undefined
}

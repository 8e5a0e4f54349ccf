// The environment of executors and tasks, as the real agent gives it (spec/mesos.md 3.4, spec/clients.md 2).
import { formatDuration } from '../base/units.ts'
import type { LaunchRequest } from './core/events.ts'

export interface EnvironmentSettings {
  readonly agentId: string
  readonly ip: string
  readonly port: number
  /** `--executor_environment_variables`. */
  readonly extra: Readonly<Record<string, string>>
  /** `--sandbox_directory`: where a Docker container sees the sandbox. */
  readonly sandboxDirectory: string
  /** `--recovery_timeout`: how long a checkpointing executor waits for an agent that is away; ms. */
  readonly recoveryTimeoutMs: number
  /** `--executor_reregistration_timeout`: how long the agent waits for its executors to come back; ms. */
  readonly reregistrationTimeoutMs: number
}

/** Everything that the container of a request gets; the command's own variables win. */
export function environmentOf(
  request: LaunchRequest,
  directory: string,
  settings: EnvironmentSettings,
): Readonly<Record<string, string>> {
  const { agentId, ip, port } = settings
  const inDocker = request.container?.type === 'DOCKER'
  const own: Record<string, string> = {}
  for (const { name, value } of request.command.environment?.variables ?? []) own[name] = value ?? ''
  return {
    LIBPROCESS_IP: ip,
    LIBPROCESS_PORT: '0',
    ...settings.extra,
    MESOS_FRAMEWORK_ID: request.frameworkId,
    MESOS_EXECUTOR_ID: request.executorId,
    MESOS_DIRECTORY: directory,
    MESOS_SLAVE_ID: agentId,
    MESOS_SLAVE_PID: `slave(1)@${ip}:${port}`,
    MESOS_AGENT_ENDPOINT: `${ip}:${port}`,
    MESOS_CHECKPOINT: request.checkpoint ? '1' : '0',
    MESOS_HTTP_COMMAND_EXECUTOR: '0',
    MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD: formatDuration(request.shutdownGraceMs),
    ...(request.checkpoint && {
      MESOS_RECOVERY_TIMEOUT: formatDuration(settings.recoveryTimeoutMs),
      MESOS_SUBSCRIPTION_BACKOFF_MAX: formatDuration(backoffMaxMs(settings.reregistrationTimeoutMs)),
    }),
    ...(request.taskId !== undefined && {
      MESOS_TASK_ID: request.taskId,
      MESOS_ALLOCATION_ROLE: request.role,
    }),
    MESOS_SANDBOX: inDocker ? settings.sandboxDirectory : directory,
    ...own,
  }
}

/**
 * The longest wait of an executor between its tries to come back: several of them have to fit into the time that the
 * agent leaves it, else one that waits its longest, or on a busy machine, is ended though it lives.
 */
function backoffMaxMs(reregistrationTimeoutMs: number): number {
  return Math.min(BACKOFF_MAX_MS, Math.max(1, Math.floor(reregistrationTimeoutMs / 4)))
}

const BACKOFF_MAX_MS = 2000

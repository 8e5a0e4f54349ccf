// What a task wants checked, with Mesos's defaults filled in (spec/mesos.md 3.6, 3.7).
import type { CommandInfo } from '../../wire/commands.ts'
import type { CheckInfo, HealthCheck } from '../../wire/health.ts'
import type { NetworkInfoProtocol } from '../../wire/network.ts'
import type { TaskInfo } from '../../wire/tasks.ts'

/** How one check finds something out. Names are those of the protocol. */
export type Target =
  | { readonly type: 'COMMAND'; readonly command: CommandInfo }
  /** `host` is the loopback address of the task's network. */
  | {
      readonly type: 'HTTP'
      readonly scheme: 'http' | 'https'
      readonly host: string
      readonly port: number
      readonly path: string
    }
  | { readonly type: 'TCP'; readonly host: string; readonly port: number }

export interface Plan {
  readonly target: Target
  /** From the task's start to the first run. */
  readonly delayMs: number
  /** From the end of a run to the next. */
  readonly intervalMs: number
  /** How long a run may take. */
  readonly timeoutMs: number
}

export interface HealthPlan extends Plan {
  /** From the task's start: failures before the first success do not count. */
  readonly graceMs: number
  /** So many failures in a row end the task. */
  readonly failuresMax: number
}

const DELAY_SECONDS = 15
const INTERVAL_SECONDS = 10
const TIMEOUT_SECONDS = 20
const GRACE_SECONDS = 10
const FAILURES_MAX = 3

/** Without a pause a check would keep a core busy. */
export const SHORTEST_INTERVAL_MS = 100
/** Of a run without a timeout, so that it cannot keep its place for ever. */
export const LONGEST_RUN_MS = 10 * 60_000

/** Undefined when the task has none, or one of a kind that nobody knows. */
export function healthPlanOf({ health_check: check }: TaskInfo): HealthPlan | undefined {
  const target = check === undefined ? undefined : healthTarget(check)
  if (check === undefined || target === undefined) return undefined
  return {
    target,
    ...timesOf(check),
    graceMs: (check.grace_period_seconds ?? GRACE_SECONDS) * 1000,
    failuresMax: check.consecutive_failures ?? FAILURES_MAX,
  }
}

/** As `healthPlanOf`, of the general check. */
export function checkPlanOf({ check }: TaskInfo): Plan | undefined {
  const target = check === undefined ? undefined : checkTarget(check)
  return check === undefined || target === undefined ? undefined : { target, ...timesOf(check) }
}

function timesOf(check: Pick<CheckInfo, 'delay_seconds' | 'interval_seconds' | 'timeout_seconds'>) {
  const timeoutMs = (check.timeout_seconds ?? TIMEOUT_SECONDS) * 1000
  return {
    delayMs: (check.delay_seconds ?? DELAY_SECONDS) * 1000,
    intervalMs: Math.max(SHORTEST_INTERVAL_MS, (check.interval_seconds ?? INTERVAL_SECONDS) * 1000),
    // None is the longest.
    timeoutMs: timeoutMs === 0 ? LONGEST_RUN_MS : Math.min(timeoutMs, LONGEST_RUN_MS),
  }
}

function healthTarget({ type, command, http, tcp }: HealthCheck): Target | undefined {
  switch (type) {
    case 'COMMAND':
      return command === undefined ? undefined : { type, command }
    case 'HTTP':
      return http === undefined
        ? undefined
        : {
            type,
            scheme: http.scheme === 'https' ? 'https' : 'http',
            host: loopback(http.protocol),
            port: http.port,
            path: http.path ?? '',
          }
    case 'TCP':
      return tcp === undefined ? undefined : { type, host: loopback(tcp.protocol), port: tcp.port }
    case undefined:
    case 'UNKNOWN':
      return undefined
  }
}

function checkTarget({ type, command, http, tcp }: CheckInfo): Target | undefined {
  const host = loopback(undefined)
  switch (type) {
    case 'COMMAND':
      return command === undefined ? undefined : { type, command: command.command }
    case 'HTTP':
      return http === undefined
        ? undefined
        : { type, scheme: 'http', host, port: http.port, path: http.path ?? '' }
    case 'TCP':
      return tcp === undefined ? undefined : { type, host, port: tcp.port }
    case undefined:
    case 'UNKNOWN':
      return undefined
  }
}

const loopback = (protocol: NetworkInfoProtocol | undefined): string =>
  protocol === 'IPv6' ? '::1' : '127.0.0.1'

// What an agent tells an executor through its environment (spec/mesos.md 3.4).
import { OperatingError } from '../base/errors.ts'
import { parseDuration } from '../base/units.ts'

export interface ExecutorEnvironment {
  readonly frameworkId: string
  readonly executorId: string
  /** The agent's executor API, below the name of the agent's process if that is known. */
  readonly url: string
  readonly agentId: string | undefined
  /** Where the task's files are, as the executor sees them. */
  readonly sandbox: string | undefined
  /** Whether the executor outlives a restart of its agent. */
  readonly checkpoint: boolean
  readonly recoveryTimeoutMs: number
  readonly backoffMaxMs: number
  readonly shutdownGraceMs: number
  /** A bearer token, if the agent asks executors for one. */
  readonly token: string | undefined
}

// What real agents send when nothing else is configured.
const RECOVERY_TIMEOUT = '15mins'
const BACKOFF_MAX = '2secs'
const SHUTDOWN_GRACE = '5secs'

const TOKEN = 'MESOS_EXECUTOR_AUTHENTICATION_TOKEN'

type Variables = Record<string, string | undefined>

/**
 * Reads MESOS_*; takes the authentication token out, so that it is not inherited by what the executor starts.
 *
 * @throws OperatingError USAGE that names the variable which is missing or malformed
 */
export function readEnvironment(variables: Variables): ExecutorEnvironment {
  const token = variables[TOKEN]
  delete variables[TOKEN]
  const endpoint = needed(variables, 'MESOS_AGENT_ENDPOINT')
  // A pid is NAME@ip:port.
  const process = /^([^@/]+)@/.exec(variables['MESOS_SLAVE_PID'] ?? '')?.[1]
  const url = URL.parse(`http://${endpoint}${process === undefined ? '' : `/${process}`}/api/v1/executor`)
  if (url === null || !/:\d+$/.test(endpoint))
    throw wrong('MESOS_AGENT_ENDPOINT', endpoint, 'an address such as 127.0.0.1:5051')
  return {
    frameworkId: needed(variables, 'MESOS_FRAMEWORK_ID'),
    executorId: needed(variables, 'MESOS_EXECUTOR_ID'),
    url: url.href,
    agentId: variables['MESOS_SLAVE_ID'],
    sandbox: variables['MESOS_SANDBOX'] ?? variables['MESOS_DIRECTORY'],
    checkpoint: variables['MESOS_CHECKPOINT'] === '1',
    recoveryTimeoutMs: duration(variables, 'MESOS_RECOVERY_TIMEOUT', RECOVERY_TIMEOUT),
    backoffMaxMs: duration(variables, 'MESOS_SUBSCRIPTION_BACKOFF_MAX', BACKOFF_MAX),
    shutdownGraceMs: duration(variables, 'MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD', SHUTDOWN_GRACE),
    token,
  }
}

function needed(variables: Variables, name: string): string {
  const value = variables[name]
  if (value !== undefined && value !== '') return value
  throw new OperatingError('USAGE', `${name} is not set in the environment`, {
    hint: 'Executors are started by an agent, which sets it; name the program as the command of an ExecutorInfo',
  })
}

function duration(variables: Variables, name: string, otherwise: string): number {
  const value = variables[name] ?? otherwise
  const ms = parseDuration(value)
  if (ms === undefined || ms < 0) throw wrong(name, value, 'a duration such as 5secs')
  return ms
}

const wrong = (name: string, value: string, expected: string): OperatingError =>
  new OperatingError('USAGE', `${name} is '${value}', but has to be ${expected}`)

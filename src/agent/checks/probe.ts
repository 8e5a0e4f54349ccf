// How one check looks at a task: a command beside it, a request to it, or a connection, all inside of its container.
import type { Duplex } from 'node:stream'
import { OperatingError } from '../../base/errors.ts'
import type { Container } from '../../containerizer/containerizer.ts'
import type { TaskInfo } from '../../wire/tasks.ts'
import { ask, type Place } from './ask.ts'
import type { Finding } from './judging.ts'
import type { Target } from './plans.ts'

/** What is needed of a container to look into it. */
export type Probed = Pick<Container, 'pid' | 'addresses' | 'execute'>

/**
 * Resolves with what was found, which may be a failure. Throws when it cannot be run: `OperatingError` ENGINE when that
 * says nothing about the task; or the signal's reason. Nothing of it is left when it settles.
 */
export type Probe = (
  target: Target,
  container: Probed,
  task: TaskInfo,
  signal: AbortSignal,
) => Promise<Finding>

/** Opens a connection from within a container's network. Throws `OperatingError`: UNREACHABLE when nobody answers. */
export type Dial = (place: Place, container: Probed, task: TaskInfo, signal: AbortSignal) => Promise<Duplex>

/** Of what a command printed, in a message. */
const SHOWN_OUTPUT = 200

export function probeWith(dial: Dial): Probe {
  return (target, container, task, signal) => {
    const connect = (place: Place): Promise<Duplex> => dial(place, container, task, signal)
    switch (target.type) {
      case 'COMMAND':
        return runCommand(target, container, signal)
      case 'HTTP':
        return request(target, connect, signal)
      case 'TCP':
        return reach(target, connect)
    }
  }
}

async function runCommand(
  { command }: Extract<Target, { type: 'COMMAND' }>,
  container: Probed,
  signal: AbortSignal,
): Promise<Finding> {
  if (container.execute === undefined)
    throw new OperatingError('LAUNCH', 'the containerizer of this task cannot run commands beside it')
  const { exitCode, output } = await container.execute(command, signal)
  const shown = output.trim().slice(-SHOWN_OUTPUT)
  return {
    passed: exitCode === 0,
    value: { type: 'COMMAND', command: { exit_code: exitCode } },
    words: `COMMAND check exited with status ${exitCode}${shown === '' ? '' : `: ${shown}`}`,
  }
}

async function request(
  { host, path, port, scheme }: Extract<Target, { type: 'HTTP' }>,
  connect: (place: Place) => Promise<Duplex>,
  signal: AbortSignal,
): Promise<Finding> {
  const url = `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`
  const answer = await ask(url, connect, signal)
  if ('trouble' in answer)
    return { passed: false, value: undefined, words: `GET ${url} was not answered: ${answer.trouble}` }
  const { status } = answer
  return {
    passed: status >= 200 && status < 400,
    value: { type: 'HTTP', http: { status_code: status } },
    words: `GET ${url} was answered with ${status}`,
  }
}

async function reach(
  { host, port }: Extract<Target, { type: 'TCP' }>,
  connect: (place: Place) => Promise<Duplex>,
): Promise<Finding> {
  const found = (succeeded: boolean, words: string): Finding => ({
    passed: succeeded,
    value: { type: 'TCP', tcp: { succeeded } },
    words,
  })
  try {
    const connection = await connect({ host, port })
    connection.destroy()
    return found(true, `port ${port} takes connections`)
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'UNREACHABLE') return found(false, error.message)
    throw error
  }
}

// Turns a container's spec into the arguments and environment that the shim runs.
import { existsSync } from 'node:fs'
import { type Account, findAccount } from '../../base/account.ts'
import { OperatingError, type Rejection } from '../../base/errors.ts'
import type { ContainerSpec } from '../containerizer.ts'
import { rlimitArguments } from './rlimits.ts'

export interface PreparedCommand {
  /** The command with its wrappers: `prlimit … setpriv … sh -c …`. */
  readonly argv: readonly string[]
  readonly environment: Readonly<Record<string, string>>
  /** Whom the sandbox files belong to; undefined keeps the agent's user. */
  readonly account: Account | undefined
}

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Names that a shell would drop, or give a value of its own, instead of handing them on. */
const SHELL_NAMES = new Set([
  'IFS',
  'OPTIND',
  'OPTARG',
  'PPID',
  'LINENO',
  'PS1',
  'PS2',
  'PS4',
  'OLDPWD',
  '_',
  'SHLVL',
])

function launchError(message: string, hint?: string): OperatingError {
  return new OperatingError('LAUNCH', message, hint === undefined ? {} : { hint })
}

/**
 * Resolves the user, checks everything that can be checked before a process exists. Throws `OperatingError`
 * (LAUNCH).
 */
export async function prepareCommand(spec: ContainerSpec): Promise<PreparedCommand> {
  const missing = missingFeature(spec)
  if (missing !== undefined) {
    throw launchError(
      `A container without an image cannot have ${missing} yet`,
      'Run the task in a Docker container',
    )
  }
  const rlimits = rlimitArguments(spec.container?.rlimit_info)
  if (isRejection(rlimits)) throw launchError(rlimits.message)
  const account = await accountFor(spec.user)
  const environment = environmentOf(spec)
  const argv = commandOf(spec)
  if ([...argv, ...Object.entries(environment).flat()].some((text) => text.includes('\0'))) {
    throw launchError('The command, its arguments and its environment must not contain NUL characters')
  }
  const wrappers: string[] = []
  if (rlimits.length > 0) wrappers.push(tool('prlimit', 'set resource limits'), ...rlimits)
  if (account !== undefined) {
    wrappers.push(
      tool('setpriv', `run as the user ${account.name}`),
      `--reuid=${account.uid}`,
      `--regid=${account.gid}`,
      '--init-groups',
    )
  }
  const odd = Object.keys(environment).some((name) => !/^[A-Za-z_]\w*$/.test(name) || SHELL_NAMES.has(name))
  if (odd) {
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`)
    wrappers.push(tool('env', 'set variables that a shell does not hand on'), '-i', ...variables)
  }
  return { argv: [...wrappers, ...argv], environment, account }
}

function isRejection(value: readonly string[] | Rejection): value is Rejection {
  return 'rejected' in value
}

/** What was asked for and only an image or a later version gives; nothing that a task asks for is silently left out. */
function missingFeature(spec: ContainerSpec): string | undefined {
  const container = spec.container
  if (container === undefined) return undefined
  if (container.volumes !== undefined && container.volumes.length > 0) return 'volumes'
  if (container.network_infos !== undefined && container.network_infos.length > 0)
    return 'a network of its own'
  if (container.hostname !== undefined) return 'a host name of its own'
  if (container.tty_info !== undefined) return 'a terminal'
  const linux = container.linux_info
  if (linux?.capability_info ?? linux?.bounding_capabilities ?? linux?.effective_capabilities) {
    return 'capabilities of its own'
  }
  return linux?.seccomp === undefined ? undefined : 'a seccomp profile'
}

/** `sh -c value`, or value with its arguments, the first of which is the program's own name (spec/mesos.md 3.6). */
function commandOf(spec: ContainerSpec): readonly string[] {
  const { value, shell, arguments: given } = spec.command
  if (value === undefined || value === '')
    throw launchError('CommandInfo.value is missing: there is nothing to run')
  if (shell !== false) return ['/bin/sh', '-c', value]
  return [value, ...(given ?? []).slice(1)]
}

function environmentOf(spec: ContainerSpec): Record<string, string> {
  for (const name of Object.keys(spec.environment)) {
    if (name === '' || name.includes('=')) {
      throw launchError(`An environment variable cannot be called '${name}'`)
    }
  }
  return { PATH: DEFAULT_PATH, ...spec.environment, PWD: spec.sandbox }
}

function tool(name: string, purpose: string): string {
  const found = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'].find((folder) => existsSync(`${folder}/${name}`))
  if (found !== undefined) return `${found}/${name}`
  const hint = `Install ${name === 'env' ? 'coreutils' : 'util-linux'} on the agent's machine`
  throw launchError(`${name} is missing on this machine; it is needed to ${purpose}`, hint)
}

/** The account to switch to; undefined when it is the agent's own. */
async function accountFor(user: string | undefined): Promise<Account | undefined> {
  const own = process.getuid?.()
  if (user === undefined || (user === 'root' && own === 0)) return undefined
  const account = await findAccount(user)
  if (account === undefined) {
    throw launchError(
      `The user ${user} does not exist on this machine`,
      `Create it, or set the task's user to one that exists`,
    )
  }
  if (account.uid === own) return undefined
  if (own !== 0) {
    throw launchError(
      `The agent runs as uid ${own} and cannot run a task as ${user}`,
      'Run the agent as root, or start it with --no-switch_user',
    )
  }
  return account
}

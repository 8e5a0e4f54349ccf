// Makes the sandbox of a container: its folder, owned by the user that will run in it, and the environment.
import { chmodSync, chownSync, mkdirSync, renameSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, findAccount } from '../base/account.ts'
import { OperatingError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { LaunchRequest } from './core/events.ts'
import { type EnvironmentSettings, environmentOf } from './environment.ts'
import type { AgentFlags } from './flags.ts'
import { runsDirectory } from './paths.ts'
import type { Sandbox } from './supervisor.ts'

export interface SandboxSettings extends EnvironmentSettings {
  readonly workDir: string
  /** `--switch_user`. */
  readonly switchUser: boolean
}

export function sandboxSettings(
  flags: AgentFlags,
  at: { readonly workDir: string; readonly agentId: string; readonly ip: string; readonly port: number },
): SandboxSettings {
  return {
    ...at,
    switchUser: flags.switch_user,
    extra: flags.executor_environment_variables ?? {},
    sandboxDirectory: flags.sandbox_directory,
    recoveryTimeoutMs: flags.recovery_timeout,
    reregistrationTimeoutMs: flags.executor_reregistration_timeout,
  }
}

export interface MadeSandbox extends Sandbox {
  /** Whom everything in it belongs to; undefined: the agent's user. */
  readonly owner: Account | undefined
}

/** Like Mesos' sandboxes: the owner writes, the group reads. */
const MODE = 0o750
const MAX_TRIES = 3

/**
 * Makes the folder and moves the link `latest` to it.
 * @throws OperatingError LAUNCH (no such user), FILE (the folder cannot be made)
 */
export async function makeSandbox(
  request: LaunchRequest,
  settings: SandboxSettings,
  random: Random,
): Promise<MadeSandbox> {
  const user = settings.switchUser ? request.user : undefined
  const owner = await ownerOf(user, request)
  const runs = runsDirectory(settings.workDir, { agentId: settings.agentId, ...request })
  const directory = join(runs, request.containerId)
  try {
    // All at once: each of these calls costs less than a hop to a thread, and every launch makes them.
    makeFolder(directory)
    prepare(directory, owner)
    linkLatest(runs, request.containerId, join(runs, `.latest-${random.uuid()}`))
  } catch (error) {
    throw new OperatingError('FILE', `Cannot make the sandbox ${directory}`, { cause: error })
  }
  return { directory, user, owner, environment: environmentOf(request, directory, settings) }
}

/** The garbage collector may remove an executor's empty folders at the same moment: then they are made again. */
function makeFolder(directory: string): void {
  for (let tries = 0; ; tries++) {
    try {
      mkdirSync(directory, { recursive: true })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === MAX_TRIES) throw error
    }
  }
}

function prepare(directory: string, owner: Account | undefined): void {
  // Whatever the umask of the agent is.
  chmodSync(directory, MODE)
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid)
}

/** Made aside and renamed, so that a reader never finds the link missing. */
function linkLatest(runs: string, containerId: string, aside: string): void {
  symlinkSync(containerId, aside)
  renameSync(aside, join(runs, 'latest'))
}

async function ownerOf(user: string | undefined, request: LaunchRequest): Promise<Account | undefined> {
  if (user === undefined) return undefined
  const account = await findAccount(user)
  if (account === undefined) {
    // Inside a Docker container the image says who runs; the framework's user need not exist here.
    if (request.container?.type === 'DOCKER') return undefined
    throw new OperatingError('LAUNCH', `The user ${user} does not exist on this machine`, {
      hint: "Create it, set the task's user to one that exists, or start the agent with --no-switch_user",
    })
  }
  return account.uid === process.getuid?.() ? undefined : account
}

// From what was typed behind `tepui run` and `tepui each` to what the frameworks want.
import { readFileSync } from 'node:fs'
import { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import { nameFrom, type TaskWish } from '../frameworks/task-wish.ts'
import type { Context, Option, OptionValues } from './command.ts'
import {
  choiceOf,
  environmentOf,
  isSet,
  listOf,
  megabytesOf,
  numberOf,
  portsOf,
  textOf,
  timeOf,
  urisOf,
  volumesOf,
} from './option-values.ts'

export const TASK_OPTIONS: readonly Option[] = [
  { flags: '--name <name>', help: 'Name of the task (default: from the command)' },
  { flags: '-i, --image <image>', help: 'Docker image; without one the command runs on the host' },
  { flags: '--cpus <n>', help: 'CPUs (default 0.1)' },
  { flags: '--mem <size>', help: 'Memory, such as 64MB (default 32MB)' },
  { flags: '-e, --env <K=V>', help: 'Variable of its environment; K alone hands ours on', many: true },
  {
    flags: '--uri <uri>',
    help: 'File to fetch: URI[,extract|noextract][,executable][,cache][,output=NAME][,sha256=HEX]',
    many: true,
  },
  { flags: '--user <name>', help: 'User to run as (default: you)' },
  { flags: '--role <role>', help: 'Role whose resources are used (default *)' },
]

export const RUN_OPTIONS: readonly Option[] = [
  ...TASK_OPTIONS,
  { flags: '--revocable', help: 'Use lent CPUs: cheap, and taken back when their owner wants them' },
  { flags: '--lent', help: 'The same as --revocable' },
  { flags: '--on <where>', help: 'ATTRIBUTE=VALUE, or the name, host or id of an agent' },
  { flags: '--max-cpus <n>', help: 'Most CPUs that it may use, also when more lie idle' },
  {
    flags: '--max-mem <size>',
    help: 'Memory beyond which the kernel ends it (default --mem, which it reserves)',
  },
  { flags: '-v, --volume <mount>', help: "The agent's /SOURCE:/TARGET[:ro] in a container", many: true },
  { flags: '--grace <time>', help: 'Between SIGTERM and SIGKILL when it is ended, such as 30s' },
  { flags: '-p, --port <ports>', help: 'HOST:CONTAINER, or CONTAINER for any port of the host', many: true },
  { flags: '--network <kind>', help: 'host, bridge or none (default host; bridge with --port)' },
  { flags: '--timeout <time>', help: 'Give up when it is not placed in time, such as 30s (exit code 2)' },
  { flags: '-d, --detach', help: 'Return when it runs; its task stays' },
  { flags: '-q, --quiet', help: "Say nothing but the task's own output" },
  { flags: '--dry-run', help: 'Print the task and where it would fit now; run nothing' },
]

const NETWORKS = { host: 'HOST', bridge: 'BRIDGE', none: 'NONE' } as const

/** @throws OperatingError USAGE, with the option and what was expected */
export function wishOf(
  args: readonly string[],
  options: OptionValues,
  environment: Context['environment'],
): TaskWish {
  const image = textOf(options, 'image')
  if (args.length === 0 && image === undefined) {
    throw usageError(
      'no command was given',
      'Put one behind the options and two dashes: -- COMMAND…, or --image IMAGE for what an image does',
    )
  }
  const ports = portsOf(listOf(options, 'port'))
  const volumes = volumesOf(listOf(options, 'volume'))
  const network = choiceOf(options, 'network', ['host', 'bridge', 'none'])
  if (image === undefined && (ports.length > 0 || network !== undefined || volumes.length > 0)) {
    throw usageError("Options '--port', '--network' and '--volume' are for containers: they need --image")
  }
  if (ports.length > 0 && network !== undefined && network !== 'bridge') {
    throw usageError(`Option '--port' needs the network bridge, not ${network}`)
  }
  const cpus = numberOf(options, 'cpus', 0.1, 0.001)
  const mem = megabytesOf(options, 'mem', 32)
  return {
    name: textOf(options, 'name') ?? nameFrom(args, image),
    image,
    command: args,
    cpus,
    mem,
    most: mostOf(options, cpus, mem),
    volumes,
    graceMs: timeOf(options, 'grace'),
    revocable: isSet(options, 'revocable') || isSet(options, 'lent'),
    on: textOf(options, 'on'),
    environment: environmentOf(listOf(options, 'env'), environment),
    uris: urisOf(listOf(options, 'uri')),
    user: textOf(options, 'user'),
    ports,
    network: network === undefined ? undefined : NETWORKS[network],
  }
}

/** @throws OperatingError USAGE for less than is reserved */
function mostOf(options: OptionValues, cpus: number, mem: number): NonNullable<TaskWish['most']> {
  const most = {
    ...(options['maxCpus'] !== undefined && { cpus: numberOf(options, 'maxCpus', cpus, cpus) }),
    ...(options['maxMem'] !== undefined && { mem: megabytesOf(options, 'maxMem', mem) }),
  }
  if (most.mem !== undefined && most.mem < mem)
    throw usageError(`Option '--max-mem' is ${most.mem} MB, less than the ${mem} MB of --mem`)
  return most
}

/** A command line may hold so much. */
const MAX_SCRIPT_BYTES = 64 * 1024

/** The text of a script, to be run by the shell. @throws OperatingError FILE, LIMIT */
export function readScript(path: string): string {
  let script: string
  try {
    script = readFileSync(path, 'utf8')
  } catch (error) {
    throw new OperatingError('FILE', `The script '${path}' cannot be read`, { cause: error })
  }
  if (script.length <= MAX_SCRIPT_BYTES) return script
  throw new OperatingError(
    'LIMIT',
    `The script '${path}' has ${script.length} bytes; at most ${MAX_SCRIPT_BYTES} are sent`,
    {
      hint: 'Put it on a server and name it with --uri',
    },
  )
}

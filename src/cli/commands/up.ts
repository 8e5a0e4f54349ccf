// `tepui up`: a master and some agents on this machine, lending switched on, until Ctrl-C.
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { OperatingError } from '../../base/errors.ts'
import { makeFolders } from '../../base/folders.ts'
import { counted } from '../../base/words.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { aborted } from '../daemon.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks } from '../find-task.ts'
import { LocalCluster, type ClusterPlan } from '../local-cluster.ts'
import { machineTotals, shareOf } from '../machine-share.ts'
import { isSet, textOf, wholeOf } from '../option-values.ts'
import { MasterApi } from '../master-api.ts'
import { Network } from '../netns/network.ts'

/** An owner counts as known after a minute, so that lending can be seen in the first minutes of a cluster. */
const LENDING = [
  '--resource_estimator=usage?cold_start=60secs',
  '--qos_controller=pressure',
  '--oversubscribed_resources_interval=5secs',
]

const AGENT_PORT = 5051
/** A partition is to be seen: after 10 s in place of 75 s. */
const SOON_UNREACHABLE = ['--agent_ping_timeout=2secs', '--max_agent_ping_timeouts=5']

export const upCommand: Command = {
  name: 'up',
  summary: 'Run a master and agents on this machine, lending switched on, until Ctrl-C',
  options: [
    { flags: '--agents <n>', help: 'How many agents (default 2); they share the machine' },
    { flags: '--port <port>', help: 'Port of the master (default 5050; 0 takes a free one)' },
    { flags: '--ip <address>', help: 'Address to listen on (default 127.0.0.1: this machine only)' },
    {
      flags: '--resources <text>',
      help: 'Resources of every agent, in place of its share, such as cpus:1;mem:512',
    },
    {
      flags: '--netns',
      help: 'Master and agents in network namespaces with addresses of their own, as root (tepui net cut a1)',
    },
    { flags: '--data <dir>', help: 'Folder for sandboxes and logs (default .tepui/up)' },
    { flags: '--ephemeral', help: 'Use a new folder and remove it at the end' },
  ],
  run: up,
}

async function up(context: Context, _: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, screen, signal } = context
  const ephemeral = isSet(options, 'ephemeral')
  if (ephemeral && textOf(options, 'data') !== undefined) {
    throw new OperatingError('USAGE', "Options '--data' and '--ephemeral' exclude each other")
  }
  const names = agentNames(options)
  portIn(options)
  const netns = isSet(options, 'netns')
  if (netns && textOf(options, 'ip') !== undefined) {
    throw new OperatingError('USAGE', "Options '--ip' and '--netns' exclude each other", {
      hint: 'With --netns every member has an address of its own',
    })
  }
  const folder = ephemeral
    ? mkdtempSync(join(tmpdir(), 'tepui-up-'))
    : dataFolder(textOf(options, 'data') ?? '.tepui/up')
  try {
    screen.note(`tepui: starting in ${folder}`)
    await using network = netns ? await Network.lay(['master', ...names]) : undefined
    const cluster = await LocalCluster.start(planOf(options, folder, names, network), clock, signal)
    try {
      announce(context, cluster, folder)
      if (network !== undefined) screen.note(`Cut a cable: tepui net cut a1    Mend it: tepui net heal a1`)
      const trouble = await Promise.race([cluster.died, aborted(signal)])
      await sayFarewell(context, cluster)
      if (trouble !== undefined) throw trouble
    } finally {
      await cluster[Symbol.asyncDispose]()
    }
    screen.note(`tepui: ended ${counted(cluster.agents.length, 'agent')} and the master`)
    return EXIT.done
  } finally {
    if (ephemeral) await rm(folder, { recursive: true, force: true })
    else if (common.output === 'table') screen.note(`tepui: sandboxes and logs stay in ${folder}`)
  }
}

function dataFolder(path: string): string {
  const folder = resolve(path)
  try {
    makeFolders(folder)
    return folder
  } catch (error) {
    throw new OperatingError('FILE', `Cannot make the folder ${folder}`, {
      cause: error,
      hint: 'Name another with --data DIR',
    })
  }
}

const portIn = (options: OptionValues): number => wholeOf(options, 'port', 5050, [0, 65_535])

function agentNames(options: OptionValues): readonly string[] {
  return Array.from({ length: wholeOf(options, 'agents', 2, [1, 50]) }, (_, index) => `a${index + 1}`)
}

function planOf(
  options: OptionValues,
  folder: string,
  names: readonly string[],
  network: Network | undefined,
): ClusterPlan {
  const totals = machineTotals(folder)
  const given = textOf(options, 'resources')
  const agents = names.map((name, index) => {
    const resources = given ?? shareOf(totals, index, names.length)
    const flags = [`--resources=${resources}`, `--attributes=agent:${name}`, ...LENDING]
    if (network === undefined) return { name, flags }
    const place = { ...network.room(name), port: AGENT_PORT }
    return { name, flags: [...flags, `--hostname=${place.ip}`], place }
  })
  const port = portIn(options)
  if (network === undefined)
    return { folder, place: { ip: textOf(options, 'ip') ?? '127.0.0.1', port, enter: [] }, agents }
  return { folder, place: { ...network.room('master'), port }, masterFlags: SOON_UNREACHABLE, agents }
}

function announce({ common, screen }: Context, cluster: LocalCluster, folder: string): void {
  if (common.output === 'json') {
    const { agents, master } = cluster
    screen.print(JSON.stringify({ master, agents, folder }))
    return
  }
  screen.print(`master  http://${cluster.address}`)
  for (const { address, name, summary } of cluster.agents) {
    screen.print(`${name.padEnd(6)}  http://${address.ip}:${address.port}  ${summary[0] ?? ''}`)
  }
  // The same for all: they are on one machine.
  for (const line of cluster.agents[0]?.summary.slice(1) ?? []) screen.print(`        ${line}`)
  const master = cluster.address === '127.0.0.1:5050' ? '' : ` -m ${cluster.address}`
  screen.note(`Try: tepui${master} run -- echo hello    tepui${master} top --once    Ctrl-C ends everything`)
}

/** Says what is about to end, as far as the master still tells. */
async function sayFarewell({ clock, screen }: Context, cluster: LocalCluster): Promise<void> {
  const stop = new AbortController()
  using api = new MasterApi(cluster.address, clock, stop.signal)
  try {
    const tasks = allTasks(await api.state()).filter(({ isLive }) => isLive)
    const names = tasks.map(({ task }) => task.name).join(', ')
    screen.note(`tepui: ending ${counted(tasks.length, 'task')}${names === '' ? '' : ` (${names})`}`)
  } catch (error) {
    screen.note(
      `tepui: ending all; the master does not say what runs (${error instanceof Error ? error.message : ''})`,
    )
  }
}

// `tepui net`: the networks of `tepui up --netns`: who is on them, cutting and mending cables, removing what was left.
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { portsOf } from '../netns/ip.ts'
import { hubOf, memberAddress, NUMBERS } from '../netns/names.ts'
import { knownClusters, removeLeftovers, setCable } from '../netns/network.ts'
import { textOf, wholeOf } from '../option-values.ts'
import { table } from '../screen.ts'

export const netCommand: Command = {
  name: 'net',
  arguments: ['<action>', '[member]'],
  summary: 'net ls|cut MEMBER|heal MEMBER|clean: the cables of tepui up --netns',
  options: [{ flags: '--cluster <number>', help: 'Which one, when several run (tepui net ls)' }],
  run: async (context, [action = '', member], options) => {
    switch (action) {
      case 'ls':
        return ls(context)
      case 'cut':
      case 'heal':
        return set(context, action, member, options)
      case 'clean':
        return clean(context)
      default:
        throw usageError(`'net ${action}' is unknown`, 'tepui net ls, cut MEMBER, heal MEMBER or clean')
    }
  },
}

async function ls({ common, screen }: Context): Promise<number> {
  const rows: { cluster: number; member: string; address: string; cable: string; alive: boolean }[] = []
  for (const { isAlive, number } of await knownClusters()) {
    for (const { isUp, member } of await portsOf(hubOf(number))) {
      const address = memberAddress(number, placeOf(member))
      rows.push({ cluster: number, member, address, cable: isUp ? 'up' : 'cut', alive: isAlive })
    }
  }
  if (common.output === 'json') screen.print(JSON.stringify(rows))
  else if (rows.length === 0) screen.note('No cluster has a network of its own. Start one: tepui up --netns')
  else {
    const cells = rows.map((row) => [
      String(row.cluster),
      row.member,
      row.address,
      row.cable,
      row.alive ? 'runs' : 'was killed: tepui net clean removes it',
    ])
    for (const line of table(['CLUSTER', 'MEMBER', 'ADDRESS', 'CABLE', 'STATE'], cells)) screen.print(line)
  }
  return EXIT.done
}

/** The members are named by `tepui up`: master, a1, a2, … */
function placeOf(member: string): number {
  return member === 'master' ? 0 : Number(member.slice(1))
}

async function set(
  { screen }: Context,
  action: 'cut' | 'heal',
  member: string | undefined,
  options: OptionValues,
): Promise<number> {
  const number = await clusterOf(options)
  const ports = await portsOf(hubOf(number))
  if (!ports.some((port) => port.member === member)) {
    const known = ports.map((port) => port.member).join(', ')
    throw usageError(`Cluster ${number} has no member '${member ?? ''}'`, `Its members are ${known}`)
  }
  await setCable(number, member ?? '', action === 'cut' ? 'down' : 'up')
  screen.note(`tepui: the cable of ${member} is ${action === 'cut' ? 'cut' : 'whole again'}`)
  return EXIT.done
}

async function clusterOf(options: OptionValues): Promise<number> {
  const alive = (await knownClusters()).filter(({ isAlive }) => isAlive).map(({ number }) => number)
  const given = textOf(options, 'cluster')
  const [first, ...more] = given === undefined ? alive : [wholeOf(options, 'cluster', 0, boundsOf())]
  if (first !== undefined && more.length === 0 && alive.includes(first)) return first
  if (alive.length === 0)
    throw new OperatingError('ISOLATION', 'No cluster with a network of its own runs here', {
      hint: 'tepui up --netns',
    })
  const which = given === undefined ? 'Several clusters run' : `No cluster ${given} runs`
  throw usageError(which, `Name one of ${alive.join(', ')} with --cluster`)
}

function boundsOf(): readonly [number, number] {
  return [NUMBERS.least, NUMBERS.most]
}

async function clean({ screen }: Context): Promise<number> {
  const removed = await removeLeftovers()
  if (removed.length === 0) screen.note('tepui: no killed cluster left a network')
  else screen.note(`tepui: removed what the killed cluster ${removed.join(', ')} left`)
  return EXIT.done
}

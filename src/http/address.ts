/**
 * Under which address and name a daemon tells others to reach it (spec/mesos.md 1.3, 1.5). A flag wins; else, of an
 * agent, the address from which this machine reaches the master; else that of the way out of this machine, else the
 * first that is not internal.
 */
import { createSocket } from 'node:dgram'
import { lookup as lookupAddress, lookupService } from 'node:dns/promises'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { isIPv4, isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'

export interface Address {
  readonly ip: string
  readonly port: number
  readonly hostname: string
}

/** What the flags say about it. */
export interface AddressWish {
  readonly ip: string | undefined
  readonly advertise_ip: string | undefined
  readonly advertise_port: number | undefined
  readonly hostname: string | undefined
  readonly hostname_lookup: boolean
}

/** What this machine says about itself. */
export interface MachineAddresses {
  readonly interfaces: NodeJS.Dict<readonly { address: string; family: string; internal: boolean }[]>
  /** The text of /proc/net/route; empty where there is none. */
  readonly routes: string
}

const LOOKUP_TIMEOUT_MS = 2000

/** Says on which address to listen. @throws OperatingError USAGE when a flag holds no IP address */
export function bindAddress(wish: AddressWish): string {
  for (const flag of ['ip', 'advertise_ip'] as const) {
    const value = wish[flag]
    if (value === undefined || isIPv4(value)) continue
    const why = isIPv6(value) ? ': MasterInfo of Mesos has room for an IPv4 address only' : ''
    throw new OperatingError(
      'USAGE',
      `Flag '--${flag}' has the value '${value}', expected an IPv4 address${why}`,
    )
  }
  return wish.ip ?? '0.0.0.0'
}

/** The IP that others are told, and why this one. */
export interface ChosenIp {
  readonly ip: string
  readonly why: string
}

/** How this machine reaches the master: its address, and ours at this end of the way. */
export interface WayToMaster {
  readonly master: string
  readonly own: string
}

/**
 * The IP that others are told.
 * @param way undefined for the master itself, and while the master's name or the way to it is not known
 * @throws OperatingError USAGE when a flag names a loopback address though the master is on another machine
 */
export function advertisedIp(wish: AddressWish, machine: MachineAddresses, way?: WayToMaster): ChosenIp {
  for (const flag of ['advertise_ip', 'ip'] as const) {
    const ip = wish[flag]
    if (ip === undefined || ip === '0.0.0.0') continue
    refuseLoopback(flag, ip, way)
    return { ip, why: `--${flag}` }
  }
  // A master on this machine may be told to others by another address than the loopback.
  if (way !== undefined && !isLoopback(way.own))
    return { ip: way.own, why: `the way to the master at ${way.master}` }
  const outside = (name: string): string | undefined =>
    machine.interfaces[name]?.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
  const route = interfaceOfDefaultRoute(machine.routes)
  const ip = route === undefined ? undefined : outside(route)
  if (ip !== undefined) return { ip, why: `the way out of this machine by ${route}` }
  const first = Object.keys(machine.interfaces).find((name) => outside(name) !== undefined)
  if (first === undefined) return { ip: '127.0.0.1', why: 'this machine has no other' }
  return { ip: outside(first) ?? '127.0.0.1', why: `the first that is not internal, of ${first}` }
}

function refuseLoopback(flag: 'advertise_ip' | 'ip', ip: string, way: WayToMaster | undefined): void {
  if (!isLoopback(ip) || way === undefined || isLoopback(way.own) || way.own === way.master) return
  throw new OperatingError(
    'USAGE',
    `Flag '--${flag}' has the value '${ip}', at which the master at ${way.master} would reach itself`,
    { hint: `--${flag}=${way.own} is the address on the way there; without the flag it is taken` },
  )
}

/**
 * Which way the kernel would take to a master (`http://host:port`); nothing is sent. Undefined when its name is not
 * known (yet), or there is no way.
 */
export async function wayTo(master: string): Promise<WayToMaster | undefined> {
  const { hostname, port } = new URL(master)
  const socket = createSocket('udp4')
  try {
    const { address } = await lookupAddress(hostname.replace(/^\[(.*)\]$/, '$1'), 4)
    const connected = once(socket, 'connect')
    socket.connect(Number(port) || 80, address)
    await connected
    return { master: address, own: socket.address().address }
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  } finally {
    socket.close()
  }
}

/** Lines of /proc/net/route: interface, destination, gateway, flags, …; the default route has destination 0. */
function interfaceOfDefaultRoute(routes: string): string | undefined {
  for (const line of routes.split('\n').slice(1)) {
    const [name, destination] = line.split('\t')
    if (destination === '00000000') return name
  }
  return undefined
}

/** Reads what this machine says about itself. */
export async function machineAddresses(): Promise<MachineAddresses> {
  // Only Linux has this file; without it the first address that is not internal is taken.
  const routes = await readFile('/proc/net/route', 'utf8').catch(() => '')
  return { interfaces: networkInterfaces(), routes }
}

/**
 * The name that others are told: the flag, else what the resolver calls the address, else the address itself. A
 * resolver that does not answer is not waited for.
 */
export async function advertisedHostname(
  wish: AddressWish,
  ip: string,
  deps: { readonly clock: Clock; readonly log: Logger; readonly lookup?: (ip: string) => Promise<string> },
): Promise<string> {
  if (wish.hostname !== undefined) return wish.hostname
  if (!wish.hostname_lookup) return ip
  const late = Promise.withResolvers<string>()
  using _ = deps.clock.after(LOOKUP_TIMEOUT_MS, () => {
    late.reject(new OperatingError('UNREACHABLE', `no answer within ${LOOKUP_TIMEOUT_MS} ms`))
  })
  try {
    return await Promise.race([(deps.lookup ?? resolverName)(ip), late.promise])
  } catch (error) {
    deps.log.info({ ip, reason: reasonOf(error) }, 'No name was found for the address; the address is told')
    return ip
  }
}

async function resolverName(ip: string): Promise<string> {
  const { hostname } = await lookupService(ip, 0)
  return hostname
}

/** Four bytes as a number as MasterInfo has them: the first byte is the lowest (spec/mesos.md 1.3). */
export function ipAsNumber(ip: string): number {
  return ip.split('.').reduce((sum, byte, index) => sum + Number(byte) * 256 ** index, 0)
}

/** True for 127.0.0.0/8, ::1 and the name localhost. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

/** An IPv4 address that came through an IPv6 socket, in its own form. */
export function plainIp(address: string): string {
  const mapped = address.toLowerCase().startsWith('::ffff:') ? address.slice(7) : address
  return isIPv4(mapped) ? mapped : address
}

/**
 * The address at which an agent is reached. What it says itself counts if it is an address; else where it called from.
 * A loopback address is believed only when the agent runs on this machine, and there gives way to the machine's own
 * address, so that frameworks elsewhere can reach the agent too.
 *
 * @param told the address that the agent tells, else `AgentInfo.hostname`
 * @param peer from where the agent called
 * @param own the address that the master tells others
 */
export function agentIp(told: string, peer: string, own: string): string {
  const from = plainIp(peer)
  const here = isLoopback(from) || from === own
  const name = isIPv4(told) || isIPv6(told) ? told : undefined
  if (name !== undefined && (!isLoopback(name) || here)) return name
  if (!isLoopback(from)) return from
  return told === 'localhost' ? '127.0.0.1' : own
}

/**
 * A network of its own for a cluster on this machine: each member in a network namespace with an address, all on one
 * bridge in a namespace between them, so that one cable can be cut. What is there is told by the kernel alone, who is
 * alive by a lock that goes with its process; so what a killed cluster left is known, and removed by the next one.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { OperatingError } from '../../base/errors.ts'
import { HOST_PORT, ip, ipLines, ourNumbers, roomNames } from './ip.ts'
import { hostAddress, hubOf, isTaken, lockOf, memberAddress, NUMBERS, readName, roomOf } from './names.ts'

export interface Room {
  readonly ip: string
  /** Words before a command that make it run in there; only its network is another. */
  readonly enter: readonly string[]
}

export class Network implements AsyncDisposable {
  readonly number: number
  readonly #members: readonly string[]
  readonly #lock: Server

  private constructor(number: number, members: readonly string[], lock: Server) {
    this.number = number
    this.#members = members
    this.#lock = lock
  }

  /**
   * Removes what killed clusters left, then lays the cables of this one.
   * @param members the master first
   * @throws OperatingError ISOLATION when this is not root, or the kernel or `ip` refuses; nothing stays then
   */
  static async lay(members: readonly string[]): Promise<Network> {
    requireRoot()
    await removeLeftovers()
    const [number, lock] = await takeNumber()
    const network = new Network(number, members, lock)
    try {
      await network.#lay()
      return network
    } catch (error) {
      await network[Symbol.asyncDispose]()
      throw error
    }
  }

  room(member: string): Room {
    const place = this.#members.indexOf(member)
    // Not `ip netns exec`: that mounts another /sys, without control groups.
    const enter = ['nsenter', `--net=/run/netns/${roomOf(this.number, member)}`]
    return { ip: memberAddress(this.number, place), enter }
  }

  /** Whatever still runs in there keeps running, without a network. */
  async [Symbol.asyncDispose](): Promise<void> {
    await remove(this.number)
    await release(this.#lock)
  }

  async #lay(): Promise<void> {
    const hub = hubOf(this.number)
    const rooms = this.#members.map((member) => roomOf(this.number, member))
    await ipLines(
      undefined,
      [hub, ...rooms].map((name) => `netns add ${name}`),
    )
    // Behind `dev` a name may be any word of ip's, such as master.
    await ipLines(hub, [
      'link set lo up',
      'link add dev bridge type bridge',
      'link set bridge up',
      `link add dev ${HOST_PORT} type veth peer name ${hub} netns ${process.pid}`,
      ...this.#members.map(
        (member) => `link add dev ${member} type veth peer name eth0 netns ${roomOf(this.number, member)}`,
      ),
      ...[HOST_PORT, ...this.#members].map((port) => `link set dev ${port} master bridge up`),
    ])
    await ipLines(undefined, [`addr add ${hostAddress(this.number)}/24 dev ${hub}`, `link set ${hub} up`])
    for (const member of this.#members) {
      await ipLines(roomOf(this.number, member), [
        'link set lo up',
        `addr add ${this.room(member).ip}/24 dev eth0`,
        'link set eth0 up',
      ])
    }
  }
}

/** Cuts or mends the cable of a member, at its hub: the member itself sees a network that does not answer. */
export async function setCable(number: number, member: string, state: 'up' | 'down'): Promise<void> {
  requireRoot()
  await ip('-n', hubOf(number), 'link', 'set', 'dev', member, state)
}

/** The clusters that there are, with those whose process is gone. */
export async function knownClusters(): Promise<readonly { number: number; isAlive: boolean }[]> {
  const found: { number: number; isAlive: boolean }[] = []
  for (const number of await ourNumbers()) {
    const lock = await tryLock(number)
    if (lock !== undefined) await release(lock)
    found.push({ number, isAlive: lock === undefined })
  }
  return found
}

/** Removes the networks of clusters whose process is gone. @returns their numbers */
export async function removeLeftovers(): Promise<readonly number[]> {
  requireRoot()
  const removed: number[] = []
  for (const number of await ourNumbers()) {
    // Only its holder may touch what is there, so two that remove at once do not meet.
    const lock = await tryLock(number)
    if (lock === undefined) continue
    try {
      await remove(number)
      removed.push(number)
    } finally {
      await release(lock)
    }
  }
  return removed
}

/** @throws OperatingError ISOLATION */
function requireRoot(): void {
  if (process.getuid?.() === 0) return
  throw new OperatingError('ISOLATION', 'Network namespaces are made by root only', {
    hint: 'sudo tepui …; without --netns, all members share the address 127.0.0.1',
  })
}

async function takeNumber(): Promise<readonly [number, Server]> {
  const routes = await readFile('/proc/net/route', 'utf8')
  for (let number: number = NUMBERS.least; number <= NUMBERS.most; number++) {
    if (isTaken(number, routes)) continue
    const lock = await tryLock(number)
    if (lock !== undefined) return [number, lock]
  }
  throw new OperatingError('LIMIT', `All networks from 198.18.${NUMBERS.least}.0/24 on are in use here`)
}

/** Undefined when a living process holds it. */
async function tryLock(number: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy())
  try {
    server.listen(lockOf(number))
    await once(server, 'listening')
    server.unref()
    return server
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
}

async function release(lock: Server): Promise<void> {
  lock.close()
  await once(lock, 'close')
}

async function remove(number: number): Promise<void> {
  const rooms = (await roomNames()).filter((name) => readName(name)?.number === number)
  // The hub first: with it go all cables, whoever still is in the other rooms.
  for (const room of rooms.toSorted()) await ip('netns', 'delete', room)
  if ((await ourNumbers()).includes(number)) await ip('link', 'delete', hubOf(number))
}

// What went over a container's own network, as its first process sees it in /proc.
import { readFileSync, readlinkSync } from 'node:fs'
import type { ContainerDetails, NetworkUsage } from '../resources/usage.ts'
import type { GroupDetails } from './cgroups/details.ts'
import { errnoOf } from './cgroups/files.ts'

/**
 * Undefined when the process is gone, may not be looked at, or shares the machine's network, whose figures say nothing
 * about it. `proc` is where the kernel shows its counters.
 */
export function networkUsage(pid: number, proc = '/proc'): NetworkUsage | undefined {
  try {
    if (readlinkSync(`${proc}/${pid}/ns/net`) === readlinkSync(`${proc}/self/ns/net`)) return undefined
    const read = (name: string): string => readFileSync(`${proc}/${pid}/net/${name}`, 'latin1')
    return {
      ...sumInterfaces(read('dev')),
      tcpTimeWait: timeWait(read('sockstat')),
      snmp: parseSnmp(read('snmp')),
    }
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EINVAL', 'EPERM'].includes(errnoOf(error))) return undefined
    throw error
  }
}

/** What a group tells, together with the network of its first process. */
export function withNetwork(
  details: GroupDetails | undefined,
  pid: number | undefined,
): ContainerDetails | undefined {
  if (details === undefined) return undefined
  return { ...details, network: pid === undefined ? undefined : networkUsage(pid) }
}

type InterfaceCounters = Omit<NetworkUsage, 'tcpTimeWait' | 'snmp'>

/** Columns of `/proc/net/dev` after the name: eight of what came, eight of what went (proc_pid_net(5)). */
export function sumInterfaces(text: string): InterfaceCounters {
  let sums = Array.from({ length: 16 }, () => 0)
  for (const line of text.split('\n')) {
    // The two heading lines have no colon.
    const [name, counters] = line.split(':')
    if (name === undefined || counters === undefined || name.trim() === 'lo') continue
    const values = counters.trim().split(/\s+/).map(Number)
    sums = sums.map((sum, column) => sum + (values[column] ?? 0))
  }
  const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , ...sent] = sums
  const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = sent
  return { rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }
}

function timeWait(sockstat: string): number | undefined {
  const match = /^TCP: .*\btw (\d+)/m.exec(sockstat)
  return match === null ? undefined : Number(match[1])
}

/** Pairs of lines, the first with the names, the second with the numbers, both after `Table:`. */
export function parseSnmp(text: string): Readonly<Record<string, Readonly<Record<string, number>>>> {
  const tables: Record<string, Record<string, number>> = {}
  const lines = text.split('\n')
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [table = '', ...names] = (lines[at] ?? '').split(/\s+/)
    const numbers = (lines[at + 1] ?? '').split(/\s+/).slice(1).map(Number)
    tables[table.replace(':', '')] = Object.fromEntries(
      names.map((name, index) => [name, numbers[index] ?? 0]),
    )
  }
  return tables
}

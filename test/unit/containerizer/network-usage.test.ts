// What went over a container's network, read from a folder that looks like /proc.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { networkUsage } from '../../../src/containerizer/network-usage.ts'

const DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
    lo: 1000 10 1 1 1 1 1 1 1000 10 1 1 1 1 1 1
  eth0:2000    20    3    4    0     0          0         5  7000   70    8    9    0     0       0          0
  eth1: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0
`
const SOCKSTAT = 'sockets: used 42\nTCP: inuse 3 orphan 0 tw 4 alloc 1 mem 226\nUDP: inuse 0 mem 0\n'
const SNMP =
  'Ip: Forwarding DefaultTTL InReceives\nIp: 1 64 812\nTcp: RtoAlgorithm MaxConn CurrEstab\nTcp: 1 -1 6\n'

let proc: string

beforeEach(() => {
  proc = mkdtempSync(join(tmpdir(), 'tepui-proc-'))
  for (const [name, space] of [
    ['self', 'net:[1]'],
    ['7', 'net:[2]'],
    ['8', 'net:[1]'],
  ] as const) {
    mkdirSync(join(proc, name, 'ns'), { recursive: true })
    symlinkSync(space, join(proc, name, 'ns/net'))
    mkdirSync(join(proc, name, 'net'))
    writeFileSync(join(proc, name, 'net/dev'), DEV)
    writeFileSync(join(proc, name, 'net/sockstat'), SOCKSTAT)
    writeFileSync(join(proc, name, 'net/snmp'), SNMP)
  }
})

afterEach(() => rmSync(proc, { recursive: true, force: true }))

test('a container with a network of its own has the sum of its interfaces without the loopback', () => {
  expect(networkUsage(7, proc)).toEqual({
    rxBytes: 2001,
    rxPackets: 21,
    rxErrors: 4,
    rxDropped: 5,
    txBytes: 7001,
    txPackets: 71,
    txErrors: 9,
    txDropped: 10,
    tcpTimeWait: 4,
    snmp: {
      Ip: { Forwarding: 1, DefaultTTL: 64, InReceives: 812 },
      Tcp: { RtoAlgorithm: 1, MaxConn: -1, CurrEstab: 6 },
    },
  })
})

test('a container in the network of the machine, and one that ended, have none', () => {
  expect(networkUsage(8, proc)).toBeUndefined()
  expect(networkUsage(9, proc)).toBeUndefined()
})

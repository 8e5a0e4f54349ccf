// Which address and name a daemon tells others, and where an agent is believed to be.
import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import {
  advertisedHostname,
  advertisedIp,
  agentIp,
  bindAddress,
  ipAsNumber,
  plainIp,
  wayTo,
  type AddressWish,
} from '../../../src/http/address.ts'
import { ManualClock } from '../../support/clock.ts'

const NOTHING: AddressWish = {
  ip: undefined,
  advertise_ip: undefined,
  advertise_port: undefined,
  hostname: undefined,
  hostname_lookup: true,
}
const ipv4 = (address: string, internal = false) => ({ address, family: 'IPv4', internal })
const MACHINE = {
  interfaces: {
    lo: [ipv4('127.0.0.1', true)],
    docker0: [ipv4('172.17.0.1')],
    eth0: [{ address: 'fe80::1', family: 'IPv6', internal: false }, ipv4('10.0.0.7')],
  },
  routes: 'Iface\tDestination\tGateway\ndocker0\t000011AC\t00000000\neth0\t00000000\t0100000A\n',
}

test('without flags the address of the default route is told', () => {
  expect(advertisedIp(NOTHING, MACHINE)).toEqual({
    ip: '10.0.0.7',
    why: 'the way out of this machine by eth0',
  })
})

test('without a default route the first address that is not internal is told, and at worst the loopback', () => {
  expect(advertisedIp(NOTHING, { ...MACHINE, routes: '' }).ip).toBe('172.17.0.1')
  expect(advertisedIp(NOTHING, { interfaces: {}, routes: '' })).toEqual({
    ip: '127.0.0.1',
    why: 'this machine has no other',
  })
})

test('flags win: the advertised address over that listened on, and 0.0.0.0 is never told', () => {
  expect(advertisedIp({ ...NOTHING, ip: '127.0.0.1' }, MACHINE)).toEqual({ ip: '127.0.0.1', why: '--ip' })
  expect(advertisedIp({ ...NOTHING, ip: '127.0.0.1', advertise_ip: '1.2.3.4' }, MACHINE)).toEqual({
    ip: '1.2.3.4',
    why: '--advertise_ip',
  })
  expect(advertisedIp({ ...NOTHING, ip: '0.0.0.0' }, MACHINE).ip).toBe('10.0.0.7')
})

test('an agent tells the address from which it reaches its master, whatever the way out of the machine is', () => {
  const way = { master: '192.168.56.10', own: '192.168.56.11' }
  expect(advertisedIp(NOTHING, MACHINE, way)).toEqual({
    ip: '192.168.56.11',
    why: 'the way to the master at 192.168.56.10',
  })
  expect(advertisedIp({ ...NOTHING, advertise_ip: '1.2.3.4' }, MACHINE, way).ip).toBe('1.2.3.4')
})

test('an agent beside its master does not tell the loopback by which it reaches it', () => {
  const way = { master: '127.0.0.1', own: '127.0.0.1' }
  expect(advertisedIp(NOTHING, MACHINE, way).ip).toBe('10.0.0.7')
  expect(advertisedIp({ ...NOTHING, ip: '127.0.0.1' }, MACHINE, way).ip).toBe('127.0.0.1')
  const own = { master: '10.0.0.7', own: '10.0.0.7' }
  expect(advertisedIp({ ...NOTHING, ip: '127.0.0.1' }, MACHINE, own).ip).toBe('127.0.0.1')
})

test.each(['ip', 'advertise_ip'] as const)(
  '--%s with a loopback is refused for a master elsewhere',
  (flag) => {
    const way = { master: '10.0.0.1', own: '10.0.0.7' }
    expect(() => advertisedIp({ ...NOTHING, [flag]: '127.0.0.2' }, MACHINE, way)).toThrow(
      `Flag '--${flag}' has the value '127.0.0.2', at which the master at 10.0.0.1 would reach itself`,
    )
  },
)

test('the way to a master is the kernel’s, and not known for a name that nobody knows', async () => {
  expect(await wayTo('http://127.0.0.1:5050')).toEqual({ master: '127.0.0.1', own: '127.0.0.1' })
  expect(await wayTo('http://no-such-host.invalid:5050')).toBeUndefined()
})

test('what is no IPv4 address is refused by the name of its flag', () => {
  expect(bindAddress(NOTHING)).toBe('0.0.0.0')
  expect(() => bindAddress({ ...NOTHING, ip: 'localhost' })).toThrow("Flag '--ip' has the value 'localhost'")
  expect(() => bindAddress({ ...NOTHING, advertise_ip: '::1' })).toThrow('IPv4 address only')
})

test('the name is that of the flag, else of the resolver, else the address', async () => {
  const clock = new ManualClock()
  const named = { clock, log: silentLogger, lookup: () => Promise.resolve('node7') }
  expect(await advertisedHostname({ ...NOTHING, hostname: 'flag' }, '10.0.0.7', named)).toBe('flag')
  expect(await advertisedHostname(NOTHING, '10.0.0.7', named)).toBe('node7')
  expect(await advertisedHostname({ ...NOTHING, hostname_lookup: false }, '10.0.0.7', named)).toBe('10.0.0.7')
  const nameless = { ...named, lookup: () => Promise.reject(new Error('no such name')) }
  expect(await advertisedHostname(NOTHING, '10.0.0.7', nameless)).toBe('10.0.0.7')
})

test('a resolver that does not answer is not waited for', async () => {
  const clock = new ManualClock()
  const never = { clock, log: silentLogger, lookup: () => Promise.withResolvers<string>().promise }
  const name = advertisedHostname(NOTHING, '10.0.0.7', never)
  await clock.advance(2000)
  expect(await name).toBe('10.0.0.7')
  expect(clock.pending).toBe(0)
})

test('an address as a number has its first byte lowest, as MasterInfo of Mesos', () => {
  expect(ipAsNumber('127.0.0.1')).toBe(16_777_343)
  expect(ipAsNumber('255.255.255.255')).toBe(4_294_967_295)
})

test.for([
  ['an agent elsewhere is where it calls from', 'node7', '10.0.0.8', '10.0.0.8'],
  ['an agent elsewhere that calls itself by an address is there', '10.0.0.9', '10.0.0.8', '10.0.0.9'],
  ['an agent elsewhere is never on our loopback, whatever it says', '127.0.0.1', '10.0.0.8', '10.0.0.8'],
  ['an agent elsewhere named localhost is where it calls from', 'localhost', '10.0.0.8', '10.0.0.8'],
  ['an agent here is told by our address', 'node7', '127.0.0.1', '10.0.0.7'],
  ['an agent here that only listens on loopback is there', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['an agent here may come through IPv6', 'node7', '::ffff:127.0.0.1', '10.0.0.7'],
] as const)('%s', ([, told, peer, expected]) => {
  expect(agentIp(told, peer, '10.0.0.7')).toBe(expected)
})

test('an IPv4 address that came through an IPv6 socket is shown in its own form', () => {
  expect(plainIp('::ffff:10.0.0.8')).toBe('10.0.0.8')
  expect(plainIp('fe80::1')).toBe('fe80::1')
})

// What people may type behind options, and how they are told what was expected.
import { describe, expect, test } from 'vitest'
import {
  choiceOf,
  environmentOf,
  megabytesOf,
  numberOf,
  parseTime,
  portsOf,
  urisOf,
  volumesOf,
  wholeOf,
} from '../../../src/cli/option-values.ts'
import { wishOf } from '../../../src/cli/run-options.ts'

describe('Amounts', () => {
  test.each([
    ['64', 64],
    ['64MB', 64],
    ['64MiB', 64],
    ['1G', 1024],
    ['0.5GiB', 512],
    ['2048k', 2],
  ])('%s of memory is %d MB', (text, expected) => {
    expect(megabytesOf({ mem: text }, 'mem', 32)).toBe(expected)
  })

  test.each(['', '0', '-1', '64X', 'MB', '1e3'])("'%s' is no size", (text) => {
    expect(() => megabytesOf({ mem: text }, 'mem', 32)).toThrow(
      /Option '--mem' has the value .* a size such as/,
    )
  })

  test('numbers have a least value, and their default when they are not given', () => {
    expect(numberOf({}, 'cpus', 0.1, 0.001)).toBe(0.1)
    expect(() => numberOf({ cpus: '0' }, 'cpus', 0.1, 0.001)).toThrow(/at least 0.001/)
    expect(() => numberOf({ cpus: 'Infinity' }, 'cpus', 0.1, 0.001)).toThrow(/at least 0.001/)
    expect(() => wholeOf({ agents: '1.5' }, 'agents', 2, [1, 50])).toThrow(/whole number from 1 to 50/)
  })
})

test('Durations may be short or as Mesos writes them', () => {
  expect(['30s', '10m', '2h', '500ms', '15secs', '1.5s'].map(parseTime)).toEqual([
    30e3, 600e3, 7200e3, 500, 15e3, 1500,
  ])
  expect(['', 's', '5', '5 years', '-1s'].map(parseTime)).toEqual(Array.from({ length: 5 }, () => undefined))
})

test('A variable without a value is handed on from our own environment, and must be there', () => {
  expect(environmentOf(['A=1', 'B', 'C=x=y'], { B: '2' })).toEqual({ A: '1', B: '2', C: 'x=y' })
  expect(() => environmentOf(['B'], {})).toThrow(/'--env' has the value 'B'/)
})

test('Ports are host and container, or the container alone', () => {
  expect(portsOf(['8080:80', '80', '53:53/udp'])).toEqual([
    { host: 8080, container: 80 },
    { host: 0, container: 80 },
    { host: 53, container: 53, protocol: 'udp' },
  ])
  for (const text of ['', ':80', '80:0', '80:70000', '80/icmp'])
    expect(() => portsOf([text])).toThrow(/--port/)
})

test('A URI carries its words behind commas, and an unknown word is named', () => {
  expect(urisOf(['http://h/f.tgz', '/x,noextract,executable,output=y'])).toEqual([
    { value: 'http://h/f.tgz' },
    { value: '/x', extract: false, executable: true, output_file: 'y' },
  ])
  const sum = 'a'.repeat(64)
  expect(urisOf([`/x,cache,sha256=${sum}`])).toEqual([{ value: `/x#sha256=${sum}`, cache: true }])
  for (const text of ['/x,exec', '/x,sha256=12'])
    expect(() => urisOf([text])).toThrow(`'${text.slice(3)}' is none of`)
})

test('A volume is a path of the machine and one inside, both from the root', () => {
  expect(volumesOf(['/a:/b', '/a b:/c:ro'])).toEqual([
    { host_path: '/a', container_path: '/b', mode: 'RW' },
    { host_path: '/a b', container_path: '/c', mode: 'RO' },
  ])
  for (const text of ['', '/a', 'a:/b', '/a:b', '/a:/b:rx', '/a:/b:ro:z'])
    expect(() => volumesOf([text])).toThrow(`Option '--volume' has the value '${text}'`)
})

test('A choice is one of its words', () => {
  expect(choiceOf({ network: 'none' }, 'network', ['host', 'none'])).toBe('none')
  expect(() => choiceOf({ network: 'x' }, 'network', ['host', 'none'])).toThrow(/one of host, none/)
})

describe('A wish for a task', () => {
  test('is named after its command, and small by default', () => {
    expect(wishOf(['/bin/sleep', '1'], {}, {})).toMatchObject({
      name: 'sleep',
      cpus: 0.1,
      mem: 32,
      revocable: false,
    })
    expect(wishOf([], { image: 'a/b:c' }, {})).toMatchObject({ name: 'b-c', image: 'a/b:c', command: [] })
    expect(wishOf(['x'], { lent: true }, {}).revocable).toBe(true)
  })

  test('needs a command or an image, and an image for what only containers have', () => {
    expect(() => wishOf([], {}, {})).toThrow('no command was given')
    expect(() => wishOf(['x'], { port: ['80'] }, {})).toThrow(/need --image/)
    expect(() => wishOf(['x'], { image: 'i', port: ['80'], network: 'host' }, {})).toThrow(
      /needs the network bridge/,
    )
    expect(() => wishOf(['x'], { volume: ['/a:/b'] }, {})).toThrow(/need --image/)
  })

  test('may use more than it reserves, and never less', () => {
    expect(wishOf(['x'], { cpus: '1', maxCpus: '2', maxMem: '64' }, {}).most).toEqual({ cpus: 2, mem: 64 })
    expect(wishOf(['x'], {}, {}).most).toEqual({})
    expect(() => wishOf(['x'], { cpus: '2', maxCpus: '1' }, {})).toThrow(
      "Option '--max-cpus' has the value '1': expected a number of at least 2",
    )
    expect(() => wishOf(['x'], { mem: '64', maxMem: '32' }, {})).toThrow(
      "Option '--max-mem' is 32 MB, less than the 64 MB of --mem",
    )
  })
})

// From what a machine says to what an agent offers (spec/mesos.md 5.6).
import { describe, expect, test } from 'vitest'
import {
  agentAttributes,
  agentResources,
  type Hardware,
  type Machine,
  readHardware,
} from '../../../src/agent/hardware.ts'
import { MACHINE } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'

const GB = 1024 ** 3
const read = async (machine: Partial<Machine>, workDir = '/var/lib/tepui'): Promise<[Hardware, string[]]> => {
  const missing: string[] = []
  const clock = new ManualClock()
  const asked = readHardware(workDir, clock, (what) => missing.push(what), { ...MACHINE, ...machine })
  await clock.advance(30_000)
  return [await asked, missing]
}
const hardware = async (machine: Partial<Machine> = {}): Promise<Hardware> => (await read(machine))[0]
const offered = async (machine: Partial<Machine>, flag?: string, role = '*'): Promise<string> =>
  agentResources(await hardware(machine), flag, role).toText()
const memory = (gb: number): Partial<Machine> => ({ mem: async () => ({ total: gb * GB }) })
const disk = (gb: number): Partial<Machine> => ({ fsSize: async () => [{ mount: '/', size: gb * GB }] })

describe('an agent offers', () => {
  test.each([
    [1, 512],
    [2, 1024],
    [3, 2048],
    [64, 64_512],
  ])('of %i GB memory %i MB', async (gb, mb) => {
    expect(await offered(memory(gb))).toContain(`mem:${mb};`)
  })

  test.each([
    [8, 4096],
    [10, 5120],
    [100, 97_280],
  ])('of %i GB disk %i MB', async (gb, mb) => {
    expect(await offered(disk(gb))).toContain(`disk:${mb};`)
  })

  test('the disk below its work folder, not another', async () => {
    const mounts = [
      { mount: '/', size: 10 * GB },
      { mount: '/var/lib', size: 50 * GB },
      { mount: '/var/lib/tep', size: 70 * GB },
    ]
    const [found] = await read({ fsSize: async () => mounts })
    expect(found.diskBytes).toBe(50 * GB)
  })

  test('what Mesos falls back to where the machine does not answer, and says so', async () => {
    const never = (): Promise<never> => new Promise(() => undefined)
    const [found, missing] = await read({
      cpu: () => Promise.reject(new Error('no /proc')),
      mem: never,
      fsSize: async () => [],
    })
    expect(found).toMatchObject({ cpus: 1, memoryBytes: GB, diskBytes: 10 * GB })
    expect(missing.join('\n')).toMatch(/cpus: no \/proc/)
    expect(missing.join('\n')).toMatch(/memory: no answer within 20 s/)
    expect(missing.join('\n')).toMatch(/the size of the disk below \/var\/lib\/tepui; 10737418240 is taken/)
  })

  test('what --resources says instead, by name; zero suppresses what was found', async () => {
    expect(await offered({}, 'cpus:2.5')).toBe('cpus:2.5; mem:7168; disk:97280; ports:[31000-32000]')
    expect(await offered({}, 'cpus:0;ports:[1-2];gpus:1')).toMatch(/^(?!.*cpus).*ports:\[1-2\]/)
    expect(await offered({}, 'cpus(web):3')).toBe(
      'cpus(reservations: [(STATIC,web)]):3; mem:7168; disk:97280; ports:[31000-32000]',
    )
    const json = JSON.stringify([{ name: 'mem', type: 'SCALAR', scalar: { value: 100 } }])
    expect(await offered({}, json)).toContain('mem:100')
  })

  test('resources for the role of --default_role', async () => {
    const resources = agentResources(await hardware(), 'mem:100', 'web')
    expect(resources.reserved('web').scalar('cpus')).toBe(4)
    expect(resources.reserved('web').scalar('mem')).toBe(100)
  })

  test.each([
    ['a dynamic reservation', { reservations: [{ type: 'DYNAMIC', role: 'web' }] }],
    ['a revocable resource', { revocable: {} }],
    [
      'a volume',
      {
        reservations: [{ type: 'STATIC', role: 'web' }],
        disk: { persistence: { id: 'v' }, volume: { container_path: 'v', mode: 'RW' } },
      },
    ],
  ])('no %s', async (_, more) => {
    const flag = JSON.stringify([{ name: 'disk', type: 'SCALAR', scalar: { value: 1 }, ...more }])
    const machine = await hardware()
    expect(() => agentResources(machine, flag, '*')).toThrow(/^Flag '--resources'/)
  })
})

describe('the attributes of an agent', () => {
  const texts = async (flag?: string): Promise<Record<string, string | undefined>> => {
    const graphics = async () => ({ controllers: [{ vendor: 'NVIDIA Corp', model: 'A100 (80GB)' }] })
    const all = agentAttributes(await hardware({ graphics }), { cgroups: 'v2', engine: '28.1+dfsg' }, flag)
    return Object.fromEntries(all.map(({ name, text }) => [name, text?.value]))
  }

  test('tell the machine in the letters that attributes may have', async () => {
    expect(await texts()).toEqual({
      cpu_model: 'Acme_Fast_tm_9000',
      os: 'Debian_12',
      kernel: '6.1.0-13',
      arch: 'x64',
      cgroups: 'v2',
      docker: '28.1_dfsg',
      gpu_model: 'A100_80GB',
    })
  })

  test('come from the flag first', async () => {
    expect(await texts('rack:a;os:mine')).toMatchObject({ rack: 'a', os: 'mine', arch: 'x64' })
  })
})

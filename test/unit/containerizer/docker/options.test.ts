// The translation of tasks to the engine's create request, row by row of spec/mesos.md 7.3, and under fuzz.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ContainerSpec } from '../../../../src/containerizer/containerizer.ts'
import type { CreateBody } from '../../../../src/containerizer/docker/body.ts'
import { changedDemand } from '../../../../src/containerizer/docker/demand.ts'
import { type OptionSettings, translate } from '../../../../src/containerizer/docker/options.ts'
import { SETTINGS, dockerSpec, resourcesOf } from '../../../support/docker.ts'

function bodyOf(spec: ContainerSpec, settings: Partial<OptionSettings> = {}, parent?: string): CreateBody {
  const result = translate(spec, { ...SETTINGS, ...settings }, parent)
  if ('rejected' in result) throw new Error(result.message)
  return result.body
}

function refusalOf(spec: ContainerSpec, settings: Partial<OptionSettings> = {}): string {
  const result = translate(spec, { ...SETTINGS, ...settings }, undefined)
  return 'rejected' in result ? result.message : 'accepted'
}

describe('the command', () => {
  test('runs under /bin/sh -c when shell is true, which is the default', () => {
    const body = bodyOf(dockerSpec({}, {}, { command: { value: 'echo $A' } }))
    expect([body.Entrypoint, body.Cmd]).toEqual([['/bin/sh'], ['-c', 'echo $A']])
  })

  test('keeps the image’s entrypoint and hands value and arguments on when shell is false', () => {
    const command = { shell: false, value: 'serve', arguments: ['--port', '80'] }
    const body = bodyOf(dockerSpec({}, {}, { command }))
    expect([body.Entrypoint, body.Cmd]).toEqual([undefined, ['serve', '--port', '80']])
    expect(bodyOf(dockerSpec({}, {}, { command: { shell: false } })).Cmd).toBeUndefined()
  })

  test('is refused without a value when shell is true', () => {
    expect(refusalOf(dockerSpec({}, {}, { command: { shell: true } }))).toContain('command.value')
  })
})

describe('resources', () => {
  const host = (
    spec: Partial<ContainerSpec>,
    settings: Partial<OptionSettings> = {},
  ): CreateBody['HostConfig'] => bodyOf(dockerSpec({}, {}, spec), settings).HostConfig

  test('become shares of 1024 per core and a memory limit, never below 2 shares and 32 MiB', () => {
    expect(host({ resources: resourcesOf('cpus:1.5;mem:128') })).toMatchObject({
      CpuShares: 1536,
      Memory: 128 * 1024 ** 2,
    })
    expect(host({ resources: resourcesOf('cpus:0.001;mem:1') })).toMatchObject({
      CpuShares: 2,
      Memory: 32 * 1024 ** 2,
    })
  })

  test('give a quota only with a cpu limit or when the agent enforces it', () => {
    const resources = resourcesOf('cpus:0.5;mem:64')
    expect(host({ resources }).CpuQuota).toBeUndefined()
    expect(host({ resources }, { enforceQuota: true })).toMatchObject({
      CpuQuota: 50_000,
      CpuPeriod: 100_000,
    })
    expect(host({ resources, limits: { cpus: 2 } }).CpuQuota).toBe(200_000)
    expect(host({ resources, limits: { cpus: Infinity } }, { enforceQuota: true }).CpuQuota).toBeUndefined()
    expect(host({ resources, limits: { cpus: 0.001 } }).CpuQuota).toBe(1000)
  })

  test('reserve the request and score the burst when the memory limit is higher', () => {
    const resources = resourcesOf('cpus:1;mem:1638.4')
    const limited = host({ resources, limits: { mem: 4096 } })
    expect(limited).toMatchObject({ Memory: 4096 * 1024 ** 2, OomScoreAdj: 900 })
    expect(limited.MemoryReservation).toBe(Math.floor(1638.4 * 1024 ** 2))
    const free = host({ resources, limits: { mem: Infinity } })
    expect([free.Memory, free.OomScoreAdj]).toEqual([undefined, 900])
  })

  test('of a running container only raise memory, to all of the machine for none, and move what is reserved', () => {
    const MB = 1024 ** 2
    const change = (limits: { cpus?: number; mem?: number }, memoryBytes: number | undefined = 128 * MB) =>
      changedDemand(
        { resources: resourcesOf('cpus:1;mem:64'), limits, revocable: false },
        SETTINGS,
        memoryBytes,
      )
    const cpu = { CpuShares: 1024, CpuQuota: -1 }
    const reserved = { MemoryReservation: 64 * MB }
    expect(change({ mem: 96 })).toEqual({ ...cpu, ...reserved })
    expect(change({ mem: 256 })).toEqual({ ...cpu, ...reserved, Memory: 256 * MB, MemorySwap: 512 * MB })
    const endless = { Memory: SETTINGS.memoryTotalBytes, MemorySwap: 2 * SETTINGS.memoryTotalBytes }
    expect(change({ mem: Infinity })).toEqual({ ...cpu, ...reserved, ...endless })
    expect(change({ mem: 256 }, 32 * MB)).toMatchObject({ Memory: 256 * MB, ...reserved })
    expect(change({ cpus: 2 })).toMatchObject({ CpuQuota: 200_000, CpuPeriod: 100_000 })
    expect(
      changedDemand(
        { resources: resourcesOf('mem:200'), limits: { mem: 200 }, revocable: false },
        SETTINGS,
        undefined,
      ),
    ).toEqual({
      CpuQuota: -1,
      MemoryReservation: 200 * MB,
    })
  })

  test('allow no swap beyond memory only when the agent limits it', () => {
    expect(host({}).MemorySwap).toBeUndefined()
    expect(host({}, { limitSwap: true }).MemorySwap).toBe(64 * 1024 ** 2)
  })

  test('that are lent are the first to be killed, and have 10 shares per core where no group keeps them last', () => {
    expect(host({ revocable: true })).toMatchObject({ OomScoreAdj: 1000, CpuShares: 512 })
    expect(host({ revocable: true }, { hasTiers: false }).CpuShares).toBe(5)
  })

  test('with gpus are refused, because nobody hands them out one by one', () => {
    expect(refusalOf(dockerSpec({}, {}, { resources: resourcesOf('gpus:1') }))).toContain('gpus')
  })
})

test('a privileged container is one only when the task says so', () => {
  expect(bodyOf(dockerSpec({ privileged: true })).HostConfig.Privileged).toBe(true)
  expect(bodyOf(dockerSpec()).HostConfig.Privileged).toBeUndefined()
})

test('the number of processes is bounded as the agent is told, and not without', () => {
  expect(bodyOf(dockerSpec(), { pidsLimit: 512 }).HostConfig.PidsLimit).toBe(512)
  expect(bodyOf(dockerSpec()).HostConfig.PidsLimit).toBeUndefined()
})

describe('networks', () => {
  const ports = { resources: resourcesOf('cpus:1;mem:64;ports:[31000-31005]') }

  test('are host, bridge, none, or one user network by name', () => {
    expect(bodyOf(dockerSpec()).HostConfig.NetworkMode).toBe('host')
    expect(bodyOf(dockerSpec({ network: 'BRIDGE' })).HostConfig.NetworkMode).toBe('bridge')
    expect(bodyOf(dockerSpec({ network: 'NONE' })).HostConfig.NetworkMode).toBe('none')
    const user = dockerSpec({ network: 'USER' }, { network_infos: [{ name: 'blue' }] })
    expect(bodyOf(user).HostConfig.NetworkMode).toBe('blue')
    expect(refusalOf(dockerSpec({ network: 'USER' }))).toContain('exactly one, got 0')
    expect(refusalOf(dockerSpec({ network: 'USER' }, { network_infos: [{}] }))).toContain('needs its name')
  })

  test('map ports that the task has, in the protocol it names', () => {
    const mappings = [
      { host_port: 31_000, container_port: 80, protocol: 'TCP' },
      { host_port: 31_001, container_port: 53, protocol: 'udp' },
    ]
    const body = bodyOf(dockerSpec({ network: 'BRIDGE', port_mappings: mappings }, {}, ports))
    expect(body.HostConfig.PortBindings).toEqual({
      '80/tcp': [{ HostPort: '31000' }],
      '53/udp': [{ HostPort: '31001' }],
    })
    expect(Object.keys(body.ExposedPorts ?? {})).toEqual(['80/tcp', '53/udp'])
  })

  test('refuse ports that are not the task’s, on networks without ports, and in unknown protocols', () => {
    const outside = [{ host_port: 8080, container_port: 80 }]
    expect(refusalOf(dockerSpec({ network: 'BRIDGE', port_mappings: outside }, {}, ports))).toContain(
      "host_port 8080 is not among the task's ports [31000-31005]",
    )
    const inside = [{ host_port: 31_000, container_port: 80 }]
    expect(refusalOf(dockerSpec({ network: 'HOST', port_mappings: inside }, {}, ports))).toContain(
      'network is host',
    )
    const icmp = [{ host_port: 31_000, container_port: 80, protocol: 'icmp' }]
    expect(refusalOf(dockerSpec({ network: 'BRIDGE', port_mappings: icmp }, {}, ports))).toContain(
      "got 'icmp'",
    )
    const published = { network: 'BRIDGE' as const, parameters: [{ key: 'publish', value: '8080:80' }] }
    expect(refusalOf(dockerSpec(published, {}, ports))).toContain('8080 is not among')
  })

  test('refuse a host name on the host’s network', () => {
    expect(refusalOf(dockerSpec({}, { hostname: 'web' }))).toContain('container.hostname')
    expect(bodyOf(dockerSpec({ network: 'BRIDGE' }, { hostname: 'web' })).Hostname).toBe('web')
  })

  test('get the agent’s DNS unless the task brings its own', () => {
    const containerDns = [
      { network_mode: 'BRIDGE', dns: { nameservers: ['10.0.0.1'], search: ['a.test'] } },
      { network_mode: 'USER', network_name: 'blue', dns: { nameservers: ['10.0.0.2'] } },
      { network_mode: 'USER', dns: { nameservers: ['10.0.0.3'] } },
    ] as const
    const dns = (spec: ContainerSpec): unknown => bodyOf(spec, { containerDns }).HostConfig.Dns
    expect(dns(dockerSpec({ network: 'BRIDGE' }))).toEqual(['10.0.0.1'])
    expect(dns(dockerSpec({ network: 'USER' }, { network_infos: [{ name: 'blue' }] }))).toEqual(['10.0.0.2'])
    expect(dns(dockerSpec({ network: 'USER' }, { network_infos: [{ name: 'red' }] }))).toEqual(['10.0.0.3'])
    expect(dns(dockerSpec())).toBeUndefined()
    const own = [{ key: 'dns', value: '9.9.9.9' }]
    expect(dns(dockerSpec({ network: 'BRIDGE', parameters: own }))).toEqual(['9.9.9.9'])
  })
})

describe('volumes', () => {
  const host = (
    volumes: NonNullable<ContainerSpec['container']>['volumes'],
    docker = {},
  ): CreateBody['HostConfig'] => bodyOf(dockerSpec(docker, { volumes: volumes ?? [] })).HostConfig

  test('always hold the sandbox', () => {
    expect(host([]).Mounts).toEqual([
      { Type: 'bind', Source: '/sandboxes/one', Target: '/mnt/mesos/sandbox' },
    ])
  })

  test('bind paths of the host, relative ones in the sandbox on their side', () => {
    const volumes = [
      { mode: 'RO', host_path: '/data', container_path: '/in' },
      { mode: 'RW', host_path: 'sub', container_path: '/out' },
      { mode: 'RW', host_path: '/data', container_path: 'here' },
    ] as const
    expect(host([...volumes]).Binds).toEqual([
      '/data:/in:ro',
      '/sandboxes/one/sub:/out:rw',
      '/data:/mnt/mesos/sandbox/here:rw',
    ])
    const colon = host([{ mode: 'RO', host_path: '/a:b', container_path: '/c' }])
    expect(colon.Mounts?.at(-1)).toEqual({ Type: 'bind', Source: '/a:b', Target: '/c', ReadOnly: true })
  })

  test('of drivers are named, with one driver for all', () => {
    const volume = (driver: string | undefined): NonNullable<ContainerSpec['container']>['volumes'] => [
      {
        mode: 'RW',
        container_path: '/v',
        source: {
          type: 'DOCKER_VOLUME',
          docker_volume: { name: 'data', ...(driver === undefined ? {} : { driver }) },
        },
      },
    ]
    expect(host(volume('convoy'))).toMatchObject({ Binds: ['data:/v:rw'], VolumeDriver: 'convoy' })
    const two = { volume_driver: 'flocker' }
    expect(refusalOf(dockerSpec(two, { volumes: volume('convoy') ?? [] }))).toContain(
      "differs from 'flocker'",
    )
  })

  test('are refused when they lead out of the sandbox, are relative on both sides, or have no source', () => {
    const refused = (volume: object): string =>
      refusalOf(dockerSpec({}, { volumes: [{ mode: 'RW', container_path: '/a', ...volume }] }))
    expect(refused({ host_path: '../../etc' })).toContain('leads out of the sandbox')
    expect(refused({ host_path: '/etc', container_path: '../x' })).toContain('leads out of the sandbox')
    expect(refused({ host_path: 'a', container_path: 'b' })).toContain('both relative')
    expect(refused({})).toContain('expected a host_path or a source')
  })
})

test('the name, the labels, the environment and the parent group tell whose container it is', () => {
  const body = bodyOf(
    dockerSpec({}, {}, { containerId: 'c1', cluster: 'blue', environment: { A: '1' } }),
    {},
    '/tepui_x_owners',
  )
  expect(body.Env).toEqual(['A=1', 'MESOS_SANDBOX=/mnt/mesos/sandbox', 'MESOS_CONTAINER_NAME=mesos-c1'])
  expect(body.Labels).toEqual({
    'tepui.agent': 'agent1',
    'tepui.cluster': 'blue',
    'tepui.framework': 'framework-1',
    'tepui.executor': 'task-1',
    'tepui.task': 'task-1',
    'tepui.container': 'c1',
  })
  expect(body.HostConfig.CgroupParent).toBe('/tepui_x_owners')
})

test('limits of resources of processes become ulimits', () => {
  const rlimit_info = {
    rlimits: [{ type: 'RLMT_NOFILE', soft: 10, hard: 20 }, { type: 'RLMT_CORE' }],
  } as const
  const body = bodyOf(dockerSpec({}, { rlimit_info: { rlimits: [...rlimit_info.rlimits] } }))
  expect(body.HostConfig.Ulimits).toEqual([
    { Name: 'nofile', Soft: 10, Hard: 20 },
    { Name: 'core', Soft: -1, Hard: -1 },
  ])
})

test.each([
  ['busybox', 'busybox:latest'],
  ['registry.test:5000/team/app', 'registry.test:5000/team/app:latest'],
  ['app:1.2', 'app:1.2'],
  [`app@sha256:${'a'.repeat(64)}`, `app@sha256:${'a'.repeat(64)}`],
])('the image %s is asked for as %s', (image, asked) => {
  expect(bodyOf(dockerSpec({ image })).Image).toBe(asked)
})

test.each(['', 'Upper', 'a b', 'a//b', ':tag', 'a:', 'a@sha256:12', '../x', 'a'.repeat(1000), 'x\n'])(
  'the image %j is refused with what was expected',
  (image) => {
    expect(refusalOf(dockerSpec({ image }))).toContain('container.docker.image')
  },
)

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom('', '/a', 'a', '../b', 'x:y', '1', '-1', '0\0'),
)
const anySpec = fc
  .record({
    image: fc.oneof(fc.constant('app'), text),
    network: fc.constantFrom('HOST', 'BRIDGE', 'NONE', 'USER'),
    parameters: fc.array(
      fc.record({
        key: fc.oneof(
          text,
          fc.constantFrom('memory', 'cpus', 'net', 'volume', 'mount', 'publish', 'label', 'ulimit'),
        ),
        value: fc.oneof(text, fc.constantFrom('1g', '80:80', 'type=bind,src=/a,dst=/b', 'nofile=1:2', 'a=b')),
      }),
      { maxLength: 4 },
    ),
    ports: fc.array(fc.record({ host_port: fc.nat(70_000), container_port: fc.nat(70_000) }), {
      maxLength: 2,
    }),
    volumes: fc.array(
      fc.record({ mode: fc.constantFrom('RW', 'RO'), container_path: text, host_path: text }),
      { maxLength: 3 },
    ),
    value: text,
    shell: fc.boolean(),
    environment: fc.dictionary(text, text, { maxKeys: 3 }),
    cpus: fc.double({ min: 0, max: 1e6, noNaN: true }),
    mem: fc.double({ min: 0, max: 1e6, noNaN: true }),
    revocable: fc.boolean(),
  })
  .map(({ image, network, parameters, ports, volumes, value, shell, environment, cpus, mem, revocable }) =>
    dockerSpec(
      { image, network: network as 'HOST', parameters, port_mappings: ports },
      { volumes: volumes as [], network_infos: [{ name: 'net' }] },
      {
        command: { value, shell },
        environment,
        revocable,
        resources: resourcesOf(`cpus:${cpus.toFixed(3)};mem:${mem.toFixed(3)};ports:[1000-2000]`),
      },
    ),
  )

test('any task gives a request within its limits or a sentence, never a crash', () => {
  fc.assert(
    fc.property(anySpec, (spec) => {
      const result = translate(spec, SETTINGS, '/parent')
      if ('rejected' in result) {
        expect(result.message.length).toBeGreaterThan(20)
        return
      }
      const { HostConfig: host, Env } = result.body
      const memory = spec.resources.scalar('mem') * 1024 ** 2
      expect(host.CgroupParent).toBe('/parent')
      expect(Env.some((one) => one.includes('\0'))).toBe(false)
      if (memory > 0) expect(host.Memory ?? 0).toBeGreaterThan(0)
      if (memory > 0) expect(host.Memory).toBeLessThanOrEqual(Math.max(memory, 32 * 1024 ** 2))
      if (host.CpuShares !== undefined) expect(host.CpuShares).toBeGreaterThanOrEqual(2)
      for (const { HostPort } of Object.values(host.PortBindings ?? {}).flat()) {
        expect(Number(HostPort)).toBeGreaterThanOrEqual(1000)
        expect(Number(HostPort)).toBeLessThanOrEqual(2000)
      }
      for (const bind of host.Binds ?? []) expect(bind.startsWith('..')).toBe(false)
    }),
    { numRuns: 2000 },
  )
})

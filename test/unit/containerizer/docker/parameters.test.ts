// The parameters of docker run: what each sets, which are refused, and that none goes beyond the task's resources.
import { expect, test } from 'vitest'
import { translate } from '../../../../src/containerizer/docker/options.ts'
import { SETTINGS, dockerSpec, resourcesOf } from '../../../support/docker.ts'

type Outcome = Record<string, unknown> | string

function withParameters(pairs: readonly (readonly [string, string])[], more = {}): Outcome {
  const parameters = pairs.map(([key, value]) => ({ key, value }))
  const info = { network_infos: [{ name: 'blue' }] }
  const spec = dockerSpec({ network: 'USER', parameters }, info, {
    command: { shell: false },
    resources: resourcesOf('cpus:1;mem:64;ports:[31000-31009]'),
    ...more,
  })
  const result = translate(spec, { ...SETTINGS, pidsLimit: 100 }, undefined)
  return 'rejected' in result ? result.message : { ...result.body }
}

test.each<readonly [string, string, object]>([
  ['add-host', 'db:10.0.0.1', { HostConfig: { ExtraHosts: ['db:10.0.0.1'] } }],
  ['blkio-weight', '300', { HostConfig: { BlkioWeight: 300 } }],
  ['cap-add', 'NET_ADMIN', { HostConfig: { CapAdd: ['NET_ADMIN'] } }],
  ['cpu-shares', '512', { HostConfig: { CpuShares: 512 } }],
  ['c', '512', { HostConfig: { CpuShares: 512 } }],
  ['cpus', '0.5', { HostConfig: { CpuQuota: 50_000, CpuPeriod: 100_000 } }],
  ['cpuset-cpus', '0-1', { HostConfig: { CpusetCpus: '0-1' } }],
  [
    'device',
    '/dev/fuse',
    {
      HostConfig: {
        Devices: [{ PathOnHost: '/dev/fuse', PathInContainer: '/dev/fuse', CgroupPermissions: 'rwm' }],
      },
    },
  ],
  [
    'device',
    '/dev/a:/dev/b:r',
    {
      HostConfig: { Devices: [{ PathOnHost: '/dev/a', PathInContainer: '/dev/b', CgroupPermissions: 'r' }] },
    },
  ],
  [
    'device-read-bps',
    '/dev/sda:1m',
    { HostConfig: { BlkioDeviceReadBps: [{ Path: '/dev/sda', Rate: 1_048_576 }] } },
  ],
  ['entrypoint', '/bin/init', { Entrypoint: ['/bin/init'] }],
  ['expose', '80', { ExposedPorts: { '80/tcp': {} } }],
  ['gpus', 'all', { HostConfig: { DeviceRequests: [{ Count: -1, Capabilities: [['gpu']] }] } }],
  [
    'gpus',
    'device=0,1',
    { HostConfig: { DeviceRequests: [{ DeviceIDs: ['0', '1'], Capabilities: [['gpu']] }] } },
  ],
  ['health-cmd', 'true', { Healthcheck: { Test: ['CMD-SHELL', 'true'] } }],
  ['health-interval', '1m30s', { Healthcheck: { Interval: 90e9 } }],
  ['hostname', 'web', { Hostname: 'web' }],
  ['init', 'true', { HostConfig: { Init: true } }],
  [
    'ip',
    '10.1.0.5',
    { NetworkingConfig: { EndpointsConfig: { blue: { IPAMConfig: { IPv4Address: '10.1.0.5' } } } } },
  ],
  ['label', 'team=blue', { Labels: { team: 'blue' } }],
  ['log-driver', 'journald', { HostConfig: { LogConfig: { Type: 'journald', Config: {} } } }],
  [
    'log-opt',
    'max-size=5m',
    { HostConfig: { LogConfig: { Type: 'json-file', Config: { 'max-size': '5m' } } } },
  ],
  ['memory', '48m', { HostConfig: { Memory: 48 * 1024 ** 2 } }],
  ['memory-swap', '-1', { HostConfig: { MemorySwap: -1 } }],
  [
    'mount',
    'type=tmpfs,dst=/t,tmpfs-size=1m',
    { HostConfig: { Mounts: [{}, { Type: 'tmpfs', Target: '/t', TmpfsOptions: { SizeBytes: 1_048_576 } }] } },
  ],
  ['network-alias', 'db', { NetworkingConfig: { EndpointsConfig: { blue: { Aliases: ['db'] } } } }],
  ['no-healthcheck', '', { Healthcheck: { Test: ['NONE'] } }],
  ['oom-score-adj', '500', { HostConfig: { OomScoreAdj: 500 } }],
  ['pids-limit', '50', { HostConfig: { PidsLimit: 50 } }],
  [
    'publish',
    '127.0.0.1:31001:80/udp',
    { HostConfig: { PortBindings: { '80/udp': [{ HostIp: '127.0.0.1', HostPort: '31001' }] } } },
  ],
  ['read-only', '', { HostConfig: { ReadonlyRootfs: true } }],
  ['security-opt', 'seccomp=unconfined', { HostConfig: { SecurityOpt: ['seccomp=unconfined'] } }],
  ['shm-size', '1g', { HostConfig: { ShmSize: 1024 ** 3 } }],
  ['stop-signal', 'SIGUSR1', { StopSignal: 'SIGUSR1' }],
  ['sysctl', 'net.core.somaxconn=10', { HostConfig: { Sysctls: { 'net.core.somaxconn': '10' } } }],
  ['tmpfs', '/run:size=1m', { HostConfig: { Tmpfs: { '/run': 'size=1m' } } }],
  ['tty', 'true', { Tty: true }],
  ['ulimit', 'nofile=1:2', { HostConfig: { Ulimits: [{ Name: 'nofile', Soft: 1, Hard: 2 }] } }],
  ['user', '1000:1000', { User: '1000:1000' }],
  ['volume', '/a:/b:ro', { HostConfig: { Binds: ['/a:/b:ro'] } }],
  ['volume', '/anonymous', { Volumes: { '/anonymous': {} } }],
  ['workdir', '/srv', { WorkingDir: '/srv' }],
])('%s=%s sets what docker run would set', (key, value, expected) => {
  expect(withParameters([[key, value]])).toMatchObject(expected)
})

test.each([
  ['name', 'x', 'finds its containers by their names'],
  ['rm', 'true', '--docker_remove_delay'],
  ['restart', 'always', 'decide what follows an exit'],
  ['cgroup-parent', '/', 'owners and borrowers'],
  ['no-such-option', '1', "'no-such-option' is not an option of docker run"],
  ['constructor', '1', "'constructor' is not an option"],
  ['__proto__', '1', "'__proto__' is not an option"],
  ['memory', '1g', 'asks for 1073741824'],
  ['memory', '0', 'asks for 0'],
  ['cpu-shares', '2048', 'give 1024'],
  ['pids-limit', '-1', 'asks for -1'],
  ['oom-score-adj', '-500', 'must not go below 0'],
  ['label', 'tepui.agent=other', "begin with 'tepui.'"],
  ['publish', '80', 'HOST_PORT:CONTAINER_PORT'],
  ['publish-all', 'true', 'must come from the resources'],
  ['cpus', 'many', "got 'many'"],
  ['memory', '1x', "got '1x'"],
  ['privileged', 'maybe', "got 'maybe'"],
  ['security-opt', 'seccomp=/etc/profile.json', 'a file of the client'],
  ['mount', 'type=bind,dst=/x', 'its source must be an absolute path'],
  ['ulimit', 'nofile=3:2', 'above its hard limit'],
  ['env', '=x', 'KEY=VALUE'],
])('%s=%s is refused with the reason', (key, value, reason) => {
  expect(withParameters([[key, value]])).toContain(reason)
})

test('a quota of the task’s limits cannot be widened, only narrowed', () => {
  const limits = { limits: { cpus: 1 } }
  expect(withParameters([['cpus', '2']], limits)).toContain('asks for 2 cores, but the task is limited to 1')
  expect(withParameters([['cpu-quota', '-1']], limits)).toContain('expected a whole number')
  expect(withParameters([['cpus', '0.25']], limits)).toMatchObject({ HostConfig: { CpuQuota: 25_000 } })
})

test('the task’s own environment wins over a parameter', () => {
  const body = withParameters([['env', 'A=parameter']], { environment: { A: 'task' } })
  expect((body as { Env: string[] }).Env.slice(0, 2)).toEqual(['A=parameter', 'A=task'])
})

test('an entrypoint contradicts shell=true', () => {
  const shell = { command: { shell: true, value: 'true' } }
  expect(withParameters([['entrypoint', '/x']], shell)).toContain('command.shell is true')
})

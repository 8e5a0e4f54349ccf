// `docker.parameters`: options of `docker run` by name, translated to the engine's API one by one (spec/mesos.md 7.7).
import { type Rejection, rejection } from '../../base/errors.ts'
import { type CreateBody, type Endpoint, append } from './body.ts'
import {
  readBoolean,
  readDevice,
  readDeviceRate,
  readDuration,
  readInteger,
  readMount,
  readNumber,
  readPair,
  readPublish,
  readSize,
  readUlimit,
} from './parameter-values.ts'

/** The body while parameters are applied to it, with what a task may not go beyond. */
export interface ParameterScope {
  readonly body: CreateBody
  /** Settings of the one network that the container joins, used for a user network. */
  readonly endpoint: Endpoint
  readonly revocable: boolean
  /** True when `command.shell` already decides the entrypoint. */
  readonly shell: boolean
}

/** Applies a value; a sentence says why it cannot. */
type Parameter = (scope: ParameterScope, value: string) => string | undefined

const LARGEST = Number.MAX_SAFE_INTEGER

type TextField = 'Domainname' | 'MacAddress' | 'User' | 'WorkingDir' | 'StopSignal' | 'Hostname'
type HostTextField =
  | 'CpusetCpus' | 'CpusetMems' | 'IpcMode' | 'PidMode' | 'UTSMode' | 'UsernsMode' | 'CgroupnsMode' | 'Runtime'
  | 'VolumeDriver' | 'NetworkMode' // biome-ignore format: a list
type HostListField =
  | 'Dns' | 'DnsSearch' | 'DnsOptions' | 'Links' | 'CapAdd' | 'CapDrop' | 'GroupAdd' | 'DeviceCgroupRules'
  | 'SecurityOpt' | 'VolumesFrom' // biome-ignore format: a list
type HostFlagField = 'Privileged' | 'ReadonlyRootfs' | 'Init'
type HostPairField = 'Sysctls' | 'StorageOpt'
type RateField = 'BlkioDeviceReadBps' | 'BlkioDeviceWriteBps' | 'BlkioDeviceReadIOps' | 'BlkioDeviceWriteIOps'

function needed(value: string): string | undefined {
  return value === '' ? 'expected a value' : undefined
}

/** Hands on what was read, or says what is wrong with it. */
function given<T>(read: T | Rejection, use: (value: T) => string | undefined | void): string | undefined {
  if (typeof read === 'object' && read !== null && 'rejected' in read) return read.message
  return use(read as T) ?? undefined
}

const text =
  (field: TextField): Parameter =>
  ({ body }, value) =>
    needed(value) ?? void (body[field] = value)
const hostText =
  (field: HostTextField): Parameter =>
  ({ body }, value) =>
    needed(value) ?? void (body.HostConfig[field] = value)
const hostList =
  (field: HostListField): Parameter =>
  ({ body }, value) =>
    needed(value) ?? append(body.HostConfig, field, value) ?? undefined
const hostFlag =
  (field: HostFlagField): Parameter =>
  ({ body }, value) =>
    given(readBoolean(value), (flag) => void (body.HostConfig[field] = flag))
const hostPair =
  (field: HostPairField): Parameter =>
  ({ body }, value) =>
    given(readPair(value), ([key, its]) => void ((body.HostConfig[field] ??= {})[key] = its))
const rate =
  (field: RateField): Parameter =>
  ({ body }, value) =>
    given(readDeviceRate(value), (one) => append(body.HostConfig, field, one))

/** Takes a number only when it asks for no more than what the task's resources already set. */
function atMost(
  field: 'Memory' | 'MemorySwap' | 'MemoryReservation' | 'CpuShares' | 'CpuQuota' | 'PidsLimit',
  read: (value: string) => number | Rejection,
): Parameter {
  return ({ body }, value) =>
    given(read(value), (wanted) => {
      const most = body.HostConfig[field]
      // Zero and less mean "no limit" to the engine.
      if (most !== undefined && most > 0 && (wanted <= 0 || wanted > most))
        return `asks for ${wanted}, but the task's resources and limits give ${most}`
      body.HostConfig[field] = wanted
      return undefined
    })
}

function cpus({ body }: ParameterScope, value: string): string | undefined {
  return given(readNumber(value, 0.01, 100_000), (cores) => {
    const period = body.HostConfig.CpuPeriod ?? 100_000
    const most = body.HostConfig.CpuQuota
    const quota = Math.max(1000, Math.round(cores * period))
    if (most !== undefined && quota > most)
      return `asks for ${cores} cores, but the task is limited to ${most / period}`
    body.HostConfig.CpuPeriod = period
    body.HostConfig.CpuQuota = quota
    return undefined
  })
}

function cpuPeriod({ body }: ParameterScope, value: string): string | undefined {
  if (body.HostConfig.CpuQuota !== undefined)
    return 'a quota is already set, together with its period of 100 ms'
  return given(readInteger(value, 1000, 1_000_000), (us) => void (body.HostConfig.CpuPeriod = us))
}

function memorySwap({ body }: ParameterScope, value: string): string | undefined {
  return given(value === '-1' ? -1 : readSize(value), (wanted) => {
    const { Memory: memory, MemorySwap: most } = body.HostConfig
    if (most !== undefined && wanted !== most)
      return `asks for ${wanted}, but this agent allows no swap beyond memory`
    if (wanted !== -1 && memory !== undefined && wanted < memory)
      return `${wanted} is below the memory limit of ${memory}`
    body.HostConfig.MemorySwap = wanted
    return undefined
  })
}

function oomScore({ body }: ParameterScope, value: string): string | undefined {
  return given(readInteger(value, -1000, 1000), (wanted) => {
    const least = body.HostConfig.OomScoreAdj ?? 0
    if (wanted < least) return `asks for ${wanted}, but this task must not go below ${least}`
    body.HostConfig.OomScoreAdj = wanted
    return undefined
  })
}

function oomKillDisable({ body, revocable }: ParameterScope, value: string): string | undefined {
  return given(readBoolean(value), (flag) => {
    if (flag && revocable) return 'a task on lent resources must be the first that the kernel may kill'
    body.HostConfig.OomKillDisable = flag
    return undefined
  })
}

function entrypoint({ body, shell }: ParameterScope, value: string): string | undefined {
  if (shell) return 'command.shell is true, which makes /bin/sh the entrypoint; set shell to false'
  body.Entrypoint = [value]
  return undefined
}

function label({ body }: ParameterScope, value: string): string | undefined {
  const [key, its] = value.includes('=')
    ? [value.slice(0, value.indexOf('=')), value.slice(value.indexOf('=') + 1)]
    : [value, '']
  if (key === '') return `expected KEY=VALUE, got '${value}'`
  if (key.startsWith('tepui.')) return `labels that begin with 'tepui.' are this agent's own`
  body.Labels[key] = its
  return undefined
}

function publish({ body }: ParameterScope, value: string): string | undefined {
  return given(readPublish(value), ({ hostIp, hostPort, containerPort }) => {
    const ports = ((body.HostConfig.PortBindings ??= {})[containerPort] ??= [])
    ports.push({ ...(hostIp === undefined ? {} : { HostIp: hostIp }), HostPort: String(hostPort) })
    ;(body.ExposedPorts ??= {})[containerPort] = {}
    return undefined
  })
}

function expose({ body }: ParameterScope, value: string): string | undefined {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(value)
  if (match === null) return `expected PORT[/tcp|udp|sctp], got '${value}'`
  ;(body.ExposedPorts ??= {})[`${match[1]}/${match[2] ?? 'tcp'}`] = {}
  return undefined
}

function volume({ body }: ParameterScope, value: string): string | undefined {
  const parts = value.split(':')
  if (parts.length === 1 && value.startsWith('/')) (body.Volumes ??= {})[value] = {}
  else if (parts.length > 3 || parts.length === 1 || parts[0] === '' || parts[1]?.startsWith('/') !== true)
    return `expected [SOURCE:]/CONTAINER_PATH[:OPTIONS], got '${value}'`
  else append(body.HostConfig, 'Binds', value)
  return undefined
}

function gpus({ body }: ParameterScope, value: string): string | undefined {
  const ids = /^"?device=([\w,-]+)"?$/.exec(value)?.[1]
  const count = value === 'all' ? -1 : readInteger(value, 1, 1024)
  if (ids === undefined && typeof count !== 'number')
    return `expected all, a number or device=ID,…, got '${value}'`
  append(body.HostConfig, 'DeviceRequests', {
    Capabilities: [['gpu']],
    ...(ids === undefined ? { Count: count as number } : { DeviceIDs: ids.split(',') }),
  })
  return undefined
}

function securityOption({ body }: ParameterScope, value: string): string | undefined {
  // docker run reads the profile's file itself; the engine expects its content.
  if (/^seccomp[=:]/.test(value) && !/^seccomp[=:](unconfined$|\{)/.test(value))
    return `expected seccomp=unconfined or the JSON of a profile; a file of the client cannot be read here`
  return needed(value) ?? append(body.HostConfig, 'SecurityOpt', value) ?? undefined
}

function tmpfs({ body }: ParameterScope, value: string): string | undefined {
  const at = value.indexOf(':')
  const path = at < 0 ? value : value.slice(0, at)
  if (!path.startsWith('/')) return `expected an absolute path, got '${value}'`
  ;(body.HostConfig.Tmpfs ??= {})[path] = at < 0 ? '' : value.slice(at + 1)
  return undefined
}

const health =
  (set: (check: NonNullable<CreateBody['Healthcheck']>, value: number) => void): Parameter =>
  ({ body }, value) =>
    given(readDuration(value), (ns) => set((body.Healthcheck ??= {}), ns))

const refused =
  (reason: string): Parameter =>
  () =>
    `is refused: ${reason}`

/** Every key that is understood, and those that are refused with a reason. Any other key is unknown. */
const PARAMETERS: Readonly<Record<string, Parameter>> = {
  'add-host': ({ body }, value) =>
    /^[^:]+[:=].+$/.test(value)
      ? (append(body.HostConfig, 'ExtraHosts', value.replace(/^([^:=]+)=/, '$1:')) ?? undefined)
      : `expected HOST:ADDRESS, got '${value}'`,
  annotation: refused('this version of the engine API has no annotations; use a label'),
  attach: refused('the agent always attaches standard output and error'),
  'blkio-weight': ({ body }, value) =>
    given(readInteger(value, 10, 1000), (weight) => void (body.HostConfig.BlkioWeight = weight)),
  'blkio-weight-device': ({ body }, value) =>
    given(readDeviceRate(value), ({ Path, Rate }) =>
      append(body.HostConfig, 'BlkioWeightDevice', { Path, Weight: Rate }),
    ),
  'cap-add': hostList('CapAdd'),
  'cap-drop': hostList('CapDrop'),
  'cgroup-parent': refused(
    'the agent chooses the control group, because owners and borrowers have their own',
  ),
  cgroupns: hostText('CgroupnsMode'),
  cidfile: refused('there is no client that could write it'),
  'cpu-period': cpuPeriod,
  'cpu-quota': atMost('CpuQuota', (value) => readInteger(value, 1000, LARGEST)),
  'cpu-shares': atMost('CpuShares', (value) => readInteger(value, 2, 262_144)),
  cpus,
  'cpuset-cpus': hostText('CpusetCpus'),
  'cpuset-mems': hostText('CpusetMems'),
  detach: refused('the agent waits for the container'),
  device: ({ body }, value) => given(readDevice(value), (one) => append(body.HostConfig, 'Devices', one)),
  'device-cgroup-rule': hostList('DeviceCgroupRules'),
  'device-read-bps': rate('BlkioDeviceReadBps'),
  'device-read-iops': rate('BlkioDeviceReadIOps'),
  'device-write-bps': rate('BlkioDeviceWriteBps'),
  'device-write-iops': rate('BlkioDeviceWriteIOps'),
  dns: hostList('Dns'),
  'dns-opt': hostList('DnsOptions'),
  'dns-option': hostList('DnsOptions'),
  'dns-search': hostList('DnsSearch'),
  domainname: text('Domainname'),
  entrypoint,
  env: ({ body }, value) =>
    given(readPair(value), ([key, its]) => {
      // What the task itself says wins, and the engine takes the last of two.
      body.Env.unshift(`${key}=${its}`)
      return undefined
    }),
  'env-file': refused('it names a file of the client; use command.environment'),
  expose,
  gpus,
  'group-add': hostList('GroupAdd'),
  'health-cmd': ({ body }, value) =>
    needed(value) ?? void ((body.Healthcheck ??= {}).Test = ['CMD-SHELL', value]),
  'health-interval': health((check, ns) => void (check.Interval = ns)),
  'health-retries': ({ body }, value) =>
    given(readInteger(value, 0, 1000), (count) => void ((body.Healthcheck ??= {}).Retries = count)),
  'health-start-period': health((check, ns) => void (check.StartPeriod = ns)),
  'health-timeout': health((check, ns) => void (check.Timeout = ns)),
  hostname: text('Hostname'),
  init: hostFlag('Init'),
  interactive: refused('standard input of a task is always empty'),
  ip: ({ endpoint }, value) => needed(value) ?? void ((endpoint.IPAMConfig ??= {}).IPv4Address = value),
  ip6: ({ endpoint }, value) => needed(value) ?? void ((endpoint.IPAMConfig ??= {}).IPv6Address = value),
  ipc: hostText('IpcMode'),
  isolation: (_scope, value) =>
    value === 'default' || value === '' ? undefined : `only 'default' exists on Linux, got '${value}'`,
  label,
  'label-file': refused('it names a file of the client; use label'),
  link: hostList('Links'),
  'link-local-ip': ({ endpoint }, value) =>
    needed(value) ?? append((endpoint.IPAMConfig ??= {}), 'LinkLocalIPs', value) ?? undefined,
  'log-driver': ({ body }, value) =>
    needed(value) ?? void (body.HostConfig.LogConfig = { Type: value, Config: {} }),
  'log-opt': ({ body }, value) =>
    given(readPair(value), ([key, its]) => {
      const log = (body.HostConfig.LogConfig ??= { Type: '', Config: {} })
      log.Config[key] = its
      return undefined
    }),
  'mac-address': text('MacAddress'),
  memory: atMost('Memory', readSize),
  'memory-reservation': atMost('MemoryReservation', readSize),
  'memory-swap': memorySwap,
  'memory-swappiness': ({ body }, value) =>
    given(readInteger(value, 0, 100), (part) => void (body.HostConfig.MemorySwappiness = part)),
  mount: ({ body }, value) => given(readMount(value), (one) => append(body.HostConfig, 'Mounts', one)),
  name: refused('the agent finds its containers by their names'),
  net: hostText('NetworkMode'),
  'net-alias': ({ endpoint }, value) => needed(value) ?? append(endpoint, 'Aliases', value) ?? undefined,
  network: hostText('NetworkMode'),
  'network-alias': ({ endpoint }, value) => needed(value) ?? append(endpoint, 'Aliases', value) ?? undefined,
  'no-healthcheck': ({ body }, value) =>
    given(readBoolean(value), (flag) => (flag ? void (body.Healthcheck = { Test: ['NONE'] }) : undefined)),
  'oom-kill-disable': oomKillDisable,
  'oom-score-adj': oomScore,
  pid: hostText('PidMode'),
  'pids-limit': atMost('PidsLimit', (value) => readInteger(value, -1, LARGEST)),
  privileged: hostFlag('Privileged'),
  publish,
  'publish-all': refused('ports must come from the resources; use publish or port_mappings'),
  pull: refused('use docker.force_pull_image'),
  'read-only': hostFlag('ReadonlyRootfs'),
  restart: refused('the agent and the framework decide what follows an exit'),
  rm: refused('the agent removes the container itself, after --docker_remove_delay'),
  runtime: hostText('Runtime'),
  'security-opt': securityOption,
  'shm-size': ({ body }, value) =>
    given(readSize(value), (bytes) =>
      bytes > 0 ? void (body.HostConfig.ShmSize = bytes) : 'expected more than 0',
    ),
  'sig-proxy': refused('there is no client whose signals could be passed on'),
  'stop-signal': text('StopSignal'),
  'stop-timeout': ({ body }, value) =>
    given(readInteger(value, 0, 86_400), (seconds) => void (body.StopTimeout = seconds)),
  'storage-opt': hostPair('StorageOpt'),
  sysctl: hostPair('Sysctls'),
  tmpfs,
  tty: ({ body }, value) => given(readBoolean(value), (flag) => void (body.Tty = flag)),
  ulimit: ({ body }, value) => given(readUlimit(value), (one) => append(body.HostConfig, 'Ulimits', one)),
  user: text('User'),
  userns: hostText('UsernsMode'),
  uts: hostText('UTSMode'),
  volume,
  'volume-driver': hostText('VolumeDriver'),
  'volumes-from': hostList('VolumesFrom'),
  workdir: text('WorkingDir'),
}

/** The one-letter names of docker run. */
const SHORT: Readonly<Record<string, string>> = {
  a: 'attach',
  c: 'cpu-shares',
  d: 'detach',
  e: 'env',
  h: 'hostname',
  i: 'interactive',
  l: 'label',
  m: 'memory',
  P: 'publish-all',
  p: 'publish',
  t: 'tty',
  u: 'user',
  v: 'volume',
  w: 'workdir', // biome-ignore format: a table
}

/** Applies the parameters in their order; refuses the first that is unknown, forbidden or wrong. */
export function applyParameters(
  scope: ParameterScope,
  parameters: readonly { readonly key: string; readonly value: string }[],
): Rejection | undefined {
  for (const { key, value } of parameters) {
    const name = Object.hasOwn(SHORT, key) ? SHORT[key] : key
    const apply = name !== undefined && Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined
    if (apply === undefined)
      return rejection(
        `container.docker.parameters: '${key}' is not an option of docker run that this agent knows`,
      )
    if (value.includes('\0')) return rejection(`container.docker.parameters: '${key}' holds a NUL character`)
    const problem = apply(scope, value)
    if (problem !== undefined) return rejection(`container.docker.parameters: '${key}' ${joined(problem)}`)
  }
  return undefined
}

/** Reads as one sentence whether the problem is a clause ("asks for …") or stands alone. */
function joined(problem: string): string {
  return /^(asks |is refused:|its )/.test(problem) ? problem : `cannot be applied: ${problem}`
}

// Readers of the values that Docker's command line accepts: numbers, sizes, durations, devices, mounts, ports.
import { type Rejection, rejection } from '../../base/errors.ts'
import type { Mount } from './body.ts'

/** Go's `strconv.ParseBool`; a flag that is named without a value is true. */
export function readBoolean(text: string): boolean | Rejection {
  if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false
  return rejection(`expected true or false, got '${text}'`)
}

export function readInteger(text: string, min: number, max: number): number | Rejection {
  const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max
    ? value
    : rejection(`expected a whole number from ${min} to ${max}, got '${text}'`)
}

export function readNumber(text: string, min: number, max: number): number | Rejection {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN
  return value >= min && value <= max
    ? value
    : rejection(`expected a number from ${min} to ${max}, got '${text}'`)
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
}

/** Bytes of `64m`, `1.5g`, `1024`: units are 1024-based, as in docker run. */
export function readSize(text: string): number | Rejection {
  const match = /^(\d{1,15}(?:\.\d{1,6})?) ?([bkmgt]?)(?:i?b)?$/i.exec(text)
  const unit = SIZE_UNITS[match?.[2]?.toLowerCase() ?? ''] ?? 1
  const bytes = match === null ? Number.NaN : Math.floor(Number(match[1]) * unit)
  return Number.isSafeInteger(bytes) ? bytes : rejection(`expected a size such as 64m or 1g, got '${text}'`)
}

const DURATION_NS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** Nanoseconds of Go's durations such as `1m30s`. */
export function readDuration(text: string): number | Rejection {
  if (text === '0') return 0
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)]
  const isWhole = text !== '' && parts.map((part) => part[0]).join('') === text
  const total = parts.reduce((sum, part) => sum + Number(part[1]) * (DURATION_NS[part[2] ?? ''] ?? 0), 0)
  return isWhole && Number.isSafeInteger(Math.round(total))
    ? Math.round(total)
    : rejection(`expected a duration such as 30s or 1m30s, got '${text}'`)
}

/** `key=value`; what stands before the first `=` must not be empty. */
export function readPair(text: string): readonly [string, string] | Rejection {
  const at = text.indexOf('=')
  return at > 0 ? [text.slice(0, at), text.slice(at + 1)] : rejection(`expected KEY=VALUE, got '${text}'`)
}

export interface PublishedPort {
  readonly hostIp: string | undefined
  readonly hostPort: number
  /** `80/tcp`, as the engine names it. */
  readonly containerPort: string
}

/** `[ip:]host:container[/protocol]`; ranges and ports that the engine would choose by chance are refused. */
export function readPublish(text: string): PublishedPort | Rejection {
  const match = /^(?:(\[[\da-fA-F:]+\]|[\d.]+):)?(\d{1,5}):(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text)
  if (match === null) return rejection(`expected [IP:]HOST_PORT:CONTAINER_PORT[/tcp|udp|sctp], got '${text}'`)
  const [, ip, host, container, protocol = 'tcp'] = match
  const ports = [Number(host), Number(container)]
  if (ports.some((port) => port < 1 || port > 65_535))
    return rejection(`ports lie between 1 and 65535, got '${text}'`)
  return {
    hostIp: ip?.replace(/^\[|\]$/g, ''),
    hostPort: Number(host),
    containerPort: `${Number(container)}/${protocol}`,
  }
}

/** `/dev/x[:/dev/y][:rwm]`. */
export function readDevice(
  text: string,
): { PathOnHost: string; PathInContainer: string; CgroupPermissions: string } | Rejection {
  const [host = '', second, third, ...more] = text.split(':')
  const areRights = (part: string | undefined): boolean => part !== undefined && /^[rwm]{1,3}$/.test(part)
  const inside = second === undefined || areRights(second) ? host : second
  const rights = third ?? (areRights(second) ? second : 'rwm') ?? 'rwm'
  const isGood = host.startsWith('/') && inside.startsWith('/') && areRights(rights) && more.length === 0
  return isGood
    ? { PathOnHost: host, PathInContainer: inside, CgroupPermissions: rights }
    : rejection(`expected HOST_PATH[:CONTAINER_PATH][:rwm] with absolute paths, got '${text}'`)
}

/** `nofile=1024:2048`; -1 means unlimited. */
export function readUlimit(text: string): { Name: string; Soft: number; Hard: number } | Rejection {
  const match = /^([a-z]+)=(-?\d{1,15})(?::(-?\d{1,15}))?$/.exec(text)
  if (match === null) return rejection(`expected NAME=SOFT[:HARD], got '${text}'`)
  const soft = Number(match[2])
  const hard = match[3] === undefined ? soft : Number(match[3])
  if (hard !== -1 && (soft === -1 || soft > hard))
    return rejection(`its soft limit is above its hard limit: '${text}'`)
  return { Name: match[1] ?? '', Soft: soft, Hard: hard }
}

/** `/dev/sda:1mb` or `/dev/sda:1000`. */
export function readDeviceRate(text: string): { Path: string; Rate: number } | Rejection {
  const at = text.lastIndexOf(':')
  if (!text.startsWith('/') || at < 1) return rejection(`expected DEVICE:RATE, got '${text}'`)
  const rate = readSize(text.slice(at + 1))
  return typeof rate === 'number' ? { Path: text.slice(0, at), Rate: rate } : rate
}

/** The comma-separated form of `--mount`; only what is listed here is understood. */
export function readMount(text: string): Mount | Rejection {
  const mount: Mount = { Type: 'volume', Target: '' }
  for (const field of text.split(',')) {
    const at = field.indexOf('=')
    const key = (at < 0 ? field : field.slice(0, at)).trim().toLowerCase()
    const problem = setMountField(mount, key, at < 0 ? '' : field.slice(at + 1))
    if (problem !== undefined) return rejection(problem)
  }
  if (!mount.Target.startsWith('/')) return rejection(`its target must be an absolute path: '${text}'`)
  if (mount.Type === 'bind' && mount.Source?.startsWith('/') !== true)
    return rejection(`its source must be an absolute path: '${text}'`)
  return mount
}

function setMountField(mount: Mount, key: string, value: string): string | undefined {
  switch (key) {
    case 'type':
      if (value !== 'bind' && value !== 'volume' && value !== 'tmpfs')
        return `expected type=bind, volume or tmpfs, got '${value}'`
      mount.Type = value
      return undefined
    case 'source':
    case 'src':
      mount.Source = value
      return undefined
    case 'target':
    case 'dst':
    case 'destination':
      mount.Target = value
      return undefined
    case 'readonly':
    case 'ro': {
      const flag = readBoolean(value)
      if (typeof flag !== 'boolean') return flag.message
      mount.ReadOnly = flag
      return undefined
    }
    case 'bind-propagation':
      mount.BindOptions = { Propagation: value }
      return undefined
    case 'volume-nocopy':
      mount.VolumeOptions = { ...mount.VolumeOptions, NoCopy: true }
      return undefined
    case 'tmpfs-size': {
      const bytes = readSize(value)
      if (typeof bytes !== 'number') return bytes.message
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: bytes }
      return undefined
    }
    case 'tmpfs-mode':
      if (!/^[0-7]{3,5}$/.test(value)) return `expected an octal tmpfs-mode such as 1777, got '${value}'`
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) }
      return undefined
    default:
      return `its field '${key}' is not supported`
  }
}

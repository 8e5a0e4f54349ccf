// What this machine has, read through systeminformation, as resources and attributes of the agent (spec/mesos.md 5.6).
import si from 'systeminformation'
import type { Clock } from '../base/clock.ts'
import { OperatingError, reasonOf } from '../base/errors.ts'
import { parseAttributes } from '../resources/attributes.ts'
import { Resources } from '../resources/resources.ts'
import type { Attribute } from '../wire/values.ts'

export interface Hardware {
  readonly cpus: number
  readonly memoryBytes: number
  /** Of the file system that holds the work folder. */
  readonly diskBytes: number
  readonly gpus: readonly string[]
  readonly cpuModel: string
  readonly os: string
  readonly kernel: string
  readonly arch: string
}

const MB = 1024 ** 2
const GB = 1024 ** 3
/** Mesos' own fallbacks (spec/mesos.md 1.7) where a figure cannot be read. */
const FALLBACK = { cpus: 1, memoryBytes: GB, diskBytes: 10 * GB }

/** How the machine is asked; tests hand in their answers. */
export interface Machine {
  cpu(): Promise<{ readonly cores: number; readonly manufacturer: string; readonly brand: string }>
  mem(): Promise<{ readonly total: number }>
  fsSize(): Promise<readonly { readonly mount: string; readonly size: number }[]>
  osInfo(): Promise<Readonly<Record<'distro' | 'release' | 'kernel' | 'arch', string>>>
  graphics(): Promise<{
    readonly controllers: readonly { readonly vendor: string; readonly model: string }[]
  }>
}

/** A mount whose server is gone would keep `df` waiting for ever. */
const LONGEST_MS = 20_000

/** Asks the machine; a figure that cannot be read becomes the fallback and is told through `onMissing`. */
export async function readHardware(
  workDir: string,
  clock: Clock,
  onMissing: (what: string) => void,
  machine: Machine = si,
): Promise<Hardware> {
  const late = Promise.withResolvers<never>()
  // Nobody may wait for it any more when it fires.
  late.promise.catch(() => 'Who waited has been told.')
  using _ = clock.after(LONGEST_MS, () =>
    late.reject(new OperatingError('UNREACHABLE', `no answer within ${LONGEST_MS / 1000} s`)),
  )
  const ask = async <T>(what: string, question: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await Promise.race([question(), late.promise])
    } catch (error) {
      onMissing(`${what}: ${reasonOf(error)}`)
      return undefined
    }
  }
  const [cpu, memory, disks, os, graphics] = await Promise.all([
    ask('cpus', () => machine.cpu()),
    ask('memory', () => machine.mem()),
    ask('disks', () => machine.fsSize()),
    ask('operating system', () => machine.osInfo()),
    ask('graphics', () => machine.graphics()),
  ])
  const disk = (disks ?? [])
    .filter(({ mount }) => mount === '/' || workDir === mount || workDir.startsWith(`${mount}/`))
    .toSorted((a, b) => b.mount.length - a.mount.length)[0]
  const figure = (value: number | undefined, what: string, fallback: number): number => {
    if (value !== undefined && value > 0) return value
    onMissing(`${what}; ${fallback} is taken`)
    return fallback
  }
  return {
    cpus: figure(cpu?.cores, 'the number of cpus', FALLBACK.cpus),
    memoryBytes: figure(memory?.total, 'the size of the memory', FALLBACK.memoryBytes),
    diskBytes: figure(disk?.size, `the size of the disk below ${workDir}`, FALLBACK.diskBytes),
    gpus: (graphics?.controllers ?? [])
      .filter(({ vendor }) => /nvidia/i.test(vendor))
      .map(({ model }) => model),
    cpuModel: words(cpu?.manufacturer, cpu?.brand),
    os: words(os?.distro, os?.release),
    kernel: os?.kernel ?? '',
    arch: os?.arch ?? '',
  }
}

function words(...all: readonly (string | undefined)[]): string {
  return all.filter((word) => word !== undefined && word !== '').join(' ')
}

/**
 * What the agent offers: what `--resources` says, and for names that it leaves out what the machine has, less a reserve
 * for the system as Mesos keeps it. GPUs are offered only when the flag names them: tasks get no devices yet.
 *
 * @throws OperatingError USAGE when the flag cannot be read
 */
export function agentResources(hardware: Hardware, flag: string | undefined, defaultRole: string): Resources {
  const given = flag === undefined ? Resources.empty : Resources.parse(flag, defaultRole)
  if (!(given instanceof Resources)) throw new OperatingError('USAGE', `Flag '--resources': ${given.message}`)
  const wrong = notOfAMachine(given)
  if (wrong !== undefined) throw new OperatingError('USAGE', `Flag '--resources' may not hold ${wrong}`)
  const named = namesIn(flag)
  const role = defaultRole === '*' ? '' : `(${defaultRole})`
  const detected = [
    ['cpus', String(hardware.cpus)],
    ['mem', String(Math.floor(lessReserve(hardware.memoryBytes, 2 * GB, GB) / MB))],
    ['disk', String(Math.floor(lessReserve(hardware.diskBytes, 10 * GB, 5 * GB) / MB))],
    ['ports', '[31000-32000]'],
  ].filter(([name]) => !named.has(name ?? ''))
  const text = detected.map(([name, value]) => `${name}${role}:${value}`).join(';')
  const own = text === '' ? Resources.empty : Resources.parse(text)
  if (!(own instanceof Resources)) throw new OperatingError('USAGE', `Flag '--default_role': ${own.message}`)
  return given.plus(own)
}

/** What only frameworks and operators make of resources, never a machine (spec/mesos.md 5.6). */
function notOfAMachine(given: Resources): string | undefined {
  const wire = given.toWire()
  if (!given.revocable().isEmpty) return 'revocable resources'
  if (wire.some(({ reservations }) => reservations?.some(({ type }) => type === 'DYNAMIC') === true))
    return 'dynamic reservations'
  return wire.some(({ disk }) => disk?.persistence !== undefined) ? 'persistent volumes' : undefined
}

/** All from `large` on keeps `reserve` back, smaller machines half (spec/mesos.md 5.6). */
function lessReserve(bytes: number, large: number, reserve: number): number {
  return bytes >= large ? bytes - reserve : bytes / 2
}

/** Names that the flag mentions, also those that it sets to zero: they are not detected. */
function namesIn(flag: string | undefined): ReadonlySet<string> {
  if (flag === undefined) return new Set()
  const text = flag.trim()
  if (text.startsWith('[')) {
    return new Set((JSON.parse(text) as readonly { readonly name: string }[]).map(({ name }) => name))
  }
  return new Set(text.split(';').map((item) => item.replace(/[(:].*$/s, '').trim()))
}

export interface MachineFacts {
  readonly cgroups: string
  /** Version of the Docker Engine, when there is one. */
  readonly engine: string | undefined
}

/** Attributes for frameworks: what the flag says, and facts of the machine under names that it leaves free. */
export function agentAttributes(
  hardware: Hardware,
  facts: MachineFacts,
  flag: string | undefined,
): Attribute[] {
  const given = flag === undefined ? [] : parseAttributes(flag)
  if ('rejected' in given) throw new OperatingError('USAGE', `Flag '--attributes': ${given.message}`)
  const named = new Set(given.map(({ name }) => name))
  const read: readonly (readonly [string, string | undefined])[] = [
    ['cpu_model', hardware.cpuModel],
    ['os', hardware.os],
    ['kernel', hardware.kernel],
    ['arch', hardware.arch],
    ['cgroups', facts.cgroups],
    ['docker', facts.engine],
    ['gpu_model', hardware.gpus[0]],
  ]
  const added = read.flatMap(([name, value]): Attribute[] => {
    // Text attributes know no other characters (spec/mesos.md 5.6).
    const text = (value ?? '').replaceAll(/[^A-Za-z0-9_/.-]+/g, '_').replaceAll(/^_+|_+$/g, '')
    return text === '' || named.has(name) ? [] : [{ name, type: 'TEXT', text: { value: text } }]
  })
  return [...given, ...added]
}

// Judges what was found on a machine: each prerequisite with PASS, WARN (something is missing, the rest works) or FAIL
// (a daemon would not start or not work), and the fix for this distribution. Pure.
import { humanBytes, humanDuration } from '../../base/units.ts'
import type { CgroupLayout, Power, PowerName } from '../../containerizer/cgroups.ts'
import { bootFix, clockFix, type Distribution, engineFix, turnsFix } from './distribution.ts'

export type Daemon = 'master' | 'agent'

export interface Facts {
  readonly platform: string
  readonly kernel: string
  /** Of Node, without the v. */
  readonly node: string
  readonly distribution: Distribution
  readonly isRoot: boolean
  readonly cgroups: { readonly layout: CgroupLayout; readonly powers: readonly Power[] }
  /** Programs for short turns of borrowers that are not there. */
  readonly missingForTurns: readonly string[]
  readonly engine: EngineFact
  readonly disk: DiskFact
  readonly ports: readonly PortFact[]
  readonly master: MasterFact
}

export type EngineFact =
  | { readonly version: string; readonly cgroupDriver: string }
  | { readonly missing: string; readonly isForbidden: boolean }

export interface DiskFact {
  readonly folder: string
  /** The folder itself, or the one in which it would be made. */
  readonly existing: string
  readonly isWritable: boolean
  readonly freeBytes: number
}

export interface PortFact {
  readonly port: number
  readonly daemon: Daemon
  readonly state: 'free' | 'ours' | 'taken'
}

export interface MasterFact {
  readonly address: string
  /** False: nobody named it, and none at the default address is no trouble. */
  readonly isNamed: boolean
  /** How far its clock is ahead of ours, ms; undefined when it does not answer or tells no time. */
  readonly aheadMs: number | undefined
  /** Why it does not answer. */
  readonly trouble: string | undefined
}

export interface Finding {
  readonly check: string
  readonly verdict: 'PASS' | 'WARN' | 'FAIL'
  readonly detail: string
  readonly fix?: string
}

const NODE_MAJOR = 24
const GB = 1024 ** 3
/** What an agent keeps back for the system on a disk of some size. */
const DISK = { least: GB, wanted: 5 * GB }
/** `Date` tells whole seconds; beyond the second bound certificates and the order of events in logs suffer. */
const SKEW_MS = { wanted: 2000, most: 30_000 }
/** The oldest engine that was ever tried with the calls that are made to it. */
const ENGINE_OLDEST = [20, 10] as const
/** Whatever the kernel lacks, it is the agent that says what it does without. */
const KERNEL_WANTED = [5, 15] as const

const BOOT_OPTION: Partial<Record<PowerName, string>> = {
  'memory limit': 'cgroup_enable=memory',
  'swap limit': 'swapaccount=1',
  pressure: 'psi=1',
}

/** Everything that the daemons need, in the order in which one would put it right. */
export function judge(facts: Facts, daemons: readonly Daemon[]): readonly Finding[] {
  const forAgent = daemons.includes('agent')
  return [
    system(facts),
    node(facts),
    ...(forAgent ? [kernel(facts), root(facts), ...cgroups(facts), turns(facts), engine(facts)] : []),
    disk(facts),
    ...facts.ports.filter((one) => daemons.includes(one.daemon)).map(port),
    master(facts),
  ]
}

function system({ distribution, platform }: Facts): Finding {
  const check = 'system'
  if (platform === 'linux') return { check, verdict: 'PASS', detail: distribution.name }
  return {
    check,
    verdict: 'FAIL',
    detail: `this is ${platform}`,
    fix: 'use Linux, or a virtual machine with it',
  }
}

function node({ node: version }: Facts): Finding {
  const check = 'node'
  if (isAtLeast(version, [NODE_MAJOR, 0])) return { check, verdict: 'PASS', detail: version }
  const fix = 'start it by its launcher, the command tepui, which brings its own Node'
  return { check, verdict: 'FAIL', detail: `${version}; ${NODE_MAJOR} or newer is needed`, fix }
}

function kernel({ kernel: release }: Facts): Finding {
  const check = 'kernel'
  if (isAtLeast(release, KERNEL_WANTED)) return { check, verdict: 'PASS', detail: release }
  const detail = `${release}: before ${KERNEL_WANTED.join('.')} there is no class for the idle`
  return { check, verdict: 'WARN', detail, fix: 'use a newer kernel where lending matters' }
}

function root({ isRoot }: Facts): Finding {
  const check = 'user'
  if (isRoot) return { check, verdict: 'PASS', detail: 'root' }
  const detail = 'not root: no control groups but delegated ones, and no other users for tasks'
  return { check, verdict: 'WARN', detail, fix: 'run the agent as root, or with sudo' }
}

function cgroups({ cgroups: { layout, powers }, distribution }: Facts): Finding[] {
  const check = 'cgroups'
  if (layout === 'none') {
    const lost = powers.find((power) => !power.available)
    const [reason, fix] =
      lost === undefined || lost.available ? ['none are mounted', 'mount cgroup2'] : [lost.reason, lost.fix]
    return [{ check, verdict: 'WARN', detail: `nothing can be limited: ${reason}`, fix }]
  }
  return [
    { check, verdict: 'PASS', detail: `layout ${layout}` },
    ...powers.map((power) => powerFinding(power, layout, distribution)),
  ]
}

function turns({ distribution, missingForTurns: missing }: Facts): Finding {
  const check = "borrowers' turns"
  if (missing.length === 0) return { check, verdict: 'PASS', detail: 'can be kept short' }
  const detail = `last until the kernel's next tick, for want of ${missing.join(' and ')}`
  return { check, verdict: 'WARN', detail, fix: turnsFix(distribution) }
}

function powerFinding(power: Power, layout: CgroupLayout, distribution: Distribution): Finding {
  const check = `cgroups: ${power.name}`
  if (power.available) return { check, verdict: 'PASS', detail: 'available' }
  // Pure v1 has no tree in which pressure could be told, whatever the kernel was booted with.
  const option = power.name === 'pressure' && layout === 'v1' ? undefined : BOOT_OPTION[power.name]
  const fix = option === undefined ? power.fix : bootFix(distribution, option)
  return { check, verdict: 'WARN', detail: power.reason, fix }
}

function engine({ distribution, engine: found }: Facts): Finding {
  const check = 'docker engine'
  const without = 'no Docker tasks here, host processes only'
  if ('missing' in found) {
    const fix = found.isForbidden
      ? 'use sudo, or: usermod -aG docker USER, then log in again'
      : engineFix(distribution)
    return { check, verdict: 'WARN', detail: `${found.missing}; ${without}`, fix }
  }
  const { cgroupDriver, version } = found
  if (cgroupDriver !== 'cgroupfs' && cgroupDriver !== 'systemd') {
    const fix = 'set native.cgroupdriver to cgroupfs or systemd in its configuration'
    return { check, verdict: 'WARN', detail: `${version} with cgroup driver ${cgroupDriver}: no limits`, fix }
  }
  if (!isAtLeast(version, ENGINE_OLDEST)) {
    const detail = `${version} is older than ${ENGINE_OLDEST.join('.')}`
    return { check, verdict: 'WARN', detail, fix: engineFix(distribution) }
  }
  return { check, verdict: 'PASS', detail: `${version}, cgroup driver ${cgroupDriver}` }
}

function disk({ disk: { existing, folder, freeBytes, isWritable } }: Facts): Finding {
  const check = 'work folder'
  const fix = 'name another with --work_dir=PATH'
  if (!isWritable) {
    const detail = `${folder} cannot be written${existing === folder ? '' : ` (nor made in ${existing})`}`
    return { check, verdict: 'FAIL', detail, fix: `${fix}, or run as root` }
  }
  const detail = `${folder}: ${humanBytes(freeBytes)} free`
  if (freeBytes < DISK.least) return { check, verdict: 'FAIL', detail, fix: `free some, or ${fix}` }
  if (freeBytes < DISK.wanted)
    return { check, verdict: 'WARN', detail: `${detail}; ${humanBytes(DISK.wanted)} are wanted`, fix }
  return { check, verdict: 'PASS', detail }
}

function port({ daemon, port: number, state }: PortFact): Finding {
  const check = `port ${number}`
  if (state === 'free') return { check, verdict: 'PASS', detail: `free for the ${daemon}` }
  if (state === 'ours') return { check, verdict: 'PASS', detail: `a ${daemon} of Tepui answers` }
  const detail = `another program has it, where the ${daemon} would listen`
  return {
    check,
    verdict: 'FAIL',
    detail,
    fix: `end that program, or start the ${daemon} with --port=NUMBER`,
  }
}

function master({ distribution, master: { address, aheadMs, isNamed, trouble } }: Facts): Finding {
  const check = 'master'
  if (trouble !== undefined) {
    if (!isNamed) return { check, verdict: 'PASS', detail: 'none was named, so nothing was asked of one' }
    const fix = 'start it, or put the address right: --master HOST:PORT'
    return { check, verdict: 'FAIL', detail: `none answers at ${address}: ${trouble}`, fix }
  }
  const reached = `answers at ${address}`
  if (aheadMs === undefined) return { check, verdict: 'WARN', detail: `${reached} without saying the time` }
  const off = Math.abs(aheadMs)
  if (off <= SKEW_MS.wanted) return { check, verdict: 'PASS', detail: `${reached}; the clocks agree` }
  const way = aheadMs > 0 ? 'behind' : 'ahead of'
  const detail = `${reached}; the clock here is ${humanDuration(off)} ${way} its clock`
  return { check, verdict: off > SKEW_MS.most ? 'FAIL' : 'WARN', detail, fix: clockFix(distribution) }
}

/** `6.1.0-18-amd64` against 5.15; what is no version is old. */
function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, first = '0', second = '0'] = /^(\d+)(?:\.(\d+))?/.exec(version) ?? []
  return Number(first) > major || (Number(first) === major && Number(second) >= minor)
}

// Says what can be enforced on this machine, and what is missing why and how to get it.
import { join } from 'node:path'
import type { CgroupLayout, Power, PowerName } from '../cgroups.ts'
import type { KernelFiles } from './files.ts'
import type { Controller, Hierarchies } from './hierarchies.ts'

interface Probe {
  readonly name: PowerName
  /** Files of which one must be in a group of ours: controller (or the unified tree), then the name in v1 and in v2. */
  readonly files: readonly (readonly [Controller | 'unified', 1 | 2, string])[]
  readonly fix: string
}

const PROBES: readonly Probe[] = [
  {
    name: 'cpu shares',
    files: [
      ['cpu', 1, 'cpu.shares'],
      ['cpu', 2, 'cpu.weight'],
    ],
    fix: 'mount or delegate the cpu controller',
  },
  {
    name: 'cpu quota',
    files: [
      ['cpu', 1, 'cpu.cfs_quota_us'],
      ['cpu', 2, 'cpu.max'],
    ],
    fix: 'use a kernel with CONFIG_CFS_BANDWIDTH and mount or delegate the cpu controller',
  },
  {
    name: 'cpu idle',
    files: [
      ['cpu', 1, 'cpu.idle'],
      ['cpu', 2, 'cpu.idle'],
    ],
    fix: 'use a kernel of 5.15 or newer; until then borrowers run with the least weight',
  },
  {
    name: 'memory limit',
    files: [
      ['memory', 1, 'memory.limit_in_bytes'],
      ['memory', 2, 'memory.max'],
    ],
    fix: 'boot with cgroup_enable=memory and mount or delegate the memory controller',
  },
  {
    name: 'swap limit',
    files: [
      ['memory', 1, 'memory.memsw.limit_in_bytes'],
      ['memory', 2, 'memory.swap.max'],
    ],
    fix: 'boot with swapaccount=1, or turn swap off',
  },
  {
    name: 'pids limit',
    files: [
      ['pids', 1, 'pids.max'],
      ['pids', 2, 'pids.max'],
    ],
    fix: 'mount or delegate the pids controller',
  },
  {
    name: 'freeze',
    files: [
      ['unified', 2, 'cgroup.freeze'],
      ['freezer', 1, 'freezer.state'],
    ],
    fix: 'use a kernel of 5.2 or newer, or mount the v1 freezer',
  },
  {
    name: 'pressure',
    files: [['unified', 2, 'cpu.pressure']],
    fix: 'boot with psi=1 and mount cgroup2 (at /sys/fs/cgroup/unified on a v1 machine)',
  },
]

/** Looks for the files of every power in a group that we made; `directory` is undefined when none could be made. */
export function probePowers(
  files: KernelFiles,
  hierarchies: Hierarchies,
  path: string | undefined,
  unusable: string | undefined,
): readonly Power[] {
  if (path === undefined || unusable !== undefined) {
    const reason = unusable ?? 'no control groups are mounted'
    const fix =
      'run the agent as root on a machine with control groups, or point --cgroups_root at a delegated one'
    const names: readonly PowerName[] = [...PROBES.map((probe) => probe.name), 'kill']
    return names.map((name) => ({ name, available: false, reason, fix }))
  }
  const powers = PROBES.map((probe) => probeOne(files, hierarchies, path, probe))
  // Every layout can list the processes of a group, so everything in it can be killed.
  return [...powers, { name: 'kill', available: true }]
}

function probeOne(files: KernelFiles, hierarchies: Hierarchies, path: string, probe: Probe): Power {
  for (const [controller, version, file] of probe.files) {
    const directory = directoryOf(hierarchies, controller, version)
    // Reading, and not only looking: with pressure switched off the file is there and answers "not supported".
    if (directory !== undefined && files.read(join(directory, path, file)) !== undefined) {
      return { name: probe.name, available: true }
    }
  }
  return { name: probe.name, available: false, reason: reasonFor(hierarchies, probe), fix: probe.fix }
}

function directoryOf(
  hierarchies: Hierarchies,
  controller: Controller | 'unified',
  version: 1 | 2,
): string | undefined {
  if (controller === 'unified') return hierarchies.unified
  const home = hierarchies.homes[controller]
  return home?.version === version ? home.directory : undefined
}

function reasonFor(hierarchies: Hierarchies, probe: Probe): string {
  const homes = probe.files.filter(([controller, version]) => directoryOf(hierarchies, controller, version))
  if (homes.length > 0)
    return `the kernel offers no ${homes.map(([, , file]) => file).join(' or ')} in our groups`
  const [controller] = probe.files[0] ?? []
  return `no hierarchy with ${controller === 'unified' ? 'cgroup2' : `the ${controller} controller`} is mounted`
}

/** One line with everything that can be enforced; one line for each thing that cannot. */
export function describePowers(
  layout: CgroupLayout,
  powers: readonly Power[],
): { readonly summary: string; readonly missing: readonly string[] } {
  const names = powers.filter((power) => power.available).map((power) => power.name)
  const summary =
    names.length === 0
      ? 'Isolation: none can be enforced here'
      : `Isolation (cgroups ${layout}): ${names.join(', ')}`
  const missing = powers.flatMap((power) =>
    power.available ? [] : [`Missing ${power.name}: ${power.reason}. To get it: ${power.fix}.`],
  )
  return { summary, missing }
}

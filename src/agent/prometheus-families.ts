// What the agent shows to Prometheus: its resources, containers, pressure, disk, lending and garbage collection.
import { readFileSync } from 'node:fs'
import type { Metrics } from '../base/metrics.ts'
import { byLabel, lendFamilies, selfFamilies, single, type Family, type Sample } from '../http/prometheus.ts'

export interface FamilyDeps {
  readonly metrics: Metrics
  /** As it is known to others: the label `agent`. */
  readonly agent: () => string
  /** Where the kernel tells of pressure: `/proc`. */
  readonly proc: string
}

const RESOURCES = ['cpus', 'mem', 'disk', 'gpus'] as const

export function agentFamilies({ metrics, agent, proc }: FamilyDeps): Family[] {
  const value = (name: string): number => metrics.value(name)
  const several = (prefix: string, names: readonly string[]): Record<string, number> =>
    Object.fromEntries(names.map((name) => [name, value(prefix + name)]))
  return [
    {
      name: 'tepui_agent_resource',
      type: 'gauge',
      help:
        'Resources of the agent, in cores (cpus, gpus) or MB (mem, disk), by kind: total (its own), allocated (of ' +
        'its own, given to tasks and executors, used or not), used (cpus that owners use, measured), lent (told to ' +
        'be lent beside that), lent_used (given to borrowers), lendable (cpus that would be lent in addition).',
      read: () => resources(value, agent()),
    },
    {
      name: 'tepui_pressure_ratio',
      type: 'gauge',
      help:
        'Part of the last ten seconds, 0 to 1, in which some or all (full) processes of the machine waited for a ' +
        'resource, as the kernel tells it; not there where it tells nothing.',
      read: () => pressure(proc, agent()),
    },
    ...ownersTrouble(value, agent),
    ...inForce(value, agent),
    single('gauge', 'tepui_registered', '1 while the agent is registered with its master, else 0.', () =>
      value('slave/registered'),
    ),
    byLabel('gauge', 'tepui_tasks', 'Tasks that have not ended, by state.', 'state', () =>
      several('slave/tasks_', ['staging', 'starting', 'running', 'killing']),
    ),
    byLabel(
      'counter',
      'tepui_task_terminal_total',
      'Tasks that ended since the agent started, by state.',
      'state',
      () => several('slave/tasks_', ['finished', 'failed', 'killed', 'lost', 'gone']),
    ),
    byLabel(
      'gauge',
      'tepui_executors',
      'Executors, those of single tasks among them, by state.',
      'state',
      () => several('slave/executors_', ['registering', 'running', 'terminating']),
    ),
    byLabel(
      'counter',
      'tepui_task_oom_total',
      'Containers that the kernel killed for memory since the agent started, by whose limit was hit: that of the ' +
        'task, of the group above it (that of all borrowers), or the memory of the host.',
      'level',
      () => ({
        task: value('tepui/task_oom_own'),
        group: value('tepui/task_oom_parent'),
        host: value('tepui/task_oom_host'),
      }),
    ),
    single('counter', 'tepui_container_launch_errors_total', 'Containers that could not be launched.', () =>
      value('slave/container_launch_errors'),
    ),
    ...diskFamilies(value),
    ...lendFamilies(value),
    ...selfFamilies(value, () => value('slave/uptime_secs')),
  ]
}

/** What owners miss, by the one that misses the most: a series per task would be many. */
function ownersTrouble(value: (name: string) => number, agent: () => string): Family[] {
  return [
    {
      name: 'tepui_owner_waiting_ratio',
      type: 'gauge',
      help:
        'Part of the last second, 0 to 1, in which some process of an owner waited for a cpu, not counting stops by ' +
        'its own quota; of the owner that waits the most, 0 where the kernel does not tell.',
      read: () => [{ labels: { agent: agent() }, value: value('tepui/owners_waiting_ratio') }],
    },
    {
      name: 'tepui_task_throttled_ratio',
      type: 'gauge',
      help:
        'Part of its periods of the last second, 0 to 1, in which an owner was stopped by its own cpu quota; of the ' +
        'owner that was stopped the most.',
      read: () => [{ labels: { agent: agent() }, value: value('tepui/owners_throttled_ratio') }],
    },
  ]
}

/** What holds borrowers back now. */
function inForce(value: (name: string) => number, agent: () => string): Family[] {
  const gauges: readonly (readonly [name: string, help: string])[] = [
    ['paused', '1 while an operator has paused lending on the agent, else 0.'],
    ['squeezed', '1 while a quota holds all borrowers together, else 0.'],
    ['turns_short', "1 while borrowers' turns on a processor are ended early, else 0."],
    ['frozen', 'Borrowers that stand still now.'],
  ]
  return gauges.map(([name, help]) => ({
    name: `tepui_lend_${name}`,
    type: 'gauge',
    help,
    read: () => [{ labels: { agent: agent() }, value: value(`tepui/lend_${name}`) }],
  }))
}

/** Sandboxes, their collection, and the disk below them. */
function diskFamilies(value: (name: string) => number): Family[] {
  const several = (prefix: string, names: readonly string[]): Record<string, number> =>
    Object.fromEntries(names.map((name) => [name, value(prefix + name)]))
  return [
    single(
      'gauge',
      'tepui_sandboxes_used_bytes',
      'Bytes on the disk of the sandboxes of running containers.',
      () => value('tepui/sandboxes_used_bytes'),
    ),
    single('counter', 'tepui_gc_bytes', 'Bytes on the disk that garbage collection gave back.', () =>
      value('gc/bytes_removed'),
    ),
    byLabel(
      'counter',
      'tepui_gc_removals_total',
      'Sandboxes and folders that garbage collection removed, or tried to (they are tried again).',
      'outcome',
      () => several('gc/path_removals_', ['succeeded', 'failed']),
    ),
    single('gauge', 'tepui_gc_pending', 'Sandboxes and folders that wait to be collected.', () =>
      value('gc/path_removals_pending'),
    ),
    single(
      'gauge',
      'tepui_disk_used_ratio',
      "Used part, 0 to 1, of the work folder's file system, of its bytes or its files, whichever is more.",
      () => value('tepui/disk_used_ratio'),
    ),
    single('gauge', 'tepui_disk_free_bytes', 'Bytes that others than root can still write there.', () =>
      value('tepui/disk_free_bytes'),
    ),
    single('gauge', 'tepui_disk_reserve_bytes', 'Bytes of it that the agent holds for itself.', () =>
      value('tepui/disk_reserve_bytes'),
    ),
    single(
      'gauge',
      'tepui_disk_full',
      '1 while nothing new may start because the disk is full, else 0.',
      () => value('tepui/disk_full'),
    ),
  ]
}

function resources(value: (name: string) => number, agent: string): Sample[] {
  const sample = (resource: string, kind: string, amount: number): Sample => ({
    labels: { agent, resource, kind },
    value: amount,
  })
  return [
    ...RESOURCES.flatMap((resource) => [
      sample(resource, 'total', value(`slave/${resource}_total`)),
      sample(resource, 'allocated', value(`slave/${resource}_used`)),
      sample(resource, 'lent', value(`slave/${resource}_revocable_total`)),
      sample(resource, 'lent_used', value(`slave/${resource}_revocable_used`)),
    ]),
    sample('cpus', 'used', value('tepui/lend_owners_used_cpus')),
    sample('cpus', 'lendable', value('tepui/lend_lendable_cpus')),
  ]
}

const PRESSURES = ['cpu', 'memory', 'io'] as const

function pressure(proc: string, agent: string): Sample[] {
  return PRESSURES.flatMap((resource) => {
    const told = pressureFile(`${proc}/pressure/${resource}`)
    return [...told.matchAll(/^(some|full) avg10=([\d.]+)/gm)].map(([, kind = '', percent]) => ({
      labels: { agent, resource, kind },
      value: Number(percent) / 100,
    }))
  })
}

/** Kernels without pressure have no such file, or refuse to read it. */
function pressureFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    return ''
  }
}

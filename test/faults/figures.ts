// The sheet of a run: what was done, and how often each invariant was broken, against its level.
import { type Figure, figure } from '../../src/base/figures.ts'
import type { History } from './history.ts'
import type { Breaches } from './invariants.ts'
import type { FaultKind, PlannedFault } from './plan.ts'

/** What is measured beside the history. */
export interface Measured {
  readonly seconds: number
  /** Daemons that ended though nobody ended them, one sentence each. */
  readonly crashes: readonly string[]
  /** Slowest return of an agent with `held` running containers, s; undefined when it was not asked for. */
  readonly recovery: { readonly held: number; readonly seconds: number } | undefined
  /** Processes of the engine itself that stayed though their containers are gone. */
  readonly shims: number
  /** Why the run stopped before its end. */
  readonly cut: string | undefined
}

const NAMES: readonly (readonly [keyof Breaches, string, string])[] = [
  ['lostEnds', 'terminal updates lost', 'updates'],
  ['changedEnds', 'tasks told two different ends', 'tasks'],
  ['duplicatedRuns', 'duplicated runs', 'tasks'],
  ['wrongStatuses', 'wrong exit statuses', 'tasks'],
  ['killedTasks', 'tasks killed by a restart of the agent, or by another fault that must not', 'tasks'],
  ['refusedLaunches', 'launches that failed though nothing was broken', 'tasks'],
  ['containers', 'containers leaked', 'containers'],
  ['cgroups', 'cgroups leaked', 'cgroups'],
  ['processes', 'processes leaked', 'processes'],
  ['mounts', 'mounts leaked', 'mounts'],
  ['sandboxes', 'sandboxes leaked', 'sandboxes'],
]

const RECOVERY_LEVEL = '<= 5'

export function figuresOf(
  planned: readonly PlannedFault[],
  history: History,
  breaches: Breaches,
  measured: Measured,
): Figure[] {
  const { tasks, faults, ledger } = history
  const began = [...ledger.values()].filter(({ starts }) => starts > 0).length
  const { recovery, crashes, shims, cut, seconds } = measured
  return [
    figure('faults', faults.length, 'faults', `= ${planned.length}`),
    figure('kinds of faults', new Set(faults.map(({ kind }) => kind)).size, 'kinds'),
    figure('tasks launched', tasks.length, 'tasks', '> 0'),
    figure('tasks that ran', began, 'tasks', '> 0'),
    ...NAMES.map(([key, name, unit]) => figure(name, breaches[key].length, unit, '= 0')),
    figure('daemons that ended by themselves', crashes.length, 'ends', '= 0'),
    figure('shims that the engine lost in its own restarts', shims, 'processes'),
    ...(recovery === undefined
      ? []
      : [
          figure('containers that ran when the agent was killed', recovery.held, 'containers'),
          figure(
            'recovery, from the start of the process to its registration',
            recovery.seconds,
            's',
            RECOVERY_LEVEL,
          ),
        ]),
    figure('runs cut short', cut === undefined ? 0 : 1, 'runs', '= 0'),
    figure('wall time', seconds, 's'),
  ]
}

/** How to see it again: the whole run, and each fault alone. */
export function replayWords(seed: number, faults: number, tasks: number, only: readonly FaultKind[]): string {
  const kinds = only.length === 0 ? '' : ` --only ${only.join(',')}`
  return `npm run faults -- --seed ${seed} --faults ${faults} --tasks ${tasks}${kinds}`
}

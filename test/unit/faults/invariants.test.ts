// The judge of the fault suite: each broken history must be counted where it belongs, and no sound one anywhere.
import { describe, expect, test } from 'vitest'
import type { FaultRecord, Heard, History, LedgerEntry, TaskRecord } from '../../faults/history.ts'
import { type Breaches, checkHistory } from '../../faults/invariants.ts'
import type { FaultKind } from '../../faults/plan.ts'
import type { TaskKind } from '../../faults/tasks.ts'

const NO_LEAKS = { containers: [], cgroups: [], processes: [], mounts: [], sandboxes: [] }
const RAN_TO_3: LedgerEntry = { starts: 1, ended: 3, termed: false }
const RAN_ON: LedgerEntry = { starts: 1, ended: undefined, termed: false }

const heard = (at: number, state: string, more: Partial<Heard> = {}): Heard => ({
  at,
  state,
  source: 'SOURCE_EXECUTOR',
  reason: '',
  message: '',
  uuid: `uuid of ${state}`,
  ...more,
})
const running = heard(2000, 'TASK_RUNNING')
const failedWith = (code: number): Heard =>
  heard(9000, 'TASK_FAILED', { message: `Command exited with status ${code}` })
const unknown = heard(9000, 'TASK_GONE', {
  reason: 'REASON_RECONCILIATION',
  source: 'SOURCE_MASTER',
  uuid: '',
})

interface Scene {
  readonly kind?: TaskKind
  readonly says: readonly Heard[]
  readonly wrote?: LedgerEntry
  readonly task?: Partial<TaskRecord>
  readonly fault?: readonly [FaultKind, number, number]
  readonly leaks?: Partial<History['leaks']>
}

function historyOf({ kind = 'host', says, wrote, task, fault, leaks }: Scene): History {
  const plan = { id: 'one', kind, revocable: false, end: { kind: 'stays' as const } }
  const faults: FaultRecord[] =
    fault === undefined
      ? []
      : [
          {
            kind: fault[0],
            at: fault[1],
            until: fault[2],
            seed: 1,
            afterMs: 0,
            lastMs: 0,
            settles: true,
            pick: 0,
            what: 'it happened',
          },
        ]
  return {
    tasks: [{ plan, launchedAt: 1000, heard: [...says], killAskedAt: undefined, hitAt: undefined, ...task }],
    faults,
    ledger: new Map(wrote === undefined ? [] : [['one', wrote]]),
    leaks: { ...NO_LEAKS, ...leaks },
  }
}

/** The names of the invariants that a scene breaks. */
function broken(scene: Scene): string[] {
  const breaches = Object.entries(checkHistory(historyOf(scene))) as [keyof Breaches, readonly string[]][]
  return breaches.flatMap(([name, sentences]) => sentences.map(() => name))
}

describe('a history breaks', () => {
  const scenes: readonly (readonly [keyof Breaches, string, Scene])[] = [
    ['lostEnds', 'a task that ran and of which only RUNNING was heard', { says: [running], wrote: RAN_ON }],
    [
      'lostEnds',
      'a task that ran and that the master says it does not know',
      { says: [unknown], wrote: RAN_TO_3 },
    ],
    ['lostEnds', 'a task of which nothing was heard at all', { says: [] }],
    [
      'changedEnds',
      'a task told to have failed, then to have finished',
      { says: [failedWith(3), heard(9500, 'TASK_FINISHED')], wrote: RAN_TO_3 },
    ],
    [
      'duplicatedRuns',
      'a task that wrote two starts',
      { says: [failedWith(3)], wrote: { ...RAN_TO_3, starts: 2 } },
    ],
    ['wrongStatuses', 'an end with 3 that is told as 4', { says: [failedWith(4)], wrote: RAN_TO_3 }],
    [
      'wrongStatuses',
      'an end with 3 that is told as success',
      { says: [heard(9000, 'TASK_FINISHED')], wrote: RAN_TO_3 },
    ],
    [
      'wrongStatuses',
      'an end with 3 that is told as lost',
      { says: [heard(9000, 'TASK_GONE')], wrote: RAN_TO_3 },
    ],
    ['wrongStatuses', 'a success that was none', { says: [heard(9000, 'TASK_FINISHED')], wrote: RAN_ON }],
    [
      'killedTasks',
      'a task that was running and is told gone after its agent was killed',
      { says: [running, heard(9000, 'TASK_GONE')], wrote: RAN_ON, fault: ['agent-kill', 5000, 6000] },
    ],
    [
      'killedTasks',
      'a host task that ended with the engine',
      { says: [running, heard(9000, 'TASK_FAILED')], wrote: RAN_ON, fault: ['engine-restart', 5000, 6000] },
    ],
    [
      'killedTasks',
      'a container that ended with an engine that should have left it alive',
      {
        kind: 'docker',
        says: [running, heard(9000, 'TASK_FAILED')],
        wrote: RAN_ON,
        fault: ['engine-restart-live', 5000, 6000],
      },
    ],
    ['refusedLaunches', 'a launch that failed with nothing broken', { says: [heard(2000, 'TASK_FAILED')] }],
    [
      'containers',
      'a container that is left',
      { says: [failedWith(3)], wrote: RAN_TO_3, leaks: { containers: ['one'] } },
    ],
    [
      'cgroups',
      'a cgroup that is left',
      { says: [failedWith(3)], wrote: RAN_TO_3, leaks: { cgroups: ['one'] } },
    ],
    [
      'processes',
      'a process that is left',
      { says: [failedWith(3)], wrote: RAN_TO_3, leaks: { processes: ['one'] } },
    ],
    [
      'mounts',
      'a mount that is left',
      { says: [failedWith(3)], wrote: RAN_TO_3, leaks: { mounts: ['one'] } },
    ],
    [
      'sandboxes',
      'a sandbox that is left',
      { says: [failedWith(3)], wrote: RAN_TO_3, leaks: { sandboxes: ['one'] } },
    ],
  ]
  test.each(scenes)('%s: %s', (name, _, scene) => {
    expect(broken(scene)).toEqual([name])
  })
})

describe('a history is sound', () => {
  const scenes: readonly (readonly [string, Scene])[] = [
    [
      'a task that ends with 3 and is told so, twice',
      { says: [running, failedWith(3), failedWith(3)], wrote: RAN_TO_3 },
    ],
    [
      'a task that finishes',
      { says: [running, heard(9000, 'TASK_FINISHED')], wrote: { starts: 1, ended: 0, termed: false } },
    ],
    [
      'a task that is killed as asked',
      { says: [running, heard(9000, 'TASK_KILLED')], wrote: RAN_ON, task: { killAskedAt: 8000 } },
    ],
    [
      'a task that ended just before its kill arrived',
      { says: [running, heard(9000, 'TASK_KILLED')], wrote: RAN_TO_3, task: { killAskedAt: 8000 } },
    ],
    [
      'a task that a fault hit by hand',
      { says: [running, heard(9000, 'TASK_FAILED')], wrote: RAN_ON, task: { hitAt: 8000 } },
    ],
    [
      'a container that the engine ended with itself',
      {
        kind: 'docker',
        says: [running, heard(9000, 'TASK_FAILED')],
        wrote: RAN_ON,
        fault: ['engine-restart', 5000, 6000],
      },
    ],
    [
      'a container that could not be started because the engine was away',
      { kind: 'docker', says: [heard(9000, 'TASK_FAILED')], fault: ['engine-cut', 500, 6000] },
    ],
    [
      'a launch that got lost on its way to a master that was away',
      { says: [unknown], fault: ['master-kill', 500, 6000] },
    ],
    [
      'a task that was unreachable for a while',
      { says: [running, heard(4000, 'TASK_UNREACHABLE'), running, failedWith(3)], wrote: RAN_TO_3 },
    ],
  ]
  test.each(scenes)('%s', (_, scene) => {
    expect(broken(scene)).toEqual([])
  })
})

test('a breach names the task, what it wrote and what was heard of it', () => {
  const [sentence] = checkHistory(
    historyOf({ says: [running, failedWith(4)], wrote: RAN_TO_3 }),
  ).wrongStatuses
  expect(sentence).toBe(
    'one ended with 3, and was told otherwise; it wrote 1 starts, an end with 3; launched at 1.0 s, heard: ' +
      '2.0 s TASK_RUNNING | 9.0 s TASK_FAILED  Command exited with status 4',
  )
})

// The history of the cluster: what the core tells becomes entries that can be asked for, and what repeats is counted.
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import { History } from '../../../src/master/history/history.ts'
import { Database } from '../../../src/store/database.ts'
import { EVENT_LOG_MIGRATIONS, EventLog, type StoredEntry } from '../../../src/store/event-log.ts'
import { ManualClock } from '../../support/clock.ts'
import { MasterRig, parse, task, uuidOf } from '../../support/master-rig.ts'

let rig: MasterRig
let clock: ManualClock
let database: Database
let history: History
let metrics: Metrics

beforeEach(() => {
  rig = new MasterRig()
  clock = new ManualClock(rig.now)
  database = Database.open(':memory:', { migrations: EVENT_LOG_MIGRATIONS })
  metrics = new Metrics()
  const events = new EventLog(database)
  history = new History({ clock, log: silentLogger, metrics, cluster: rig.core.cluster, events })
})
afterEach(() => {
  history[Symbol.dispose]()
  database[Symbol.dispose]()
})

/** Tells the history what has happened since the last time. */
function tell(): void {
  for (const what of rig.happenings.splice(0)) history.watch(what, rig.now)
}

const lines = (entries: readonly StoredEntry[]): string[] =>
  entries.map(({ kind, text }) => `${kind}  ${text}`)

function launched(): { agentId: string; id: string } {
  const attributes = [{ name: 'agent', type: 'TEXT' as const, text: { value: 'a1' } }]
  const agent_info = { hostname: 'h', port: 5051, resources: parse('cpus:8;mem:1024').toWire(), attributes }
  const agentId = rig.agent('s1', '', { agent_info })
  const id = rig.framework('f1', { name: 'shop' })
  rig.launch(id, rig.offers('f1'), [task('web', agentId), task('web', agentId)])
  return { agentId, id }
}

test('The life of a task can be read with its agent, its framework and its cause', () => {
  const { agentId, id } = launched()
  rig.update(agentId, id, 'web', 'TASK_RUNNING')
  const status = { task_id: { value: 'web' }, state: 'TASK_FAILED' as const, uuid: uuidOf('end') }
  const message = 'Command exited with status 3'
  const reason = 'REASON_COMMAND_EXECUTOR_FAILED' as const
  rig.agentCall(agentId, {
    type: 'UPDATE',
    update: { framework_id: { value: id }, status: { ...status, message, reason } },
  })
  tell()
  const wanted = ['task-launched', 'task-refused', 'task-state', 'task-ended']
  expect(lines(history.query({ taskId: 'web' }))).toEqual([
    "task-launched  shop launched 'web' on a1 with 1 cpu, 64 MB",
    "task-refused  'web' of shop was not launched: Task has duplicate ID: web",
    "task-state  'web' is running on a1",
    "task-ended  'web' is failed on a1: Command exited with status 3",
  ])
  expect(history.query({ agentId, kinds: wanted })).toHaveLength(4)
  expect(history.query({ frameworkId: id, kinds: ['task-ended'] })).toMatchObject([
    { at: rig.now, agentId, frameworkId: id, record: { state: 'TASK_FAILED', reason, message, cpus: 1 } },
  ])
  expect(
    lines(history.query({ kinds: ['offer-accepted', 'agent-registered', 'framework-subscribed'] })),
  ).toEqual([
    'agent-registered  a1 registered with 8 cpus, 1024 MB',
    "framework-subscribed  Framework 'shop' subscribed",
    'offer-accepted  shop accepted 8 cpus, 1024 MB on a1 for 2 tasks',
  ])
})

test('A borrower that was taken back is told as that and not as a failure', () => {
  const { agentId, id } = launched()
  const status = {
    task_id: { value: 'web' },
    state: 'TASK_GONE' as const,
    reason: 'REASON_CONTAINER_PREEMPTED' as const,
    message: 'web-1 wanted its cores',
    uuid: uuidOf('gone'),
  }
  rig.agentCall(agentId, { type: 'UPDATE', update: { framework_id: { value: id }, status } })
  tell()
  expect(lines(history.query({ kinds: ['task-taken-back', 'task-ended'] }))).toEqual([
    "task-taken-back  'web' was taken back on a1: web-1 wanted its cores",
  ])
})

test('Entries are written together after a short while, and told to those who follow', async () => {
  const told: string[] = []
  using following = history.follow((entries) => told.push(...lines(entries)))
  rig.framework('f1')
  tell()
  expect(told).toEqual([])
  await clock.advance(200)
  expect(told).toEqual(["framework-subscribed  Framework 'test' subscribed"])
  following[Symbol.dispose]()
  rig.framework('f2')
  tell()
  await clock.advance(200)
  expect(told).toHaveLength(1)
  expect(history.query()).toHaveLength(2)
})

test('An offer that is declined again and again is told once in ten minutes, with how often', () => {
  rig.agent('s1')
  const id = rig.framework('f1')
  const decline = (): void => {
    const [offer] = rig.offers('f1')
    if (offer === undefined) throw new Error('There is no offer')
    rig.call(id, { type: 'DECLINE', decline: { offer_ids: [offer.id], filters: { refuse_seconds: 5 } } })
    tell()
    rig.advance(6000)
  }
  for (let times = 0; times < 101; times++) decline()
  const declined = history.query({ kinds: ['offer-declined'] })
  expect(lines(declined)).toEqual([
    'offer-declined  test declined 8 cpus, 16384 MB on host-s1:5051 and does not want it for 5 s',
    'offer-declined  test declined 8 cpus, 16384 MB on host-s1:5051 and does not want it for 5 s ' +
      '(99 times more within 10 minutes)',
    'offer-declined  test declined 8 cpus, 16384 MB on host-s1:5051 and does not want it for 5 s',
  ])
})

test('What cannot be written is counted as lost, and what comes later is written', () => {
  const sabotage = database.prepare('ALTER TABLE events RENAME TO hidden')
  sabotage.run()
  rig.framework('f1')
  tell()
  history.flush()
  expect(metrics.value('tepui/events_lost')).toBe(1)
  database.prepare('ALTER TABLE hidden RENAME TO events').run()
  rig.framework('f2')
  tell()
  expect(history.query()).toHaveLength(1)
})

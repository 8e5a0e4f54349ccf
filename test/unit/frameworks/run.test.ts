// The framework behind `tepui run`: one task, placed once, ended once.
import { describe, expect, test } from 'vitest'
import { exitCodeOfTask, RunFramework } from '../../../src/frameworks/run.ts'
import type { Effect } from '../../../src/frameworks/effects.ts'
import { offerOf, offers, subscribed, update, WISH } from './offers.ts'

const kinds = (effects: readonly Effect[]): string[] => effects.map(({ type }) => type)
const placed = (): RunFramework => {
  const run = new RunFramework(WISH, 'job.1')
  run.step(offers(offerOf()))
  return run
}

/** What is launched of the plain wish. */
function placedTask(): readonly object[] {
  const { effects } = new RunFramework(WISH, 'job.1').step(offers(offerOf()))
  return effects.flatMap((effect) => (effect.type === 'accept' ? effect.tasks : []))
}

describe('A run', () => {
  test('takes the first offer that fits, wants no more, and gives the others back', () => {
    const run = new RunFramework(WISH, 'job.1')
    const { effects, notes } = run.step(
      offers(offerOf({ cpus: 0.1 }), offerOf({ agent: 'a2' }), offerOf({ agent: 'a3' })),
    )
    expect(kinds(effects)).toEqual(['accept', 'suppress', 'decline'])
    expect(effects[0]).toMatchObject({
      offer: { id: { value: 'o-a2' } },
      tasks: [{ task_id: { value: 'job.1' } }],
    })
    expect(effects[2]).toMatchObject({ offers: [{ id: { value: 'o-a1' } }, { id: { value: 'o-a3' } }] })
    expect(notes.map(({ kind }) => kind)).toEqual(['near-miss', 'placed'])
  })

  test('launches what was wished: limits beyond what it reserves, volumes, a grace', () => {
    const volumes = [{ host_path: '/srv', container_path: '/data', mode: 'RO' as const }]
    const wish = { ...WISH, image: 'busybox', most: { cpus: 2, mem: 512 }, volumes, graceMs: 1500 }
    const { effects } = new RunFramework(wish, 'job.1').step(offers(offerOf()))
    expect(effects[0]).toMatchObject({
      tasks: [
        {
          limits: { cpus: { value: 2 }, mem: { value: 512 } },
          container: { volumes },
          kill_policy: { grace_period: { nanoseconds: 1.5e9 } },
        },
      ],
    })
    const [plain] = placedTask()
    expect(plain).not.toHaveProperty('limits')
    expect(plain).not.toHaveProperty('kill_policy')
  })

  test('acknowledges every update, also those of tasks that are not its own', () => {
    const run = placed()
    expect(kinds(run.step(update('other', 'TASK_RUNNING')).effects)).toEqual(['acknowledge'])
    expect(kinds(run.step(update('job.1', 'TASK_RUNNING')).effects)).toEqual(['acknowledge'])
    expect(run.outcome).toBeUndefined()
  })

  test('is over with the first terminal state', () => {
    const run = placed()
    run.step(update('job.1', 'TASK_FAILED', { message: 'Command exited with status 3' }))
    expect(run.outcome).toMatchObject({ kind: 'task-ended', status: { state: 'TASK_FAILED' } })
  })

  test('goes on waiting, under a new id, when the offer was gone before it was accepted', () => {
    const run = placed()
    const { effects } = run.step(update('job.1', 'TASK_DROPPED', { reason: 'REASON_INVALID_OFFERS' }))
    expect(kinds(effects)).toEqual(['acknowledge', 'revive'])
    expect(run.outcome).toBeUndefined()
    expect(run.step(offers(offerOf())).effects[0]).toMatchObject({
      tasks: [{ task_id: { value: 'job.1-1' } }],
    })
  })

  test('is not placed in time with the nearest miss and how many offers were seen', () => {
    const run = new RunFramework(WISH, 'job.1')
    run.step(offers(offerOf({ cpus: 0.1 }), offerOf({ agent: 'a2', cpus: 0.4 })))
    run.step({ type: 'give-up' })
    expect(run.outcome).toMatchObject({ kind: 'not-placed', seen: 2, nearest: { agentName: 'a2' } })
  })

  test('that is placed does not give up', () => {
    const run = placed()
    run.step({ type: 'give-up' })
    expect(run.outcome).toBeUndefined()
  })

  test('that is stopped kills its task once and ends with it', () => {
    const run = placed()
    expect(kinds(run.step({ type: 'stop' }).effects)).toEqual(['kill'])
    expect(run.step({ type: 'stop' }).effects).toEqual([])
    run.step(update('job.1', 'TASK_KILLED'))
    expect(run.outcome).toMatchObject({ kind: 'task-ended', status: { state: 'TASK_KILLED' } })
  })

  test('that is stopped while it waits is over at once', () => {
    const run = new RunFramework(WISH, 'job.1')
    run.step({ type: 'stop' })
    expect(run.outcome).toEqual({ kind: 'stopped' })
  })

  test('asks for the state of its task after a new subscription, and kills it again if it was to end', () => {
    const run = placed()
    expect(kinds(run.step(subscribed()).effects)).toEqual(['reconcile'])
    run.step({ type: 'stop' })
    expect(kinds(run.step(subscribed()).effects)).toEqual(['reconcile', 'kill'])
  })
})

describe('The exit code of a task', () => {
  const code = (state: 'TASK_FINISHED' | 'TASK_FAILED' | 'TASK_KILLED', message = ''): number | undefined =>
    exitCodeOfTask({ task_id: { value: 't' }, state, message })

  test('is its own, or 128 and the signal that ended it', () => {
    expect(code('TASK_FINISHED')).toBe(0)
    expect(code('TASK_FAILED', 'Command exited with status 42')).toBe(42)
    expect(
      code('TASK_KILLED', 'Command terminated with signal Terminated; Ended on request by SIGTERM'),
    ).toBe(143)
    expect(code('TASK_FAILED', 'Container terminated with signal Segmentation fault')).toBe(139)
  })

  test('is not known when the task never ran', () => {
    expect(code('TASK_FAILED', 'Failed to launch container: no such image')).toBeUndefined()
  })
})

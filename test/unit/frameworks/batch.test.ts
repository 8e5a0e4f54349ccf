// The borrower: lives on lent resources, and loses nothing when they are taken back.
import { describe, expect, test } from 'vitest'
import { BatchFramework } from '../../../src/frameworks/batch.ts'
import { offerOf, offers, update, WISH } from './offers.ts'

const BORROWER = { ...WISH, cpus: 0.4, revocable: true }
const taken = { reason: 'REASON_CONTAINER_PREEMPTED', message: "owner 'web' misses 0.5 cpus" } as const

describe('A batch', () => {
  test('uses lent resources only', () => {
    const batch = new BatchFramework(BORROWER, 'b', 2)
    expect(batch.step(offers(offerOf({ cpus: 4 }))).effects.map(({ type }) => type)).toEqual(['decline'])
    expect(batch.step(offers(offerOf({ lent: 0.5 }))).effects.map(({ type }) => type)).toEqual(['accept'])
    expect(batch.running.map(({ taskId }) => taskId)).toEqual(['b-1'])
  })

  test('keeps what is too little or too much, and tells when it is called back', () => {
    const batch = new BatchFramework(BORROWER, 'b', 1)
    batch.step(offers(offerOf({ id: 'o1', lent: 0.5 })))
    expect(
      batch.step(offers(offerOf({ id: 'o2', lent: 0.5 }), offerOf({ id: 'o3', lent: 0.1 }))).effects,
    ).toEqual([])
    const rescind = { type: 'RESCIND', rescind: { offer_id: { value: 'o3' } } } as const
    expect(batch.step({ type: 'scheduler', event: rescind }).notes).toEqual([
      { kind: 'rescinded', agentName: 'a1', lentCpus: 0.1 },
    ])
    expect(batch.step({ type: 'scheduler', event: rescind }).notes).toEqual([])
  })

  test('counts what was taken back and starts it again on the next offer', () => {
    const batch = new BatchFramework(BORROWER, 'b', 1)
    batch.step(offers(offerOf({ lent: 0.5 })))
    const { notes } = batch.step(update('b-1', 'TASK_GONE', taken))
    expect(notes).toMatchObject([{ kind: 'taken-back', message: taken.message }])
    expect(batch.takenBack).toBe(1)
    batch.step(offers(offerOf({ lent: 0.5 })))
    expect(batch.running.map(({ taskId }) => taskId)).toEqual(['b-2'])
  })

  test('gives back what it keeps when a task ends, so that it comes again with what became free', () => {
    const batch = new BatchFramework(BORROWER, 'b', 1)
    batch.step(offers(offerOf({ id: 'o1', lent: 0.5 })))
    batch.step(offers(offerOf({ id: 'o2', lent: 0.1 })))
    const { effects } = batch.step(update('b-1', 'TASK_FINISHED'))
    expect(effects).toMatchObject([{ type: 'acknowledge' }, { type: 'decline', refuseSeconds: 0 }])
    expect(batch.finished).toBe(1)
  })

  test('does not repeat a task that fails by itself for ever', () => {
    const batch = new BatchFramework(BORROWER, 'b', 1)
    for (let round = 1; round <= 25; round++) {
      batch.step(offers(offerOf({ lent: 0.5 })))
      batch.step(update(`b-${round}`, 'TASK_FAILED', { message: 'Command exited with status 1' }))
    }
    expect(batch.step(offers(offerOf({ lent: 0.5 }))).effects.map(({ type }) => type)).toEqual(['decline'])
  })

  test('that is stopped ends its tasks and takes no more', () => {
    const batch = new BatchFramework(BORROWER, 'b', 2)
    batch.step(offers(offerOf({ lent: 0.5 })))
    expect(batch.step({ type: 'stop' }).effects.map(({ type }) => type)).toEqual(['kill', 'suppress'])
    expect(batch.step(offers(offerOf({ lent: 0.5 }))).effects.map(({ type }) => type)).toEqual(['decline'])
  })
})

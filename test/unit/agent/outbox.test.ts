// What waits for the disk, what waits behind it, and what a new link makes of both.
import { expect, test } from 'vitest'
import { Outbox } from '../../../src/agent/outbox.ts'
import type { LinkCall } from '../../../src/wire/link.ts'
import type { TaskState } from '../../../src/wire/tasks.ts'

class Rig {
  readonly heard: string[] = []
  #disk = Promise.withResolvers<void>()
  isSafe = false
  readonly outbox = new Outbox(
    {
      open: (call) => void this.heard.push(call.type ?? ''),
      send: (call) => void this.heard.push(call.update?.status.task_id.value ?? call.type ?? ''),
      reconnect: (reason) => void this.heard.push(reason),
      flush: async () => void this.heard.push('flushed'),
    },
    () => (this.isSafe ? undefined : this.#disk.promise),
  )

  update(task: string, state: TaskState): void {
    const status = { task_id: { value: task }, state }
    this.outbox.send({ type: 'UPDATE', update: { framework_id: { value: 'F' }, status } })
  }

  /** The disk has all that was written before. */
  async sync(): Promise<void> {
    this.#disk.resolve()
    this.#disk = Promise.withResolvers<void>()
    // Whoever waited has gone on by then.
    for (let turns = 0; turns < 10; turns++) await Promise.resolve()
  }
}

const PONG: LinkCall = { type: 'PONG' }

test('only ends wait for the disk, and what is said after one waits behind it', async () => {
  const rig = new Rig()
  rig.update('runs', 'TASK_RUNNING')
  rig.update('killing', 'TASK_KILLING')
  expect(rig.heard).toEqual(['runs', 'killing'])
  rig.update('ends', 'TASK_FINISHED')
  rig.outbox.send(PONG)
  rig.update('ends later', 'TASK_FAILED')
  rig.update('runs later', 'TASK_RUNNING')
  expect(rig.heard.slice(2)).toEqual([])
  await rig.sync()
  expect(rig.heard.slice(2)).toEqual(['ends', 'PONG', 'ends later', 'runs later'])
  rig.outbox.send(PONG)
  expect(rig.heard.at(-1)).toBe('PONG')
})

test('an end whose record is safe already does not wait', () => {
  const rig = new Rig()
  rig.isSafe = true
  rig.update('ends', 'TASK_LOST')
  expect(rig.heard).toEqual(['ends'])
})

test('what waited for a link that is gone is not said on the next one', async () => {
  const rig = new Rig()
  rig.update('ends', 'TASK_FINISHED')
  rig.outbox.send(PONG)
  rig.outbox.open({ type: 'SUBSCRIBE' })
  rig.update('runs', 'TASK_RUNNING')
  await rig.sync()
  expect(rig.heard).toEqual(['SUBSCRIBE', 'runs'])
})

test('the last words are said before the link is flushed', async () => {
  const rig = new Rig()
  rig.update('ends', 'TASK_FINISHED')
  rig.outbox.send({ type: 'UNREGISTER' })
  const flushed = rig.outbox.flush()
  await rig.sync()
  await flushed
  expect(rig.heard).toEqual(['ends', 'UNREGISTER', 'flushed'])
})

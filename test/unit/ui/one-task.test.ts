// One task that a person runs from the page: told to a master of show, which answers when the test says so.
import { afterEach, expect, test, vi } from 'vitest'
import { needOf } from '../../../src/resources/need.ts'
import { type Run, runOne } from '../../../ui/data/one-task.ts'
import { offer, ok, ShowMaster, WISH } from '../../support/show-master.ts'

const shown: Run[] = []
const last = (): Run | undefined => shown.at(-1)

function run(master: ShowMaster): Promise<void> {
  return runOne(master.post, WISH, 'echo.1', (one) => shown.push(one))
}

afterEach(() => {
  shown.length = 0
})

test('offers that come while the first is being accepted are declined: the task is launched once', async () => {
  const accepted = Promise.withResolvers<Response>()
  const master = new ShowMaster((type) => (type === 'ACCEPT' ? accepted.promise : ok()))
  const over = run(master)
  await vi.waitFor(() => expect(last()).toMatchObject({ framework: 'F' }))
  master.offer(offer('O1', 2), offer('O2', 2))
  await vi.waitFor(() => expect(master.of('DECLINE').length + master.of('ACCEPT').length).toBe(2))
  expect(master.of('ACCEPT').map(({ accept }) => accept?.offer_ids)).toEqual([[{ value: 'O1' }]])
  expect(master.of('SUPPRESS')).toEqual([])
  accepted.resolve(ok())
  await vi.waitFor(() => expect(master.of('SUPPRESS')).toHaveLength(1))
  master.offer(offer('O3', 2))
  await vi.waitFor(() => expect(master.declined).toEqual(['O2', 'O3']))
  expect(master.of('ACCEPT')).toHaveLength(1)
  expect(last()).toEqual({ task: 'echo.1', framework: 'F' })
  master.end()
  await over
})

test('its framework says what it waits for, and is not told of what nobody would acknowledge', async () => {
  const master = new ShowMaster()
  const over = run(master)
  await vi.waitFor(() => expect(last()).toMatchObject({ framework: 'F' }))
  const { capabilities, labels } = master.of('SUBSCRIBE')[0]?.subscribe?.framework_info ?? {}
  expect(needOf({ labels: labels ?? {} })).toEqual({ name: 'echo', cpus: 1, mem: 32, lent: false })
  expect(capabilities).not.toContainEqual({ type: 'TASK_KILLING_STATE' })
  master.end()
  await over
})

test('an offer that is too small is declined for a short while; one beside it that is enough is taken', async () => {
  const master = new ShowMaster()
  const over = run(master)
  await vi.waitFor(() => expect(last()).toMatchObject({ framework: 'F' }))
  master.offer(offer('small', 0.5))
  await vi.waitFor(() => expect(master.of('DECLINE')).toHaveLength(1))
  expect(master.of('DECLINE')[0]?.decline?.filters.refuse_seconds).toBeLessThan(10)
  master.send({
    type: 'OFFERS',
    offers: { offers: [offer('tiny', 0.1), offer('large', 4), offer('more', 4)] },
  })
  await vi.waitFor(() => expect(master.of('ACCEPT')).toHaveLength(1))
  expect(master.of('ACCEPT')[0]?.accept?.offer_ids).toEqual([{ value: 'large' }])
  expect(master.declined).toEqual(['small', 'tiny', 'more'])
  master.end()
  await over
})

test('an ACCEPT that is refused is told in the words of the master, and the framework goes', async () => {
  const refused = (): Response => new Response('The master is not the leader', { status: 503 })
  const master = new ShowMaster((type) => (type === 'ACCEPT' ? refused() : ok()))
  const over = run(master)
  await vi.waitFor(() => expect(last()).toMatchObject({ framework: 'F' }))
  master.offer(offer('O1', 2))
  await over
  expect(last()?.trouble).toBe('It was given up: ACCEPT was refused: The master is not the leader')
  expect(master.of('TEARDOWN')).toHaveLength(1)
  expect(master.of('SUPPRESS')).toEqual([])
})

test('a DECLINE that is refused is told, and the task goes on', async () => {
  const master = new ShowMaster((type) => (type === 'DECLINE' ? new Response('no', { status: 400 }) : ok()))
  const over = run(master)
  await vi.waitFor(() => expect(last()).toMatchObject({ framework: 'F' }))
  master.offer(offer('O1', 2), offer('O2', 2))
  await vi.waitFor(() => expect(last()?.trouble).toBe('DECLINE was refused: no'))
  expect(master.of('TEARDOWN')).toEqual([])
  expect(master.of('ACCEPT')).toHaveLength(1)
  master.end()
  await over
})

test('a task that ended is acknowledged before its framework is torn down', async () => {
  const master = new ShowMaster()
  const over = run(master)
  await vi.waitFor(() => expect(last()).toMatchObject({ framework: 'F' }))
  master.offer(offer('O1', 2))
  const status = { task_id: { value: 'echo.1' }, agent_id: { value: 'A' }, uuid: 'AAAA' }
  master.send(
    { type: 'UPDATE', update: { status: { ...status, state: 'TASK_RUNNING' } } },
    { type: 'UPDATE', update: { status: { ...status, state: 'TASK_FINISHED' } } },
  )
  await over
  expect(last()).toMatchObject({ update: { state: 'TASK_FINISHED' } })
  expect(last()?.trouble).toBeUndefined()
  const order = master.calls.map(({ type }) => type)
  expect(order.filter((type) => type === 'ACKNOWLEDGE')).toHaveLength(2)
  expect(order.at(-1)).toBe('TEARDOWN')
})

test('a stream that ends before the task did is told, for no more is heard of it', async () => {
  const master = new ShowMaster()
  const over = run(master)
  await vi.waitFor(() => expect(last()).toMatchObject({ framework: 'F' }))
  master.end()
  await over
  expect(last()?.trouble).toBe('No more is heard of it here: The master ended the stream')
})

test('what the master says when it lets nobody subscribe is thrown', async () => {
  const refuses = (): Promise<Response> => Promise.resolve(new Response('Not authorized', { status: 403 }))
  await expect(runOne(refuses, WISH, 'echo.1', () => undefined)).rejects.toThrow('Not authorized')
})

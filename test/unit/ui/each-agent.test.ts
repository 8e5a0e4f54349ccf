// A command on each agent, run from the page: told to a master of show, which answers when the test says so.
import { afterEach, expect, test, vi } from 'vitest'
import { type Result, runOnEach } from '../../../ui/data/each-agent.ts'
import { offer, ok, ShowMaster, WISH } from '../../support/show-master.ts'

const results = new Map<string, Result>()
const stop = (): AbortController => new AbortController()

async function start(
  master: ShowMaster,
  agents: readonly string[],
  ending = stop(),
): Promise<{ over: Promise<void> }> {
  const each = {
    wish: WISH,
    prefix: 'each.1',
    agents,
    outputOf: (_framework: string, agent: string) => Promise.resolve(`output of ${agent}`),
    show: (result: Result) => void results.set(result.agent, result),
  }
  const over = runOnEach(master.post, each, ending.signal)
  await vi.waitFor(() => expect(master.of('SUBSCRIBE')).toHaveLength(1))
  return { over }
}

function update(task: string, state: string): object {
  const status = { task_id: { value: task }, agent_id: { value: 'any' }, uuid: 'AAAA', state, message: 'so' }
  return { type: 'UPDATE', update: { status } }
}

afterEach(() => results.clear())

test('of two offers of one agent the larger is taken, and too small ones do not keep it away', async () => {
  const master = new ShowMaster()
  const { over } = await start(master, ['A'])
  master.send({ type: 'OFFERS', offers: { offers: [offer('small', 0.5, 'A'), offer('too', 0.5, 'A')] } })
  await vi.waitFor(() => expect(master.declined).toEqual(['small', 'too']))
  for (const { decline } of master.of('DECLINE')) expect(decline?.filters.refuse_seconds).toBeLessThan(10)
  master.send({ type: 'OFFERS', offers: { offers: [offer('tiny', 0.1, 'A'), offer('large', 4, 'A')] } })
  await vi.waitFor(() => expect(master.of('ACCEPT')).toHaveLength(1))
  expect(master.of('ACCEPT')[0]?.accept?.offer_ids).toEqual([{ value: 'large' }])
  master.send(update('each.1.0', 'TASK_FINISHED'))
  await over
  expect([...results.values()]).toEqual([{ agent: 'A', state: 'ok', output: 'output of A' }])
  expect(master.of('TEARDOWN')).toHaveLength(1)
})

test('an agent is used once, whatever it offers while the first ACCEPT is on its way', async () => {
  const accepted = Promise.withResolvers<Response>()
  const master = new ShowMaster((type) => (type === 'ACCEPT' ? accepted.promise : ok()))
  const { over } = await start(master, ['A'])
  master.offer(offer('O1', 2, 'A'), offer('O2', 2, 'A'))
  await vi.waitFor(() => expect(master.declined).toEqual(['O2']))
  accepted.resolve(ok())
  master.send(update('each.1.0', 'TASK_FINISHED'))
  await over
  expect(master.of('ACCEPT')).toHaveLength(1)
})

test('an ACCEPT that is refused is the result of its agent; the others go on', async () => {
  const answers = [new Response('no longer there', { status: 400 }), ok()]
  const master = new ShowMaster((type) => (type === 'ACCEPT' ? (answers.shift() ?? ok()) : ok()))
  const { over } = await start(master, ['A', 'B'])
  master.offer(offer('O1', 2, 'A'), offer('O2', 2, 'B'))
  await vi.waitFor(() => expect(results.get('A')?.state).toBe('failed'))
  expect(results.get('A')?.output).toBe('not run: ACCEPT was refused: no longer there')
  master.send(update('each.1.1', 'TASK_RUNNING'), update('each.1.1', 'TASK_FAILED'))
  await over
  expect(results.get('B')).toEqual({ agent: 'B', state: 'failed', output: 'failed: so\noutput of B' })
})

test('one that is stopped ends what runs and says which agents it has not reached', async () => {
  const master = new ShowMaster()
  const ending = stop()
  const { over } = await start(master, ['A', 'B'], ending)
  master.offer(offer('O1', 2, 'A'))
  master.send(update('each.1.0', 'TASK_RUNNING'))
  await vi.waitFor(() => expect(results.get('A')?.state).toBe('runs'))
  ending.abort()
  await over
  expect(master.of('TEARDOWN')).toHaveLength(1)
  expect(results.get('A')?.output).toBe('stopped before it ended')
  expect(results.get('B')?.output).toBe('not run: stopped before it ended')
})

test('a stream that breaks is told, also of each agent that is left', async () => {
  const master = new ShowMaster()
  const { over } = await start(master, ['A'])
  master.end()
  await expect(over).rejects.toThrow('The master ended the stream')
  expect(results.get('A')?.output).toBe('not run: no more was heard: The master ended the stream')
})

test('its framework and tasks end with the page, for nobody would read what comes of them', async () => {
  const master = new ShowMaster()
  const ending = stop()
  const { over } = await start(master, ['A'], ending)
  expect(master.of('SUBSCRIBE')[0]).toMatchObject({ subscribe: { framework_info: { failover_timeout: 0 } } })
  ending.abort()
  await over
})

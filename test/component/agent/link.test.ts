// An agent and its master: who is there first, who goes away, who lies.
import { describe, expect, test } from 'vitest'
import { redirect, text } from '../../../src/http/response.ts'
import { registered, runTask, TestAgent, ToyMaster } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'
import { startRealMaster } from '../../support/real-cluster.ts'

/** Moves time on in small steps until something is so. */
async function until(clock: ManualClock, isSo: () => boolean, stepMs = 50): Promise<void> {
  for (let steps = 0; !isSo(); steps++) {
    if (steps > 100_000) throw new Error('it never became so')
    await clock.advance(stepMs)
  }
}

const ack = (status: { task_id: { value: string }; uuid?: string }): object => ({
  type: 'ACKNOWLEDGE',
  acknowledge: { framework_id: { value: 'F1' }, task_id: status.task_id, uuid: status.uuid },
})

describe('an agent', () => {
  test('registers with what it has, and shows that it did', async () => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    await using agent = await TestAgent.start(master.address, { clock, argv: ['--attributes=rack:a'] })
    const link = await master.link()
    expect(link.call.subscribe?.agent_info).toMatchObject({ hostname: '127.0.0.1', port: agent.port })
    expect(link.call.subscribe?.agent_info.attributes?.[0]).toMatchObject({
      name: 'rack',
      text: { value: 'a' },
    })
    expect(link.call.subscribe?.capabilities?.map(({ type }) => type)).toContain('TASK_RESOURCE_LIMITS')
    await expect.poll(async () => (await agent.page('/state'))['id']).toBe('M-S0')
    expect(await agent.page('/metrics/snapshot')).toMatchObject({ 'slave/registered': 1 })
  })

  test('that was there before its master finds it, asking ever more seldom but once a minute', async () => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    master.refuse = () => text(503, 'not yet')
    await using _ = await TestAgent.start(master.address, { clock })
    await until(clock, () => master.tries.length >= 10)
    const waits = master.tries.slice(1).map((at, index) => at - (master.tries[index] ?? 0))
    for (const [index, wait] of waits.entries()) {
      const most = Math.min(60_000, 1000 * 2 ** index)
      // Time moves on in steps, and an answer takes real time.
      expect(wait, `wait ${index}`).toBeGreaterThanOrEqual(most / 2)
      expect(wait, `wait ${index}`).toBeLessThanOrEqual(most * 1.05 + 500)
    }
    expect(new Set(waits.slice(6)).size, 'waits are drawn by chance').toBeGreaterThan(1)
    master.refuse = undefined
    await until(clock, () => master.tries.length >= 11)
    await master.link()
  })

  test('whose master starts anew brings its tasks with it', async () => {
    const clock = new ManualClock()
    const first = await ToyMaster.start(clock)
    const { port } = first
    await using agent = await TestAgent.start(first.address, { clock })
    const link = await first.link()
    link.send(runTask('t'))
    const [, running] = await (async () => {
      const [starting] = await first.callsOf('UPDATE', 1)
      link.send(ack(starting?.update?.status as never))
      return first.callsOf('UPDATE', 2)
    })()
    expect(running?.update?.status.state).toBe('TASK_RUNNING')
    await first[Symbol.asyncDispose]()
    await using second = await ToyMaster.start(clock, port)
    await until(clock, () => second.tries.length > 0)
    const again = await second.link()
    expect(again.call.agent_id?.value).toBe('M-S0')
    expect(again.call.subscribe?.tasks).toMatchObject([
      { task: { task_id: { value: 't' } }, state: 'TASK_RUNNING' },
    ])
    expect(again.call.subscribe?.frameworks).toMatchObject([{ id: { value: 'F1' } }])
    // What was not acknowledged is told again.
    const [told] = await second.callsOf('UPDATE', 1)
    expect(told?.update?.status).toMatchObject({ state: 'TASK_RUNNING', uuid: running?.update?.status.uuid })
    expect(agent.containers.containers.size).toBe(1)
  })

  test('takes a master for gone that is silent for its whole ping timeout', async () => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    await using agent = await TestAgent.start(master.address, { clock })
    const link = await master.link({ pingTimeout: 30 })
    await expect.poll(async () => (await agent.page('/state'))['id']).toBe('M-S0')
    await clock.advance(29_000)
    link.send({ type: 'PING', ping: { connected: true } })
    await master.callsOf('PONG', 1)
    await clock.advance(29_000)
    expect(master.tries).toHaveLength(1)
    await until(clock, () => master.tries.length === 2)
    expect((await master.link()).call.agent_id?.value).toBe('M-S0')
  })

  test('comes again when its master holds it for gone', async () => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    await using _ = await TestAgent.start(master.address, { clock })
    const link = await master.link()
    link.send({ type: 'PING', ping: { connected: false } })
    await until(clock, () => master.tries.length === 2)
  })

  test('follows a master that sends it to its leader', async () => {
    const clock = new ManualClock()
    await using leader = await ToyMaster.start(clock)
    await using other = await ToyMaster.start(clock)
    other.refuse = () => redirect(`//127.0.0.1:${leader.port}/api/x1/agent`)
    await using agent = await TestAgent.start(other.address, { clock })
    await leader.link()
    await expect.poll(async () => (await agent.page('/state'))['master_hostname']).toBe('127.0.0.1')
  })

  test('does not run in circles with masters that send it to one another', async () => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    master.refuse = () => redirect(`//${master.address}/api/x1/agent`)
    await using agent = await TestAgent.start(master.address, { clock })
    await master.until(() => (master.tries.length === 4 ? true : undefined))
    // Time enough for a fifth, were there one.
    for (let round = 0; round < 10; round++) await agent.get('/health')
    expect(master.tries).toHaveLength(4)
  })

  const garbage: readonly (readonly [string, string])[] = [
    ['no JSON', 'x'],
    ['no event', '{}'],
    ['an event of the wrong shape', '{"type":"REGISTERED","registered":{"agent_id":7}}'],
    ['a ping timeout of nothing', JSON.stringify(registered(0))],
  ]
  test.each(garbage)('closes the link and tries again when its master sends %s', async (_, record) => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    await using agent = await TestAgent.start(master.address, { clock })
    const link = await master.link({ register: false })
    link.stream.send(record)
    await until(clock, () => master.tries.length === 2)
    const again = await master.link()
    expect(again.call.agent_id).toBeUndefined()
    await expect.poll(async () => (await agent.page('/state'))['id']).toBe('M-S0')
  })

  test('ends when the master gives it the id of another', async () => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    await using agent = await TestAgent.start(master.address, { clock })
    const link = await master.link()
    link.send(runTask('t'))
    await master.callsOf('UPDATE', 1)
    link.send({
      type: 'REGISTERED',
      registered: {
        agent_id: { value: 'M-S9' },
        master_info: { id: 'M', ip: 1, port: 1 },
        total_ping_timeout_seconds: 75,
      },
    })
    expect((await agent.agent.ended)?.message).toBe(
      'The master registered this agent as M-S9, but it is M-S0.',
    )
  })

  test('sends its updates in their order, one of each task at a time', async () => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    await using agent = await TestAgent.start(master.address, { clock, byHand: true })
    const link = await master.link()
    const ids = ['a', 'b', 'c']
    for (const id of ids) link.send(runTask(id))
    await expect.poll(() => agent.containers.launches.size).toBe(3)
    for (const launch of agent.containers.launches.values()) launch.succeed()
    for (let seen = 0; seen < 6; seen++) {
      const update = (await master.callsOf('UPDATE', seen + 1))[seen]?.update
      link.send(ack(update?.status as never))
    }
    const told = master.calls.map(({ update }) => `${update?.status.task_id.value} ${update?.status.state}`)
    for (const id of ids)
      expect(told.filter((line) => line.startsWith(id))).toEqual([
        `${id} TASK_STARTING`,
        `${id} TASK_RUNNING`,
      ])
  })

  test('that ends waits for acknowledgements only so long, and says goodbye', async () => {
    const clock = new ManualClock()
    await using master = await ToyMaster.start(clock)
    await using agent = await TestAgent.start(master.address, { clock })
    const link = await master.link()
    link.send(runTask('t'))
    await expect.poll(() => agent.containers.containers.size).toBe(1)
    agent.agent.shutdown('The test is over')
    const [container] = agent.containers.containers.values()
    await expect.poll(() => container?.kills).toEqual([3000])
    container?.end({ kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    await expect.poll(() => container?.released).toBe(1)
    await clock.settle()
    expect(master.calls.some(({ type }) => type === 'UNREGISTER')).toBe(false)
    await clock.advance(5000)
    await master.callsOf('UNREGISTER', 1)
    expect(await agent.agent.ended).toBeUndefined()
  })
})

test('an agent registers with a real master and is seen there', async () => {
  await using master = await startRealMaster()
  await using agent = await TestAgent.start(`127.0.0.1:${master.address.port}`)
  await expect.poll(async () => (await agent.page('/state'))['id']).toBe(`${master.id}-S0`)
  const page = await fetch(`http://127.0.0.1:${master.address.port}/state`)
  expect(await page.json()).toMatchObject({ activated_slaves: 1, slaves: [{ hostname: '127.0.0.1' }] })
})

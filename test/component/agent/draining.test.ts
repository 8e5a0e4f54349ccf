// DRAIN over a real link: the task ends with the reason, and the page tells of it as long as it lasts.
import { expect, test } from 'vitest'
import { runTask, TestAgent, ToyMaster } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'

test('a drained agent kills its task within the bound and tells why', async () => {
  const clock = new ManualClock()
  await using master = await ToyMaster.start(clock)
  await using agent = await TestAgent.start(master.address, { clock })
  const link = await master.link()
  const statusAt = async (count: number) => (await master.callsOf('UPDATE', count)).at(-1)?.update?.status
  const acknowledge = (uuid: string | undefined): void =>
    link.send({
      type: 'ACKNOWLEDGE',
      acknowledge: { framework_id: { value: 'F1' }, task_id: { value: 'hello' }, uuid },
    })
  link.send(runTask('hello'))
  for (const count of [1, 2]) acknowledge((await statusAt(count))?.uuid)
  link.send({ type: 'DRAIN', drain: { max_grace_period: { nanoseconds: 2_000_000_000 }, mark_gone: false } })
  const [container] = agent.containers.containers.values()
  await expect.poll(() => container?.kills).toEqual([2000])
  expect(await agent.page('/state')).toMatchObject({
    drain_config: { max_grace_period: { nanoseconds: 2_000_000_000 }, mark_gone: false },
    estimated_drain_start_time_seconds: clock.now() / 1000,
    capabilities: expect.arrayContaining(['AGENT_DRAINING']) as unknown,
  })
  container?.end({ kind: 'signaled', signal: 'SIGTERM', detail: undefined })
  const told = await statusAt(3)
  expect(told).toMatchObject({ state: 'TASK_KILLED', reason: 'REASON_AGENT_DRAINING' })
  acknowledge(told?.uuid)
  await expect.poll(() => agent.page('/state')).not.toHaveProperty('drain_config')
})

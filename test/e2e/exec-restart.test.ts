// What is left of commands in containers when their agent is killed: nothing, once it is there again.
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { Run } from '../support/cli.ts'
import { Daemons } from '../support/daemons.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { processesWith } from '../support/processes-with.ts'
import { RawScheduler, task } from '../support/raw-scheduler.ts'

const KEEPS = { capabilities: [{ type: 'PARTITION_AWARE' }], checkpoint: true, failover_timeout: 60 }
const SOON = { timeout: 50_000, interval: 50 }
let before: string[]

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
})
afterAll(() => nothingLeft(before))

test('a command in a container ends when its agent comes back after kill -9, and the task goes on', async () => {
  await using daemons = await Daemons.start()
  const agent = await daemons.agent(0)
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  const container = { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST' } }
  await scheduler.launch(offer, [
    task(offer, 'plain', 'sleep 1000'),
    task(offer, 'boxed', 'sleep 1000', { container }),
  ])
  const environment = { TEPUI_MASTER: `127.0.0.1:${daemons.masterPort}` }
  const mark = `session-of-${process.pid}`
  for (const id of ['plain', 'boxed']) {
    await scheduler.status(id, 'TASK_RUNNING')
    const line = `trap "" HUP PIPE; echo begun; while :; do sleep 1; done # ${mark}`
    const run = new Run(['exec', id, '--', 'sh', '-c', line], environment)
    await vi.waitFor(() => expect(run.stdout).toBe('begun\n'), SOON)
  }
  await daemons.end(agent, 'SIGKILL')
  // A copy of the shell that is not a sleep yet looks like it.
  await vi.waitFor(() => expect(processesWith(mark)).toHaveLength(2), SOON)
  await daemons.agent(0)
  await vi.waitFor(() => expect(processesWith(mark)).toEqual([]), SOON)
  for (const id of ['plain', 'boxed']) {
    const run = new Run(['exec', id, '--', 'echo', 'still here'], environment)
    expect((await run.ended).stdout).toBe('still here\n')
  }
}, 120_000)

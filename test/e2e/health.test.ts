// Health checks on the whole way: a framework hears that its task is healthy, then unhealthy, and why it was ended.
import { beforeAll, expect, test } from 'vitest'
import { commandTask, dockerTask, type Offer, type TaskInfo } from '../../src/sdk/sdk.ts'
import { requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { startCluster } from '../support/real-cluster.ts'

beforeAll(requireEngine)

const SMALL = { cpus: 0.1, mem: 64 }
const TIMES = { delay_seconds: 0, interval_seconds: 0.2, timeout_seconds: 20, consecutive_failures: 2 }
const health_check = {
  type: 'COMMAND',
  command: { value: 'test ! -e "$MESOS_SANDBOX/sick" || { echo sick; false; }' },
  ...TIMES,
} as const
const LINE = 'exec sleep 1000'

test.each([
  ['a command task', (offer: Offer): TaskInfo => commandTask({ id: 't', offer, command: LINE, ...SMALL })],
  [
    'a Docker task',
    (offer: Offer): TaskInfo =>
      dockerTask({ id: 't', offer, image: TEST_IMAGE, network: 'NONE', command: LINE, ...SMALL }),
  ],
])('%s that turns unhealthy is told so, and ended with what was wrong', async (_name, task) => {
  await using cluster = await startCluster({ capabilities: ['PARTITION_AWARE', 'TASK_KILLING_STATE'] })
  const { framework } = cluster
  await framework.launch((offer) => ({ ...task(offer), health_check }))
  await framework.until(() => framework.statuses.find(({ healthy }) => healthy === true))
  cluster.write('t', 'sick', '')
  const end = await framework.end('t')
  expect(end).toMatchObject({ state: 'TASK_KILLED', healthy: false })
  expect(end.message).toMatch(/health check failed 2 of 2 times in a row: .*exited with status 1: sick/)
  const told = framework.statuses.filter(({ task_id }) => task_id.value === 't')
  expect(told.map(({ healthy, reason, state }) => [state, healthy, reason])).toEqual([
    ['TASK_STARTING', undefined, undefined],
    ['TASK_RUNNING', undefined, undefined],
    ['TASK_RUNNING', true, 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED'],
    ['TASK_RUNNING', false, 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED'],
    ['TASK_RUNNING', false, 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED'],
    ['TASK_KILLING', undefined, undefined],
    ['TASK_KILLED', false, undefined],
  ])
})

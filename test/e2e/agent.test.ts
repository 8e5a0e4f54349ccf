// The whole way of a task through a real master and a real agent, as commands on the host and as Docker containers.
import { createServer } from 'node:http'
import { beforeAll, describe, expect, test } from 'vitest'
import { commandTask, dockerTask } from '../../src/sdk/sdk.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { startCluster } from '../support/real-cluster.ts'

beforeAll(requireEngine)

const SMALL = { cpus: 0.1, mem: 64 }

describe('a command task', () => {
  test('that ends well is STARTING, RUNNING, FINISHED, and leaves its output', async () => {
    const before = await leftovers()
    {
      await using cluster = await startCluster()
      const { framework } = cluster
      await framework.launch((offer) =>
        commandTask({ id: 't', offer, command: 'echo hi from $MESOS_TASK_ID', ...SMALL }),
      )
      const end = await framework.end('t')
      expect(end).toMatchObject({
        state: 'TASK_FINISHED',
        source: 'SOURCE_EXECUTOR',
        executor_id: { value: 't' },
      })
      expect(framework.statesOf('t')).toEqual(['TASK_STARTING', 'TASK_RUNNING', 'TASK_FINISHED'])
      expect(cluster.file('t', 'stdout')).toBe('hi from t\n')
    }
    await expect.poll(() => leftovers(before)).toEqual([])
  })

  test('that ends badly is FAILED and says how', async () => {
    await using cluster = await startCluster({ agent: ['--containerizers=mesos'] })
    await cluster.framework.launch((offer) => commandTask({ id: 't', offer, command: 'exit 3', ...SMALL }))
    expect(await cluster.framework.end('t')).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Command exited with status 3',
    })
  })

  test('whose program is not there is FAILED and names it', async () => {
    await using cluster = await startCluster({ agent: ['--containerizers=mesos'] })
    await cluster.framework.launch((offer) =>
      commandTask({ id: 't', offer, command: ['/no/such/program'], ...SMALL }),
    )
    const end = await cluster.framework.end('t')
    expect(end.state).toBe('TASK_FAILED')
    expect(`${end.message} ${cluster.file('t', 'stderr')}`).toContain('/no/such/program')
  })

  test('that is killed is KILLED, after the grace of the call', async () => {
    await using cluster = await startCluster({
      agent: ['--containerizers=mesos'],
      capabilities: ['PARTITION_AWARE', 'TASK_KILLING_STATE'],
    })
    const { framework } = cluster
    const command = 'trap "" TERM; echo deaf; while :; do sleep 0.05; done'
    await framework.launch((offer) => commandTask({ id: 't', offer, command, ...SMALL }))
    const { agent_id } = await framework.status('t', 'TASK_RUNNING')
    await expect.poll(() => cluster.file('t', 'stdout')).toBe('deaf\n')
    const at = agent_id === undefined ? {} : { agentId: agent_id.value }
    await framework.client.kill('t', { ...at, graceMs: 100 })
    expect(await framework.end('t')).toMatchObject({ state: 'TASK_KILLED' })
    expect(framework.statesOf('t')).toContain('TASK_KILLING')
  })

  test('whose URI cannot be fetched is FAILED with the URI and the reason', async () => {
    await using cluster = await startCluster({ agent: ['--containerizers=mesos'] })
    const uris = ['/no/such/file']
    await cluster.framework.launch((offer) =>
      commandTask({ id: 't', offer, command: 'true', uris, ...SMALL }),
    )
    const end = await cluster.framework.end('t')
    expect(end).toMatchObject({ state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LAUNCH_FAILED' })
    expect(end.message).toContain('/no/such/file')
    expect(await cluster.page('/metrics/snapshot')).toMatchObject({
      'containerizer/fetcher/task_fetches_failed': 1,
    })
  })
})

describe('a Docker task', () => {
  test('finds its URI in its sandbox and leaves its output there', async () => {
    const before = await leftovers()
    const files = createServer((_, response) => response.end('fetched over http\n'))
    await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve))
    const address = files.address()
    const port = typeof address === 'object' ? address?.port : undefined
    {
      await using cluster = await startCluster()
      const uris = [`http://127.0.0.1:${port}/greeting.txt`]
      const command = 'cat $MESOS_SANDBOX/greeting.txt'
      await cluster.framework.launch((offer) =>
        dockerTask({ id: 't', offer, image: TEST_IMAGE, network: 'NONE', command, uris, ...SMALL }),
      )
      expect(await cluster.framework.end('t')).toMatchObject({ state: 'TASK_FINISHED' })
      expect(cluster.file('t', 'stdout')).toBe('fetched over http\n')
      expect(cluster.file('t', 'greeting.txt')).toBe('fetched over http\n')
      const running = cluster.framework.statuses.find(({ state }) => state === 'TASK_RUNNING')
      const [inspected] = JSON.parse(Buffer.from(running?.data ?? '', 'base64').toString()) as {
        Name: string
      }[]
      expect(inspected?.Name).toMatch(/^\/mesos-/)
    }
    await new Promise((resolve) => files.close(resolve))
    await expect.poll(() => leftovers(before)).toEqual([])
  })

  test('that ends badly is FAILED and says how', async () => {
    await using cluster = await startCluster()
    await cluster.framework.launch((offer) =>
      dockerTask({ id: 't', offer, image: TEST_IMAGE, network: 'NONE', command: 'exit 4', ...SMALL }),
    )
    expect(await cluster.framework.end('t')).toMatchObject({
      state: 'TASK_FAILED',
      message: 'Container exited with status 4',
    })
  })

  test('that takes more memory than it has is FAILED with the limit and the figures', async () => {
    await using cluster = await startCluster()
    // tail keeps what it reads until a line ends, which never comes.
    const command = 'tail -n 1 /dev/zero'
    await cluster.framework.launch((offer) =>
      dockerTask({ id: 't', offer, image: TEST_IMAGE, network: 'NONE', command, ...SMALL }),
    )
    const end = await cluster.framework.end('t')
    expect(end).toMatchObject({
      state: 'TASK_FAILED',
      source: 'SOURCE_AGENT',
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
    })
    expect(end.message).toMatch(/^Memory limit exceeded \(limit 64 MiB/)
    expect(end.limitation?.resources?.[0]).toMatchObject({ name: 'mem', scalar: { value: 64 } })
  })

  test('shows its usage on the pages of the agent while it runs', async () => {
    await using cluster = await startCluster()
    const command = 'sleep 60'
    await cluster.framework.launch((offer) =>
      dockerTask({ id: 't', offer, image: TEST_IMAGE, network: 'NONE', command, ...SMALL }),
    )
    const { container_status } = await cluster.framework.status('t', 'TASK_RUNNING')
    expect(await cluster.page('/containers')).toMatchObject([
      {
        container_id: container_status?.container_id?.value,
        executor_id: 't',
        statistics: { mem_limit_bytes: 64 * 1024 ** 2, processes: 1 },
        status: { executor_pid: expect.any(Number) as number },
      },
    ])
  })
})

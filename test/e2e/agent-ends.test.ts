// How tasks end that did not want to: lent and taken back, with their agent, or orphaned by one that was killed.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { commandTask, dockerTask, executorTask, type Offer } from '../../src/sdk/sdk.ts'
import type { FrameworkInfoCapabilityType } from '../../src/wire/frameworks.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { groupFile } from '../support/host.ts'
import {
  agentArguments,
  RealFramework,
  startCluster,
  startRealAgent,
  startRealMaster,
} from '../support/real-cluster.ts'

beforeAll(requireEngine)

const SMALL = { cpus: 0.1, mem: 64 }
const PLUGIN = fileURLToPath(new URL('../support/plugins/corrects-on-demand.ts', import.meta.url))
const AGENT_PROCESS = fileURLToPath(new URL('../support/agent-process.ts', import.meta.url))

const hasRevocable = (offer: Offer): boolean =>
  (offer.resources ?? []).some(({ revocable }) => revocable !== undefined)
const cgroupsOf = (pid: number): string => readFileSync(`/proc/${pid}/cgroup`, 'utf8')

describe('a borrower', () => {
  const ends: readonly [readonly FrameworkInfoCapabilityType[], string][] = [
    [['REVOCABLE_RESOURCES', 'PARTITION_AWARE'], 'TASK_GONE'],
    [['REVOCABLE_RESOURCES'], 'TASK_LOST'],
  ]
  test.each(ends)('runs in the lent tier and is taken back: %s sees %s', async (capabilities, state) => {
    const before = await leftovers()
    const folder = mkdtempSync(join(tmpdir(), 'tepui-plugin-'))
    const file = join(folder, 'now')
    {
      await using cluster = await startCluster({
        capabilities,
        agent: ['--resource_estimator=fixed?resources=cpus:2', `--qos_controller=${PLUGIN}?file=${file}`],
      })
      const { framework } = cluster
      const lent = { cpus: 0.5, revocable: true }
      await framework.launch(
        (offer) => [
          commandTask({ id: 'host', offer, command: 'sleep 1000', ...lent }),
          dockerTask({
            id: 'docker',
            offer,
            image: TEST_IMAGE,
            network: 'NONE',
            command: 'sleep 1000',
            ...lent,
          }),
        ],
        hasRevocable,
      )
      for (const id of ['host', 'docker']) await framework.status(id, 'TASK_RUNNING')
      const containers = (await cluster.page('/containers')) as { status: { executor_pid: number } }[]
      expect(containers.map(({ status }) => cgroupsOf(status.executor_pid))).toEqual([
        expect.stringContaining('_lent/'),
        expect.stringContaining('_lent/'),
      ])
      writeFileSync(file, '')
      for (const id of ['host', 'docker']) {
        expect(await framework.end(id)).toMatchObject({
          state,
          reason: 'REASON_CONTAINER_PREEMPTED',
          source: 'SOURCE_AGENT',
          message: 'Taken back for web: 1 file, more than 0, for 1 s',
        })
      }
      expect(await cluster.page('/metrics/snapshot')).toMatchObject({ 'slave/executors_preempted': 2 })
      expect(await cluster.page('/api/x1/lend')).toMatchObject({
        mode: 'full',
        // Repeated until the borrowers are gone.
        corrections: expect.arrayContaining([
          expect.objectContaining({ cause: expect.objectContaining({ owner: 'web' }) as object }),
        ]) as unknown,
      })
    }
    rmSync(folder, { recursive: true })
    await expect.poll(() => leftovers(before)).toEqual([])
  })
})

describe('an agent', () => {
  test('that is shut down ends its tasks, tells them, and leaves its master', async () => {
    const before = await leftovers()
    {
      await using cluster = await startCluster()
      const { agent, framework, master } = cluster
      await framework.launch((offer) => [
        commandTask({ id: 'host', offer, command: 'sleep 1000', ...SMALL }),
        dockerTask({
          id: 'docker',
          offer,
          image: TEST_IMAGE,
          network: 'NONE',
          command: 'sleep 1000',
          ...SMALL,
        }),
      ])
      for (const id of ['host', 'docker']) await framework.status(id, 'TASK_RUNNING')
      agent.shutdown('The machine is needed elsewhere')
      expect(await agent.ended).toBeUndefined()
      for (const id of ['host', 'docker']) {
        const end = await framework.end(id)
        expect(end.state).toBe('TASK_KILLED')
        expect(end.message).toContain('The machine is needed elsewhere')
      }
      const state = await fetch(`http://127.0.0.1:${master.address.port}/state`)
      expect(await state.json()).toMatchObject({ activated_slaves: 0, deactivated_slaves: 0 })
    }
    await expect.poll(() => leftovers(before)).toEqual([])
  })

  test('that was killed with -9 is followed by one that sweeps what it left', async () => {
    const before = await leftovers()
    const workDir = mkdtempSync(join(tmpdir(), 'tepui-killed-'))
    {
      await using master = await startRealMaster()
      const at = `127.0.0.1:${master.address.port}`
      const first = fork(AGENT_PROCESS, agentArguments(at, workDir, ['--no-switch_user']))
      const [{ port }] = (await once(first, 'message')) as [{ port: number }]
      expect(port).toBeGreaterThan(0)
      await using framework = await RealFramework.subscribe(master)
      await framework.launch((offer) => [
        commandTask({ id: 'host', offer, command: 'sleep 1000', ...SMALL }),
        dockerTask({
          id: 'docker',
          offer,
          image: TEST_IMAGE,
          network: 'NONE',
          command: 'sleep 1000',
          ...SMALL,
        }),
      ])
      for (const id of ['host', 'docker']) await framework.status(id, 'TASK_RUNNING')
      const refused = await startRealAgent(at, workDir).catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'FILE', message: `Another agent works in ${workDir}` })
      first.kill('SIGKILL')
      await once(first, 'exit')
      expect((await leftovers(before)).join('\n')).toMatch(/container .* is running[^]*process \d+ runs/)
      await using agent = await startRealAgent(at, workDir, '--no-switch_user')
      expect(agent.address.port).toBeGreaterThan(0)
      const left = (): Promise<string[]> =>
        leftovers(before).then((all) => all.filter((thing) => !thing.startsWith('cgroup')))
      await expect.poll(left).toEqual([])
    }
    rmSync(workDir, { recursive: true, force: true })
    await expect.poll(() => leftovers(before)).toEqual([])
  })
})

describe('the container of a custom executor', () => {
  test('grows in shares and memory with the tasks that it is given', async () => {
    await using cluster = await startCluster({ agent: ['--containerizers=mesos'] })
    const { framework } = cluster
    const executor = {
      executor_id: { value: 'e' },
      command: {
        value: `exec ${process.execPath} ${new URL('../support/executors/quiet.ts', import.meta.url).pathname}`,
      },
      resources: [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: 0.1 } }],
    }
    const task = (id: string) => (offer: Offer) => executorTask({ id, offer, executor, cpus: 0.4, mem: 200 })
    await framework.launch(task('one'))
    const { container_status } = await framework.status('one', 'TASK_RUNNING')
    const pid = container_status?.executor_pid ?? 0
    const path = /[:,]memory[^:]*:(\S+)|^0::(\S+)$/m.exec(cgroupsOf(pid))
    const group = path?.[1] ?? path?.[2] ?? ''
    const limit = (): number =>
      Number(readFileSync(groupFile('memory', group, 'memory.limit_in_bytes', 'memory.max'), 'utf8'))
    const shares = (): number =>
      Number(readFileSync(groupFile('cpu', group, 'cpu.shares', 'cpu.weight'), 'utf8'))
    expect(limit()).toBe(200 * 1024 ** 2)
    const first = shares()
    await framework.launch(task('two'))
    await framework.status('two', 'TASK_RUNNING')
    await expect.poll(limit).toBe(400 * 1024 ** 2)
    await expect.poll(() => shares() / first).toBeCloseTo(0.9 / 0.5, 1)
    await framework.client.shutdown(
      'e',
      container_status?.container_id === undefined ? '' : agentOf(framework),
    )
    expect((await framework.end('one')).state).toBe('TASK_FAILED')
  })
})

function agentOf(framework: RealFramework): string {
  return framework.statuses[0]?.agent_id?.value ?? ''
}

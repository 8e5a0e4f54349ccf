// `tepui up --netns`: a cluster whose members have addresses of their own, a partition in it, and what it leaves.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { commandTask } from '../../src/sdk/sdk.ts'
import { Run, tepui, Up } from '../support/cli.ts'
import { nothingLeft } from '../support/cluster.ts'
import { leftovers, TOOL_PATH } from '../support/engine.ts'
import { RealFramework } from '../support/real-cluster.ts'

const MINUTES = 60_000
/** A partition is noticed after 10 s; an agent tries to come back at most every minute. */
const PATIENCE = { timeout: 3 * MINUTES, interval: 200 }
const ENVIRONMENT = { PATH: TOOL_PATH }
const SMALL = ['--netns', '--resources', 'cpus:0.2;mem:64;disk:256;ports:[]']

interface Row {
  readonly cluster: number
  readonly member: string
  readonly address: string
  readonly cable: 'up' | 'cut'
  readonly alive: boolean
}

let before: string[]

beforeAll(async () => {
  before = await leftovers()
})

afterAll(() => nothingLeft(before))

async function cables(): Promise<Row[]> {
  const { code, stderr, stdout } = await tepui(['net', 'ls', '-o', 'json'], ENVIRONMENT)
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Row[]
}

/** Namespaces and cables of clusters, as the kernel has them. */
function networks(): string[] {
  const rooms = existsSync('/run/netns') ? readdirSync('/run/netns') : []
  return [...rooms, ...Object.keys(networkInterfaces())].filter((name) => /^tepui-\d/.test(name))
}

const frameworkAt = (up: Up): Promise<RealFramework> => {
  const [ip = '', port] = up.master.split(':')
  const address = { ip, port: Number(port), hostname: ip }
  return RealFramework.subscribe({ address }, ['PARTITION_AWARE'], { checkpoint: true, failover_timeout: 60 })
}

describe('a cluster in network namespaces', () => {
  test(
    'tells a partition as TASK_UNREACHABLE, and has agent and task back when it is healed',
    async () => {
      await using up = await Up.start(['--agents', '2', ...SMALL], ENVIRONMENT)
      const rows = await cables()
      expect(rows.map(({ cable, member }) => [member, cable])).toEqual([
        ['master', 'up'],
        ['a1', 'up'],
        ['a2', 'up'],
      ])
      expect(new Set(rows.map(({ address }) => address)).size).toBe(3)
      const page = async (): Promise<{ slaves: { id: string; hostname: string }[] }> =>
        (await (await fetch(`http://${up.master}/slaves`)).json()) as never
      expect((await page()).slaves.map(({ hostname }) => hostname).toSorted()).toEqual(
        rows.slice(1).map(({ address }) => address),
      )
      await using framework = await frameworkAt(up)
      const offer = await framework.launch((one) =>
        commandTask({ id: 't', offer: one, command: 'sleep 1000', cpus: 0.1, mem: 32 }),
      )
      const { container_status: first } = await framework.status('t', 'TASK_RUNNING')
      const cut = rows.find(({ address }) => address === offer.hostname)
      await expect(tepui(['net', 'cut', cut?.member ?? ''], ENVIRONMENT)).resolves.toMatchObject({ code: 0 })
      const lost = await framework.status('t', 'TASK_UNREACHABLE')
      expect(lost).toMatchObject({ reason: 'REASON_AGENT_REMOVED', source: 'SOURCE_MASTER' })
      expect(lost.message).toContain('is unreachable')
      expect((await page()).slaves.map(({ hostname }) => hostname)).toEqual([
        rows.slice(1).find((row) => row !== cut)?.address,
      ])
      expect(await cables()).toContainEqual({ ...cut, cable: 'cut' })
      await tepui(['net', 'heal', cut?.member ?? ''], ENVIRONMENT)
      await expect.poll(async () => (await page()).slaves.length, PATIENCE).toBe(2)
      expect((await page()).slaves.map(({ id }) => id)).toContain(offer.agent_id.value)
      const heard = framework.statuses.length
      await framework.client.reconcile()
      const back = await framework.until(() => framework.statuses.slice(heard).at(-1))
      expect(back).toMatchObject({ task_id: { value: 't' }, state: 'TASK_RUNNING' })
      // The same container as before: nothing was started anew.
      expect(back.container_status?.container_id).toEqual(first?.container_id)
    },
    8 * MINUTES,
  )

  test(
    'may run beside another one, and leaves nothing at its end',
    async () => {
      {
        await using one = await Up.start(['--agents', '1', ...SMALL], ENVIRONMENT)
        await using other = await Up.start(['--agents', '1', ...SMALL], ENVIRONMENT)
        expect(one.master).not.toBe(other.master)
        expect(new Set((await cables()).map(({ cluster }) => cluster)).size).toBe(2)
        const unsaid = await tepui(['net', 'cut', 'a1'], ENVIRONMENT)
        expect([unsaid.code, unsaid.stderr]).toEqual([
          64,
          expect.stringMatching(/Several clusters.*--cluster/s),
        ])
      }
      expect(networks()).toEqual([])
    },
    4 * MINUTES,
  )

  test(
    'that was killed is told as such, and the next one removes what it left',
    async () => {
      const killed = await Up.start(['--agents', '1', ...SMALL], ENVIRONMENT)
      const [{ cluster } = { cluster: 0 }] = await cables()
      killed.run.child.kill('SIGKILL')
      await killed.run.ended
      expect((await cables()).map(({ alive }) => alive)).toEqual([false, false])
      // Its members end with it; whoever still did would be seen by the next test's list of leftovers.
      await expect
        .poll(async () => (await leftovers(before)).filter((one) => one.startsWith('process')), PATIENCE)
        .toEqual([])
      {
        await using next = await Up.start(['--agents', '1', ...SMALL], ENVIRONMENT)
        expect(next.master).toContain(`198.18.${cluster}.`)
        expect((await cables()).map(({ alive }) => alive)).toEqual([true, true])
        next.run.child.kill('SIGKILL')
        await next.run.ended
      }
      const { code, stderr } = await tepui(['net', 'clean'], ENVIRONMENT)
      expect([code, stderr]).toEqual([0, expect.stringContaining(`cluster ${cluster} left`)])
      expect(networks()).toEqual([])
      rmSync(killed.folder, { recursive: true, force: true })
    },
    4 * MINUTES,
  )

  test('is refused to whoever is not root, before anything is made', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tepui-e2e-'))
    execFileSync('chmod', ['777', folder])
    const drop = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
    const program = [...drop, process.execPath, join(import.meta.dirname, '../../src/cli/tepui.ts')]
    const { code, stderr } = await new Run(['up', '--netns', '--data', folder], ENVIRONMENT, program).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/Network namespaces are made by root only\n.*fix: +sudo/s)
    expect(readdirSync(folder)).toEqual([])
    rmSync(folder, { recursive: true })
  })
})

// Which address an agent tells, and what it hears when the master cannot reach it there: in network namespaces.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ipLines } from '../../src/cli/netns/ip.ts'
import { Network } from '../../src/cli/netns/network.ts'
import { Run } from '../support/cli.ts'
import { nothingLeft } from '../support/cluster.ts'
import { leftovers, TOOL_PATH } from '../support/engine.ts'

const PATIENCE = { timeout: 120_000, interval: 100 }
const TEPUI = join(import.meta.dirname, '../../src/cli/tepui.ts')
const SMALL = [
  '--containerizers=mesos',
  '--resources=cpus:0.1;mem:32;disk:64;ports:[]',
  '--no-hostname_lookup',
]

let before: string[]
let folder: string
let network: Network
let master: Run | undefined

/** A daemon in the room of a member. */
function start(member: string, ...words: readonly string[]): Run {
  return new Run(words, { PATH: TOOL_PATH }, [...network.room(member).enter, process.execPath, TEPUI])
}

function agent(member: string, ...flags: readonly string[]): Run {
  const common = [`--master=${network.room('master').ip}:5050`, `--work_dir=${join(folder, member)}`]
  return start(member, 'agent', ...common, ...SMALL, ...flags)
}

/** Ends it, and with it what it wrote down. */
async function end(run: Run): Promise<void> {
  run.child.kill('SIGUSR1')
  await run.ended
}

async function agentsThere(): Promise<{ readonly hostname: string; readonly pid: string }[]> {
  const page = await fetch(`http://${network.room('master').ip}:5050/slaves`)
  return ((await page.json()) as { slaves: { hostname: string; pid: string }[] }).slaves
}

beforeAll(async () => {
  before = await leftovers()
  folder = mkdtempSync(join(tmpdir(), 'tepui-addresses-'))
  network = await Network.lay(['master', 'a1', 'a2'])
  // Of more than one network, and with the way out elsewhere: as a machine of Vagrant has it.
  const room = `tepui-${network.number}-a1`
  await ipLines(room, [
    'link add dev nat0 type veth peer name nat1',
    'addr add 10.0.2.15/24 dev nat0',
    'link set nat0 up',
    'link set nat1 up',
    'route add default via 10.0.2.2 dev nat0',
  ])
  const run = start('master', 'master', '--agent_callback_timeout=3secs')
  master = run
  await vi.waitFor(() => {
    if (!run.stdout.includes('listens')) throw new Error(`The master does not listen: ${run.stderr}`)
  }, PATIENCE)
})

afterAll(async () => {
  master?.child.kill('SIGTERM')
  await master?.ended
  await network[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
  await nothingLeft(before)
})

describe('an agent', () => {
  test('tells the address of its way to the master, not that of the way out, and says why', async () => {
    const run = agent('a1')
    const own = network.room('a1').ip
    await expect
      .poll(agentsThere, PATIENCE)
      .toEqual([expect.objectContaining({ hostname: own, pid: `slave(1)@${own}:5051` })])
    expect(run.stderr).toContain(
      `"ip":"${own}","why":"the way to the master at ${network.room('master').ip}"`,
    )
    expect(run.stderr).not.toContain('cannot reach you')
    await end(run)
  })

  test('that is told an address of nobody is told by the master that it is not reached there', async () => {
    const nobody = network.room('a2').ip.replace(/\d+$/, '77')
    const run = agent('a2', `--advertise_ip=${nobody}`)
    await expect.poll(() => run.stderr, PATIENCE).toContain(`the master cannot reach you at ${nobody}:5051: `)
    expect(await agentsThere()).toEqual([expect.objectContaining({ pid: `slave(1)@${nobody}:5051` })])
    const { ip } = network.room('master')
    const metrics = (await (await fetch(`http://${ip}:5050/metrics/snapshot`)).json()) as Record<
      string,
      number
    >
    expect(metrics['master/agents_not_called_back']).toBe(1)
    await end(run)
  })

  test.each(['ip', 'advertise_ip'])(
    'does not start with --%s of the loopback, and says which to take',
    async (flag) => {
      const { code, stderr } = await agent('a1', `--${flag}=127.0.0.1`).ended
      const { ip } = network.room('a1')
      expect(code).toBe(64)
      expect(stderr).toContain(`Flag '--${flag}' has the value '127.0.0.1'`)
      expect(stderr).toContain(`--${flag}=${ip} is the address on the way there`)
    },
  )
})

// The power goes while an agent is away: what had ended before is told truly, what ran is told as ended by the machine.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { systemRandom } from '../../src/base/random.ts'
import { nothingLeft } from '../support/cluster.ts'
import { Daemons } from '../support/daemons.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { OwnEngine } from '../support/own-engine.ts'
import { endProcess, processesNaming } from '../support/process-state.ts'
import { RawScheduler, type RawStatus, task, TERMINAL } from '../support/raw-scheduler.ts'

const KEEPS = { capabilities: [{ type: 'PARTITION_AWARE' }], checkpoint: true, failover_timeout: 60 }
const SOON = { timeout: 60_000, interval: 50 }

let before: string[]
let engine: OwnEngine

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
  engine = await OwnEngine.open()
}, 120_000)

afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await nothingLeft(before)
})

/** Agents of later see another life of the machine, which began at this second: a mount namespace of their own. */
function startMachineAnew(daemons: Daemons, second: number): void {
  const boot = join(daemons.folder, 'boot_id')
  const facts = join(daemons.folder, 'stat')
  writeFileSync(boot, `${systemRandom.uuid()}\n`)
  writeFileSync(facts, readFileSync('/proc/stat', 'utf8').replace(/^btime .*$/m, `btime ${second}`))
  const script =
    'mount --bind "$0" /proc/sys/kernel/random/boot_id && mount --bind "$1" /proc/stat && shift && exec "$@"'
  daemons.agentPrefix = ['unshare', '--mount', '/bin/sh', '-c', script, boot, facts]
}

/** Its supervisor first, which would write its end down. */
async function cutOffHostTasks(daemons: Daemons, running: readonly RawStatus[]): Promise<void> {
  const shims = processesNaming(join(daemons.folder, '0/runtime'))
  const tasks = running.flatMap(({ container_status }) => container_status?.executor_pid ?? [])
  for (const pid of [...shims, ...tasks]) await endProcess(pid, 'SIGKILL')
}

test('what had ended before has its own end, what ran was ended by the machine, and each is told once', async () => {
  await engine.heal()
  await using daemons = await Daemons.start()
  const socket = `--docker_socket=${engine.socket}`
  const agent = await daemons.agent(0, socket)
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
  const offer = await scheduler.offer()
  const go = join(daemons.folder, 'go')
  const volumes = [{ host_path: daemons.folder, container_path: daemons.folder, mode: 'RW' }]
  const boxed = {
    container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST' }, volumes },
  }
  const until = (code: number): string => `while [ ! -e ${go} ]; do sleep 0.05; done; exit ${code}`
  await scheduler.launch(offer, [
    task(offer, 'host-over', until(5)),
    task(offer, 'boxed-over', until(7), boxed),
    task(offer, 'host-ran', 'sleep 1000'),
    task(offer, 'boxed-ran', 'sleep 1000', boxed),
  ])
  const ids = ['host-over', 'boxed-over', 'host-ran', 'boxed-ran']
  const [hostOver, , hostRan] = await Promise.all(ids.map((id) => scheduler.status(id, 'TASK_RUNNING')))
  await daemons.end(agent, 'SIGKILL')
  writeFileSync(go, '')
  const record = join(daemons.folder, '0/runtime/containers', containerOf(hostOver), 'exit')
  await expect.poll(() => readFileSync(record, 'utf8'), SOON).toMatch(/^exited 5\n/)
  await expect.poll(() => engine.ask('GET', '/containers/json').then(countOf), SOON).toBe(1)
  // The kernel tells when it was started in whole seconds.
  const second = Math.floor(systemClock.now() / 1000) + 1
  await expect.poll(() => systemClock.now(), SOON).toBeGreaterThan(second * 1000)
  await engine.powerCut()
  await cutOffHostTasks(
    daemons,
    [hostRan].filter((one) => one !== undefined),
  )
  startMachineAnew(daemons, second)
  await engine.start()
  await daemons.agent(0, socket)
  const said = async (id: string): Promise<string | undefined> => (await scheduler.end(id)).message
  expect(await said('host-over')).toContain('exited with status 5')
  expect(await said('boxed-over')).toContain('exited with status 7')
  for (const id of ['host-ran', 'boxed-ran'])
    expect(await said(id)).toContain('the machine was started anew while it ran')
  const told = scheduler.events.flatMap(({ update }) =>
    update !== undefined && TERMINAL.test(update.status.state) ? [update.status] : [],
  )
  // An update may come again until its acknowledgement has come through; it is the same one.
  const once = new Map(told.map(({ task_id, uuid }) => [uuid, task_id.value]))
  expect([...once.values()].sort()).toEqual(ids.toSorted())
  expect(new Set(told.map(({ agent_id }) => agent_id?.value))).toEqual(new Set([offer.agent_id.value]))
  // The framework starts it again under the same name, beside what the engine still has of the old one.
  const another = await scheduler.standingOffer()
  await scheduler.launch(another, [task(another, 'boxed-ran', 'exit 3', boxed)])
  await expect
    .poll(() => scheduler.statuses('boxed-ran').at(-1)?.message ?? '', SOON)
    .toContain('exited with status 3')
  expect(readdirSync(join(daemons.folder, '0/runtime/containers'))).toEqual([])
  await scheduler.teardown()
}, 240_000)

const containerOf = (status: RawStatus | undefined): string =>
  status?.container_status?.container_id?.value ?? 'none'
const countOf = (listed: string): number => (JSON.parse(listed) as unknown[]).length

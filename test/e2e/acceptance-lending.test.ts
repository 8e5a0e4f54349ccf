// What an owner leaves idle is lent to another framework and taken back when the owner wakes up, on real processes.
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { Daemons } from '../support/daemons.ts'
import { leftovers } from '../support/engine.ts'
import { type RawOffer, type RawResource, RawScheduler, scalar, task } from '../support/raw-scheduler.ts'

const AWARE = { type: 'PARTITION_AWARE' }
const BORROWER = { role: 'batch', name: 'borrower', capabilities: [AWARE, { type: 'REVOCABLE_RESOURCES' }] }
const CORES = availableParallelism()

let before: string[]

beforeAll(async () => {
  before = await leftovers()
})

afterAll(() => nothingLeft(before))

const revocable = ({ resources }: RawOffer): RawResource[] =>
  resources.filter((resource) => resource.revocable !== undefined)
const lendsHalf = (offer: RawOffer): boolean =>
  revocable(offer).some(({ scalar: amount }) => (amount?.value ?? 0) >= 0.5) &&
  offer.resources.some(({ name }) => name === 'mem')

test('idle cores are lent to who takes revocable resources, and taken back with the reason', async () => {
  await using daemons = await Daemons.start([
    `--resources=cpus:${CORES};mem:1024`,
    '--resource_estimator=usage?window=3secs&cold_start=1secs&headroom=0&percentile=1&sigma=0' +
      '&rise=1&rise_interval=1secs&quiet=1secs&quiet_max=2secs',
    '--qos_controller=pressure?starved=2secs',
    '--oversubscribed_resources_interval=1secs',
  ])
  const wake = join(daemons.folder, 'wake')

  using owner = await RawScheduler.subscribe(daemons.masterPort, {
    role: 'web',
    name: 'owner',
    capabilities: [AWARE],
  })
  const whole = await owner.offer()
  const spin = `for i in $(seq ${CORES}); do (while :; do :; done) & done; wait`
  const service = `while [ ! -e ${wake} ]; do sleep 0.2; done; ${spin}`
  owner.declines = () => true
  await owner.launch(whole, [
    task(whole, 'service', service, { resources: [scalar('cpus', CORES), scalar('mem', 64)] }),
  ])
  await owner.status('service', 'TASK_RUNNING')
  await owner.call('SUPPRESS')

  await vi.waitFor(
    async () => {
      const metrics = await daemons.page('/metrics/snapshot')
      expect(metrics['master/cpus_revocable_total']).toBeGreaterThan(0.5)
    },
    // What others use of the machine is not lent either.
    { timeout: 180_000, interval: 100 },
  )

  const plain = await RawScheduler.subscribe(daemons.masterPort, { role: 'plain', name: 'plain' })
  const offered = await plain.offer(() => true)
  expect(revocable(offered)).toEqual([])
  await plain.teardown()

  using borrower = await RawScheduler.subscribe(daemons.masterPort, BORROWER)
  const lent = await borrower.offer(lendsHalf)
  // Nearly all: the rest is offered again, so that there is something to rescind.
  const most = revocable(lent).map((part) => ({
    ...part,
    scalar: { value: (part.scalar?.value ?? 0) - 0.2 },
  }))
  await borrower.launch(lent, [task(lent, 'borrowed', spin, { resources: [...most, scalar('mem', 32)] })])
  const running = await borrower.status('borrowed', 'TASK_RUNNING')
  const groups = readFileSync(`/proc/${running.container_status?.executor_pid}/cgroup`, 'utf8')
  expect(groups).toContain('_lent/')
  await borrower.offer((offer) => revocable(offer).length > 0)

  writeFileSync(wake, '')
  await borrower.event(({ type }) => type === 'RESCIND')
  const end = await borrower.end('borrowed')
  expect(end).toMatchObject({
    state: 'TASK_GONE',
    source: 'SOURCE_AGENT',
    reason: 'REASON_CONTAINER_PREEMPTED',
  })
  expect(end.message).toMatch(
    /preempted by QoS correction: .*owner 'service' (uses \d|waited for cpu \d).*\(limit \d+ %\)/,
  )
  expect(owner.states('service')).toEqual(['TASK_STARTING', 'TASK_RUNNING'])
  await borrower.teardown()
  await owner.teardown()
}, 400_000)

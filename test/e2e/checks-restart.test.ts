// Health checks over a restart of the agent: what was told stays told, and what was counted stays counted.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { type Daemon, Daemons } from '../support/daemons.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { freePort } from '../support/free-port.ts'
import { RawScheduler, type RawStatus, scalar, task } from '../support/raw-scheduler.ts'

const INFO = { capabilities: [{ type: 'PARTITION_AWARE' }], checkpoint: true, failover_timeout: 600 }
const DOCKER = { container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'NONE' } } }
const LONG = 120_000
const SOON = { timeout: LONG, interval: 100 }

let before: string[]

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
})

afterAll(() => nothingLeft(before))

/** Serves until a file `sick` is in the sandbox, and lives on without serving. */
const BOXED =
  'mkdir /w; echo fine >/w/ok; httpd -p 127.0.0.1:81 -h /w; ' +
  'while [ ! -e $MESOS_SANDBOX/sick ]; do sleep 0.1; done; killall httpd; exec sleep 1000'
const SERVER = `
  const server = require('http').createServer((_, answer) => answer.end('fine')).listen(process.argv[1], '127.0.0.1')
  setInterval(() => require('fs').existsSync('sick') && (server.close(), server.closeAllConnections()), 100)`

const serving = (port: number): string => `exec ${process.execPath} -e "${SERVER}" ${port}`

/** So often that a life of the agent sees much, and so many in a row that two lives share them. */
const TIMES = { delay_seconds: 0, interval_seconds: 2, timeout_seconds: 30, grace_period_seconds: 600 }
const MOST = 5

type Kind = 'COMMAND' | 'HTTP' | 'TCP'

function checkOf(type: Kind, port: number): object {
  const times = { ...TIMES, consecutive_failures: MOST }
  switch (type) {
    case 'COMMAND':
      return { type, command: { value: 'test ! -e $MESOS_SANDBOX/sick' }, ...times }
    case 'HTTP':
      return { type, http: { port, path: '/ok' }, ...times }
    case 'TCP':
      return { type, tcp: { port }, ...times }
  }
}

type Told = RawStatus & { readonly healthy?: boolean }

/** What was told of a task's health, each update once. */
function toldOf(scheduler: RawScheduler, id: string): Told[] {
  const all = scheduler.statuses(id) as Told[]
  const first = all.filter(({ uuid }, at) => all.findIndex((one) => one.uuid === uuid) === at)
  return first.filter(({ reason }) => reason === 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED')
}

const countIn = ({ message }: Told): number =>
  Number(/failed (\d) of 5 times in a row/.exec(message ?? '')?.[1])

async function look(daemons: Daemons, agent: Daemon, metric: string): Promise<number> {
  return Number((await daemons.page('/metrics/snapshot', agent.port))[metric])
}

test('checks of all kinds go on in the next life: no word twice, no false end, no failure forgotten', async () => {
  await using daemons = await Daemons.start()
  let agent = await daemons.agent(0)
  using scheduler = await RawScheduler.subscribe(daemons.masterPort, INFO)
  const offer = await scheduler.offer()
  const kinds: Kind[] = ['COMMAND', 'HTTP', 'TCP']
  const ports = [await freePort(), await freePort(), await freePort()]
  const small = [scalar('cpus', 0.1), scalar('mem', 100)]
  const boxed = kinds.map((kind) =>
    task(offer, `boxed-${kind}`, BOXED, { ...DOCKER, health_check: checkOf(kind, 81), resources: small }),
  )
  const host = kinds.map((kind, at) => {
    const port = ports[at] ?? 0
    return task(offer, `host-${kind}`, serving(port), { health_check: checkOf(kind, port), resources: small })
  })
  await scheduler.launch(offer, [...boxed, ...host])
  const ids = kinds.flatMap((kind) => [`boxed-${kind}`, `host-${kind}`])
  const healthOf = (id: string): (boolean | undefined)[] =>
    toldOf(scheduler, id).map(({ healthy }) => healthy)
  await vi.waitFor(() => expect(ids.map(healthOf)).toEqual(ids.map(() => [true])), SOON)

  await daemons.end(agent, 'SIGKILL')
  agent = await daemons.agent(0)
  await vi.waitFor(
    async () => expect(await look(daemons, agent, 'tepui/checks_run')).toBeGreaterThan(12),
    SOON,
  )
  expect(ids.map(healthOf)).toEqual(ids.map(() => [true]))

  const framework = join(
    daemons.folder,
    '0/slaves',
    offer.agent_id.value,
    'frameworks',
    scheduler.frameworkId,
  )
  for (const id of ids) writeFileSync(join(framework, 'executors', id, 'runs/latest/sick'), '')
  await vi.waitFor(() => expect(ids.every((id) => toldOf(scheduler, id).length > 1)).toBe(true), SOON)
  await daemons.end(agent, 'SIGKILL')
  agent = await daemons.agent(0)
  for (const id of ids) {
    expect(await scheduler.end(id, LONG)).toMatchObject({
      state: 'TASK_KILLED',
      healthy: false,
      message: expect.stringContaining('failed 5 of 5 times in a row') as unknown,
    })
    expect(toldOf(scheduler, id).slice(1).map(countIn)).toEqual([1, 2, 3, 4, 5])
  }
  await scheduler.teardown()
}, 400_000)

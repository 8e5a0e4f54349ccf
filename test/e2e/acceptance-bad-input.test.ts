// Malformed tasks of every kind through a real master and agent: the right end, a message that names what is wrong, a
// count of it, and nothing left behind.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster, nothingLeft } from '../support/cluster.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { amount, type RawOffer, RawScheduler, scalar, task } from '../support/raw-scheduler.ts'

const AWARE = { capabilities: [{ type: 'PARTITION_AWARE' }] }
type Fields = Readonly<Record<string, unknown>>

let before: string[]
let cluster: Cluster
let scheduler: RawScheduler

beforeAll(async () => {
  await requireEngine()
  before = await leftovers()
  cluster = await Cluster.start({ master: ['--allocation_interval=100ms'] })
  scheduler = await RawScheduler.subscribe(cluster.port, AWARE)
  scheduler.declines = (offer) => !roomy(offer)
})

afterAll(async () => {
  await scheduler.teardown()
  scheduler[Symbol.dispose]()
  await cluster[Symbol.asyncDispose]()
  await nothingLeft(before)
})

const roomy = (offer: RawOffer): boolean => amount(offer, 'cpus') > 3

async function launch(id: string, fields: Fields, command: string | undefined = 'true'): Promise<void> {
  const offer = await scheduler.offer(roomy)
  await scheduler.launch(offer, [{ ...task(offer, id, command), ...fields }])
}

const docker = (fields: Fields, container: Fields = {}): Fields => ({
  container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST', ...fields }, ...container },
})
const mesos = (fields: Fields): Fields => ({ container: { type: 'MESOS', ...fields } })
const variable = (fields: Fields): Fields => ({
  command: { value: 'true', environment: { variables: [{ name: 'A', ...fields }] } },
})
const seconds = (count: number): Fields => ({ nanoseconds: count * 1e9 })
const cpus = (value: number): Fields => ({ resources: [scalar('cpus', value), scalar('mem', 32)] })
const port = (begin: number, end = begin): Fields => ({
  resources: [
    scalar('cpus', 0.1),
    scalar('mem', 32),
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin, end }] } },
  ],
})
const executor = (fields: Fields): Fields => ({
  command: undefined,
  executor: { executor_id: { value: 'e' }, command: { value: 'true' }, ...fields },
})
const check = (fields: Fields): Fields => ({ health_check: fields })

/** What the master refuses before any agent hears of it: how, and what the message must name. */
const INVALID: readonly (readonly [what: string, fields: Fields, message: RegExp])[] = [
  ['no resources', { resources: [] }, /no resources/i],
  ['less than no cpus', cpus(-1), /cpus/],
  ['more cpus than offered', cpus(99), /more than available/],
  [
    'cpus of a type that they have not',
    { resources: [{ name: 'cpus', type: 'SET', set: { item: ['a'] } }] },
    /cpus/,
  ],
  ['gpus in parts', { resources: [scalar('cpus', 0.1), scalar('mem', 32), scalar('gpus', 0.5)] }, /gpus/],
  ['ports that were not offered', port(80), /ports.*\[80-80\]/],
  ['a range of ports that ends before it begins', port(31_005, 31_001), /ports|range/],
  ['another agent', { agent_id: { value: 'elsewhere' } }, /elsewhere/],
  ['neither command nor executor', { command: undefined }, /executor.*command|command.*executor/i],
  [
    'both command and executor',
    { executor: { executor_id: { value: 'e' }, command: { value: 'true' } } },
    /both|exactly one/i,
  ],
  ['an executor without command', executor({ command: undefined }), /command/],
  [
    'an executor id with a slash',
    executor({ executor_id: { value: 'a/b' } }),
    /[Ee]xecutor.*'?a\/b|invalid character/,
  ],
  ['an executor of another framework', executor({ framework_id: { value: 'other' } }), /framework/i],
  [
    'an executor with a negative grace',
    executor({ shutdown_grace_period: { nanoseconds: -1 } }),
    /shutdown_grace_period/,
  ],
  ['a negative grace period', { kill_policy: { grace_period: seconds(-1) } }, /grace_period/],
  ['a negative max_completion_time', { max_completion_time: seconds(-1) }, /max_completion_time/],
  ['a Docker container without its part', { container: { type: 'DOCKER' } }, /docker/],
  ["the parameter 'name'", docker({ parameters: [{ key: 'name', value: 'mine' }] }), /name/],
  [
    'a volume without source',
    mesos({ volumes: [{ mode: 'RW', container_path: '/x' }] }),
    /volume|host_path/i,
  ],
  [
    'a volume with two sources',
    docker(
      {},
      {
        volumes: [
          {
            mode: 'RW',
            container_path: '/x',
            host_path: '/a',
            source: { type: 'HOST_PATH', host_path: { path: '/b' } },
          },
        ],
      },
    ),
    /volume|host_path/i,
  ],
  ['a variable without value', variable({}), /value/],
  [
    'a variable with value and secret',
    variable({ value: 'x', secret: { type: 'VALUE', value: { data: 'eA==' } } }),
    /secret/,
  ],
  ['a health check of no type', check({ delay_seconds: 1 }), /type/],
  ['a health check by a command without value', check({ type: 'COMMAND', command: {} }), /command/],
  ['a health check of a path without slash', check({ type: 'HTTP', http: { port: 80, path: 'x' } }), /path/],
  [
    'a health check with a negative delay',
    check({ type: 'TCP', tcp: { port: 80 }, delay_seconds: -1 }),
    /delay_seconds/,
  ],
  ['a check without its part', { check: { type: 'TCP' } }, /tcp/],
  ['a limit of something else', { limits: { disk: { value: 1 } } }, /limit/i],
]

describe('the master refuses a task', () => {
  test.each(INVALID)('with %s', async (what, fields, message) => {
    const counter = 'master/task_error/source_master/reason_task_invalid'
    const counted = Number((await cluster.metric(counter)) ?? 0)
    const id = what.replaceAll(/\W/g, '-')
    await launch(id, fields)
    const end = await scheduler.end(id)
    expect(end).toMatchObject({ state: 'TASK_ERROR', source: 'SOURCE_MASTER', reason: 'REASON_TASK_INVALID' })
    expect(end.uuid).toBeUndefined()
    expect(end.message).toMatch(message)
    expect(await cluster.metric(counter)).toBe(counted + 1)
  })

  test.each([
    ['empty', ''],
    ['longer than a file name', 'x'.repeat(256)],
    ['a folder', '..'],
    ['with a slash', 'a/b'],
    ['with a newline', 'a\nb'],
  ])('whose id is %s', async (_what, id) => {
    await launch(id, {})
    const end = await scheduler.end(id)
    expect(end).toMatchObject({ state: 'TASK_ERROR', reason: 'REASON_TASK_INVALID' })
    expect(end.message).toMatch(/id/i)
  })

  test('whose id another has', async () => {
    const offer = await scheduler.offer(roomy)
    await scheduler.launch(offer, [task(offer, 'twice', 'sleep 100'), task(offer, 'twice', 'sleep 100')])
    const error = await scheduler.status('twice', 'TASK_ERROR')
    await scheduler.status('twice', 'TASK_RUNNING')
    expect(error.message).toMatch(/twice|duplicate/i)
    await scheduler.call('KILL', { kill: { task_id: error.task_id } })
    await scheduler.status('twice', 'TASK_KILLED')
  })

  test('launched with an offer that was used', async () => {
    const offer = await scheduler.offer(roomy)
    await scheduler.launch(offer, [task(offer, 'first-use', 'true')])
    await scheduler.launch(offer, [task(offer, 'second-use', 'true')])
    const end = await scheduler.end('second-use')
    expect(end).toMatchObject({
      state: 'TASK_DROPPED',
      source: 'SOURCE_MASTER',
      reason: 'REASON_INVALID_OFFERS',
    })
    expect(end.message).toContain(offer.id.value)
    expect((await scheduler.end('first-use')).state).toBe('TASK_FINISHED')
  })

  test('in an operation that is not LAUNCH, and says which', async () => {
    const offer = await scheduler.offer(roomy)
    const launch_group = {
      executor: { type: 'DEFAULT', executor_id: { value: 'group' } },
      task_group: { tasks: [task(offer, 'grouped', 'true')] },
    }
    const operations = [{ type: 'LAUNCH_GROUP', launch_group }]
    await scheduler.call('ACCEPT', {
      accept: { offer_ids: [offer.id], operations, filters: { refuse_seconds: 0 } },
    })
    const end = await scheduler.end('grouped')
    expect(end.state).toBe('TASK_ERROR')
    expect(end.message).toContain('LAUNCH_GROUP')
  })
})

const server404 = (): string => `http://127.0.0.1:${cluster.port}/no-such-file`
const uri = (value: string): Fields => ({ command: { value: 'true', uris: [{ value }] } })

/** What only the agent finds out: nothing of the task runs, and its message says why. */
const FAILING: readonly (readonly [what: string, fields: () => Fields, message: RegExp])[] = [
  ['an image that nobody has', () => docker({ image: 'no-such-image:here' }), /no-such-image:here/],
  ['an image name that is none', () => docker({ image: 'UPPER case!' }), /UPPER case!/],
  ['an image that is empty', () => docker({ image: '' }), /image/i],
  [
    'a network that is not there',
    () => docker({ network: 'USER' }, { network_infos: [{ name: 'nowhere' }] }),
    /nowhere/,
  ],
  [
    'a port mapping without its port',
    () => docker({ network: 'BRIDGE', port_mappings: [{ host_port: 31_009, container_port: 80 }] }),
    /31009/,
  ],
  [
    'a port mapping on the host network',
    () => ({ ...docker({ port_mappings: [{ host_port: 31_009, container_port: 80 }] }), ...port(31_009) }),
    /port_mappings|mapping/,
  ],
  [
    'an unknown parameter',
    () => docker({ parameters: [{ key: 'no-such-thing', value: '1' }] }),
    /no-such-thing/,
  ],
  [
    'a parameter with a bad value',
    () => docker({ parameters: [{ key: 'shm-size', value: 'much' }] }),
    /shm-size/,
  ],
  [
    'a relative path in a volume',
    () => docker({}, { volumes: [{ mode: 'RW', host_path: '/tmp', container_path: '' }] }),
    /volume|container_path/i,
  ],
  [
    'a user that the machine has not',
    () => ({ command: { value: 'true', user: 'nobody-here' } }),
    /nobody-here/,
  ],
  ['a URI that is not there', () => uri(server404()), /404/],
  ['a URI of an unknown scheme', () => uri('gopher://x/y'), /gopher/],
  ['a file that is not there', () => uri('/no/such/file'), /\/no\/such\/file/],
  [
    'an environment that no kernel takes',
    () => ({
      command: { value: 'true', environment: { variables: [{ name: 'BIG', value: 'x'.repeat(200_000) }] } },
    }),
    /environment|Argument list|E2BIG|BIG/,
  ],
  [
    'an image for the host containerizer',
    () => mesos({ mesos: { image: { type: 'DOCKER', docker: { name: 'x' } } } }),
    /image/,
  ],
]

describe('the agent fails a task', () => {
  test.each(FAILING)('with %s', async (what, fields, message) => {
    const failed = Number(await cluster.metric('master/tasks_failed'))
    const id = what.replaceAll(/\W/g, '-')
    await launch(id, fields())
    const end = await scheduler.end(id)
    expect(end.state).toBe('TASK_FAILED')
    expect(end.message).toMatch(message)
    expect(await cluster.metric('master/tasks_failed')).toBe(failed + 1)
    expect(scheduler.states(id)).not.toContain('TASK_LOST')
  })
})

test('a task whose command cannot be found says so with its status', async () => {
  await launch('not-found', {}, 'no-such-command')
  expect(await scheduler.end('not-found')).toMatchObject({
    state: 'TASK_FAILED',
    message: expect.stringContaining('Command exited with status 127'),
  })
})

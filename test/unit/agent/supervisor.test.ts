// The life of a container as the supervisor carries it: what is told, in which order, and what a kill means when.
import { describe, expect, test } from 'vitest'
import type { LaunchRequest } from '../../../src/agent/core/events.ts'
import {
  DEFAULT_SUPERVISOR_LIMITS,
  Supervisor,
  type ContainerNews,
  type SupervisorDeps,
  type SupervisorLimits,
} from '../../../src/agent/supervisor.ts'
import { OperatingError } from '../../../src/base/errors.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { Leaving } from '../../../src/containerizer/containerizer.ts'
import { Resources } from '../../../src/resources/resources.ts'
import { ManualClock } from '../../support/clock.ts'
import { FakeContainerizer } from '../../support/fake-containerizer.ts'

const request = (containerId: string, more: Partial<LaunchRequest> = {}): LaunchRequest => ({
  containerId,
  frameworkId: 'F1',
  executorId: 'E1',
  taskId: 't1',
  command: { value: 'x' },
  container: undefined,
  resources: Resources.empty,
  limits: {},
  revocable: false,
  user: 'alice',
  uris: [],
  checkpoint: false,
  role: '*',
  shutdownGraceMs: 5000,
  ...more,
})

class Bench {
  readonly clock = new ManualClock()
  readonly fake: FakeContainerizer
  readonly news: ContainerNews[] = []
  readonly steps: string[] = []
  readonly supervisor: Supervisor

  constructor(
    options: {
      readonly deps?: Partial<SupervisorDeps>
      readonly limits?: Partial<SupervisorLimits>
      readonly fake?: FakeContainerizer
    } = {},
  ) {
    this.fake = options.fake ?? new FakeContainerizer()
    const deps: SupervisorDeps = {
      sandbox: async () => {
        this.steps.push('sandbox')
        return { directory: '/sandbox', user: 'alice', environment: { MESOS_SANDBOX: '/sandbox' } }
      },
      fetch: async () => void this.steps.push('fetch'),
      containerizers: [this.fake],
      tell: (news) => void this.news.push(news),
      log: silentLogger,
      ...options.deps,
    }
    this.supervisor = new Supervisor(deps, { ...DEFAULT_SUPERVISOR_LIMITS, ...options.limits })
  }

  settle(): Promise<void> {
    return this.clock.settle()
  }

  told(): string[] {
    return this.news.map(({ type, containerId }) => `${type} ${containerId}`)
  }

  /** A container that runs. */
  async running(containerId = 'c1'): Promise<void> {
    this.supervisor.launch(request(containerId))
    await this.settle()
    this.fake.launching(containerId).succeed()
    await this.settle()
  }
}

describe('a container', () => {
  test('gets its sandbox, its files, then its start, its end, and is released', async () => {
    const bench = new Bench()
    bench.supervisor.launch(request('c1', { uris: [{ value: 'http://x/y' }] }))
    await bench.settle()
    expect(bench.steps).toEqual(['sandbox', 'fetch'])
    expect(bench.fake.launching('c1').spec).toMatchObject({
      sandbox: '/sandbox',
      user: 'alice',
      environment: { MESOS_SANDBOX: '/sandbox' },
    })
    bench.fake.launching('c1').observer.progress('pulling 10 %')
    bench.fake.launching('c1').succeed()
    await bench.settle()
    bench.fake.container('c1').end({ kind: 'exited', code: 3 })
    await bench.supervisor.idle()
    expect(bench.news).toEqual([
      { type: 'progress', containerId: 'c1', message: 'pulling 10 %' },
      { type: 'started', containerId: 'c1', pid: 4242, addresses: ['172.17.0.2'], inspect: undefined },
      { type: 'exited', containerId: 'c1', exit: { kind: 'exited', code: 3 } },
    ])
    expect(bench.fake.container('c1').released).toBe(1)
    expect(bench.supervisor.size).toBe(0)
  })

  test('without URIs fetches nothing', async () => {
    const bench = new Bench()
    bench.supervisor.launch(request('c1'))
    await bench.settle()
    expect(bench.steps).toEqual(['sandbox'])
  })

  test('is taken by the first containerizer that supports it', async () => {
    const never = new FakeContainerizer({ name: 'never', supports: () => false })
    const second = new FakeContainerizer({ name: 'second' })
    const bench = new Bench({ deps: { containerizers: [never, second] } })
    bench.supervisor.launch(request('c1'))
    await bench.settle()
    expect(never.launches.size).toBe(0)
    expect(second.launches.size).toBe(1)
  })

  test('that no containerizer supports fails, with their names', async () => {
    const never = new FakeContainerizer({ name: 'never', supports: () => false })
    const bench = new Bench({ fake: never })
    bench.supervisor.launch(request('c1'))
    await bench.settle()
    expect(bench.news).toMatchObject([
      { type: 'launch-failed', message: expect.stringContaining('--containerizers=never') },
    ])
  })

  test('whose files cannot be had fails with reason and hint, and is never launched', async () => {
    const fetch = (): Promise<void> =>
      Promise.reject(new OperatingError('FETCH', 'Cannot fetch http://x/y: 404', { hint: 'check the URI' }))
    const bench = new Bench({ deps: { fetch } })
    bench.supervisor.launch(request('c1', { uris: [{ value: 'http://x/y' }] }))
    await bench.settle()
    expect(bench.news).toEqual([
      { type: 'launch-failed', containerId: 'c1', message: 'Cannot fetch http://x/y: 404 (check the URI)' },
    ])
    expect(bench.fake.launches.size).toBe(0)
  })

  test('that cannot be released has ended all the same', async () => {
    const bench = new Bench()
    await bench.running()
    bench.fake.container('c1').refuses = new Error('device busy')
    bench.fake.container('c1').end()
    await bench.supervisor.idle()
    expect(bench.told()).toEqual(['started c1', 'exited c1'])
  })

  test('is never told of while its request is still being made', () => {
    const bench = new Bench({ deps: { containerizers: [] } })
    bench.supervisor.launch(request('c1'))
    expect(bench.news).toEqual([])
  })
})

describe('an agent that leaves', () => {
  test('gives up what is being prepared for that very reason, and tells nobody', async () => {
    const bench = new Bench()
    bench.supervisor.launch(request('c1'))
    await bench.settle()
    const given = bench.fake.launching('c1').outcome.catch((error: unknown) => error)
    expect(await bench.supervisor.leave()).toEqual([])
    expect(await given).toBeInstanceOf(Leaving)
    expect(bench.told()).toEqual([])
  })

  test('leaves a container alone that was started in that moment', async () => {
    const bench = new Bench()
    bench.supervisor.launch(request('c1'))
    await bench.settle()
    bench.fake.launching('c1').succeed()
    await bench.supervisor.leave()
    expect(bench.fake.container('c1').kills).toEqual([])
    expect(bench.told()).toEqual([])
  })
})

describe('a kill', () => {
  test('of a running container goes to it with its grace, and the end is told when it came', async () => {
    const bench = new Bench()
    await bench.running()
    bench.supervisor.kill('c1', 3000)
    bench.supervisor.kill('c1', 100)
    await bench.settle()
    expect(bench.fake.container('c1').kills).toEqual([3000, 100])
    expect(bench.told()).toEqual(['started c1'])
    bench.fake.container('c1').end({ kind: 'signaled', signal: 'SIGTERM', detail: undefined })
    await bench.supervisor.idle()
    expect(bench.told()).toEqual(['started c1', 'exited c1'])
  })

  test('during a launch gives it up', async () => {
    const bench = new Bench()
    bench.supervisor.launch(request('c1'))
    await bench.settle()
    bench.supervisor.kill('c1', 3000)
    await bench.supervisor.idle()
    expect(bench.news).toEqual([
      {
        type: 'launch-failed',
        containerId: 'c1',
        message: 'The container was killed while it was being prepared',
      },
    ])
  })

  test('before the sandbox is made launches nothing', async () => {
    const bench = new Bench()
    bench.supervisor.launch(request('c1'))
    bench.supervisor.kill('c1', 0)
    await bench.supervisor.idle()
    expect(bench.told()).toEqual(['launch-failed c1'])
    expect(bench.steps).toEqual([])
  })

  test('that meets a start in the act ends the container and never tells of the start', async () => {
    const bench = new Bench()
    bench.supervisor.launch(request('c1'))
    await bench.settle()
    bench.fake.launching('c1').succeed()
    bench.supervisor.kill('c1', 3000)
    await bench.settle()
    expect(bench.fake.container('c1').kills).toEqual([0])
    bench.fake.container('c1').end({ kind: 'signaled', signal: 'SIGKILL', detail: undefined })
    await bench.supervisor.idle()
    expect(bench.told()).toEqual(['exited c1'])
    expect(bench.fake.container('c1').released).toBe(1)
  })

  test('of a container that ended does nothing', async () => {
    const bench = new Bench()
    await bench.running()
    bench.fake.container('c1').end()
    await bench.supervisor.idle()
    bench.supervisor.kill('c1', 0)
    expect(bench.fake.container('c1').kills).toEqual([])
  })
})

describe('limits', () => {
  test('refuse containers beyond those that may live at once', async () => {
    const bench = new Bench({ limits: { containers: 1 } })
    await bench.running('c1')
    bench.supervisor.launch(request('c2'))
    await bench.settle()
    expect(bench.news.at(-1)).toEqual({
      type: 'launch-failed',
      containerId: 'c2',
      message: 'This agent already holds 1 containers, which is its limit.',
    })
  })

  test('let preparations wait their turn, also behind one that gave up', async () => {
    const bench = new Bench({ limits: { preparing: 1 } })
    for (const id of ['c1', 'c2', 'c3']) bench.supervisor.launch(request(id))
    await bench.settle()
    expect([...bench.fake.launches.keys()]).toEqual(['c1'])
    bench.supervisor.kill('c2', 0)
    await bench.settle()
    expect(bench.told()).toEqual(['launch-failed c2'])
    bench.fake.launching('c1').succeed()
    await bench.settle()
    expect([...bench.fake.launches.keys()]).toEqual(['c3'])
  })

  test('hand the turn on when the one who has it is killed as it gets it', async () => {
    const bench = new Bench({ limits: { preparing: 1 } })
    for (const id of ['c1', 'c2', 'c3']) bench.supervisor.launch(request(id))
    await bench.settle()
    const failing = bench.fake.launching('c1')
    // Told synchronously when c1 fails: c2 has been woken and not yet run.
    failing.fail('no')
    const news = bench.news as ContainerNews[] & { push(...items: ContainerNews[]): number }
    const push = news.push.bind(news)
    news.push = (...items) => {
      if (items.some((item) => item.containerId === 'c1')) bench.supervisor.kill('c2', 0)
      return push(...items)
    }
    await bench.settle()
    expect([...bench.fake.launches.keys()]).toEqual(['c3'])
  })
})

describe('a new reservation', () => {
  const more = Resources.from([{ name: 'cpus', type: 'SCALAR', scalar: { value: 2 } }])

  test('reaches the running container', async () => {
    const bench = new Bench()
    await bench.running()
    await bench.supervisor.resize('c1', more, {})
    expect(bench.fake.container('c1').updates).toEqual([more])
  })

  test('that the kernel refuses does no harm', async () => {
    const bench = new Bench()
    await bench.running()
    bench.fake.container('c1').refuses = new Error('device busy')
    await expect(bench.supervisor.resize('c1', more, {})).resolves.toBeUndefined()
  })
})

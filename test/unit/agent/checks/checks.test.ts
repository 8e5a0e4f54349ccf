// When checks run, which results count and what is told of them, on a clock that is moved by hand.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  AGENT_LATE_MS,
  type CheckNews,
  Checks,
  CHECKS_AT_ONCE,
  THAW_SETTLE_MS,
} from '../../../../src/agent/checks/checks.ts'
import type { Finding } from '../../../../src/agent/checks/judging.ts'
import type { Probed } from '../../../../src/agent/checks/probe.ts'
import type { Watch } from '../../../../src/agent/core/checks.ts'
import { OperatingError } from '../../../../src/base/errors.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { Metrics } from '../../../../src/base/metrics.ts'
import type { HealthCheck } from '../../../../src/wire/health.ts'
import type { TaskInfo } from '../../../../src/wire/tasks.ts'
import { taskInfo } from '../../../support/agent-core.ts'
import { ManualClock } from '../../../support/clock.ts'

const OK: Finding = { passed: true, value: { type: 'COMMAND', command: { exit_code: 0 } }, words: 'status 0' }
const BAD: Finding = {
  passed: false,
  value: { type: 'COMMAND', command: { exit_code: 1 } },
  words: 'status 1',
}

const EVERY_SECOND: HealthCheck = {
  type: 'COMMAND',
  command: { value: 'look' },
  delay_seconds: 1,
  interval_seconds: 1,
  timeout_seconds: 10,
  grace_period_seconds: 0,
}

const healthy = (more: Partial<HealthCheck> = {}): TaskInfo =>
  taskInfo('t', { health_check: { ...EVERY_SECOND, ...more } })

class Rig {
  readonly clock = new ManualClock()
  readonly metrics = new Metrics()
  readonly told: CheckNews[] = []
  /** Seconds after the start at which a run began. */
  readonly runs: number[] = []
  readonly frozenUntil = new Map<string, number>()
  readonly containers = new Map<string, Probed>([['c', { pid: 1, addresses: [] }]])
  answer: (signal: AbortSignal) => Promise<Finding> = () => Promise.resolve(OK)
  readonly checks = new Checks({
    clock: this.clock,
    log: silentLogger,
    metrics: this.metrics,
    probe: (_target, _container, _task, signal) => {
      this.runs.push(this.clock.monotonic() / 1000)
      return this.answer(signal)
    },
    container: (id) => this.containers.get(id),
    lastFrozen: (id) => this.frozenUntil.get(id) ?? Number.NEGATIVE_INFINITY,
    tell: (news) => void this.told.push(news),
  })

  watch(task: TaskInfo, more: Partial<Watch> = {}): void {
    const startedAt = this.clock.now()
    this.checks.watch({
      containerId: 'c',
      task,
      startedAt,
      healthy: undefined,
      checkStatus: undefined,
      failures: 0,
      ...more,
    })
  }

  /** What was told of health: `true`, `false`, or `ends`. */
  get health(): string[] {
    return this.told.map((news) => (news.type === 'check' ? 'check' : news.ends ? 'ends' : `${news.healthy}`))
  }

  get discarded(): number {
    return this.metrics.value('tepui/checks_discarded')
  }
}

let rig: Rig
beforeEach(() => {
  rig = new Rig()
})
afterEach(async () => {
  rig.checks[Symbol.dispose]()
  await rig.clock.advance(1000)
  if (rig.clock.pending > 0) throw new Error('a check goes on after its end')
})

const hang = (signal: AbortSignal): Promise<Finding> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))

describe('a run', () => {
  test('comes after the delay, and again the interval after the end of the one before', async () => {
    rig.answer = async (signal) => {
      await rig.clock.sleep(500, signal)
      return OK
    }
    rig.watch(healthy({ delay_seconds: 2 }))
    await rig.clock.advance(6000)
    expect(rig.runs).toEqual([2, 3.5, 5])
  })

  test('counts its delay from the start of the task, though the agent restarted since', async () => {
    rig.watch(healthy({ delay_seconds: 5 }), { startedAt: rig.clock.now() - 3000 })
    await rig.clock.advance(2500)
    expect(rig.runs).toEqual([2])
    rig.checks.unwatch('c')
    rig.runs.length = 0
    rig.watch(healthy({ delay_seconds: 5 }), { startedAt: rig.clock.now() - 60_000 })
    await rig.clock.advance(0)
    expect(rig.runs).toEqual([2.5])
  })

  test('that takes longer than its timeout has failed, is ended, and only then the next is due', async () => {
    const ended: number[] = []
    rig.answer = async (signal) => {
      try {
        return await hang(signal)
      } finally {
        await rig.clock.sleep(300)
        ended.push(rig.clock.monotonic() / 1000)
      }
    }
    rig.watch(healthy({ timeout_seconds: 2 }))
    await rig.clock.advance(3000)
    expect(rig.told).toEqual([
      {
        type: 'health',
        containerId: 'c',
        healthy: false,
        failures: 1,
        ends: false,
        message: 'health check failed 1 of 3 times in a row: COMMAND check did not end within 2secs',
      },
    ])
    await rig.clock.advance(1300)
    expect(ended).toEqual([3.3])
    expect(rig.runs).toEqual([1, 4.3])
  })

  test('that cannot be run has failed for its reason', async () => {
    rig.answer = () => Promise.reject(new OperatingError('LAUNCH', 'there is no such program'))
    rig.watch(healthy())
    await rig.clock.advance(1000)
    expect(rig.told[0]?.message).toBe(
      'health check failed 1 of 3 times in a row: COMMAND check could not be run: there is no such program',
    )
    expect(rig.metrics.value('tepui/checks_failed')).toBe(1)
  })

  test('does not count while the engine is away', async () => {
    rig.answer = () => Promise.reject(new OperatingError('ENGINE', 'nobody answers'))
    rig.watch(healthy())
    await rig.clock.advance(10_000)
    expect(rig.told).toEqual([])
    expect(rig.discarded).toBe(rig.runs.length)
  })

  test('does not count when its container has ended meanwhile', async () => {
    rig.answer = async () => {
      rig.containers.delete('c')
      return BAD
    }
    rig.watch(healthy())
    await rig.clock.advance(5000)
    expect(rig.told).toEqual([])
    expect(rig.runs).toEqual([1])
  })

  test('does not time out because the agent itself stood still', async () => {
    rig.answer = hang
    rig.watch(healthy({ timeout_seconds: 2 }))
    await rig.clock.advance(1000)
    rig.clock.skip(2000 + AGENT_LATE_MS + 1)
    await rig.clock.advance(0)
    expect(rig.told).toEqual([])
    expect(rig.discarded).toBe(1)
    await rig.clock.advance(3000)
    expect(rig.health).toEqual(['false'])
  })
})

describe('a health check', () => {
  test('tells a failing task with its count, and its end', async () => {
    rig.answer = () => Promise.resolve(BAD)
    rig.watch(healthy({ consecutive_failures: 2 }))
    await rig.clock.advance(2000)
    expect(rig.told.map((news) => news.message)).toEqual([
      'health check failed 1 of 2 times in a row: status 1',
      'health check failed 2 of 2 times in a row: status 1',
    ])
    expect(rig.health).toEqual(['false', 'ends'])
  })

  test('counts its grace period from the start of the task', async () => {
    rig.answer = () => Promise.resolve(BAD)
    rig.watch(healthy({ grace_period_seconds: 3 }))
    await rig.clock.advance(4000)
    expect(rig.health).toEqual(['false'])
    rig.checks.unwatch('c')
    rig.told.length = 0
    rig.watch(healthy({ grace_period_seconds: 3 }), { startedAt: rig.clock.now() - 3001 })
    await rig.clock.advance(0)
    expect(rig.health).toEqual(['false'])
  })

  test('whose wall clock went back does not wait for it', async () => {
    rig.watch(healthy(), { startedAt: rig.clock.now() + 3_600_000 })
    await rig.clock.advance(1000)
    expect(rig.health).toEqual(['true'])
  })

  test('of a container that a later life found again tells only what is new', async () => {
    rig.watch(healthy(), { healthy: true })
    await rig.clock.advance(3000)
    expect(rig.told).toEqual([])
    rig.answer = () => Promise.resolve(BAD)
    await rig.clock.advance(1000)
    expect(rig.health).toEqual(['false'])
  })
})

describe('a task that lending holds still', () => {
  test('is not looked at, nor until it had time to catch up', async () => {
    rig.answer = () => Promise.resolve(BAD)
    rig.watch(healthy())
    rig.frozenUntil.set('c', Number.POSITIVE_INFINITY)
    await rig.clock.advance(10_000)
    expect(rig.runs).toEqual([])
    rig.frozenUntil.set('c', rig.clock.monotonic())
    await rig.clock.advance(THAW_SETTLE_MS - 1)
    expect(rig.runs).toEqual([])
    await rig.clock.advance(1)
    expect(rig.health).toEqual(['false'])
  })

  test('does not answer for a run in the middle of which it was frozen, though it goes on by now', async () => {
    rig.answer = async (signal) => {
      await rig.clock.sleep(1000, signal)
      rig.frozenUntil.set('c', rig.clock.monotonic())
      await rig.clock.sleep(8000, signal)
      return BAD
    }
    rig.watch(healthy())
    await rig.clock.advance(10_000)
    expect(rig.told).toEqual([])
    expect(rig.discarded).toBe(1)
  })
})

describe('a general check', () => {
  const check = { ...EVERY_SECOND, command: { command: { value: 'look' } } }
  const task = taskInfo('t', { check })

  test('tells values that change, never an end, and what it could not find', async () => {
    const answers = [BAD, BAD, OK, OK]
    rig.answer = () => {
      const next = answers.shift()
      return next === undefined ? Promise.reject(new Error('gone')) : Promise.resolve(next)
    }
    rig.watch(task)
    await rig.clock.advance(6000)
    expect(rig.told).toEqual([
      { type: 'check', containerId: 'c', status: BAD.value, message: undefined },
      { type: 'check', containerId: 'c', status: OK.value, message: undefined },
      {
        type: 'check',
        containerId: 'c',
        status: { type: 'COMMAND', command: {} },
        message: 'check found nothing: COMMAND check could not be run: gone',
      },
    ])
  })

  test('goes on from what was told before a restart', async () => {
    rig.watch(task, { checkStatus: OK.value })
    await rig.clock.advance(3000)
    expect(rig.told).toEqual([])
  })

  test('runs beside a health check, each at its own pace', async () => {
    const both = taskInfo('t', { check: { ...check, interval_seconds: 0.4 }, health_check: EVERY_SECOND })
    rig.watch(both)
    await rig.clock.advance(2000)
    expect(rig.runs).toEqual([1, 1, 1.4, 1.8, 2])
    expect(rig.health.toSorted()).toEqual(['check', 'true'])
  })
})

describe('the end of the watch', () => {
  test('ends a run that is under way and tells nothing more', async () => {
    const reasons: unknown[] = []
    rig.answer = (signal) => {
      signal.addEventListener('abort', () => reasons.push(signal.reason))
      return hang(signal)
    }
    rig.watch(healthy())
    await rig.clock.advance(1000)
    rig.checks.unwatch('c')
    rig.checks.unwatch('c')
    await rig.clock.advance(60_000)
    expect(reasons).toHaveLength(1)
    expect(rig.told).toEqual([])
    expect(rig.runs).toEqual([1])
    expect(rig.metrics.snapshot()).toMatchObject({ 'tepui/checks_running': 0, 'tepui/checks_waiting': 0 })
  })

  test('comes with a new watch of the same container', async () => {
    rig.watch(healthy())
    rig.watch(healthy())
    await rig.clock.advance(1000)
    expect(rig.runs).toEqual([1])
  })
})

test('only so many run at once; the others wait, which is not counted as theirs', async () => {
  rig.answer = hang
  for (let index = 0; index <= CHECKS_AT_ONCE; index++) {
    rig.containers.set(`c${index}`, { pid: 1, addresses: [] })
    rig.watch(healthy({ timeout_seconds: 5 }), { containerId: `c${index}` })
  }
  await rig.clock.advance(1000)
  expect(rig.metrics.snapshot()).toMatchObject({
    'tepui/checks_running': CHECKS_AT_ONCE,
    'tepui/checks_waiting': 1,
  })
  await rig.clock.advance(5000)
  expect(rig.runs).toHaveLength(CHECKS_AT_ONCE + 1)
  expect(rig.health.filter((word) => word === 'false')).toHaveLength(CHECKS_AT_ONCE)
})

// What results mean for a task: held against Mesos's own loop written down as a model, for all sequences.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  changedStatus,
  type Finding,
  type Health,
  judge,
  newHealth,
  unknownStatus,
} from '../../../../src/agent/checks/judging.ts'
import type { HealthPlan } from '../../../../src/agent/checks/plans.ts'
import type { CheckStatusInfo } from '../../../../src/wire/health.ts'

const plan = (more: Partial<HealthPlan> = {}): HealthPlan => ({
  target: { type: 'TCP', host: '127.0.0.1', port: 80 },
  delayMs: 0,
  intervalMs: 1000,
  timeoutMs: 1000,
  graceMs: 10_000,
  failuresMax: 3,
  ...more,
})

const found = (passed: boolean): Finding => ({ passed, value: undefined, words: passed ? 'fine' : 'refused' })

/** Whatever is told for results at these ages, ms. */
function play(
  results: readonly (readonly [ageMs: number, passed: boolean])[],
  over = plan(),
  told?: boolean,
  failures?: number,
): readonly (string | undefined)[] {
  let health: Health = newHealth(told, failures)
  return results.map(([ageMs, passed]) => {
    const { next, news } = judge(over, health, found(passed), ageMs)
    health = next
    if (news === undefined) return undefined
    return `${news.healthy}${news.ends ? ' ends' : ''}${news.message === undefined ? '' : `: ${news.message}`}`
  })
}

describe('a health check', () => {
  test('tells the first success and no other', () => {
    expect(
      play([
        [0, true],
        [1000, true],
        [2000, true],
      ]),
    ).toEqual(['true', undefined, undefined])
  })

  test('ignores failures within the grace period, until something passed', () => {
    const results = [
      [1, false],
      [10_000, false],
      [10_001, false],
    ] as const
    expect(play(results)).toEqual([
      undefined,
      undefined,
      'false: health check failed 1 of 3 times in a row: refused',
    ])
    expect(
      play([
        [1, true],
        [2, false],
      ])[1],
    ).toMatch(/^false/)
  })

  test('has no grace period of no length', () => {
    expect(play([[0, false]], plan({ graceMs: 0 }))[0]).toMatch(/^false/)
  })

  test('tells every failure that counts, and ends the task with the last that is allowed', () => {
    const late = 60_000
    expect(
      play([
        [late, false],
        [late, false],
        [late, true],
        [late, false],
        [late, false],
        [late, false],
      ]),
    ).toEqual([
      'false: health check failed 1 of 3 times in a row: refused',
      'false: health check failed 2 of 3 times in a row: refused',
      'true',
      'false: health check failed 1 of 3 times in a row: refused',
      'false: health check failed 2 of 3 times in a row: refused',
      'false ends: health check failed 3 of 3 times in a row: refused',
    ])
  })

  test('of a task that was told healthy before the agent restarted tells that no second time, and has no grace', () => {
    expect(
      play(
        [
          [1, true],
          [2, false],
        ],
        plan(),
        true,
      ),
    ).toEqual([undefined, 'false: health check failed 1 of 3 times in a row: refused'])
    expect(play([[1, true]], plan(), false)).toEqual(['true'])
  })

  test('tells what Mesos tells, for every sequence of results', () => {
    const result = fc.tuple(fc.nat(20_000), fc.boolean())
    const anyPlan = fc.record({ graceMs: fc.nat(20_000), failuresMax: fc.nat(5) })
    fc.assert(
      fc.property(anyPlan, fc.array(result, { maxLength: 60 }), (over, steps) => {
        const results = steps.toSorted(([a], [b]) => a - b)
        let failed = 0
        let initializing = true
        // HealthChecker::success and ::failure of Mesos, as spec/mesos.md 3.7 tells them.
        const expected = results.map(([ageMs, passed]) => {
          if (passed) {
            const isNews = initializing || failed > 0
            initializing = false
            failed = 0
            return isNews ? { healthy: true, ends: false } : undefined
          }
          if (initializing && over.graceMs > 0 && ageMs <= over.graceMs) return undefined
          failed += 1
          return { healthy: false, ends: failed >= over.failuresMax }
        })
        let health = newHealth(undefined)
        const actual = results.map(([ageMs, passed]) => {
          const { next, news } = judge(plan(over), health, found(passed), ageMs)
          health = next
          return news === undefined ? undefined : { healthy: news.healthy, ends: news.ends }
        })
        expect(actual).toEqual(expected)
      }),
    )
  })
})

test('failures in a row go on in a later life of the agent, and a success ends the row', () => {
  expect(play([[1, false]], plan(), false, 2)).toEqual([
    'false ends: health check failed 3 of 3 times in a row: refused',
  ])
  const recovers = [
    [1, true],
    [2, false],
  ] as const
  expect(play(recovers, plan(), false, 2)[1]).toMatch(/failed 1 of 3/)
})

describe('a check', () => {
  const target = { type: 'COMMAND', command: { value: 'true' } } as const
  const exit = (code: number): CheckStatusInfo => ({ type: 'COMMAND', command: { exit_code: code } })

  test('knows nothing at first, and a run that finds nothing is that again', () => {
    expect(unknownStatus(target)).toEqual({ type: 'COMMAND', command: {} })
    expect(unknownStatus({ type: 'TCP', host: '', port: 1 })).toEqual({ type: 'TCP', tcp: {} })
    const http = { type: 'HTTP', scheme: 'http', host: '', port: 1, path: '' } as const
    expect(unknownStatus(http)).toEqual({ type: 'HTTP', http: {} })
    expect(changedStatus(target, unknownStatus(target), found(false))).toBeUndefined()
    expect(changedStatus(target, exit(0), found(false))).toEqual(unknownStatus(target))
  })

  test('reports a value when it is another than before, also one that is a failure', () => {
    const values = fc.array(fc.option(fc.nat(2), { nil: undefined }))
    fc.assert(
      fc.property(values, (codes) => {
        let before = unknownStatus(target)
        for (const code of codes) {
          const value = code === undefined ? undefined : exit(code)
          const changed = changedStatus(target, before, { passed: code === 0, value, words: '' })
          const now = value ?? unknownStatus(target)
          expect(changed).toEqual(JSON.stringify(now) === JSON.stringify(before) ? undefined : now)
          before = changed ?? before
        }
      }),
    )
  })
})

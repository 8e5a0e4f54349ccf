// The calendar of sweeps.
import { expect, test } from 'vitest'
import { isCronExpression, onSchedule } from '../../../src/gc/schedule.ts'

test('the calendar really calls, never twice at once, and tells failures', { timeout: 10_000 }, async () => {
  expect(['17 * * * *', '* * * * * *', 'often', '99 * * * *'].map(isCronExpression)).toEqual([
    true,
    true,
    false,
    false,
  ])
  const called = Promise.withResolvers<unknown>()
  await using _ = onSchedule(
    '* * * * * *',
    () => Promise.reject(new Error('the disk is gone')),
    (error) => called.resolve(error),
  )
  expect(await called.promise).toEqual(new Error('the disk is gone'))
  expect(() =>
    onSchedule(
      'often',
      () => Promise.resolve(),
      () => undefined,
    ),
  ).toThrow("'often' is no cron")
})

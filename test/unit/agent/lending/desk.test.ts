// What people change about lending: all or nothing, kept over a restart, refused with the field and what was expected.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readChange } from '../../../../src/agent/lending/change.ts'
import { historyQuery, whyQuery } from '../../../../src/agent/lending/history.ts'
import { lendPage } from '../../../../src/agent/lending/page.ts'
import { readWindows } from '../../../../src/agent/lending/windows.ts'
import { evict, freeze, squeeze } from '../../../support/lend-actions.ts'
import { known, LendingRig, type RigOptions } from '../../../support/lending.ts'
import { Machine, START_MS } from '../../../support/usage.ts'

const MINUTES_A_WEEK = 7 * 24 * 60

/** For how many minutes of a week in November it is closed, and for which reasons: the same in every zone. */
function closedMinutes(text: string): { readonly minutes: number; readonly reasons: readonly string[] } {
  const windows = readWindows(text)
  const reasons = Array.from({ length: MINUTES_A_WEEK }, (_, minute) =>
    windows.closed(START_MS + minute * 60_000),
  )
  const closed = reasons.filter((reason) => reason !== undefined)
  return { minutes: closed.length, reasons: [...new Set(closed)] }
}

describe('windows', () => {
  test('confine lending to the minutes that they name, and quiet ones close it', () => {
    const evenings = closedMinutes('lend * 20-23,0-5 * * *; quiet * 2 * * 1')
    expect(evenings.minutes).toBe(7 * 14 * 60 + 60)
    expect(evenings.reasons.toSorted()).toEqual([
      'it is a quiet window (* 2 * * 1)',
      'it is outside of the windows for lending (* 20-23,0-5 * * *)',
    ])
    expect(closedMinutes('').minutes).toBe(0)
  })

  test('that cannot be read are refused with the part that is wrong', () => {
    expect(() => readWindows('lend * 99 * * *')).toThrow("'* 99 * * *' is no cron expression")
    expect(() => readWindows('sleep * * * * *')).toThrow("'sleep * * * * *' is no window")
  })

  test('close what is told to be lent, from the minute on in which they begin', async () => {
    using rig = new LendingRig({ windows: 'quiet * * * * *' })
    rig.estimate = known(0.5)
    await rig.lending.round()
    expect(rig.told).toEqual([])
    expect(rig.lending.closed).toContain('quiet window')
    await rig.desk.change({ windows: readWindows('') }, 'a test')
    expect(rig.told).toEqual(['lent 0.5'])
  })
})

describe('the pause', () => {
  test('takes back at once what nobody borrowed, and the resume lends it again', async () => {
    using rig = new LendingRig({
      machine: new Machine().add({ id: 'web', cpus: 1.5 }).add({ id: 'b1', cpus: 0.4, revocable: true }),
    })
    rig.estimate = known(0.5)
    await rig.lending.round()
    await rig.desk.change({ paused: true }, 'a test')
    expect(rig.told).toEqual(['lent 0.9', 'lent 0.4'])
    await rig.desk.change({ paused: false }, 'a test')
    expect(rig.told.at(-1)).toBe('lent 0.9')
    expect(rig.decisions().map(({ why }) => why)).toEqual([
      '0.9 cpus are lent, more than the 0 before',
      'a test paused lending',
      '0.4 cpus are lent, less than the 0.9 before: lending is paused',
      'a test resumed lending',
      '0.9 cpus are lent, more than the 0.4 before',
    ])
  })

  test('is on record once, with the mode when both were turned, and not when nothing changed', async () => {
    using rig = new LendingRig()
    await rig.desk.change({ mode: 'lend', paused: true }, 'ann')
    await rig.desk.change({ mode: 'lend', paused: true }, 'bob')
    await rig.desk.change({ paused: false }, 'bob')
    expect(rig.decisions()).toMatchObject([
      { kind: 'mode', from: 'full', to: 'lend', paused: true },
      { kind: 'mode', from: 'lend', to: 'lend', paused: false, by: 'bob' },
    ])
    expect(rig.decisions()[0]?.why).toBe('ann set the mode of lending from full to lend and paused lending')
  })
})

describe('a restart', () => {
  const inFolder = async (work: (options: RigOptions) => Promise<void>): Promise<void> => {
    const folder = mkdtempSync(join(tmpdir(), 'tepui-lend-'))
    try {
      await work({ database: join(folder, 'lending.db') })
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  test('keeps mode, pause, windows and history', async () => {
    await inFolder(async (options) => {
      {
        using rig = new LendingRig(options)
        await rig.desk.change(
          { mode: 'lend', paused: true, windows: readWindows('quiet * 2 * * *') },
          'a test',
        )
      }
      using rig = new LendingRig(options)
      expect(rig.power).toMatchObject({ mode: 'lend', paused: true, windows: { text: 'quiet * 2 * * *' } })
      expect(rig.decisions()).toMatchObject([{ kind: 'mode', from: 'full', to: 'lend' }])
    })
  })

  test('drops a setting when its flag says something new', async () => {
    await inFolder(async (options) => {
      {
        using rig = new LendingRig(options)
        await rig.desk.change({ mode: 'lend', paused: true }, 'a test')
      }
      using rig = new LendingRig({ ...options, mode: 'observe' })
      expect(rig.power).toMatchObject({ mode: 'observe', paused: true })
      expect(rig.power.notes).toHaveLength(1)
    })
  })

  test('gives the estimator back what it knew', async () => {
    await inFolder(async (options) => {
      const restored: unknown[] = []
      const estimator = {
        name: 'keeper',
        estimate: () => known(0),
        save: () => ({ seen: 7 }),
        restore: (saved: unknown) => void restored.push(saved),
      }
      {
        using rig = new LendingRig({ ...options, estimator })
        const stop = new AbortController()
        const running = rig.desk.run(stop.signal)
        stop.abort()
        await running
      }
      using rig = new LendingRig({ ...options, estimator })
      await rig.desk.restore()
      expect(restored).toEqual([{ seen: 7 }])
    })
  })

  test('survives settings that somebody scribbled into the file', () => {
    using rig = new LendingRig()
    rig.settings.set('lend.switch', { mode: 'wild', windows: 7, flags: {} })
    using other = new LendingRig()
    expect(other.power.mode).toBe('full')
  })
})

describe('a change', () => {
  const message = (body: string): string => {
    const read = readChange(body)
    return read.ok ? 'ok' : read.message
  }

  test('is refused with the field and what was expected', () => {
    expect(message('nonsense')).toContain('not JSON')
    expect(message('[]')).toContain('not an object')
    expect(message('{}')).toContain('Nothing is to be changed')
    expect(message('{"mod": "full"}')).toBe("There is no field 'mod': did you mean 'mode'?")
    expect(message('{"mode": "on"}')).toBe('Field \'mode\' is "on": expected one of off, observe, lend, full')
    expect(message('{"paused": 1}')).toBe("Field 'paused' is 1: expected true or false")
    expect(message('{"estimator_options": {"headroom": [1]}}')).toContain("Option 'headroom'")
    expect(message('{"windows": 3}')).toContain("Field 'windows' is 3")
    expect(message('{"mode": "lend", "paused": true, "estimator_options": {"headroom": 0.2}}')).toBe('ok')
  })

  test('of options reaches the plug-ins, and one wrong value changes nothing at all', async () => {
    using rig = new LendingRig({
      mode: 'off',
      flags: { estimator: 'noop', controller: undefined },
      estimator: undefined,
    })
    await rig.desk.change({ mode: 'observe', estimatorOptions: { headroom: '0.3' } }, 'a test')
    expect(rig.desk.names).toEqual({ estimator: 'usage', controller: 'pressure' })
    expect(rig.power.estimatorOptions).toEqual({ headroom: '0.3' })
    const wrong = rig.desk.change({ mode: 'full', estimatorOptions: { percentile: '101' } }, 'a test')
    await expect(wrong).rejects.toThrow("Option 'percentile' of 'usage' is '101'")
    const unknown = rig.desk.change({ controllerOptions: { squeez: '0.1' } }, 'a test')
    await expect(unknown).rejects.toThrow("'pressure' has no option 'squeez'")
    expect(rig.power).toMatchObject({ mode: 'observe', estimatorOptions: { headroom: '0.3' } })
  })
})

describe('the pages', () => {
  test('show who is held back and why, in figures', async () => {
    using rig = new LendingRig({
      machine: new Machine().add({ id: 'web', cpus: 1.5 }).add({ id: 'b1', cpus: 0.4, revocable: true }),
    })
    rig.estimate = known(0.5)
    await rig.lending.round()
    rig.answer = () => [squeeze(0.3), freeze('c-b1'), evict('b1')]
    await rig.seconds(1)
    const page = lendPage(rig.desk, (id) => (id === 'c-web' ? 4096 : undefined))
    expect(page).toMatchObject({
      mode: 'full',
      paused: false,
      lending: true,
      tier: 'idle',
      quota_cpus: 0.3,
      estimate: { kind: 'known', additional: { cpus: 0.5 } },
      corrections: [{ tasks: ['b1'], message: "'web' waited" }],
    })
    expect(JSON.parse(JSON.stringify(page))).toMatchObject({
      containers: [{ tasks: ['web'], disk_used_bytes: 4096 }, { tasks: ['b1'] }],
    })
  })

  test('find what happened to a task as owner and as borrower, and one event by its number', async () => {
    using rig = new LendingRig({
      machine: new Machine().add({ id: 'web', cpus: 1.5 }).add({ id: 'b1', cpus: 0.4, revocable: true }),
    })
    await rig.lending.round()
    rig.answer = () => [freeze('c-b1')]
    await rig.lending.round()
    const asked = (name: string, value: string): readonly unknown[] => {
      const query = whyQuery(new Map([[name, value]]))
      return typeof query === 'string' ? [query] : rig.records.query(query).map(({ kind }) => kind)
    }
    expect(asked('task', 'web')).toEqual(['freeze'])
    expect(asked('task', 'b1')).toEqual(['freeze'])
    expect(asked('task', 'b7')).toEqual([])
    expect(asked('event', '2')).toEqual(['freeze'])
    expect(asked('event', 'two')).toEqual(["Parameter 'event' is 'two': expected the number of an event"])
  })

  test('refuse a history whose bounds are none', () => {
    expect(historyQuery(new Map([['since', 'yesterday']]))).toContain("Parameter 'since' is 'yesterday'")
    expect(historyQuery(new Map([['limit', '0']]))).toContain('a number from 1 to 1000')
    expect(historyQuery(new Map([['kind', 'freeze,kill']]))).toContain("Parameter 'kind' has 'kill'")
    expect(
      historyQuery(
        new Map([
          ['kind', 'freeze'],
          ['since', '7'],
        ]),
      ),
    ).toEqual({
      limit: 100,
      since: 7,
      kinds: ['freeze'],
    })
  })
})

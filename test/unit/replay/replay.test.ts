// What the replay says about recordings so small that everybody can add them up.
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sampleRecording } from '../../../scripts/sample-recording.ts'
import { RULES } from '../../../src/estimator/rules/recreated.ts'
import { referencesOf } from '../../../src/replay/rules.ts'
import { replayJson, replayLines } from '../../../src/cli/replay-view.ts'
import { owner, replayed, scored } from '../../support/replay.ts'

const fixed = (cpus: number): string => `fixed?resources=cpus:${cpus}`

describe('A rule is judged by what it lent when each second began', () => {
  test('a flat owner: one core of two lies idle for an hour, a quarter core is lent of it', async () => {
    const score = await scored(
      owner(3600, 2, () => 1),
      { rules: fixed(0.25) },
    )
    expect(score.hours).toBeCloseTo(1, 9)
    expect(score.idleCpuHours).toBeCloseTo(1, 9)
    expect(score.lentCpuHours).toBeCloseTo(0.25, 9)
    expect(score.slackCpuHours).toBeCloseTo(0.75, 9)
    expect(score).toMatchObject({ underSeconds: 0, worstUnderCpus: 0, changes: 1 })
  })

  test('a step: from second 101 to 200 the owner needs 1.6 of 2, and half a core was lent', async () => {
    const step = owner(300, 2, (second) => (second > 100 && second <= 200 ? 1.6 : 0.2))
    const score = await scored(step, { rules: fixed(0.5) })
    expect(score.underSeconds).toBeCloseTo(100, 9)
    expect(score.worstUnderCpus).toBeCloseTo(0.1, 9)
    // Idle: 200 s of 1.8 and 100 s of 0.4; not lent of it: 200 s of 1.3.
    expect(score.idleCpuHours * 3600).toBeCloseTo(400, 6)
    expect(score.slackCpuHours * 3600).toBeCloseTo(260, 6)
  })

  test('a sine day in minutes: serenity follows it by its last minute', async () => {
    const day = Array.from({ length: 1441 }, (_, minute) => {
      const cpu = (1 + 0.8 * Math.sin((2 * Math.PI * minute) / 1440)).toFixed(6)
      return `${minute * 60},web,${cpu},64,2`
    })
    const score = await scored(`time,owner,cpu,mem,limit\n${day.join('\n')}\n`, {
      rules: 'serenity?share=1&cold_start=0ns',
      cores: 2,
    })
    // The mean of a sine is its middle: 24 h of one idle core, all but its lag lent.
    expect(score.idleCpuHours).toBeCloseTo(24, 2)
    expect(score.lentCpuHours).toBeGreaterThan(23.5)
    // It lends what was idle a second ago: in the 720 minutes in which use rises that is too much in their first
    // seconds, but for those in which it rises by less than the thousandth that is rounded off.
    expect(score.underSeconds).toBeGreaterThanOrEqual(600)
    expect(score.underSeconds).toBeLessThanOrEqual(720)
    expect(score.worstUnderCpus).toBeLessThan(0.0036)
  })

  test('an owner over its limit takes nothing from what others reserve, as long as the machine has it', async () => {
    const text =
      'time,kind,owner,cpu,mem,limit\n' +
      [0, 1, 2].map((at) => `${at},machine,,1.9,,4\n${at},,a,1.5,1,1\n${at},,b,0.2,1,2\n`).join('')
    const score = await scored(text, { rules: 'noop' })
    // b leaves 1.8 of 2; the machine has 4 − 1.7 − 0.2 = 2.1 to spare.
    expect(score.idleCpuHours * 3600).toBeCloseTo(2 * 1.8, 9)
  })

  test('cores that nobody reserved are not idle reservations, but lending them makes nobody short', async () => {
    const rows = [0, 1, 2].map((at) => `${at},machine,,1,,4\n${at},,a,1,1,1\n`)
    const score = await scored(`time,kind,owner,cpu,mem,limit\n${rows.join('')}`, { rules: fixed(3) })
    expect(score).toMatchObject({ idleCpuHours: 0, underSeconds: 0 })
    expect(score.lentCpuHours * 3600).toBeCloseTo(6, 9)
  })

  test('a highest second within an interval counts as a second, and the mean stays', async () => {
    const head = 'time,owner,cpu,cpu_peak,mem,limit\n'
    const score = await scored(`${head}0,web,0.5,0.5,1,2\n10,web,0.5,1.9,1,2\n20,web,0.5,1.9,1,2\n`, {
      rules: fixed(0.2),
    })
    expect(score.idleCpuHours * 3600).toBeCloseTo(20 * 1.5, 6)
    expect(score.underSeconds).toBeCloseTo(2, 9)
    expect(score.worstUnderCpus).toBeCloseTo(0.1, 9)
  })

  test('a gap of more than ten minutes is judged by nobody', async () => {
    const text = 'time,owner,cpu,mem,limit\n0,web,1,1,2\n60,web,1,1,2\n1000,web,1,1,2\n1060,web,1,1,2\n'
    const { recording, rules } = await replayed(text, { rules: fixed(0.1) })
    expect(recording).toMatchObject({ gapMs: 940_000, seconds: 1 + 60 + 1 + 60, owners: 1 })
    expect(rules[0]?.hours).toBeCloseTo(120 / 3600, 9)
  })

  test('the very estimator of the agent: nothing in the cold start, then what the owner leaves', async () => {
    const cold = await scored(
      owner(290, 2, () => 0.2),
      { rules: 'usage' },
    )
    expect(cold.lentCpuHours).toBe(0)
    const warm = await scored(
      owner(7200, 2, () => 0.2),
      { rules: 'usage' },
    )
    expect(warm.lentCpuHours).toBeGreaterThan(1.5)
    expect(warm.underSeconds).toBe(0)
    const eager = await scored(
      owner(7200, 2, () => 0.2),
      {
        rules: 'usage?headroom=0',
      },
    )
    expect(eager.lentCpuHours).toBeGreaterThan(warm.lentCpuHours + 0.2)
  })
})

describe('A controller', () => {
  const step = owner(300, 2, (second) => (second > 100 && second <= 110 ? 1.6 : 0.3))

  test('would have squeezed when an owner wants back what is lent, once per trouble, and not otherwise', async () => {
    const greedy = await scored(step, { rules: fixed(1.5), controller: 'pressure' })
    expect(greedy.decided).toMatchObject({ squeezes: 1, evictions: 0 })
    const modest = await scored(step, { rules: fixed(0.3), controller: 'pressure' })
    expect(modest.decided).toEqual({ squeezes: 0, freezes: 0, evictions: 0, notOurs: 0 })
  })

  test('decides about the borrowers of the recording on what they and owners did', async () => {
    const head = 'time,kind,owner,cpu,mem,limit,waiting\n'
    const lines = Array.from({ length: 60 }, (_, second) => {
      const [own, lent, waiting] = second >= 20 && second < 30 ? [0.8, 1.2, 0.5] : [0.4, 1.2, 0]
      return `${second},,web,${own},64,2,${waiting}\n${second},borrower,batch,${lent},64,1.5,0\n`
    })
    const { recorded, rules } = await replayed(head + lines.join(''), {
      rules: 'noop',
      controller: 'pressure',
      cores: 2,
    })
    expect(recorded?.squeezes).toBe(1)
    expect(rules[0]?.decided?.squeezes).toBe(0)
  })

  test('that goes by load sees the load that was recorded', async () => {
    const head = 'time,kind,owner,cpu,mem,limit,load5\n'
    const lines = Array.from({ length: 30 }, (_, second) => {
      const load = second === 20 ? 9 : 1
      return `${second},machine,,1,100,2,${load}\n${second},,web,0.5,64,2,\n${second},borrower,b,0.4,8,1,\n`
    })
    const { recorded } = await replayed(head + lines.join(''), {
      rules: 'noop',
      controller: 'load?load_threshold_5min=6',
    })
    expect(recorded?.evictions).toBe(1)
  })
})

describe('Laws of the score', () => {
  const use = fc.array(fc.double({ min: 0, max: 2.5, noNaN: true }), { minLength: 2, maxLength: 60 })

  test('whoever lends nothing is never short, and leaves all idle', async () => {
    await fc.assert(
      fc.asyncProperty(use, async (cpus) => {
        const score = await scored(
          owner(cpus.length - 1, 2, (second) => cpus[second] ?? 0),
          { rules: 'noop' },
        )
        expect(score).toMatchObject({ underSeconds: 0, worstUnderCpus: 0, lentCpuHours: 0, changes: 0 })
        expect(score.slackCpuHours).toBeCloseTo(score.idleCpuHours, 12)
      }),
      { numRuns: 30 },
    )
  })

  test('slack and lent cover what was idle; lending more never leaves more slack or fewer short seconds', async () => {
    await fc.assert(
      fc.asyncProperty(use, fc.double({ min: 0.1, max: 1.9, noNaN: true }), async (cpus, share) => {
        const text = owner(cpus.length - 1, 2, (second) => cpus[second] ?? 0)
        const { rules } = await replayed(text, { rules: `${fixed(0.05)},${fixed(share)},${fixed(2)}` })
        for (const { lentCpuHours, slackCpuHours, idleCpuHours, worstUnderCpus } of rules) {
          expect(lentCpuHours + slackCpuHours).toBeGreaterThanOrEqual(idleCpuHours - 1e-9)
          expect(slackCpuHours).toBeLessThanOrEqual(idleCpuHours + 1e-9)
          expect(worstUnderCpus).toBeLessThanOrEqual(2)
        }
        for (const [index, more] of rules.entries()) {
          const less = rules[index - 1]
          if (less === undefined) continue
          expect(more.slackCpuHours).toBeLessThanOrEqual(less.slackCpuHours + 1e-9)
          expect(more.underSeconds).toBeGreaterThanOrEqual(less.underSeconds)
        }
      }),
      { numRuns: 20 },
    )
  })

  test('cutting a recording into files changes nothing', async () => {
    const lines = owner(400, 2, (second) => 0.5 + 0.4 * Math.sin(second / 40))
      .trim()
      .split('\n')
    const [head = '', ...rows] = lines
    const asked = { rules: 'all', controller: 'pressure' }
    const whole = await replayed(lines.join('\n'), asked)
    const cut = await replayed(
      [
        [head, ...rows.slice(0, 150)],
        [head, ...rows.slice(150)],
      ].map((part) => part.join('\n')),
      asked,
    )
    expect(cut).toEqual(whole)
  })
})

describe('Rules', () => {
  test('all are those that are built in; the one with settings comes first and beside its defaults', () => {
    const all = Object.keys(RULES)
    expect(referencesOf({ estimator: undefined, settings: {}, rules: undefined })).toEqual(all)
    expect(
      referencesOf({ estimator: undefined, settings: { headroom: '0' }, rules: 'borg,usage,borg' }),
    ).toEqual(['usage?headroom=0', 'borg', 'usage'])
    expect(referencesOf({ estimator: 'borg?margin=1', settings: { decay: '1hrs' }, rules: 'usage' })).toEqual(
      ['borg?margin=1&decay=1hrs', 'usage'],
    )
  })

  test.each([
    [{ rules: 'bogr' }, "There is no rule 'bogr'"],
    [{ rules: 'usage,,borg' }, 'empty name'],
    [{ rules: 'usage', settings: { percentile: '101' } }, 'expected a number from 1 to 100'],
    [{ rules: 'usage', settings: { percentil: '9' } }, "no option 'percentil'"],
    [{ rules: 'usage', settings: { a: 'b&c' } }, "has a '&'"],
    [{ rules: Array.from({ length: 33 }, (_, n) => fixed(n + 1)).join(',') }, '33 rules are too many'],
  ])('%j is refused', async (asked, words) => {
    await expect(
      replayed(
        owner(2, 1, () => 0),
        asked,
      ),
    ).rejects.toThrow(words)
  })

  test('a module that fails is told, and lends nothing', async () => {
    const report = await scored(
      owner(20, 1, () => 0),
      { rules: './test/support/plugins/fails-to-estimate.ts' },
    )
    expect(report).toMatchObject({ lentCpuHours: 0, troubles: 21 })
    expect(report.firstTrouble).toContain('out of ideas')
  })

  test('a recording without cores is refused', async () => {
    await expect(replayed('time,owner,cpu,mem,limit\n1,a,0,0,0\n')).rejects.toThrow('No row says')
  })
})

describe('The sample of the guide', () => {
  const path = 'examples/recordings/office-day.csv'

  test('is what its script makes, and small', () => {
    const text = readFileSync(path, 'utf8')
    expect(sampleRecording()).toBe(text)
    expect(text.length).toBeLessThan(200 * 1024)
  })

  test('is replayed in seconds, all of its day', { timeout: 60_000 }, async () => {
    const { recording, rules } = await replayed(readFileSync(path, 'utf8'), {
      rules: 'usage,serenity',
      controller: 'pressure',
    })
    expect(recording).toMatchObject({ rows: 5760, moments: 1440, owners: 3, cores: 4, seconds: 86_341 })
    const [ours, serenity] = rules
    expect(ours?.lentCpuHours).toBeGreaterThan(20)
    expect(ours?.changes).toBeLessThan((serenity?.changes ?? 0) / 10)
  })

  test('leads to the same words each time', { timeout: 60_000 }, async () => {
    const text = readFileSync(path, 'utf8').split('\n').slice(0, 120).join('\n')
    const [once, again] = [await replayed(text, ALL), await replayed(text, ALL)]
    expect(replayLines(again)).toEqual(replayLines(once))
    expect(replayJson(again)).toEqual(replayJson(once))
    expect(replayLines(once)).toHaveLength(2 + 1 + 1 + Object.keys(RULES).length + 1 + 4)
  })
})

const ALL = { rules: 'all', controller: 'pressure' }

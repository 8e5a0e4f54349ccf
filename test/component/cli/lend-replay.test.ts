// `tepui lend replay` as a user types it: what it prints, what it refuses, and with which exit code.
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tepui } from '../../support/cli.ts'
import { owner } from '../../support/replay.ts'

let folder: string
let recording: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-replay-'))
  recording = file(
    'hour.csv',
    owner(3600, 2, (second) => (second > 3000 && second < 3010 ? 1.8 : 0.4)),
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('tepui lend replay', () => {
  test('prints a row per rule, without any master', async () => {
    const { code, stderr, stdout } = await tepui(['lend', 'replay', recording, '--set', 'headroom=0.05'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const lines = stdout.split('\n')
    expect(lines[0]).toBe('1 owner on 2 cpus, from 0 s to 3600 s: 1h00m in 3601 rows')
    expect(lines[3]).toMatch(
      /^RULE +LENT CPU-H +SLACK CPU-H +SLACK % +UNDER S +WORST CPUS +CHANGES\/H +SQUEEZES/,
    )
    expect(lines.slice(4, 15).map((line) => line.split(/ {2}|\d/)[0]?.trim())).toEqual([
      'usage?headroom=',
      'usage',
      'fixed?resources=cpus:',
      'borg *',
      'autopilot *',
      'koordinator-batch *',
      'koordinator-mid *',
      'koordinator-suppress *',
      'katalyst *',
      'serenity *',
      '',
    ])
  })

  test('prints one object with -o json, for the controller that was asked for', async () => {
    const args = [
      '--rules',
      'fixed?resources=cpus:1',
      '--controller',
      'noop',
      '-o',
      'json',
      '--csv',
      recording,
    ]
    const { code, stdout } = await tepui(['lend', 'replay', ...args])
    expect(code).toBe(0)
    // Idle: 3591 s of 1.6 and 9 s of 0.2; of that 3591 s of 0.6 were not lent, and 9 s of 0.8 too much were.
    expect(JSON.parse(stdout)).toEqual({
      recording: {
        rows: 3601,
        times: 3601,
        owners: 1,
        borrowers: 0,
        cpus: 2,
        from: 0,
        to: 3600,
        snapshots: 3601,
        gap_seconds: 0,
      },
      rules: [
        {
          rule: 'fixed?resources=cpus:1',
          recreated_here: false,
          hours: 1,
          lent_cpu_hours: 1,
          idle_cpu_hours: 1.5965,
          slack_cpu_hours: 0.5985,
          slack_share: 0.374883,
          under_seconds: 9,
          worst_under_cpus: 0.8,
          changes: 1,
          changes_per_hour: 1,
          troubles: 0,
        },
      ],
    })
  })

  test('reads a module of anybody, and a folder of files', async () => {
    const parts = join(folder, 'usage')
    mkdirSync(parts)
    const text = owner(100, 2, () => 0.5).split('\n')
    writeFileSync(join(parts, 'usage-1.csv'), text.slice(0, 60).join('\n'))
    writeFileSync(join(parts, 'usage-2.csv'), [text[0], ...text.slice(60)].join('\n'))
    const rules = ['--estimator', './examples/half-estimator.ts', '--set', 'share=0.4', '--rules', 'fixed']
    const { code, stdout } = await tepui(['lend', 'replay', parts, ...rules])
    expect(code).toBe(0)
    expect(stdout).toContain('101 rows')
    expect(stdout).toMatch(/\n\.\/examples\/half-estimator\.ts\?share=0\.4 +0\.02 /)
  })

  const refused: readonly (readonly [args: readonly string[], code: number, words: string])[] = [
    [[], 64, 'no recording was named'],
    [['a.csv', '--csv', 'b.csv'], 64, 'two recordings were named'],
    [['missing.csv'], 1, 'The recording missing.csv cannot be read'],
    [['HOUR', '--rules', 'bogr'], 64, "There is no rule 'bogr'"],
    [['HOUR', '--set', 'percentile=101'], 64, 'expected a number from 1 to 100'],
    [['HOUR', '--set', 'percentile'], 64, "Option '--set' has the value 'percentile': expected NAME=VALUE"],
    [['HOUR', '--controller', 'presure'], 64, "There is no controller 'presure'"],
    [['HOUR', '--controller-option', 'squeeze=2'], 64, "Option 'squeeze' of 'pressure' is '2'"],
    [['HOUR', '--cores', 'two'], 64, "Option '--cores' has the value 'two'"],
    [['HOUR', '--estimator', './nothing.ts'], 1, "Cannot load the rule './nothing.ts'"],
    [['BAD'], 64, "bad.csv, line 3, column 'cpu': 'lots' is not a number"],
  ]
  test.each(refused)('refuses %j', async (args, code, words) => {
    const bad = file('bad.csv', 'time,owner,cpu,mem,limit\n1,web,0,1,1\n2,web,lots,1,1\n')
    const named = args.map((arg) => (arg === 'HOUR' ? recording : arg === 'BAD' ? bad : arg))
    const ended = await tepui(['lend', 'replay', ...named])
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toContain(words)
  })
})

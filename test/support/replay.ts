// Recordings for tests of the replay: written as people write them, replayed as the command does.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Publisher } from '../../src/agent/lending/publisher.ts'
import { loadQosController } from '../../src/qos/built-in.ts'
import { type ReplayReport, type RuleReport, replay } from '../../src/replay/replay.ts'

export interface Asked {
  readonly rules?: string
  readonly estimator?: string
  readonly settings?: Readonly<Record<string, string>>
  readonly cores?: number
  readonly controller?: string
}

/** Replays files of CSV text as one recording. */
export async function replayed(texts: string | readonly string[], asked: Asked = {}): Promise<ReplayReport> {
  const folder = mkdtempSync(join(tmpdir(), 'tepui-replay-'))
  try {
    for (const [index, text] of [texts].flat().entries()) writeFileSync(join(folder, `${index}.csv`), text)
    return await replay(folder, {
      rules: asked.rules,
      estimator: asked.estimator,
      settings: asked.settings ?? {},
      cores: asked.cores,
      publisher: (clock, onTotal) =>
        new Publisher({ clock, reportMs: 15_000, onTotal, onDecision: () => undefined }),
      controller: () => loadQosController(asked.controller ?? 'noop', () => undefined),
      signal: new AbortController().signal,
    })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The report of the only rule. */
export async function scored(text: string, asked: Asked): Promise<RuleReport> {
  const { rules } = await replayed(text, asked)
  const [first, ...more] = rules
  if (first === undefined || more.length > 0) throw new Error(`${rules.length} rules, one was expected`)
  return first
}

/** One owner second by second: `at` gives its cores in the second that ends then. */
export function owner(seconds: number, limit: number, at: (second: number) => number): string {
  const lines = Array.from({ length: seconds + 1 }, (_, second) => `${second},web,${at(second)},64,${limit}`)
  return `time,owner,cpu,mem,limit\n${lines.join('\n')}\n`
}

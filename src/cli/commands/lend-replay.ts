// `tepui lend replay`: what other rules and settings would have lent on usage that was recorded.
import { counted } from '../../base/words.ts'
import { Publisher } from '../../agent/lending/publisher.ts'
import { usageError } from '../../base/flags.ts'
import { loadQosController } from '../../qos/built-in.ts'
import { type ReplayOptions, replay } from '../../replay/replay.ts'
import type { Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { listOf, numberOf, pairsOf, textOf } from '../option-values.ts'
import { replayJson, replayLines } from '../replay-view.ts'
import { isData, showData } from '../output.ts'

/** The default of `--oversubscribed_resources_interval`, ms. */
const REPORT_MS = 15_000

export async function replayCommand(
  context: Context,
  recording: string | undefined,
  options: OptionValues,
): Promise<number> {
  const { common, screen, signal } = context
  const troubles = new Set<string>()
  const report = await replay(pathOf(recording, options), {
    ...wantedOf(options),
    publisher: (clock, onChange) =>
      new Publisher({ clock, reportMs: REPORT_MS, onTotal: onChange, onDecision: () => undefined }),
    controller: () =>
      loadQosController(controllerOf(options), (reason) => {
        if (troubles.size < 10) troubles.add(reason)
      }),
    signal,
  })
  if (isData(common)) await showData(context, replayJson(report))
  else for (const line of replayLines(report)) screen.print(line)
  for (const { rule, troubles: count, firstTrouble } of report.rules)
    if (firstTrouble !== undefined)
      screen.note(`${rule} failed ${counted(count, 'time')}, first: ${firstTrouble}`)
  for (const trouble of troubles) screen.note(trouble)
  return EXIT.done
}

function pathOf(recording: string | undefined, options: OptionValues): string {
  const csv = textOf(options, 'csv')
  if (recording !== undefined && csv !== undefined)
    throw usageError(`two recordings were named, '${recording}' and '${csv}'`, 'One replay has one recording')
  const path = recording ?? csv
  if (path !== undefined && path !== '') return path
  throw usageError(
    'no recording was named',
    'tepui lend replay FILE.csv; an agent keeps its own in the folder usage of its --work_dir',
  )
}

function wantedOf(options: OptionValues): Pick<ReplayOptions, 'cores' | 'estimator' | 'rules' | 'settings'> {
  const cores = numberOf(options, 'cores', 0, 0)
  return {
    estimator: textOf(options, 'estimator'),
    rules: textOf(options, 'rules'),
    settings: pairsOf('set', listOf(options, 'set')),
    cores: cores > 0 ? cores : undefined,
  }
}

function controllerOf(options: OptionValues): string {
  const name = textOf(options, 'controller') ?? 'pressure'
  const settings = listOf(options, 'controllerOption')
  pairsOf('controller-option', settings)
  if (settings.length === 0) return name
  return `${name}${name.includes('?') ? '&' : '?'}${settings.join('&')}`
}

// How a replay is told: a line about the recording, a table with a row per rule, and what the figures mean.
import { isoTime } from '../base/clock.ts'
import { humanDuration } from '../base/units.ts'
import { counted } from '../base/words.ts'
import type { ReplayReport, RuleReport } from '../replay/replay.ts'
import { table } from './screen.ts'

const HEAD = [
  'RULE',
  'LENT CPU-H',
  'SLACK CPU-H',
  'SLACK %',
  'UNDER S',
  'WORST CPUS',
  'CHANGES/H',
  'SQUEEZES',
  'FREEZES',
  'EVICTIONS',
]
/** Seconds since 1970 of the year 2000: earlier times count from the recording's own start. */
const REAL_TIME_MS = 946_684_800_000

/** Pure, for its test. */
export function replayLines(report: ReplayReport): string[] {
  const { recording, recorded, rules } = report
  const { borrowers, cores, from, gapMs, owners, rows, to } = recording
  const when =
    from >= REAL_TIME_MS ? `${isoTime(from)} to ${isoTime(to)}` : `from ${from / 1000} s to ${to / 1000} s`
  const hours = rules[0]?.hours ?? 0
  const idle = rules[0]?.idleCpuHours ?? 0
  const lines = [
    `${counted(owners, 'owner')} on ${counted(cores, 'cpu')}, ${when}: ` +
      `${humanDuration(to - from)} in ${counted(rows, 'row')}`,
    `in ${hours.toFixed(1)} h owners left ${idle.toFixed(1)} cpu-hours of what they reserved idle`,
  ]
  if (gapMs > 0) lines.push(`nothing is known about ${humanDuration(gapMs)}: gaps of more than 10 minutes`)
  lines.push('', ...table(HEAD, rules.map(cellsOf)), '', ...LEGEND)
  if (rules.some(({ decided }) => decided !== undefined)) lines.push(...CONTROLLER_LEGEND)
  if (recorded !== undefined)
    lines.push(
      `about the ${counted(borrowers, 'borrower')} of the recording itself: ` +
        `${counted(recorded.squeezes, 'squeeze')}, ${counted(recorded.freezes, 'freeze')}, ` +
        `${counted(recorded.evictions, 'eviction')}, ` +
        `${counted(recorded.notOurs, 'time')} not their doing`,
    )
  return lines
}

const LEGEND = [
  '*     rule re-created here from what was published; it is not that system',
  'SLACK reserved, idle and not lent; UNDER: seconds in which more was lent than was idle, and by how much at worst',
]
const CONTROLLER_LEGEND = [
  'SQUEEZES to EVICTIONS: what the controller would have decided if all that is lent were used all the time, and no',
  '      kernel tier held borrowers back: an upper bound',
]

function cellsOf(one: RuleReport): string[] {
  const { changes, decided, hours, lentCpuHours, recreated, rule, slackCpuHours, underSeconds } = one
  return [
    recreated ? `${rule} *` : rule,
    lentCpuHours.toFixed(2),
    slackCpuHours.toFixed(2),
    (slackShare(one) * 100).toFixed(1),
    underSeconds.toFixed(0),
    one.worstUnderCpus.toFixed(2),
    (hours > 0 ? changes / hours : 0).toFixed(2),
    ...(decided === undefined
      ? ['-', '-', '-']
      : [decided.squeezes, decided.freezes, decided.evictions].map(String)),
  ]
}

function slackShare({ idleCpuHours, slackCpuHours }: RuleReport): number {
  return idleCpuHours > 0 ? slackCpuHours / idleCpuHours : 0
}

/** For programs: plain figures under the names of the table, rounded so that they read well. */
export function replayJson({ recording, recorded, rules }: ReplayReport): object {
  const { borrowers, cores, from, gapMs, moments, owners, rows, seconds, to } = recording
  return {
    recording: {
      rows,
      times: moments,
      owners,
      borrowers,
      cpus: cores,
      from: from / 1000,
      to: to / 1000,
      snapshots: seconds,
      gap_seconds: gapMs / 1000,
    },
    rules: rules.map((one) => ({
      rule: one.rule,
      recreated_here: one.recreated,
      hours: round(one.hours),
      lent_cpu_hours: round(one.lentCpuHours),
      idle_cpu_hours: round(one.idleCpuHours),
      slack_cpu_hours: round(one.slackCpuHours),
      slack_share: round(slackShare(one)),
      under_seconds: round(one.underSeconds),
      worst_under_cpus: round(one.worstUnderCpus),
      changes: one.changes,
      changes_per_hour: round(one.hours > 0 ? one.changes / one.hours : 0),
      ...(one.decided !== undefined && {
        squeezes: one.decided.squeezes,
        freezes: one.decided.freezes,
        evictions: one.decided.evictions,
        not_ours: one.decided.notOurs,
      }),
      troubles: one.troubles,
    })),
    ...(recorded !== undefined && {
      recorded_borrowers: {
        squeezes: recorded.squeezes,
        freezes: recorded.freezes,
        evictions: recorded.evictions,
        not_ours: recorded.notOurs,
      },
    }),
  }
}

const round = (value: number): number => Math.round(value * 1e6) / 1e6

// Decisions as commands show them: lines for a history, and one opened into its figures. Pure.
import { withUnit } from '../base/words.ts'
import { isoTime } from '../base/clock.ts'
import type { EventRow } from './lend-api.ts'
import { type Json, list, number, object, text } from './master-api.ts'
import { table } from './screen.ts'
import { ageText, amountText } from './words.ts'

/** A line for each, oldest first. */
export function historyLines(events: readonly EventRow[], now: number): string[] {
  if (events.length === 0) return ['nothing was decided in this time']
  const rows = events.map(({ agent, at, event, kind, text: words }) => [
    String(event),
    `${ageText(at / 1000, now)} ago`,
    agent,
    kind,
    words,
  ])
  return table(['EVENT', 'WHEN', 'AGENT', 'KIND', 'WHAT'], rows)
}

/** One decision with its signal, its sum, its candidates and its effect. */
export function eventLines({ agent, at, event, kind, record, text: words }: EventRow): string[] {
  const lines = [`${kind}  event ${event} on ${agent}, ${isoTime(at)}`, `  what    ${words}`]
  const { comparison, owner, signal, unit } = {
    comparison: text(record['comparison']),
    owner: text(record['owner']),
    signal: text(record['signal']),
    unit: text(record['unit']),
  }
  // Of the switch there is nothing to measure.
  if (kind === 'mode') return [...lines, ...effectLines(record)]
  const figures = `${withUnit(shown(record['value']), unit)}, ${comparison} ${shown(record['threshold'])}`
  const forMs = number(record['forMs'])
  lines.push(`  signal  ${signal} of ${owner}: ${figures}${forMs > 0 ? ` for ${forMs / 1000} s` : ''}`)
  lines.push(`  change  ${levelText(record['before'])} → ${levelText(record['after'])}`)
  lines.push(...termLines(record), ...candidateLines(record), ...effectLines(record))
  return lines
}

function termLines(record: Json): string[] {
  const terms = list(record['terms']).map(object)
  if (terms.length === 0) return []
  const rows = terms.map((term) => [
    `    ${text(term['name'])}`,
    amountText(number(term['value'])),
    text(term['of']),
    text(term['why']),
  ])
  return table(['    TERM', text(terms[0]?.['unit']).toUpperCase(), 'OF', 'WHY'], rows)
}

function candidateLines(record: Json): string[] {
  const chosen = new Set(list(record['chosen']).map(text))
  const rows = list(record['candidates']).map((value) => {
    const one = object(value)
    return [
      `    ${text(one['task'])}`,
      amountText(number(one['frees'])),
      amountText(number(one['progress'])),
      amountText(number(one['score'])),
      chosen.has(text(one['id'])) ? 'chosen' : '',
    ]
  })
  return rows.length === 0 ? [] : table(['    CANDIDATE', 'FREES', 'WORK LOST (CPU S)', 'SCORE', ''], rows)
}

function effectLines(record: Json): string[] {
  const effect = object(record['effect'])
  return (['after1s', 'after10s'] as const).flatMap((when) => {
    const figures = Object.entries(object(effect[when]))
    if (figures.length === 0) return []
    const told = figures.map(([name, value]) => `${name}: ${shown(value)}`).join(', ')
    return [`  ${when === 'after1s' ? '1 s later ' : '10 s later'}  ${told}`]
  })
}

function levelText(level: unknown): string {
  const { unit, value } = object(level)
  return value === 'max' ? 'no limit' : withUnit(shown(value), text(unit))
}

function shown(value: unknown): string {
  return typeof value === 'number' ? amountText(value) : text(value) || '-'
}

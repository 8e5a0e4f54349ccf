// The answer of the master to a why, as lines for people. Pure.
import { counted, withUnit } from '../base/words.ts'
import { type Json, list, number, object, text } from './master-api.ts'
import { table } from './screen.ts'
import { ageText, amountText } from './words.ts'

export function cardLines(card: Json, now: number): string[] {
  const sentence = text(card['sentence'])
  const lines = sentence === '' ? [] : [sentence]
  const rows = list(card['rows']).map(object)
  if (rows.length > 0) {
    const seen = number(card['offers_seen'])
    if (card['framework'] !== undefined) lines.push(`  ${counted(seen, 'offer')} seen${lastOffer(rows, now)}`)
    lines.push(...placeTable(rows, now))
  }
  return [...lines, ...endedLines(object(card['ended']))]
}

function lastOffer(rows: readonly Json[], now: number): string {
  const times = rows.map((row) => number(object(row['last_offer'])['madeAt']))
  const last = Math.max(0, ...times)
  return last === 0 ? '' : `, the last ${ageText(last / 1000, now)} ago`
}

/** The nearest miss first, as the master sorts it. */
function placeTable(rows: readonly Json[], now: number): string[] {
  const isLent = rows.some((row) => number(object(row['free'])['lent_cpus']) > 0)
  const cells = rows.map((row, index) => {
    const free = object(row['free'])
    const short = Object.entries(object(row['short_by']))
    const reason = text(row['reason'])
    return [
      text(row['agent']),
      amountText(number(free['cpus'])),
      ...(isLent ? [amountText(number(free['lent_cpus']))] : []),
      `${amountText(number(free['mem']))} MB`,
      row['fits'] === true ? 'yes' : 'no',
      short.map(([name, by]) => withUnit(amountText(number(by)), name === 'mem' ? 'MB' : name)).join(', ') ||
        '-',
      offerText(object(row['last_offer']), now),
      index === 0 && row['fits'] !== true ? `nearest miss; ${reason}` : reason,
    ]
  })
  const head = [
    'AGENT',
    'FREE CPUS',
    ...(isLent ? ['LENT'] : []),
    'FREE MEMORY',
    'FITS',
    'SHORT BY',
    'LAST OFFER',
    'REASON',
  ]
  return table(
    ['  AGENT', ...head.slice(1)],
    cells.map(([agent = '', ...rest]) => [`  ${agent}`, ...rest]),
  )
}

function offerText(offer: Json, now: number): string {
  const at = number(offer['madeAt'])
  return at === 0 ? 'none' : `${text(offer['how'])} ${ageText(at / 1000, now)} ago`
}

function endedLines(ended: Json): string[] {
  if (ended['state'] === undefined) return []
  const line = (name: string, value: string): string[] =>
    value === '' ? [] : [`  ${name.padEnd(8)}${value}`]
  const reason = [text(ended['reason']), text(ended['source'])].filter((part) => part !== '').join(', ')
  const figures = Object.entries(object(ended['figures'])).filter(([, value]) => number(value) > 0)
  const stderr = list(ended['stderr']).map(text)
  const exit = typeof ended['exit'] === 'number' ? `exit ${ended['exit']}` : ''
  const signal = text(ended['signal'])
  return [
    ...line('how', [exit, signal === '' ? '' : `signal ${signal}`].filter((part) => part !== '').join(', ')),
    ...line('by', text(ended['by'])),
    ...line('reason', reason),
    ...line(
      'had',
      figures.map(([name, value]) => `${name.replaceAll('_', ' ')} ${amountText(number(value))}`).join(', '),
    ),
    ...(stderr.length === 0 ? [] : ['  stderr, its last lines:', ...stderr.map((one) => `    ${one}`)]),
    ...list(ended['next']).map((next) => `  next    ${text(next)}`),
  ]
}

/** What happened to it lately, oldest first. */
export function historyOf(card: Json, now: number): string[] {
  const rows = list(card['history']).map(object)
  if (rows.length === 0) return []
  const cells = rows.map((row) => [
    `  ${number(row['event'])}`,
    `${ageText(number(row['at']) / 1000, now)} ago`,
    text(row['text']),
  ])
  return table(['  EVENT', 'WHEN', 'WHAT HAPPENED'], cells)
}

/**
 * When lending is wanted: `lend CRON` names the minutes to which lending is confined, `quiet CRON` those in which
 * nothing more is lent. Minutes are matched, so that a restart in the middle of a window changes nothing.
 */
import { OperatingError } from '../../base/errors.ts'
import { cronMatcher } from '../../gc/schedule.ts'

export interface Windows {
  /** As it was given. */
  readonly text: string
  /** Why nothing is lent at this wall time (ms); undefined when lending is wanted. */
  closed(at: number): string | undefined
}

interface Window {
  readonly kind: 'lend' | 'quiet'
  readonly expression: string
  readonly matches: (at: number) => boolean
}

const MAX_WINDOWS = 32
const MINUTE_MS = 60_000

/**
 * Reads `lend * 20-23,0-5 * * *;quiet * 2 * * 6`; an empty text closes nothing.
 * @throws OperatingError USAGE naming the part that is wrong and what was expected
 */
export function readWindows(text: string): Windows {
  const parts = text.split(';').map((part) => part.trim())
  const windows = parts.filter((part) => part !== '').map(readWindow)
  if (windows.length > MAX_WINDOWS)
    throw new OperatingError('USAGE', `There are ${windows.length} windows, more than ${MAX_WINDOWS}`)
  let known: { readonly minute: number; readonly reason: string | undefined } | undefined
  return {
    text,
    closed: (at) => {
      const minute = Math.floor(at / MINUTE_MS)
      if (known?.minute !== minute) known = { minute, reason: closedBy(windows, at) }
      return known.reason
    },
  }
}

function readWindow(part: string): Window {
  const match = /^(lend|quiet)\s+(.+)$/.exec(part)
  const [, kind, expression] = match ?? []
  if (kind === undefined || expression === undefined) {
    throw new OperatingError('USAGE', `'${part}' is no window: expected 'lend CRON' or 'quiet CRON'`, {
      hint: "For example 'lend * 20-23,0-5 * * *;quiet * 2 * * 6'",
    })
  }
  return { kind: kind === 'lend' ? 'lend' : 'quiet', expression, matches: cronMatcher(expression) }
}

function closedBy(windows: readonly Window[], at: number): string | undefined {
  const quiet = windows.find((one) => one.kind === 'quiet' && one.matches(at))
  if (quiet !== undefined) return `it is a quiet window (${quiet.expression})`
  const lend = windows.filter(({ kind }) => kind === 'lend')
  if (lend.length === 0 || lend.some((one) => one.matches(at))) return undefined
  return `it is outside of the windows for lending (${lend.map(({ expression }) => expression).join('; ')})`
}

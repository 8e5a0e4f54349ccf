// Amounts and ages as tables show them.
import { humanBytes, humanDuration } from '../base/units.ts'

/** CPUs: at most two digits behind the point. */
export function amountText(value: number): string {
  return String(Number(value.toFixed(2)))
}

/** Megabytes for people. */
export function memoryText(megabytes: number): string {
  return humanBytes(Math.round(megabytes * 1024 ** 2))
}

/**
 * How long ago something was.
 * @param at seconds since 1970, as pages have it
 * @param now ms since 1970
 */
export function ageText(at: number | undefined, now: number): string {
  return at === undefined ? '-' : humanDuration(Math.max(0, now - at * 1000))
}

/** Attributes or labels: `zone=b os=debian`. */
export function pairsText(pairs: Readonly<Record<string, unknown>>): string {
  return Object.entries(pairs)
    .map(([name, value]) => `${name}=${String(value)}`)
    .join(' ')
}

/** `TASK_RUNNING` as `running`. */
export function stateWord(state: string): string {
  return state
    .replace(/^TASK_/, '')
    .toLowerCase()
    .replaceAll('_', ' ')
}

// The one form in which benchmarks, the fault suite, the simulation and the demo print their figures.
import { arch, availableParallelism, cpus, release, totalmem, type as systemName } from 'node:os'
import { isoTime } from './clock.ts'
import { OperatingError } from './errors.ts'

export interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What it must reach, such as `<= 10`; null, so that JSON has the field, when it is only told. */
  readonly level: string | null
  readonly ok: boolean
}

/** The machine on which figures were measured: without it they say little. */
export interface Machine {
  readonly cpus: number
  readonly model: string
  readonly memoryBytes: number
  readonly system: string
  readonly node: string
}

export interface FigureSheet {
  readonly name: string
  /** True only if every figure reaches its level. */
  readonly ok: boolean
  readonly date: string
  readonly machine: Machine
  readonly figures: readonly Figure[]
}

type Comparison = '<=' | '>=' | '<' | '>' | '='

const COMPARE: Readonly<Record<Comparison, (value: number, bound: number) => boolean>> = {
  '<=': (value, bound) => value <= bound,
  '>=': (value, bound) => value >= bound,
  '<': (value, bound) => value < bound,
  '>': (value, bound) => value > bound,
  '=': (value, bound) => value === bound,
}

/**
 * Reads a level such as `<= 10` or `>= 0.95` as a test of values. No value that is not a number reaches any level.
 * @throws OperatingError USAGE when it is none
 */
export function parseLevel(level: string): (value: number) => boolean {
  const form = /^(<=|>=|<|>|=)\s*(-?\d+(?:\.\d+)?)$/.exec(level.trim())
  if (form === null) {
    throw new OperatingError(
      'USAGE',
      `'${level}' is no level: expected a comparison such as '<= 10' or '>= 0.95'`,
    )
  }
  const compare = COMPARE[form[1] as Comparison]
  const bound = Number(form[2])
  return (value) => Number.isFinite(value) && compare(value, bound)
}

/** A figure held against its level; one without a level is ok if it is a number. */
export function figure(name: string, value: number, unit: string, level?: string): Figure {
  const ok = level === undefined ? Number.isFinite(value) : parseLevel(level)(value)
  return { name, value: rounded(value), unit, level: level ?? null, ok }
}

/** Six digits say all that a measurement knows. */
function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : value
}

/**
 * The sheet of a run.
 *
 * @param now wall time, ms
 * @param more fields beside the common ones, such as the steps of the demo; they never replace one of these
 */
export function figureSheet<T extends object>(
  name: string,
  figures: readonly Figure[],
  now: number,
  more: T = {} as T,
): FigureSheet & T {
  return {
    ...more,
    name,
    ok: figures.length > 0 && figures.every(({ ok }) => ok),
    date: isoTime(now),
    machine: machineFacts(),
    figures,
  }
}

/** What this machine is. */
export function machineFacts(): Machine {
  return {
    cpus: availableParallelism(),
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memoryBytes: totalmem(),
    system: `${systemName()} ${release()} ${arch()}`,
    node: process.version,
  }
}

/** The sheet for people: one line a figure. */
export function sheetText(sheet: FigureSheet): string {
  const width = Math.max(0, ...sheet.figures.map(({ name }) => name.length))
  const lines = sheet.figures.map(({ name, value, unit, level, ok }) => {
    const bound = level === null ? '' : `   level ${level}: ${ok ? 'reached' : 'MISSED'}`
    return `  ${name.padEnd(width)}  ${value} ${unit}${bound}`
  })
  return [`${sheet.name}: ${sheet.ok ? 'ok' : 'NOT OK'}`, ...lines].join('\n')
}

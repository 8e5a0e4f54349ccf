/**
 * How an amount of cpus or memory is split for a picture, the same everywhere: used by owners, lent and in use,
 * promised to owners but idle, free. Pure.
 */
import { CLUSTER_COLUMNS, USAGE_COLUMNS } from '../../src/wire/page.ts'

export interface Parts {
  readonly used: number
  readonly lent: number
  readonly idle: number
  readonly free: number
}

export interface Whole {
  readonly total: number
  readonly allocated: number
  /** What owners use, and what borrowers do. */
  readonly owners: number
  readonly borrowers: number
}

/**
 * The parts add up to the total, or to what is used where that is more. What borrowers use lies in what owners leave
 * idle first, and beyond that in what is free.
 */
export function partsOf({ allocated, borrowers, owners, total }: Whole): Parts {
  const [used, lent] = [Math.max(0, owners), Math.max(0, borrowers)]
  const idle = Math.max(0, Math.min(Math.max(allocated, 0), total) - used - lent)
  return { used, lent, idle, free: Math.max(0, total - used - lent - idle) }
}

export const PART_NAMES = ['used', 'lent', 'idle', 'free'] as const satisfies readonly (keyof Parts)[]

/** Times (s, as charts want them) and the upper edges of the parts, from the lowest to the highest. */
export interface Stacked {
  readonly times: number[]
  readonly edges: readonly (number | null)[][]
  /** The parts themselves, for the legend; undefined in a gap. */
  readonly parts: readonly (Parts | undefined)[]
}

export function stacked(
  points: readonly (readonly number[])[],
  whole: (point: readonly number[]) => Whole,
): Stacked {
  const parts = points.map((point) => (point.length < 2 ? undefined : partsOf(whole(point))))
  const edges = PART_NAMES.map(() => new Array<number | null>(points.length).fill(null))
  parts.forEach((part, at) => {
    if (part === undefined) return
    let sum = 0
    PART_NAMES.forEach((name, edge) => {
      sum += part[name]
      const column = edges[edge]
      if (column !== undefined) column[at] = sum
    })
  })
  return { times: points.map(([time = 0]) => time / 1000), edges, parts }
}

type Subject = 'cpus' | 'mem'
type Columns = readonly string[]

/** Reads the whole of a point whose columns have these names. */
export function wholeReader(columns: Columns, subject: Subject): (point: readonly number[]) => Whole {
  const [total, allocated, owners, borrowers] = ['Total', 'Allocated', 'Owners', 'Borrowers'].map((name) =>
    columns.indexOf(`${subject}${name}`),
  ) as [number, number, number, number]
  return (point) => ({
    total: point[total] ?? 0,
    allocated: point[allocated] ?? 0,
    owners: point[owners] ?? 0,
    borrowers: point[borrowers] ?? 0,
  })
}

export const clusterWhole = (subject: Subject): ReturnType<typeof wholeReader> =>
  wholeReader(CLUSTER_COLUMNS, subject)
export const agentWhole = (subject: Subject): ReturnType<typeof wholeReader> =>
  wholeReader(USAGE_COLUMNS, subject)

/** One column of points as a line; what is not known (-1) is a gap. */
export function lineOf(
  points: readonly (readonly number[])[],
  columns: Columns,
  name: string,
): (number | null)[] {
  const at = columns.indexOf(name)
  return points.map((point) => {
    const value = point[at]
    return value === undefined || value < 0 ? null : value
  })
}

/** Puts a gap where nothing was heard for a while, so that no line is drawn through a time that nobody knows. */
export function withGaps(
  points: readonly (readonly number[])[],
  longestMs: number,
): readonly (readonly number[])[] {
  const result: (readonly number[])[] = []
  let before: readonly number[] | undefined
  for (const point of points) {
    const gap = before !== undefined && (point[0] ?? 0) - (before[0] ?? 0) > longestMs
    if (gap) result.push([((before?.[0] ?? 0) + (point[0] ?? 0)) / 2])
    result.push(point)
    before = point
  }
  return result
}

/**
 * The times to be shown, s: so many seconds up to the end, less where nothing is known so far back, but two minutes at
 * least.
 */
export function rangeOf(
  points: readonly (readonly number[])[],
  end: number,
  seconds: number,
): readonly [number, number] {
  const first = (points[0]?.[0] ?? end * 1000) / 1000
  return [Math.min(end - LEAST_SPAN_S, Math.max(first, end - seconds)), end]
}

const LEAST_SPAN_S = 120

/** Of so many points that no eye tells them apart, groups become their mean. */
export function thinned(
  points: readonly (readonly number[])[],
  most: number,
): readonly (readonly number[])[] {
  if (points.length <= most) return points
  const size = Math.ceil(points.length / most)
  const result: number[][] = []
  for (let from = 0; from < points.length; from += size) {
    const group = points.slice(from, from + size)
    const width = group[0]?.length ?? 0
    result.push(
      Array.from({ length: width }, (_, column) => {
        const known = group.map((point) => point[column] ?? 0).filter((value) => value >= 0)
        return known.length === 0 ? -1 : known.reduce((sum, value) => sum + value, 0) / known.length
      }),
    )
  }
  return result
}

/** A small line beside a figure: how it was lately, and where it begins to matter. */
import type { Told } from '../data/recent.ts'

const WIDTH = 64
const HEIGHT = 18
/** As far back as a line goes. */
const SPAN_MS = 120_000

export function Spark(props: {
  readonly told: readonly Told[]
  /** Of the upper edge, unless a value is higher. */
  readonly top: number
  /** A line across. */
  readonly level: number
  readonly label: string
}): preact.JSX.Element {
  const { label, level, told, top } = props
  const known = told.filter(({ value }) => value >= 0)
  const end = told.at(-1)?.at ?? 0
  const highest = known.reduce((most, { value }) => Math.max(most, value), top)
  const x = (at: number): number => WIDTH - ((end - at) / SPAN_MS) * WIDTH
  const y = (value: number): number => HEIGHT - 1 - (value / highest) * (HEIGHT - 2)
  const points = known
    .filter(({ at }) => end - at <= SPAN_MS)
    .map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`)
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      <title>{label}</title>
      <line x1="0" x2={WIDTH} y1={y(level)} y2={y(level)} />
      <polyline points={points.join(' ')} />
    </svg>
  )
}

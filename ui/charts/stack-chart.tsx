/** The stacked picture of cpus or memory over time, with its legend: what each colour is, and how much of it. */
import { useMemo, useState } from 'preact/hooks'
import { Plot, type Line } from './plot.tsx'
import { PART_NAMES, type Parts, stacked, thinned, type Whole, withGaps } from './stack.ts'

export interface StackChartProps {
  readonly title: string
  readonly points: readonly (readonly number[])[]
  readonly whole: (point: readonly number[]) => Whole
  readonly lines?: (points: readonly (readonly number[])[]) => readonly Line[]
  readonly format: (value: number) => string
  readonly range: readonly [number, number]
  readonly onRange?: (from: number, to: number) => void
  readonly height?: number
  readonly binary?: boolean
  /** A longer silence is a gap. */
  readonly gapMs?: number
}

export const PART_WORDS: Readonly<Record<keyof Parts, string>> = {
  used: 'used by owners',
  lent: 'lent, in use',
  idle: 'allocated, idle',
  free: 'free',
}

const MOST_POINTS = 700
/** Agents are asked at least each 30 s; a longer silence is a gap. */
const GAP_MS = 45_000

export function StackChart(props: StackChartProps): preact.JSX.Element {
  const { format, gapMs = GAP_MS, points, title, whole } = props
  const [at, setAt] = useState<number | undefined>(undefined)
  const shown = useMemo(() => withGaps(thinned(points, MOST_POINTS), gapMs), [points, gapMs])
  const stack = useMemo(() => stacked(shown, whole), [shown, whole])
  const areas = PART_NAMES.map((name, index) => ({
    label: PART_WORDS[name],
    paint: name,
    edge: stack.edges[index] ?? [],
  }))
  const lines = props.lines?.(shown) ?? []
  const index = at ?? stack.parts.length - 1
  const parts = stack.parts[index]
  const total = parts === undefined ? undefined : PART_NAMES.reduce((sum, name) => sum + parts[name], 0)
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        <ul class="legend">
          {PART_NAMES.map((name) => (
            <li key={name}>
              <i class={`swatch ${name}`} /> {PART_WORDS[name]}{' '}
              <b>{parts === undefined ? '–' : format(parts[name])}</b>
            </li>
          ))}
          <li>
            of <b>{total === undefined ? '–' : format(total)}</b> total
          </li>
          {lines.map(({ colour, dash, label, values }) => (
            <li key={label}>
              <i
                class={`rule ${dash === undefined ? '' : 'dashed'}`}
                style={{ borderColor: `var(${colour})` }}
              />{' '}
              {label} <b>{values[index] == null ? '–' : format(values[index])}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <Plot
        label={`${title} over time: ${PART_NAMES.map((name) => PART_WORDS[name]).join(', ')}`}
        times={stack.times}
        areas={areas}
        lines={lines}
        height={props.height ?? 200}
        format={format}
        range={props.range}
        {...(props.binary === true && { binary: true })}
        {...(props.onRange !== undefined && { onRange: props.onRange })}
        onPoint={setAt}
      />
    </figure>
  )
}

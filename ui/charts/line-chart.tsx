/** Some lines over time with their newest figures: pressure, memory, throttling. */
import { type Level, type Line, Plot } from './plot.tsx'

export interface LineChartProps {
  readonly title: string
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  readonly format: (value: number) => string
  readonly range: readonly [number, number]
  readonly levels?: readonly Level[]
  readonly height?: number
  readonly top?: number
  readonly binary?: boolean
}

export function LineChart(props: LineChartProps): preact.JSX.Element {
  const { format, height = 110, levels, lines, range, times, title, top } = props
  return (
    <figure class="chart">
      <figcaption>
        <strong>{title}</strong>
        <ul class="legend">
          {lines.map(({ colour, dash, label, values }) => {
            const last = values.findLast((value) => value !== null)
            return (
              <li key={label}>
                <i
                  class={`rule ${dash === undefined ? '' : 'dashed'}`}
                  style={{ borderColor: `var(${colour})` }}
                />{' '}
                {label} <b>{last == null ? '–' : format(last)}</b>
              </li>
            )
          })}
          {levels?.map(({ colour, label }) => (
            <li key={label}>
              <i class="rule dashed" style={{ borderColor: `var(${colour})` }} /> {label}
            </li>
          ))}
        </ul>
      </figcaption>
      <Plot
        label={`${title} over time`}
        times={times}
        lines={lines}
        height={height}
        format={format}
        range={range}
        {...(props.binary === true && { binary: true })}
        {...(levels !== undefined && { levels })}
        {...(top !== undefined && { top })}
      />
    </figure>
  )
}

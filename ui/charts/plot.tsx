/** uPlot with our colours, hatching and stacking: the one place that knows it. Drawn anew when light turns to dark. */
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { scheme } from '../scheme.ts'
import { paintOf, type Paint } from './paint.ts'

/** An area between its upper edge and the edge below. */
export interface Area {
  readonly label: string
  readonly paint: Paint
  readonly edge: readonly (number | null)[]
}

export interface Line {
  readonly label: string
  /** The name of a colour of the style sheet: `--limit`. */
  readonly colour: string
  readonly dash?: readonly number[]
  readonly values: readonly (number | null)[]
  readonly stepped?: boolean
}

export interface Level {
  readonly value: number
  readonly label: string
  readonly colour: string
}

export interface PlotProps {
  readonly label: string
  readonly times: readonly number[]
  /** From the lowest to the highest. */
  readonly areas?: readonly Area[]
  readonly lines?: readonly Line[]
  /** Lines across, such as thresholds; what they are stands in the legend, where they cannot cover each other. */
  readonly levels?: readonly Level[]
  readonly height: number
  readonly format: (value: number) => string
  /** The axis has powers of two, as amounts of memory have. */
  readonly binary?: boolean
  /** The least that the upper end of the axis is. */
  readonly top?: number
  /** Times in s between which it is drawn, if not all of them. */
  readonly range: readonly [from: number, to: number]
  /** Told when somebody draws a range with the mouse. */
  readonly onRange?: (from: number, to: number) => void
  /** Told where the mouse is, by the index of the point; undefined when it leaves. */
  readonly onPoint?: (index: number | undefined) => void
}

/** The width of the axis, and of the margin on the other side: lanes below a chart have the same. */
export const AXIS_WIDTH = 58
export const MARGIN_RIGHT = 12

export function Plot(props: PlotProps): preact.JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const latest = useRef(props)
  latest.current = props
  const isDark = scheme.value
  const names = [...(props.areas ?? []), ...(props.lines ?? [])].map(({ label }) => label)
  const shape = `${isDark} ${props.height} ${names.join()}`
  useEffect(() => {
    const holder = place.current
    if (holder === null) return undefined
    const made = new uPlot(optionsOf(latest, holder), dataOf(latest.current), holder)
    plot.current = made
    const watch = new ResizeObserver(() => {
      if (holder.clientWidth > 0) made.setSize({ width: holder.clientWidth, height: latest.current.height })
    })
    watch.observe(holder)
    return () => {
      watch.disconnect()
      made.destroy()
      plot.current = undefined
    }
  }, [shape])
  useEffect(() => {
    const { range } = latest.current
    plot.current?.batch(() => {
      plot.current?.setData(dataOf(latest.current), false)
      plot.current?.setScale('x', { min: range[0], max: range[1] })
    })
  })
  return (
    <div
      class="plot"
      ref={place}
      role="img"
      aria-label={props.label}
      style={{ height: `${props.height}px` }}
    />
  )
}

function dataOf({ areas = [], lines = [], times }: PlotProps): uPlot.AlignedData {
  return [times, ...areas.map(({ edge }) => edge), ...lines.map(({ values }) => values)] as uPlot.AlignedData
}

function optionsOf(latest: { readonly current: PlotProps }, holder: HTMLElement): uPlot.Options {
  const { areas = [], height, lines = [] } = latest.current
  const style = getComputedStyle(holder)
  const colour = (name: string): string => style.getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--quiet'),
    font: '11px system-ui, sans-serif',
    grid: { stroke: colour('--grid'), width: 1 },
    ticks: { stroke: colour('--grid'), width: 1, size: 4 },
  }
  return {
    width: Math.max(200, holder.clientWidth),
    height,
    padding: [8, MARGIN_RIGHT, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: latest.current.onRange !== undefined, y: false, setScale: false },
    },
    select: { show: true, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      x: { time: true },
      y: { range: (_, __, max) => [0, topOf(latest.current, max)] },
    },
    axes: [
      { ...axis, values: (plot, splits) => splits.map((at) => whole(plot, at)), space: 70, size: 24 },
      {
        ...axis,
        size: AXIS_WIDTH,
        values: (_, splits) => splits.map((value) => latest.current.format(value)),
        space: 34,
        ...(latest.current.binary === true && { incrs: POWERS_OF_TWO }),
      },
    ],
    series: [
      {},
      ...areas.map((area, index) => areaSeries(area, index, colour)),
      ...lines.map((line) => lineSeries(line, colour)),
    ],
    bands: areas.slice(1).map(
      ({ paint }, index): uPlot.Band => ({
        series: [index + 2, index + 1],
        fill: () => paintOf(paint, colour).fill,
      }),
    ),
    hooks: {
      draw: [(plot) => latest.current.levels?.forEach((level) => drawLevel(plot, level, colour))],
      setCursor: [(plot) => latest.current.onPoint?.(plot.cursor.idx ?? undefined)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select
          if (width < 8) return
          latest.current.onRange?.(plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x'))
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
        },
      ],
    },
  }
}

const POWERS_OF_TWO = Array.from({ length: 34 }, (_, power) => 2 ** power)

type Colour = (name: string) => string

function areaSeries({ label, paint }: Area, index: number, colour: Colour): uPlot.Series {
  return {
    label,
    stroke: paintOf(paint, colour).line,
    width: 1,
    points: { show: false },
    // The lowest goes down to the axis, the others to the edge below.
    ...(index === 0 && { fill: () => paintOf(paint, colour).fill }),
  }
}

function lineSeries({ colour: name, dash, label, stepped }: Line, colour: Colour): uPlot.Series {
  const steps = stepped === true ? uPlot.paths.stepped?.({ align: 1 }) : undefined
  return {
    label,
    stroke: colour(name),
    width: 1.5,
    points: { show: false },
    ...(dash !== undefined && { dash: [...dash] }),
    ...(steps !== undefined && { paths: steps }),
  }
}

function topOf({ levels = [], top = 0 }: PlotProps, max: number | null): number {
  const highest = Math.max(top, max ?? 0, ...levels.map(({ value }) => value * 1.2))
  return highest <= 0 ? 1 : highest * 1.06
}

function drawLevel(plot: uPlot, level: Level, colour: Colour): void {
  const { ctx } = plot
  const y = plot.valToPos(level.value, 'y', true)
  const { left, width } = plot.bbox
  const ratio = devicePixelRatio
  ctx.save()
  ctx.strokeStyle = colour(level.colour)
  ctx.lineWidth = ratio
  ctx.setLineDash([6 * ratio, 4 * ratio])
  ctx.beginPath()
  ctx.moveTo(left, y)
  ctx.lineTo(left + width, y)
  ctx.stroke()
  ctx.restore()
}

/** Half of what `11:59:59` takes. */
const HALF_CLOCK = 24

/** The time at a place of the axis; nothing where the end of the chart would cut it. */
function whole(plot: uPlot, seconds: number): string {
  const right = AXIS_WIDTH + plot.valToPos(seconds, 'x') + HALF_CLOCK
  return right > plot.width ? '' : clock(seconds)
}

const two = (value: number): string => String(value).padStart(2, '0')

function clock(seconds: number): string {
  const at = new Date(seconds * 1000)
  const text = `${two(at.getHours())}:${two(at.getMinutes())}`
  return at.getSeconds() === 0 ? text : `${text}:${two(at.getSeconds())}`
}

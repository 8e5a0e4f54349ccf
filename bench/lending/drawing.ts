// The few marks that our pictures need, as SVG text: bars, areas, lines, a grid, a legend.

export interface Drawing {
  /** Horizontal lines at `count` equal steps with their values. */
  grid(count: number, label: (value: number) => string): void
  bar(x: number, width: number, y: number, color: string, label: string): void
  area(points: readonly (readonly [number, number])[], color: string): void
  line(points: readonly (readonly [number, number])[], color: string): void
  /** Below the axis. */
  label(x: number, words: string): void
  legend(entries: readonly (readonly [words: string, color: string])[]): void
  text(): string
}

export interface Range {
  readonly x: readonly [number, number]
  readonly y: readonly [number, number]
}

const [WIDTH, HEIGHT] = [760, 320]
const EDGE = { left: 56, right: 16, top: 56, bottom: 34 }
const INK = '#333333'
const PALE = '#dddddd'
const LEGEND_LETTER = 6.6
const FONT = 'font-family="sans-serif" font-size="12"'

export function svg(title: string, { x, y }: Range): Drawing {
  const marks: string[] = []
  const across = (value: number): number =>
    round(EDGE.left + ((value - x[0]) / (x[1] - x[0])) * (WIDTH - EDGE.left - EDGE.right))
  const down = (value: number): number =>
    round(HEIGHT - EDGE.bottom - ((value - y[0]) / (y[1] - y[0])) * (HEIGHT - EDGE.top - EDGE.bottom))
  const words = (at: readonly [number, number], text: string, anchor: string, bold = false): void => {
    const weight = bold ? ' font-weight="bold"' : ''
    marks.push(
      `<text x="${at[0]}" y="${at[1]}" text-anchor="${anchor}"${weight} fill="${INK}">${escaped(text)}</text>`,
    )
  }
  const path = (points: readonly (readonly [number, number])[]): string =>
    points.map(([px, py]) => `${across(px)},${down(py)}`).join(' ')
  words([EDGE.left, 20], title, 'start', true)
  return {
    grid(count, label) {
      for (let step = 0; step <= count; step++) {
        const value = y[0] + ((y[1] - y[0]) * step) / count
        const at = down(value)
        marks.push(
          `<line x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${at}" y2="${at}" stroke="${PALE}"/>`,
        )
        words([EDGE.left - 6, at + 4], label(value), 'end')
      }
    },
    bar(left, width, height, color, label) {
      const top = down(height)
      const size = `width="${round(across(left + width) - across(left))}" height="${round(down(y[0]) - top)}"`
      marks.push(`<rect x="${across(left)}" y="${top}" ${size} fill="${color}"/>`)
      words([across(left + width / 2), top - 4], label, 'middle')
    },
    area(points, color) {
      const [first, last] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0]
      marks.push(`<polygon points="${path([[first, y[0]], ...points, [last, y[0]]])}" fill="${color}"/>`)
    },
    line(points, color) {
      marks.push(`<polyline points="${path(points)}" fill="none" stroke="${color}" stroke-width="2"/>`)
    },
    label: (at, text) => words([across(at), HEIGHT - 12], text, 'middle'),
    legend(entries) {
      let left = EDGE.left
      for (const [text, color] of entries) {
        marks.push(`<rect x="${left}" y="32" width="10" height="10" fill="${color}"/>`)
        words([left + 15, 41], text, 'start')
        left = round(left + 36 + text.length * LEGEND_LETTER)
      }
    },
    text: () =>
      [
        `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" ${FONT}>`,
        `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
        ...marks,
        '</svg>',
        '',
      ].join('\n'),
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

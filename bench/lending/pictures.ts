// Draws what a run measured as SVG: the pictures of docs/guide/lending.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Drawing, svg } from './drawing.ts'
import type { Tail } from './tail.ts'
import type { Moment } from './timeline.ts'

/** What the parts left; a picture without its series is not drawn. */
export interface Series {
  readonly tails?: readonly Tail[]
  readonly policies?: Readonly<Record<string, Tail>>
  readonly timeline?: readonly Moment[]
}

const OWNER = '#2f6f4f'
const BORROWER = '#c9973f'
const LENT = '#33527a'

/** Writes one file a picture into the folder and returns their names. */
export function drawPictures(series: Series, folder: string): readonly string[] {
  mkdirSync(folder, { recursive: true })
  const { policies, tails, timeline } = series
  const pictures = {
    ...(tails !== undefined && { 'lending-tail.svg': tailPicture(tails) }),
    ...(policies !== undefined && { 'lending-policies.svg': policyPicture(policies) }),
    ...(timeline !== undefined && { 'lending-timeline.svg': timelinePicture(timeline) }),
  }
  for (const [name, text] of Object.entries(pictures)) writeFileSync(join(folder, name), text)
  return Object.keys(pictures)
}

function tailPicture(tails: readonly Tail[]): string {
  const most = Math.max(...tails.flatMap(({ alone, beside }) => [alone, beside])) * 1.2
  const drawing = svg('Slowest hundredth of the requests (p99), ms', { x: [0, tails.length], y: [0, most] })
  drawing.grid(5, (ms) => ms.toFixed(2))
  for (const [index, { alone, beside, load }] of tails.entries()) {
    drawing.bar(index + 0.15, 0.3, alone, OWNER, alone.toFixed(3))
    drawing.bar(index + 0.5, 0.3, beside, BORROWER, beside.toFixed(3))
    drawing.label(index + 0.475, `${Math.round(load * 100)} % of the knee`)
  }
  drawing.legend([
    ['owner alone', OWNER],
    ['beside borrowers that use all the rest', BORROWER],
  ])
  return drawing.text()
}

function policyPicture(policies: Readonly<Record<string, Tail>>): string {
  const entries = Object.entries(policies)
  const most = Math.max(...entries.map(([, { ratio }]) => ratio), 1.5) * 1.2
  const drawing = svg('p99 beside borrowers over p99 alone', { x: [0, entries.length], y: [0, most] })
  drawing.grid(5, (ratio) => ratio.toFixed(1))
  for (const [index, [name, { ratio }]] of entries.entries()) {
    drawing.bar(index + 0.25, 0.5, ratio, name === 'ours' ? OWNER : BORROWER, ratio.toFixed(2))
    drawing.label(index + 0.5, shortened(name))
  }
  return drawing.text()
}

function timelinePicture(moments: readonly Moment[]): string {
  const end = moments.at(-1)?.at ?? 1
  const drawing: Drawing = svg('Cores in use, seconds', { x: [0, end], y: [0, 2.2] })
  drawing.grid(4, (cores) => cores.toFixed(1))
  drawing.area(
    moments.map(({ at, borrowers, owners }) => [at, owners + borrowers]),
    BORROWER,
  )
  drawing.area(
    moments.map(({ at, owners }) => [at, owners]),
    OWNER,
  )
  drawing.line(
    moments.map(({ at, lent }) => [at, lent]),
    LENT,
  )
  for (let at = 0; at <= end; at += 5) drawing.label(at, `${at} s`)
  drawing.legend([
    ['owners', OWNER],
    ['borrowers', BORROWER],
    ['lent', LENT],
  ])
  return drawing.text()
}

function shortened(name: string): string {
  return name.replace(', re-created here', '').replace("resctl-demo's ", '')
}

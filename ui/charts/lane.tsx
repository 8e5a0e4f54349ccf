/** What lending did, below a chart and on its time axis: a sign for each deed that leads to its figures. */
import type { LendEvent } from '../../src/wire/page.ts'
import { signKey, signsOf } from '../data/lending-now.ts'
import { deedWords, timeText } from '../data/words.ts'
import { now } from '../clock.ts'
import { useState } from 'preact/hooks'
import { link } from '../link.ts'
import { AXIS_WIDTH, MARGIN_RIGHT } from './plot.tsx'

export interface LaneProps {
  readonly events: readonly LendEvent[]
  /** Seconds, as the chart above has them. */
  readonly range: readonly [number, number]
  readonly label: string
}

const MOST = 200

const inSteps = (steps: number): string => (steps === 1 ? '' : ` in ${steps} steps, the last`)

function step(event: KeyboardEvent): void {
  if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return
  const sign = event.target as HTMLElement
  const next = event.key === 'ArrowLeft' ? sign.previousElementSibling : sign.nextElementSibling
  if (!(next instanceof HTMLElement)) return
  event.preventDefault()
  next.focus()
}

export function Lane({ events, label, range }: LaneProps): preact.JSX.Element {
  const [from, to] = range
  const [chosen, setChosen] = useState<string | undefined>(undefined)
  const within = events.filter(({ at }) => at / 1000 >= from && at / 1000 <= to)
  const shown = signsOf(within).slice(-MOST)
  const keys = shown.map(signKey)
  // One stop of the Tab key for all signs: the newest, or where the arrows have led.
  const stop = chosen !== undefined && keys.includes(chosen) ? chosen : keys.at(-1)
  return (
    <div
      class="lane"
      role="group"
      aria-label={`${label}, the arrow keys lead from one to the next`}
      onKeyDown={step}
    >
      <span class="lane-name" style={{ width: `${AXIS_WIDTH - 6}px` }}>
        {label}
      </span>
      <div class="lane-times" style={{ left: `${AXIS_WIDTH}px`, right: `${MARGIN_RIGHT}px` }}>
        {shown.map((one) => {
          const { event, steps } = one
          const key = signKey(one)
          const { sign, tone, word } = deedWords(event.kind)
          const place = ((event.at / 1000 - from) / (to - from)) * 100
          const words = `${timeText(event.at, now.peek())} ${word}${inSteps(steps)} for ${event.owner}: ${event.why}`
          return (
            <a
              key={key}
              tabIndex={key === stop ? 0 : -1}
              onFocus={() => setChosen(key)}
              aria-label={words}
              class={`deed ${tone}`}
              style={{ left: `${place}%` }}
              href={link('event', event.agent, String(event.event))}
              title={words}
            >
              {sign}
            </a>
          )
        })}
      </div>
    </div>
  )
}

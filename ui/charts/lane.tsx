/** What lending did, below a chart and on its time axis: a sign for each deed that leads to its figures. */
import type { LendEvent } from '../../src/wire/page.ts'
import { deedWords, timeText } from '../data/words.ts'
import { now } from '../clock.ts'
import { link } from '../link.ts'
import { AXIS_WIDTH, MARGIN_RIGHT } from './plot.tsx'

export interface LaneProps {
  readonly events: readonly LendEvent[]
  /** Seconds, as the chart above has them. */
  readonly range: readonly [number, number]
  readonly label: string
}

const MOST = 200

export function Lane({ events, label, range }: LaneProps): preact.JSX.Element {
  const [from, to] = range
  const shown = events
    .filter(({ at, kind }) => at / 1000 >= from && at / 1000 <= to && kind !== 'lend' && kind !== 'unlend')
    .slice(-MOST)
  return (
    <div class="lane" aria-label={label}>
      <span class="lane-name" style={{ width: `${AXIS_WIDTH - 6}px` }}>
        {label}
      </span>
      <div class="lane-times" style={{ left: `${AXIS_WIDTH}px`, right: `${MARGIN_RIGHT}px` }}>
        {shown.map((event) => {
          const { sign, tone, word } = deedWords(event.kind)
          const place = ((event.at / 1000 - from) / (to - from)) * 100
          return (
            <a
              key={`${event.agent} ${event.event}`}
              class={`deed ${tone}`}
              style={{ left: `${place}%` }}
              href={link('event', event.agent, String(event.event))}
              title={`${timeText(event.at, now.peek())} ${word} for ${event.owner}: ${event.why}`}
            >
              {sign}
            </a>
          )
        })}
      </div>
    </div>
  )
}

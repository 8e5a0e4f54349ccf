/**
 * The page bench: how fast a full cluster is told. A real master with simulated agents and tasks; who asks, who reads
 * the stream of events and who looks whether others are held up are threads of their own.
 */
import { OperatingError } from '../src/base/errors.ts'
import { type Figure, figureSheet } from '../src/base/figures.ts'
import type { Bench } from './bench.ts'
import { measureBrowser } from './page/browser.ts'
import { openCrowd } from './page/crowd.ts'
import { measureEvents } from './page/events.ts'
import { measureState } from './page/state.ts'

const PARTS = ['state', 'events', 'browser'] as const
/** Agents and tasks, with what `/state` may take then, ms (design, section 6). */
const SIZES = [
  { agents: 200, tasks: 10_000, level: '<= 100' },
  { agents: 1000, tasks: 20_000, level: '<= 120' },
] as const

export const pageBench: Bench = {
  summary:
    'how fast a full cluster is told: /state, what it holds up, the event stream, the web page in Chromium',
  options: { only: `one of the parts ${PARTS.join(', ')}` },
  limitMs: () => 600_000,
  async run(context) {
    const { clock, say } = context
    const only = context.options['only']
    if (only !== undefined && !PARTS.some((part) => part === only))
      throw new OperatingError('USAGE', `--only is '${only}': expected one of ${PARTS.join(', ')}`)
    const began = clock.monotonic()
    const figures: Figure[] = []
    for (const size of SIZES) {
      if (only === 'browser') break
      if (only === 'events' && size !== SIZES[0]) continue
      say(`${size.agents} simulated agents, ${size.tasks} tasks`)
      await using crowd = await openCrowd(context, size)
      if (only !== 'events') figures.push(...(await measureState(context, crowd, size)))
      if (only === 'state' || size !== SIZES[0]) continue
      say('50 readers of the event stream, 100 events a second')
      figures.push(...(await measureEvents(context, crowd)))
    }
    if (only === undefined || only === 'browser') figures.push(...(await measureBrowser(context)))
    return figureSheet('page', figures, clock.now(), {
      tookSeconds: Math.round((clock.monotonic() - began) / 1000),
    })
  },
}

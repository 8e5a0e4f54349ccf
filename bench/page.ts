/**
 * The page bench: how fast a full cluster is told. A real master with simulated agents and tasks; who asks, who reads
 * the stream of events and who looks whether others are held up are threads of their own.
 */
import { OperatingError } from '../src/base/errors.ts'
import { type Figure, figureSheet } from '../src/base/figures.ts'
import type { Bench } from './bench.ts'
import { measureBrowser } from './page/browser.ts'
import { measureCommands } from './page/commands.ts'
import { openCrowd } from './page/crowd.ts'
import { measureEvents } from './page/events.ts'
import { measureState } from './page/state.ts'

const PARTS = ['state', 'events', 'commands', 'browser'] as const
/** Agents and tasks, with what `/state` may take then, ms (design, section 6). */
const SIZES = [
  { agents: 200, tasks: 10_000, level: '<= 100' },
  { agents: 1000, tasks: 20_000, level: '<= 120' },
] as const

export const pageBench: Bench = {
  summary:
    'how fast a full cluster is told: /state, what it holds up, the event stream, commands, the web page in Chromium',
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
      const isSmall = size === SIZES[0]
      if (only !== undefined && only !== 'state' && !isSmall) continue
      say(`${size.agents} simulated agents, ${size.tasks} tasks`)
      await using crowd = await openCrowd(context, size)
      const wants = (part: (typeof PARTS)[number]): boolean => only === undefined || only === part
      if (wants('state')) figures.push(...(await measureState(context, crowd, size)))
      if (isSmall && wants('events')) {
        say('50 readers of the event stream, 100 events a second')
        figures.push(...(await measureEvents(context, crowd)))
      }
      if (isSmall && wants('commands')) figures.push(...(await measureCommands(context, crowd, size)))
    }
    if (only === undefined || only === 'browser') figures.push(...(await measureBrowser(context)))
    return figureSheet('page', figures, clock.now(), {
      tookSeconds: Math.round((clock.monotonic() - began) / 1000),
    })
  },
}

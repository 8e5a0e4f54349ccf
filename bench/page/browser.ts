/**
 * The browser's part of the page bench: with 200 agents and 10,000 tasks every view is usable within a second in
 * Chromium, and the table of tasks scrolls without stutter. Usable is: what the view is for stands there.
 */
import { type Figure, figure } from '../../src/base/figures.ts'
import { type OpenPage, TestBrowser } from '../../test/support/browser.ts'
import { buildPage } from '../../test/support/page-build.ts'
import { frameworkId } from '../../test/support/toy-cluster.ts'
import type { BenchContext } from '../bench.ts'
import { startMaster } from '../launch/daemons.ts'
import { median, percentile } from '../statistics.ts'
import { startToys } from './threads.ts'

const AGENTS = 200
const TASKS_EACH = 50
/** Each view is opened so often, in a browser that has not seen it; the median counts. */
const TIMES = 3
const USABLE_MS = '<= 1000'
/** A frame of 60 a second, and the longest that an eye lets pass. */
const FRAME_MS = '<= 50'

/** Each view by its address, and what is there when it can be used. */
const VIEWS: readonly (readonly [name: string, path: (agent: string) => string, ready: string])[] = [
  ['overview', () => '', '.plot canvas'],
  ['agents', () => '#/agents', 'tbody tr.opens'],
  ['agent', (agent) => `#/agents/${encodeURIComponent(agent)}`, '.plot canvas'],
  ['tasks', () => '#/tasks', 'tbody tr.opens'],
  ['task', () => `#/tasks/${encodeURIComponent(frameworkId(0))}/web.0.0`, '.phases'],
  ['lending', () => '#/lending', 'tbody tr.opens'],
  ['frameworks', () => '#/frameworks', 'tbody tr.opens'],
  ['offers', () => '#/offers', '.table'],
  ['events', () => '#/events', 'tbody tr.opens'],
  ['run', () => '#/run', 'form, .form'],
  ['each', () => '#/each', '.form'],
  ['about', () => '#/about', '.facts'],
]

export async function measureBrowser({ clock, say, signal }: BenchContext): Promise<Figure[]> {
  await buildPage()
  say(`${AGENTS} agents that are all show, ${AGENTS * TASKS_EACH} tasks, Chromium`)
  await using stack = new AsyncDisposableStack()
  const { port } = await startMaster({ clock, signal }, stack)
  const { ids } = stack.use(await startToys(port, AGENTS, TASKS_EACH))
  const origin = `http://127.0.0.1:${port}`
  await using browser = await TestBrowser.start()
  const figures: Figure[] = []
  for (const [name, path, ready] of VIEWS) {
    const times: number[] = []
    for (let time = 0; time < TIMES; time++) {
      await using view = await browser.open(origin)
      const began = clock.monotonic()
      await view.page.goto(`${origin}/${path(ids[0] ?? '')}`)
      await view.page.locator(ready).first().waitFor()
      times.push(clock.monotonic() - began)
    }
    figures.push(figure(`${name} usable`, median(times), 'ms', USABLE_MS))
  }
  await using view = await browser.open(origin)
  figures.push(...(await measureScroll(view)))
  return figures
}

/** Scrolls through all tasks a screen at a time and looks how long each frame took. */
async function measureScroll(view: OpenPage): Promise<Figure[]> {
  await view.go('#/tasks')
  await view.page.locator('tbody tr.opens').first().waitFor()
  const frames = (await view.page.evaluate(`new Promise((resolve) => {
    const table = document.querySelector('.table')
    const frames = []
    let last = performance.now()
    const step = (now) => {
      frames.push(now - last)
      last = now
      table.scrollTop += 400
      if (frames.length < 240) requestAnimationFrame(step)
      else resolve(frames)
    }
    requestAnimationFrame(step)
  })`)) as number[]
  const later = frames.slice(1)
  return [
    figure('frame while scrolling 10,000 tasks, p50', percentile(later, 0.5), 'ms'),
    figure('frame while scrolling 10,000 tasks, p95', percentile(later, 0.95), 'ms', FRAME_MS),
  ]
}

// How long /state takes when something has changed since the last time, and how long it holds others up.
import { type Figure, figure } from '../../src/base/figures.ts'
import { HttpClient } from '../../src/http/client.ts'
import type { BenchContext } from '../bench.ts'
import { processFigures } from '../launch/daemons.ts'
import { median, percentile } from '../statistics.ts'
import type { Crowd, CrowdSize } from './crowd.ts'
import { type Line, startThread } from './threads.ts'

const WARM_UPS = 10
const PAGES = 25

export async function measureState(
  { clock, signal }: BenchContext,
  crowd: Crowd,
  size: CrowdSize & { readonly level: string },
): Promise<Figure[]> {
  using client = new HttpClient(clock)
  const base = `http://127.0.0.1:${crowd.master.port}`
  const times: number[] = []
  let bytes = 0
  const page = async (): Promise<number> => {
    await crowd.change()
    const began = clock.monotonic()
    const { bytes: body } = await client.requestBytes({ url: `${base}/state`, timeoutMs: 60_000 }, signal)
    bytes = body.length
    return clock.monotonic() - began
  }
  for (let time = 0; time < WARM_UPS; time++) await page()
  await using prober = await startThread('prober', crowd.master.port)
  // First alone: what the machine itself adds is no fault of the page.
  await clock.sleep(2000, signal)
  const alone = await prober.take()
  const before = processFigures(crowd.master.pid).cpuSeconds
  for (let time = 0; time < PAGES; time++) times.push(await page())
  const cpuMs = ((processFigures(crowd.master.pid).cpuSeconds - before) * 1000) / PAGES
  const beside = await prober.take()
  const name = `/state of ${size.agents} agents, ${size.tasks} tasks`
  const held = worst(beside) - worst(alone)
  return [
    figure(name, median(times), 'ms', size.level),
    figure(`${name}, 95 of 100`, percentile(times, 0.95), 'ms'),
    figure(`${name}, cpu time of the master`, cpuMs, 'ms'),
    figure(`${name}, size`, bytes / 1e6, 'MB'),
    figure(`${name}: others wait longer by`, held, 'ms', '<= 20'),
    figure(`${name}: others wait without it`, worst(alone), 'ms'),
  ]
}

/** Of a hundred the slowest: a single hiccup of the machine is not held against anybody. */
const worst = ({ latencies }: Line): number => percentile(latencies, 0.99)

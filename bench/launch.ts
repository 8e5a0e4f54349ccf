/**
 * The launch bench: what a task costs beside the bare engine (design, section 6). Master, agent and framework are three
 * processes; bare loop and framework live in this one and never work at the same time.
 */
import { OperatingError } from '../src/base/errors.ts'
import { type Figure, figureSheet } from '../src/base/figures.ts'
import type { Bench, BenchContext } from './bench.ts'
import { measureIdle } from './launch/idle.ts'
import { measureOverhead } from './launch/overhead.ts'
import { LENDING_FLAGS, openRig } from './launch/rig.ts'
import { measureThroughput, warmUp } from './launch/throughput.ts'

// Until then what we do for a task still gets cheaper, from 14 to 11 ms of cpu: it is being compiled.
const WARM_UP_TASKS = 400
const PARTS = ['overhead', 'throughput', 'idle'] as const

export const launchBench: Bench = {
  summary: 'what a Docker task costs beside the bare engine: time, throughput, memory, cpu',
  options: {
    only: `one of the parts ${PARTS.join(', ')}`,
    pairs: 'launches that are compared one by one (default 100)',
    tasks: 'short tasks in each round of the throughput (default 200)',
    rounds: 'rounds of these, bare and ours each (default 7)',
    containers: 'containers that sleep (default 50)',
    seconds: 'time for which the agent is watched then (default 30)',
  },
  limitMs: () => 900_000,
  async run(context) {
    const { clock, say } = context
    const only = context.options['only']
    if (only !== undefined && !PARTS.some((part) => part === only))
      throw new OperatingError('USAGE', `--only is '${only}': expected one of ${PARTS.join(', ')}`)
    const wants = (part: (typeof PARTS)[number]): boolean => only === undefined || only === part
    const [pairs, tasks, rounds] = [
      count(context, 'pairs', 100),
      count(context, 'tasks', 200),
      count(context, 'rounds', 7),
    ]
    const [containers, seconds] = [count(context, 'containers', 50), count(context, 'seconds', 30)]
    const began = clock.monotonic()
    const figures: Figure[] = []
    if (wants('overhead') || wants('throughput')) {
      await using rig = await openRig(context, [])
      say(`${WARM_UP_TASKS} tasks to warm up`)
      await warmUp(rig, WARM_UP_TASKS)
      if (wants('overhead')) {
        say(`${pairs} pairs of launches, bare and ours`)
        figures.push(...(await measureOverhead(rig, pairs)))
      }
      if (wants('throughput')) {
        say(`${rounds} rounds of ${tasks} short tasks, 8 at a time, bare and ours`)
        figures.push(...(await measureThroughput(rig, tasks, rounds)))
      }
    }
    if (wants('idle')) {
      await using rig = await openRig(context, LENDING_FLAGS)
      say(`${containers} sleeping containers for ${seconds} s, lending on`)
      figures.push(...(await measureIdle(rig, containers, seconds)))
    }
    return figureSheet('launch', figures, clock.now(), {
      settings: { pairs, tasks, rounds, containers, seconds },
      tookSeconds: Math.round((clock.monotonic() - began) / 1000),
    })
  },
}

function count({ options }: BenchContext, name: string, fallback: number): number {
  const text = options[name]
  if (text === undefined) return fallback
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new OperatingError('USAGE', `--${name} is '${text}': expected a whole number from 1 to 99999`)
}

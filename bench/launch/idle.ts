// What the agent weighs and burns while its containers sleep, with lending on.
import { type Figure, figure } from '../../src/base/figures.ts'
import { descendants, processFigures } from './daemons.ts'
import type { Launched } from './framework.ts'
import type { Rig } from './rig.ts'

const COMMAND = ['sleep', '600']
/** After the last start, before the measurement: what launching has left behind is not what holding costs. */
const SETTLE_MS = 5000
const SAMPLE_MS = 1000
const KILL_WIDTH = 8

export async function measureIdle(rig: Rig, containers: number, seconds: number): Promise<readonly Figure[]> {
  const { clock, signal } = rig.context
  const { pid } = rig.daemons.agent
  const before = processFigures(pid)
  const tasks = await launchAll(rig, containers)
  await clock.sleep(SETTLE_MS, signal)
  const begun = clock.monotonic()
  const { cpuSeconds } = processFigures(pid)
  let peak = 0
  while (clock.monotonic() - begun < seconds * 1000) {
    await clock.sleep(SAMPLE_MS, signal)
    peak = Math.max(peak, processFigures(pid).rssBytes)
  }
  const took = (clock.monotonic() - begun) / 1000
  const burned = processFigures(pid).cpuSeconds - cpuSeconds
  const processes = descendants(pid)
  await killAll(rig, tasks)
  return [
    figure(`agent memory with ${containers} containers`, peak / 2 ** 20, 'MB RSS', '<= 120'),
    figure(`agent cpu with ${containers} containers`, (burned / took) * 100, '% of a core', '<= 2'),
    figure('processes of ours per task', processes / containers, 'processes', '= 0'),
    figure('agent memory before them', before.rssBytes / 2 ** 20, 'MB RSS'),
    figure('time measured', took, 's'),
  ]
}

async function launchAll({ framework, context }: Rig, containers: number): Promise<readonly Launched[]> {
  const tasks: Launched[] = []
  while (tasks.length < containers) {
    const launched = await framework.launch(COMMAND, Math.min(KILL_WIDTH, containers - tasks.length))
    await Promise.all(launched.map(({ running }) => running))
    context.signal.throwIfAborted()
    tasks.push(...launched)
  }
  return tasks
}

async function killAll({ framework, removed }: Rig, tasks: readonly Launched[]): Promise<void> {
  for (let at = 0; at < tasks.length; at += KILL_WIDTH) {
    const some = tasks.slice(at, at + KILL_WIDTH)
    await Promise.all(some.map(({ taskId }) => framework.kill(taskId)))
    await Promise.all(some.map(({ over }) => over))
  }
  await removed()
}

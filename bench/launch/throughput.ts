// How many short tasks a second, eight at a time, beside the bare loop with eight at a time.
import { type Figure, figure } from '../../src/base/figures.ts'
import { median, sum } from '../statistics.ts'
import { processFigures } from './daemons.ts'
import type { Rig } from './rig.ts'

const COMMAND = ['true']
const WIDTH = 8

/** Daemons run for weeks: what they do in their first seconds, when nothing is compiled, is not what is asked for. */
export async function warmUp(rig: Rig, tasks: number): Promise<void> {
  await bareRound(rig, WIDTH)
  await ourRound(rig, tasks)
}

/** Rounds of so many tasks, bare and ours in turn, each first every other time; every round ends with all removed. */
export async function measureThroughput(rig: Rig, tasks: number, rounds: number): Promise<readonly Figure[]> {
  const bare: number[] = []
  const ours: number[] = []
  const cpu = { master: 0, agent: 0 }
  for (let round = 0; round < rounds; round++) {
    const legs = [
      async () => void bare.push(await seconds(rig, () => bareRound(rig, tasks))),
      async () => {
        const before = cpuSeconds(rig)
        ours.push(await seconds(rig, () => ourRound(rig, tasks)))
        const after = cpuSeconds(rig)
        cpu.master += after.master - before.master
        cpu.agent += after.agent - before.agent
      },
    ]
    for (const leg of round % 2 === 0 ? legs : legs.toReversed()) await leg()
    const [bareTook, ourTook] = [bare.at(-1) ?? Number.NaN, ours.at(-1) ?? Number.NaN]
    rig.context.say(`round ${round + 1}: bare ${bareTook.toFixed(2)} s, ours ${ourTook.toFixed(2)} s`)
  }
  const all = tasks * rounds
  const ratios = ours.map((took, index) => (bare[index] ?? Number.NaN) / took)
  return [
    figure('throughput ratio', median(ratios), 'ours / bare', '>= 0.95'),
    figure('throughput ratio, all rounds as one', sum(bare) / sum(ours), 'ours / bare'),
    figure('bare throughput', all / sum(bare), 'tasks/s'),
    figure('throughput', all / sum(ours), 'tasks/s'),
    figure('master cpu per task', (cpu.master / all) * 1000, 'ms'),
    figure('agent cpu per task', (cpu.agent / all) * 1000, 'ms'),
  ]
}

function cpuSeconds({ daemons }: Rig): { master: number; agent: number } {
  return {
    master: processFigures(daemons.master.pid).cpuSeconds,
    agent: processFigures(daemons.agent.pid).cpuSeconds,
  }
}

async function seconds({ context }: Rig, work: () => Promise<void>): Promise<number> {
  context.signal.throwIfAborted()
  const before = context.clock.monotonic()
  await work()
  return (context.clock.monotonic() - before) / 1000
}

async function bareRound({ engine, bare, context }: Rig, tasks: number): Promise<void> {
  let left = tasks
  const worker = async (): Promise<void> => {
    while (left-- > 0) {
      context.signal.throwIfAborted()
      await (await engine.turn(bare(COMMAND))).done
    }
  }
  await Promise.all(Array.from({ length: WIDTH }, worker))
}

/** Whenever fewer than eight tasks are not over, launches what is missing with the offer in hand. */
async function ourRound({ framework, removed, context }: Rig, tasks: number): Promise<void> {
  let left = tasks
  const running = new Set<Promise<unknown>>()
  while (left > 0 || running.size > 0) {
    context.signal.throwIfAborted()
    if (left > 0 && running.size < WIDTH) {
      const launched = await framework.launch(COMMAND, Math.min(left, WIDTH - running.size))
      left -= launched.length
      for (const { finished } of launched) {
        const done = async (): Promise<void> => {
          await finished
          running.delete(ending)
        }
        const ending = done()
        running.add(ending)
      }
      continue
    }
    await Promise.race(running)
  }
  await removed()
}

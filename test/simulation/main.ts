// `npm run sim -- [--seed N] [--seeds COUNT] [--steps N] [--json]`: whole clusters from seeds, checked after each step.
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { reasonOf } from '../../src/base/errors.ts'
import { type Figure, figure, figureSheet, sheetText } from '../../src/base/figures.ts'
import { simulate } from './simulation.ts'
import type { Tally } from './tally.ts'

interface Run {
  readonly seed: number
  readonly tally: Tally | undefined
  readonly failure: string | undefined
}

const USAGE = 'usage: npm run sim -- [--seed N] [--seeds COUNT] [--steps N] [--json]'

function readOptions(): { seed: number; seeds: number; steps: number; json: boolean } {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '20' },
      steps: { type: 'string', default: '3000' },
      json: { type: 'boolean', default: false },
    },
  })
  const whole = (name: string, text: string, least: number): number => {
    const value = Number(text)
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new Error(`--${name} is '${text}', expected a whole number of ${least} or more`)
  }
  return {
    seed: whole('seed', values.seed, 0),
    seeds: whole('seeds', values.seeds, 1),
    steps: whole('steps', values.steps, 1),
    json: values.json,
  }
}

/** Every second seed restarts the master as well. */
function runSeed(seed: number, steps: number): Run {
  try {
    const tally = simulate({ seed, steps, agents: 4, schedulers: 6, masterRestarts: seed % 2 === 0 })
    return { seed, tally, failure: undefined }
  } catch (error) {
    return { seed, tally: undefined, failure: reasonOf(error) }
  }
}

function figuresOf(runs: readonly Run[], seconds: number): Figure[] {
  const sum = (key: keyof Tally): number => runs.reduce((total, { tally }) => total + (tally?.[key] ?? 0), 0)
  const failed = runs.filter((run) => run.failure !== undefined).length
  return [
    figure('seeds with a broken invariant or a task without its one end', failed, 'seeds', '= 0'),
    figure('seeds', runs.length, 'seeds'),
    figure('steps, everything checked after every event', sum('steps'), 'steps'),
    figure('tasks launched', sum('launched'), 'tasks', '> 0'),
    figure('tasks told exactly one end', sum('ended'), 'tasks', '> 0'),
    figure('tasks answered as unknown: lost on the way or with a wiped machine', sum('neverKnown'), 'tasks'),
    figure('tasks that ran when their framework was removed', sum('writtenOff'), 'tasks'),
    figure('tasks left unreachable with a wiped machine', sum('lostFromSight'), 'tasks'),
    figure('streams broken', sum('breaks'), 'streams'),
    figure('restarts of the master', sum('masterRestarts'), 'restarts'),
    figure('wall time', seconds, 's'),
  ]
}

function main(): void {
  const options = readOptions()
  const started = systemClock.monotonic()
  const runs: Run[] = []
  for (let index = 0; index < options.seeds; index++) {
    const run = runSeed(options.seed + index, options.steps)
    if (run.failure !== undefined) {
      console.error(
        `${run.failure}\nAgain: npm run sim -- --seed ${run.seed} --seeds 1 --steps ${options.steps}`,
      )
    }
    runs.push(run)
  }
  const figures = figuresOf(runs, (systemClock.monotonic() - started) / 1000)
  const failures = runs.flatMap(({ seed, failure }) => (failure === undefined ? [] : [{ seed, failure }]))
  const sheet = figureSheet('sim', figures, systemClock.now(), { failures })
  console.log(options.json ? JSON.stringify(sheet) : sheetText(sheet))
  process.exitCode = sheet.ok ? 0 : 1
}

try {
  main()
} catch (error) {
  console.error(`${reasonOf(error)}\n${USAGE}`)
  process.exitCode = 64
}

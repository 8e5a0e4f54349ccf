// `npm run sim -- [--seed N] [--seeds COUNT] [--steps N] [--json]`: whole clusters from seeds, each checked after every step.
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/base/clock.ts'
import { reasonOf } from '../../src/base/errors.ts'
import { type Tally, simulate } from './simulation.ts'

/** The form that all suites of this project print (the issue: "One form for figures"). */
interface Figure {
  readonly name: string
  readonly value: number
  readonly unit: string
  /** What has to be reached; null: told only. */
  readonly level: string | null
  readonly ok: boolean
}

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
      seeds: { type: 'string' },
      steps: { type: 'string', default: '3000' },
      json: { type: 'boolean', default: false },
    },
  })
  const whole = (name: string, text: string): number => {
    const value = Number(text)
    if (Number.isSafeInteger(value) && value >= 0) return value
    throw new Error(`--${name} is '${text}', expected a whole number of 0 or more`)
  }
  return {
    seed: whole('seed', values.seed),
    seeds: whole('seeds', values.seeds ?? '20'),
    steps: whole('steps', values.steps),
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
  const sum = (of: (tally: Tally) => number): number =>
    runs.reduce((total, { tally }) => total + (tally === undefined ? 0 : of(tally)), 0)
  const told = (name: string, value: number, unit = ''): Figure => ({
    name,
    value,
    unit,
    level: null,
    ok: true,
  })
  const failed = runs.filter((run) => run.failure !== undefined).length
  return [
    { name: 'seeds with a broken invariant', value: failed, unit: 'seeds', level: '= 0', ok: failed === 0 },
    told('seeds', runs.length, 'seeds'),
    told(
      'steps, invariants checked after each event of each',
      sum((tally) => tally.steps),
      'steps',
    ),
    told(
      'tasks launched',
      sum((tally) => tally.launched),
      'tasks',
    ),
    told(
      'tasks told exactly one end',
      sum((tally) => tally.ended),
      'tasks',
    ),
    told(
      'tasks answered as unknown: lost on the way or with a wiped machine',
      sum((tally) => tally.neverKnown),
      'tasks',
    ),
    told(
      'tasks that ran when their framework was removed',
      sum((tally) => tally.writtenOff),
      'tasks',
    ),
    told(
      'tasks left unreachable with a wiped machine',
      sum((tally) => tally.lostFromSight),
      'tasks',
    ),
    told(
      'streams broken',
      sum((tally) => tally.breaks),
      'streams',
    ),
    told(
      'restarts of the master',
      sum((tally) => tally.masterRestarts),
      'restarts',
    ),
    told('wall time', Math.round(seconds * 10) / 10, 's'),
  ]
}

function main(): void {
  const options = readOptions()
  const started = systemClock.monotonic()
  const runs: Run[] = []
  for (let index = 0; index < Math.max(1, options.seeds); index++) {
    const run = runSeed(options.seed + index, options.steps)
    if (run.failure !== undefined)
      console.error(`${run.failure}\nAgain: npm run sim -- --seed ${run.seed} --seeds 1`)
    runs.push(run)
  }
  const figures = figuresOf(runs, (systemClock.monotonic() - started) / 1000)
  const ok = figures.every((figure) => figure.ok)
  const [cpu] = cpus()
  const machine = { cpus: cpus().length, model: cpu?.model ?? '', node: process.version }
  const date = new Date(systemClock.now()).toISOString()
  const failures = runs.flatMap(({ seed, failure }) => (failure === undefined ? [] : [{ seed, failure }]))
  if (options.json) console.log(JSON.stringify({ name: 'sim', ok, date, machine, figures, failures }))
  else
    for (const { name, value, unit, ok: good } of figures)
      console.log(`${good ? 'ok  ' : 'FAIL'} ${value} ${unit}  ${name}`)
  process.exitCode = ok ? 0 : 1
}

try {
  main()
} catch (error) {
  console.error(`${reasonOf(error)}\n${USAGE}`)
  process.exitCode = 64
}

// `npm run faults -- [--json] [--seed N] [--faults N] [--tasks N] [--only KIND,…] [--recovery N] [--logs FOLDER]`.
import { parseArgs } from 'node:util'
import { resolve } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { OperatingError, reasonOf } from '../../src/base/errors.ts'
import { sheetText } from '../../src/base/figures.ts'
import { systemRandom } from '../../src/base/random.ts'
import { ALL_KINDS, type FaultKind, parseKinds } from './plan.ts'
import { type FaultSheet, type RunOptions, runFaults } from './run.ts'

const USAGE = `usage: npm run faults -- [--json] [--seed N] [--faults N] [--tasks N] [--only KIND,…] [--recovery N] …
  --seed N        the run that this seed plans; a fresh one when left out
  --faults N      how many strike (default 50)
  --tasks N       how many tasks are kept alive (default 100)
  --only KIND,…   of these kinds alone: ${ALL_KINDS.join(', ')}
  --recovery N    containers with which the recovery of the agent is measured (default 200; 0: not at all)
  --logs FOLDER   keeps the daemons' logs there
  --json          one object on standard output, and nothing else there`
const EXIT_BROKEN = 1
const EXIT_USAGE = 64
/** Start, warming up, draining, the last look; and what a fault takes with the recovery from it. */
const LIMIT_MS = 600_000
const LIMIT_PER_FAULT_MS = 20_000
const LIMIT_PER_CONTAINER_MS = 2000

function readOptions(argv: readonly string[]): RunOptions & { readonly json: boolean } {
  const text = (fallback: string) => ({ type: 'string', default: fallback }) as const
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seed: { type: 'string' },
      faults: text('50'),
      tasks: text('100'),
      recovery: text('200'),
      only: { type: 'string' },
      logs: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const whole = (name: string, value: string, least: number, most: number): number => {
    const number = Number(value)
    if (Number.isSafeInteger(number) && number >= least && number <= most) return number
    throw new OperatingError(
      'USAGE',
      `--${name} is '${value}', expected a whole number from ${least} to ${most}`,
    )
  }
  return {
    seed: values.seed === undefined ? freshSeed() : whole('seed', values.seed, 0, 2 ** 32 - 1),
    faults: whole('faults', values.faults, 0, 1000),
    tasks: whole('tasks', values.tasks, 1, 500),
    recovery: whole('recovery', values.recovery, 0, 500),
    only: values.only === undefined ? [] : kindsOf(values.only),
    logs: values.logs === undefined ? undefined : resolve(values.logs),
    json: values.json,
  }
}

function freshSeed(): number {
  return Math.floor(systemRandom.next() * 2 ** 32)
}

function kindsOf(text: string): FaultKind[] {
  const kinds = parseKinds(text)
  if (kinds === undefined)
    throw new OperatingError('USAGE', `--only is '${text}', expected kinds of ${ALL_KINDS.join(', ')}`)
  return kinds
}

/** Ends the run from outside, or when it takes too long. */
function limitOf(options: RunOptions): AbortController & Disposable {
  const stop = new AbortController()
  const end = (why: string): void => stop.abort(new OperatingError('STOPPED', `The run was ended: ${why}`))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(signal))
  const limitMs = LIMIT_MS + options.faults * LIMIT_PER_FAULT_MS + options.recovery * LIMIT_PER_CONTAINER_MS
  const timer = systemClock.after(limitMs, () => end(`it took longer than ${limitMs / 1000} s`))
  return Object.assign(stop, { [Symbol.dispose]: () => timer[Symbol.dispose]() })
}

function tellBreaches({ breaches, replay }: FaultSheet): void {
  for (const [name, sentences] of Object.entries(breaches))
    for (const sentence of sentences) console.error(`${name}: ${sentence}`)
  console.error(`Again: ${replay}`)
  console.error(
    'One fault alone, by the kind and seed of its line: npm run faults -- --only KIND --faults 1 --seed SEED',
  )
}

async function main(argv: readonly string[]): Promise<number> {
  const { json, ...options } = readOptions(argv)
  using limit = limitOf(options)
  const sheet = await runFaults(options, limit.signal, (line) => console.error(line))
  if (!sheet.ok) tellBreaches(sheet)
  console.log(json ? JSON.stringify(sheet) : sheetText(sheet))
  return sheet.ok ? 0 : EXIT_BROKEN
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const isUsage =
    error instanceof OperatingError ? error.code === 'USAGE' : (error as Error).message.includes('option')
  console.error(isUsage ? `${reasonOf(error)}\n${USAGE}` : reasonOf(error))
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_BROKEN
}

// Runs one benchmark by its name and prints its sheet: `npm run bench -- NAME [--json] [--option value]`.
import { parseArgs } from 'node:util'
import { systemClock } from '../src/base/clock.ts'
import { OperatingError, reasonOf } from '../src/base/errors.ts'
import { sheetText } from '../src/base/figures.ts'
import { systemRandom } from '../src/base/random.ts'
import type { Bench } from './bench.ts'
import { fetchBench } from './fetch.ts'
import { launchBench } from './launch.ts'
import { lendingBench } from './lending.ts'
import { pageBench } from './page.ts'

const BENCHES: Readonly<Record<string, Bench>> = {
  fetch: fetchBench,
  launch: launchBench,
  lending: lendingBench,
  page: pageBench,
}

const EXIT_MISSED = 1
const EXIT_USAGE = 64

function usage(): string {
  const lines = Object.entries(BENCHES).flatMap(([name, { summary, options, switches = {} }]) => [
    `  ${name}  ${summary}`,
    ...Object.entries(switches).map(([name, help]) => `    --${name}  ${help}`),
    ...Object.entries(options).map(([option, help]) => `    --${option} <value>  ${help}`),
  ])
  return ['npm run bench -- NAME [--json] [--option value]', ...lines].join('\n')
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help') {
    console.error(usage())
    return name === undefined ? EXIT_USAGE : 0
  }
  const bench = BENCHES[name]
  if (bench === undefined) {
    console.error(
      `There is no bench '${name}': expected one of ${Object.keys(BENCHES).join(', ')}\n${usage()}`,
    )
    return EXIT_USAGE
  }
  const { json, ...options } = readOptions(bench, rest)
  const stop = new AbortController()
  const end = (why: string): void => stop.abort(new OperatingError('STOPPED', `The bench was ended: ${why}`))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(signal))
  const given = Object.entries(options)
  const switches = new Set(given.flatMap(([option, value]) => (value === true ? [option] : [])))
  const limitMs = bench.limitMs(switches)
  using _ = systemClock.after(limitMs, () => end(`it took longer than ${limitMs / 1000} s`))
  const sheet = await bench.run({
    clock: systemClock,
    random: systemRandom,
    signal: stop.signal,
    options: Object.fromEntries(
      given.flatMap(([option, value]) => (typeof value === 'string' ? [[option, value]] : [])),
    ),
    switches,
    say: (line) => console.error(line),
  })
  console.log(json === true ? JSON.stringify(sheet) : sheetText(sheet))
  return sheet.ok ? 0 : EXIT_MISSED
}

/** @throws OperatingError USAGE with the option and what was expected */
function readOptions(bench: Bench, argv: readonly string[]): Record<string, string | boolean | undefined> {
  const known = Object.keys(bench.options).map((option) => [option, { type: 'string' }] as const)
  const switches = Object.keys(bench.switches ?? {}).map((name) => [name, { type: 'boolean' }] as const)
  try {
    const options = {
      ...Object.fromEntries(known),
      ...Object.fromEntries(switches),
      json: { type: 'boolean' },
    } as const
    return parseArgs({ args: [...argv], options, allowPositionals: false }).values
  } catch (error) {
    throw new OperatingError('USAGE', reasonOf(error), { hint: usage() })
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const hint = error instanceof OperatingError && error.hint !== undefined ? `\n${error.hint}` : ''
  console.error(`${reasonOf(error)}${hint}`)
  process.exitCode = error instanceof OperatingError && error.code === 'USAGE' ? EXIT_USAGE : EXIT_MISSED
}

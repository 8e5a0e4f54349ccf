// Every metric that an agent or a master exports is in docs/reference/metrics.md with its unit, and no other.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { LEND_COUNTERS } from '../../src/resources/lend-counters.ts'
import { TestAgent } from '../support/agent-server.ts'
import { Cluster } from '../support/cluster.ts'
import { FakeKeeping } from '../support/fake-keeping.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Up to the names for Prometheus, which tell the same in another form. */
const [page = ''] = readFileSync(join(ROOT, 'docs/reference/metrics.md'), 'utf8').split(
  '\n## For Prometheus\n',
)
const ended = ['finished', 'failed', 'killed', 'lost', 'error', 'dropped', 'gone', 'gone_by_operator']

/** Placeholders of the page, and what they stand for. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  NAME: ['cpus', 'mem', 'disk', 'gpus'],
  SPAN: ['1min', '5min', '15min'],
  STATE: [...ended, 'staging', 'starting', 'running', 'killing', 'unreachable'],
  MESSAGE: (/MESSAGE is ([^(]*)/.exec(page)?.[1] ?? '').match(/(?<=`)[a-z_]+(?=`)/g) ?? [],
  BOUND: ['0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '30', 'inf'],
  PERCENTILE: ['p50', 'p90', 'p95', 'p99'],
}

/** A package, and the beginning of names. */
const NO_METRICS = ['tepui/sdk', 'tepui/offers']

interface Row {
  readonly name: string
  readonly on: string
  /** Not there before it is counted. */
  readonly isLate: boolean
}

const rows = [...page.matchAll(/^\| `([^`]+)` \| (agent|master|both) \| ([^|]+) \| .*\|$/gm)].flatMap(
  ([, name = '', on = '', unit = '']): Row[] => {
    const isLate = unit.endsWith('from the first')
    const word = Object.keys(WORDS).find((one) => name.includes(one))
    const names =
      word === undefined || isLate ? [name] : (WORDS[word] ?? []).map((one) => name.replace(word, one))
    return names.map((one) => ({ name: one, on, isLate }))
  },
)

const documented = (side: string): readonly string[] =>
  rows
    .filter(({ isLate, on }) => !isLate && (on === side || on === 'both'))
    .map(({ name }) => name)
    .toSorted()

const namesAt = async (port: number | undefined): Promise<readonly string[]> =>
  Object.keys((await (await fetch(`http://127.0.0.1:${port}/metrics/snapshot`)).json()) as object).toSorted()

test('the page has every metric of an agent and of a master, on which of them it is, and no other', async () => {
  await using cluster = await Cluster.start({
    agents: [['--containerizers=mesos', '--resource_estimator=fixed?resources=cpus:1']],
  })
  // Without an agent that has some, the allocator does not tell of GPUs.
  const isGpus = (name: string): boolean => name.startsWith('allocator/mesos/resources/gpus/')
  expect(await namesAt(cluster.port)).toEqual(documented('master').filter((name) => !isGpus(name)))
  const keeping = new FakeKeeping(ROOT)
  const options = { keeping, argv: ['--resource_estimator=fixed?resources=cpus:1'] }
  await using agent = await TestAgent.start(`127.0.0.1:${cluster.port}`, options)
  expect(await namesAt(agent.port)).toEqual(documented('agent'))
  expect(documented('agent')).toEqual(expect.arrayContaining([...LEND_COUNTERS]))
})

test('what the sources count only when it happens is on the page too', () => {
  const files = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  const named = /'((?:master|slave|tepui|gc|allocator|http|containerizer)\/[a-z][a-z0-9_/]*[a-z0-9])'/g
  const inSources = files
    .filter((path) => path.endsWith('.ts'))
    .flatMap((path) =>
      [...readFileSync(join(ROOT, 'src', path), 'utf8').matchAll(named)].map(([, name]) => name),
    )
  const known = new Set([...rows.map(({ name }) => name), ...NO_METRICS])
  expect([...new Set(inSources)].filter((name) => name !== undefined && !known.has(name))).toEqual([])
  expect(inSources.length).toBeGreaterThan(50)
})

test('every metric has a unit and words that say what it is', () => {
  const wordless = page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .filter((line) => !/^\| `[^`]+` \| (agent|master|both) \| \S[^|]* \|( \S.*)? \|$/.test(line))
  expect(wordless).toEqual([])
})

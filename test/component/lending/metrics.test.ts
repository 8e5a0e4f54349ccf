// Every metric of lending that an agent or a master exports is in docs/reference/metrics.md, and no other.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { LEND_COUNTERS } from '../../../src/resources/lend-counters.ts'
import { Cluster } from '../../support/cluster.ts'

const page = readFileSync(new URL('../../../docs/reference/metrics.md', import.meta.url), 'utf8')

/** Placeholders of the page, and what they stand for. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  NAME: ['cpus', 'mem', 'disk', 'gpus'],
  BOUND: ['0.05', '0.1', '0.25', '0.5', '1', '2.5', '5', '10', '30', 'inf'],
  PERCENTILE: ['p50', 'p90', 'p95', 'p99'],
}

interface Row {
  readonly name: string
  readonly on: string
}

const rows = [...page.matchAll(/^\| `([^`]+)` \| (agent|master|both) \| \S.* \| \S.* \|$/gm)].flatMap(
  ([, name = '', on = '']): Row[] => {
    const word = Object.keys(WORDS).find((one) => name.includes(one))
    const names = word === undefined ? [name] : (WORDS[word] ?? []).map((one) => name.replace(word, one))
    return names.map((one) => ({ name: one, on }))
  },
)

const documented = (side: string): readonly string[] =>
  rows
    .filter(({ on }) => on === side || on === 'both')
    .map(({ name }) => name)
    .toSorted()

const IS_LENDING = /lend|revocable|preempted|slave\/tasks_gone|update_slave/

test('the page has every metric of lending of an agent and of a master, with its unit and its meaning', async () => {
  await using cluster = await Cluster.start({
    agents: [['--containerizers=mesos', '--resource_estimator=fixed?resources=cpus:1']],
  })
  const read = async (url: string): Promise<readonly string[]> =>
    Object.keys((await (await fetch(url)).json()) as object)
  const { slaves } = (await cluster.page('/slaves')) as unknown as { slaves: { port: number }[] }
  const [agent] = slaves
  const own = await read(`http://127.0.0.1:${agent?.port}/metrics/snapshot`)
  const masters = await read(`http://127.0.0.1:${cluster.port}/metrics/snapshot`)
  expect(own.filter((name) => IS_LENDING.test(name)).toSorted()).toEqual(documented('agent'))
  const allocated = (name: string): boolean => /^allocator\/mesos\/resources\/(cpus|mem|disk)\//.test(name)
  expect(masters.filter((name) => IS_LENDING.test(name) || allocated(name)).toSorted()).toEqual(
    // Without an agent that has some, the allocator does not tell of GPUs.
    documented('master').filter((name) => !name.startsWith('allocator/mesos/resources/gpus/')),
  )
  expect(own).toEqual(expect.arrayContaining([...LEND_COUNTERS]))
})

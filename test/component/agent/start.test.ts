// Flags that an agent refuses, with sentences for people, before anything on the machine is touched.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { startAgent } from '../../../src/agent/agent.ts'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../../src/agent/flags.ts'
import { systemClock } from '../../../src/base/clock.ts'
import { parseFlags } from '../../../src/base/flags.ts'
import { silentLogger } from '../../../src/base/log.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { MACHINE, TestAgent } from '../../support/agent-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'tepui-start-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'file')
writeFileSync(file, '')
const broken = join(folder, 'broken.ts')
writeFileSync(broken, 'export default 1')

/** `CODE: message` of what keeps an agent with these flags from starting. */
async function refusal(...argv: string[]): Promise<string> {
  try {
    const flags = parseFlags(AGENT_FLAGS, argv, {}, AGENT_FLAGS_NOT_YET)
    const deps = { clock: systemClock, random: systemRandom, log: silentLogger, machine: MACHINE }
    await using agent = await startAgent(flags, deps)
    return `it started on ${agent.address.port}`
  } catch (error) {
    const { code, message } = error as { readonly code: string; readonly message: string }
    return `${code}: ${message}`
  }
}

const work = (name: string): string => `--work_dir=${join(folder, name)}`
const BASE = ['--master=127.0.0.1:1', '--port=0', '--ip=127.0.0.1', `--cgroups_hierarchy=${folder}`]
const REFUSED: readonly (readonly [argv: readonly string[], sentence: RegExp])[] = [
  [['--port=0'], /^USAGE: Flag '--master' is required/],
  [['--master=127.0.0.1:1'], /^USAGE: Flag '--work_dir' is required/],
  [
    ['--master=zk://a:2181/mesos', work('a')],
    /^USAGE: Flag '--master' has the value 'zk:.*expected host:port/,
  ],
  [['--master=127.0.0.1:99999', work('a')], /^USAGE: Flag '--master' has the value '127.0.0.1:99999'/],
  [['--master=127.0.0.1:0', work('a')], /^USAGE: Flag '--master' has the value '127.0.0.1:0'/],
  [[...BASE.slice(0, 2), '--ip=nowhere', work('a')], /^USAGE: Flag '--ip' has the value 'nowhere'/],
  [[...BASE, work('a'), '--resources=cpus'], /^USAGE: Flag '--resources': /],
  [[...BASE, work('a'), '--resources=[{"name":1}]'], /^USAGE: Flag '--resources': /],
  [
    [...BASE, work('a'), '--resources=[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"revocable":{}}]'],
    /^USAGE: Flag '--resources' may not hold revocable/,
  ],
  [[...BASE, work('a'), '--attributes=rack'], /^USAGE: Flag '--attributes': /],
  [[...BASE, work('a'), '--attributes=os:{a,b}'], /^USAGE: Flag '--attributes': /],
  [[...BASE, `--work_dir=${file}/below`], /^FILE: Flag '--work_dir': cannot write into the folder/],
  [[...BASE, '--work_dir=/proc/x'], /^FILE: Flag '--work_dir': cannot write into the folder \/proc\/x/],
  [[...BASE, work('a'), `--runtime_dir=${file}`], /^FILE: Flag '--runtime_dir': cannot write/],
  [
    [...BASE, work('a'), '--containerizers=docker', '--docker_socket=/no/such/docker.sock'],
    /^ENGINE: .*\/no\/such\/docker\.sock/,
  ],
  [
    [...BASE, work('a'), '--no-revocable_cpu_low_priority'],
    /^USAGE: Borrowers always run in the lowest class/,
  ],
  [[...BASE, work('a'), '--docker_stop_timeout=1secs'], /^USAGE: .* of Mesos is not supported yet/],
  [[...BASE, work('a'), '--isolation=magic'], /^USAGE: Flag '--isolation' names 'magic'/],
  [
    [...BASE, work('a'), '--containerizers=mesos', '--isolation=cgroups/mem'],
    /^ISOLATION: Isolator 'cgroups\/mem' cannot work here/,
  ],
  [[...BASE, work('a'), '--resource_estimator=oracle'], /^USAGE: There is no .*estimator.* 'oracle'/],
  [[...BASE, work('a'), '--qos_controller=./nowhere.ts'], /^PLUGIN: Cannot load/],
  [[...BASE, work('a'), `--resource_estimator=${broken}`], /^PLUGIN: The module .* has no default export/],
  [[...BASE, work('a'), '--resource_estimator=usage?headroom=2'], /^USAGE: .*headroom/],
]

describe('an agent does not start', () => {
  test.each(REFUSED)('with %j', async (argv, sentence) => {
    expect(await refusal(...argv)).toMatch(sentence)
  })

  test('on a port that is taken', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const address = other.address()
    const port = typeof address === 'object' ? address?.port : 0
    const argv = BASE.filter((flag) => flag !== '--port=0')
    expect(await refusal(...argv, work('b'), `--port=${port}`, '--containerizers=mesos')).toMatch(
      /^PORT_TAKEN: /,
    )
    await new Promise((resolve) => other.close(resolve))
  })

  test('in the work folder of another, whose containers it would end; but once that one is gone', async () => {
    const workDir = join(folder, 'shared')
    {
      await using first = await TestAgent.start('127.0.0.1:1', { workDir })
      expect(first.port).toBeGreaterThan(0)
      await expect(TestAgent.start('127.0.0.1:1', { workDir })).rejects.toMatchObject({
        code: 'FILE',
        message: `Another agent works in ${workDir}`,
      })
    }
    await using second = await TestAgent.start('127.0.0.1:1', { workDir })
    expect(second.port).toBeGreaterThan(0)
  })
})

test('a missing engine only leaves Docker out while the host containerizer is there', async () => {
  const argv = [...BASE, work('c'), '--docker_socket=/no/such/docker.sock']
  expect(await refusal(...argv)).toMatch(/^it started on \d+/)
})

test('the first lines say what is offered, what is enforced, and that lending is off', async () => {
  await using agent = await TestAgent.start('127.0.0.1:1')
  const [offers, isolation, ...rest] = agent.agent.summary
  expect(offers).toBe('offers: cpus:4; mem:7168; disk:97280; ports:[31000-32000]')
  expect(isolation).toContain('no Docker Engine')
  expect(rest.at(-1)).toBe('lending: off (switch it on with --resource_estimator=usage)')
  expect(await agent.page('/api/x1/lend')).toMatchObject({
    lending: false,
    why_not: expect.any(String) as string,
  })
})

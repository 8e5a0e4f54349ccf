// Settings that nobody can mean are refused at the start and later; what was set holds over the agent's death.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Agent } from '../../../src/agent/agent.ts'
import { tepui } from '../../support/cli.ts'
import { agentArguments, startRealAgent } from '../../support/real-cluster.ts'

const AGENT_PROCESS = fileURLToPath(new URL('../../support/agent-process.ts', import.meta.url))
/** No master is there: nothing here needs one. */
const MASTER = '127.0.0.1:9'
const LENDING = ['--containerizers=mesos', '--no-switch_user', '--resource_estimator=usage']

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-faults-'))
})

afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

describe('At the start an agent refuses', () => {
  test.each([
    ['--resource_estimator=usage?percentile=101', "Option 'percentile' of 'usage' is '101'"],
    ['--resource_estimator=usage?headroom=-0.1', "Option 'headroom' of 'usage' is '-0.1'"],
    ['--resource_estimator=guess', "There is no estimator 'guess'"],
    ['--qos_controller=presure', "There is no controller 'presure'"],
    ['--qos_controller=pressure?squeeze=-1', "Option 'squeeze' of 'pressure' is '-1'"],
    ['--lend_mode=on', "'on'"],
    ['--lend_windows=lend 99 * * * *', "Flag '--lend_windows' has the value 'lend 99 * * * *'"],
  ])('%s with exit code 64 and the reason', async (flag, reason) => {
    const workDir = join(folder, 'refused')
    const given = flag.startsWith('--resource_estimator') ? [] : ['--resource_estimator=usage']
    const { code, stderr } = await tepui(['agent', ...agentArguments(MASTER, workDir, [...given, flag])])
    expect(stderr).toContain(reason)
    expect(code).toBe(64)
  })
})

async function post(port: number, body: unknown): Promise<{ status: number; text: string }> {
  const url = `http://127.0.0.1:${port}/api/x1/lend`
  const answer = await fetch(url, { method: 'POST', body: JSON.stringify(body) })
  return { status: answer.status, text: await answer.text() }
}

const page = async (port: number): Promise<Record<string, unknown>> =>
  (await (await fetch(`http://127.0.0.1:${port}/api/x1/lend`)).json()) as Record<string, unknown>

describe('While it runs', () => {
  let agent: Agent

  beforeAll(async () => {
    agent = await startRealAgent(MASTER, join(folder, 'runs'), ...LENDING)
  })

  afterAll(async () => {
    await agent[Symbol.asyncDispose]()
  })

  test.each([
    [{ estimator_options: { percentile: 101 } }, "Option 'percentile' of 'usage' is '101'"],
    [{ estimator_options: { headroom: -0.1 } }, "Option 'headroom' of 'usage' is '-0.1'"],
    [{ estimator_options: { hedroom: 0.1 } }, 'hedroom'],
    [{ controller_options: { squeeze: -1 } }, "Option 'squeeze' of 'pressure' is '-1'"],
    [{ estimator: 'guess' }, "There is no field 'estimator'"],
    [{ mode: 'on' }, "Field 'mode'"],
    [{ windows: 'lend 99 * * * *' }, 'is no cron expression'],
    [{ mode: 'off', estimator_options: { percentile: 101 } }, "Option 'percentile' of 'usage' is '101'"],
  ])('%j is refused with 400 and the reason, and nothing of it is taken', async (body, reason) => {
    const { port } = agent.address
    const answer = await post(port, body)
    expect(answer.text).toContain(reason)
    expect(answer.status).toBe(400)
    expect(await page(port)).toMatchObject({
      mode: 'full',
      estimator_options: {},
      controller_options: {},
      windows: '',
    })
  })

  test('it says which tier of the kernel holds borrowers, read back when asked', async () => {
    const answer = await fetch(`http://127.0.0.1:${agent.address.port}/api/x1/lend?check=true`)
    expect(await answer.json()).toMatchObject({
      tier: 'idle',
      tier_detail: expect.stringContaining('idle class'),
    })
    expect(agent.summary.join('\n')).toContain('Borrowers run in the idle class')
  })
})

test('mode, pause, windows and options hold over the death of the agent, and its history too', async () => {
  const workDir = join(folder, 'dies')
  const first = fork(AGENT_PROCESS, agentArguments(MASTER, workDir, LENDING))
  const [{ port }] = (await once(first, 'message')) as [{ port: number }]
  const change = {
    mode: 'lend',
    paused: true,
    windows: 'quiet * 2 * * 6',
    estimator_options: { headroom: 0.3 },
  }
  expect(await post(port, change)).toMatchObject({ status: 200 })
  first.kill('SIGKILL')
  await once(first, 'exit')
  await using agent = await startRealAgent(MASTER, workDir, ...LENDING)
  expect(await page(agent.address.port)).toMatchObject({
    mode: 'lend',
    paused: true,
    windows: 'quiet * 2 * * 6',
    estimator_options: { headroom: '0.3' },
    why_not: 'lending is paused',
  })
  const history = await fetch(`http://127.0.0.1:${agent.address.port}/api/x1/lend/history?kind=mode`)
  expect(await history.json()).toMatchObject({
    events: [{ kind: 'mode', text: expect.stringContaining('from full to lend and paused lending') }],
  })
})

// The endpoints of lending on a real agent, directly and through its master.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster } from '../../support/cluster.ts'

let cluster: Cluster

beforeAll(async () => {
  cluster = await Cluster.start({
    agents: [
      ['--containerizers=mesos', '--resource_estimator=fixed?resources=cpus:1', '--attributes=agent:a1'],
      ['--containerizers=mesos', '--attributes=agent:a2'],
    ],
  })
})

afterAll(async () => {
  await cluster[Symbol.asyncDispose]()
})

const url = (path: string, port = cluster.port): string => `http://127.0.0.1:${port}${path}`

async function set(agent: string, body: unknown): Promise<{ status: number; text: string }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const answer = await fetch(url(`/api/x1/agents/${agent}/lend`), { method: 'POST', body: text })
  return { status: answer.status, text: await answer.text() }
}

const lentTotal = async (): Promise<readonly unknown[]> => {
  const page = (await cluster.page('/api/x1/lend')) as {
    agents: { lent_total: { cpus?: number }; hostname: string }[]
  }
  return page.agents.map((agent) => agent.lent_total.cpus ?? 0).toSorted((a, b) => b - a)
}

describe('through the master', () => {
  test('an agent is reached by its name and by its id, and says which tier of the kernel is in force', async () => {
    const page = await cluster.page('/api/x1/agents/a1/lend?check=true')
    expect(page).toMatchObject({
      mode: 'full',
      estimator: 'fixed?resources=cpus:1',
      controller: 'pressure',
      lending: true,
      tier: 'idle',
    })
    const { slaves } = (await cluster.page('/slaves')) as unknown as { slaves: { id: string }[] }
    const [first] = slaves
    expect(await cluster.page(`/api/x1/agents/${first?.id}/lend`)).toMatchObject({ paused: false })
  })

  test('a pause reaches the master before the next report is due, and a resume too', async () => {
    // Estimates are told every 15 s (--oversubscribed_resources_interval).
    const soon = { timeout: 12_000 }
    await expect.poll(lentTotal).toEqual([1, 0])
    expect((await set('a1', { paused: true })).status).toBe(200)
    await expect.poll(lentTotal, soon).toEqual([0, 0])
    await set('a1', { paused: false })
    await expect.poll(lentTotal, soon).toEqual([1, 0])
  })

  test('lending that was off comes on while the agent runs, with the estimator and controller of ours', async () => {
    expect(await cluster.page('/api/x1/agents/a2/lend')).toMatchObject({ mode: 'off', estimator: 'noop' })
    expect((await set('a2', { mode: 'observe', estimator_options: { headroom: 0.3 } })).status).toBe(200)
    expect(await cluster.page('/api/x1/agents/a2/lend')).toMatchObject({
      mode: 'observe',
      estimator: 'usage',
      controller: 'pressure',
      estimator_options: { headroom: '0.3' },
    })
    await set('a2', { mode: 'off' })
  })

  test('what cannot be meant is refused in the words of the agent', async () => {
    expect(await set('a1', { mode: 'on' })).toEqual({
      status: 400,
      text: 'Field \'mode\' is "on": expected one of off, observe, lend, full',
    })
    expect((await set('a1', '{')).status).toBe(400)
    expect((await set('a2', { windows: 'lend 99 * * * *' })).text).toContain('is no cron expression')
    expect((await set('a7', { mode: 'off' })).text).toBe("There is no agent 'a7'")
    expect((await fetch(url('/api/x1/agents/a1/flags'))).status).toBe(404)
    expect((await fetch(url('/api/x1/agents/a1/why'), { method: 'POST', body: '{}' })).status).toBe(405)
    expect((await fetch(url('/api/x1/lend/history?limit=0'))).status).toBe(400)
  })

  test('the histories of all agents are one, in the order of time', async () => {
    const { events, unanswered } = (await cluster.page('/api/x1/lend/history')) as unknown as {
      events: { at: number; kind: string; agent_id: string }[]
      unanswered: unknown[]
    }
    expect(unanswered).toEqual([])
    expect(new Set(events.map(({ agent_id }) => agent_id)).size).toBe(2)
    expect(events.map(({ at }) => at)).toEqual(events.map(({ at }) => at).toSorted((a, b) => a - b))
    // Two changes of the mode of a2, the pause and the resume of a1.
    expect(events.filter(({ kind }) => kind === 'mode').length).toBe(4)
    const only = await cluster.page('/api/x1/lend/history?kind=unlend')
    expect((only['events'] as { kind: string }[]).every(({ kind }) => kind === 'unlend')).toBe(true)
  })
})

test('metrics tell what is lent, what was done and how long taking back took', async () => {
  const port = cluster.agents[0]?.address.port
  const metrics = await cluster.page('/metrics/snapshot', port)
  for (const name of [
    'tepui/lend_lendable_cpus',
    'tepui/lend_lent_used_cpus',
    'tepui/lend_squeezes',
    'tepui/lend_freezes',
    'tepui/lend_evictions/memory',
    'tepui/lend_not_ours',
    'tepui/lend_take_back_secs/le_0.5',
    'slave/cpus_revocable_total',
  ])
    expect(metrics).toHaveProperty([name])
})

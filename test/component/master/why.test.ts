// `/api/x1/why` over HTTP: cards for tasks, frameworks, agents, events and questions, and what is asked wrongly.
import { expect, test } from 'vitest'
import { launchTask, TestMaster } from '../../support/master-server.ts'

test('A task that ended, one that waits, its framework, its agent and its events can be asked about', async () => {
  await using master = await TestMaster.start()
  using launched = await launchTask(master)
  const { agent, framework } = launched
  expect(await master.page('/api/x1/why?task=t')).toMatchObject({
    about: { kind: 'task', id: 't' },
    sentence: "'t' is staging on 127.0.0.1:5051 with 1 cpu, 128 MB",
    history: [{ kind: 'task-launched' }],
  })
  await agent.update(framework, 't', 'TASK_FAILED', { message: 'Command exited with status 3' })
  await framework.status()
  const card = await master.page('/api/x1/why?task=t')
  expect(card).toMatchObject({
    sentence: "'t' is failed: Command exited with status 3",
    ended: { exit: 3, state: 'TASK_FAILED' },
    history: [{ kind: 'task-launched' }, { kind: 'task-ended' }],
    // The toy agent has no pages: it is named, and the rest is told.
    unanswered: [{ agent_id: agent.id }],
  })
  const label = { key: 'tepui_needs', value: '{"name":"big","cpus":9,"mem":64,"lent":false}' }
  using waiting = await master.framework({ name: 'run big', labels: { labels: [label] } })
  const missing = { fits: false, short_by: { cpus: 5 }, agent: '127.0.0.1:5051' }
  const sentence = "'big' wants 9 cpus, 64 MB: it waits, because it fits on none of 1 agent"
  expect(await master.page('/api/x1/why?task=big')).toMatchObject({ sentence, rows: [missing] })
  expect(await master.page(`/api/x1/why?framework=${waiting.id}`)).toMatchObject({
    sentence,
    rows: [missing],
  })
  expect(await master.page('/api/x1/why?agent=127.0.0.1:5051')).toMatchObject({ about: { kind: 'agent' } })
  expect(await master.page('/api/x1/why?event=1')).toMatchObject({ history: [{ kind: 'master-started' }] })
  expect(await master.page('/api/x1/why?cpus=2&mem=64')).toMatchObject({
    sentence: '2 cpus, 64 MB: fits on 1 of 1 agent',
  })
})

test('What is not there is answered with 404, what is not clear with 400, each with a sentence', async () => {
  await using master = await TestMaster.start()
  for (const [query, wanted, words] of [
    ['task=x', 404, "There is no task 'x'"],
    ['framework=x', 404, "There is no framework 'x'"],
    ['agent=x', 404, "There is no agent 'x'"],
    ['event=77', 404, 'There is no event 77'],
    ['event=x', 400, "Parameter 'event' is 'x': expected the number of an event"],
    ['task=a&agent=b', 400, "Give 'task' or 'agent', not both"],
    ['', 400, "Give 'task', 'framework', 'agent', 'event', or amounts"],
    ['cpus=-1', 400, 'or amounts'],
    [`task=${'x'.repeat(400)}`, 400, "Parameter 'task' has more than 300 characters"],
  ] as const) {
    const { body, status } = await master.get(`/api/x1/why?${query}`)
    expect([query.slice(0, 20), status]).toEqual([query.slice(0, 20), wanted])
    expect(body).toContain(words)
  }
})

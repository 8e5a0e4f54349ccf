// `tepui batch` as a program, on a real master with an agent that takes back what it lent.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Ended, tepui } from '../../support/cli.ts'
import type { TestEvent } from '../../support/event-stream.ts'
import { TestMaster, type ToyAgent } from '../../support/master-server.ts'

interface RunTask {
  readonly framework_info: { readonly id: { readonly value: string } }
  readonly task: {
    readonly name: string
    readonly task_id: { readonly value: string }
    readonly resources: readonly unknown[]
  }
}

const lent = { name: 'cpus', type: 'SCALAR', scalar: { value: 2 }, revocable: {} }
const PREEMPTED = {
  reason: 'REASON_CONTAINER_PREEMPTED',
  source: 'SOURCE_AGENT',
  message: "'web' waited 31 % of the time for a core, above 10 %",
}

/** The agent's side of a batch: each task that is launched meets what is planned for it. */
async function play(
  master: TestMaster,
  agent: ToyAgent,
  plan: readonly (readonly [state: string, more?: Readonly<Record<string, unknown>>])[],
): Promise<readonly RunTask[]> {
  const ran: RunTask[] = []
  await expect.poll(() => master.metric('master/frameworks_active')).toBe(1)
  for (const [state, more] of plan) {
    await master.allocate()
    const run = ((await agent.next('RUN_TASK')) as TestEvent & { run_task: RunTask }).run_task
    ran.push(run)
    const framework = { id: run.framework_info.id.value }
    await agent.update(framework, run.task.task_id.value, 'TASK_RUNNING')
    await agent.next('ACKNOWLEDGE')
    await agent.update(framework, run.task.task_id.value, state, more)
    await agent.next('ACKNOWLEDGE')
  }
  return ran
}

async function batch(
  args: readonly string[],
  plan: Parameters<typeof play>[2],
): Promise<{ readonly ended: Ended; readonly ran: readonly RunTask[] }> {
  await using master = await TestMaster.start()
  using agent = await master.agent()
  await agent.call('OVERSUBSCRIBED', { oversubscribed: { resources: [lent] } })
  const ending = tepui(['batch', '-m', `127.0.0.1:${master.port}`, '--cpus', '2', ...args])
  const ran = await play(master, agent, plan)
  const ended = await ending
  expect(await master.page('/frameworks')).toMatchObject({ frameworks: [] })
  return { ended, ran }
}

test('a job that is taken back runs again before the others, on lent cpus, and is charged no failure', async () => {
  const { ended, ran } = await batch(
    ['-j', '[name=first] make', '-j', '[name=second] make test'],
    [['TASK_GONE', PREEMPTED], ['TASK_FINISHED'], ['TASK_FINISHED']],
  )
  expect(ran.map(({ task }) => task.name)).toEqual(['first', 'first', 'second'])
  for (const { task } of ran)
    expect(task.resources).toContainEqual(expect.objectContaining({ name: 'cpus', revocable: {} }))
  expect(ended.stderr).toContain(`was taken back and waits again (no failure of it): ${PREEMPTED.message}`)
  expect(ended.stdout).toMatch(/^2 of 2 jobs done in .*lending gave .*taken back once .*run again once\n$/)
  expect(ended.code).toBe(0)
})

test('the exit code is the worst of the jobs, and a take-back is none', async () => {
  const exited = (code: number): readonly [string, Record<string, string>] => [
    'TASK_FAILED',
    { message: `Command exited with status ${code}` },
  ]
  const { ended } = await batch(
    ['-o', 'json', '-j', 'a', '-j', 'b', '-j', 'c'],
    [exited(3), ['TASK_GONE', PREEMPTED], exited(7), ['TASK_FINISHED']],
  )
  expect(JSON.parse(ended.stdout)).toMatchObject({
    jobs: 3,
    finished: 1,
    failed: 2,
    takenBack: 1,
    reruns: 1,
  })
  expect(ended.code).toBe(7)
})

test('a list that cannot be meant is refused before anything runs, naming the line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tepui-batch-'))
  try {
    const list = join(folder, 'jobs')
    writeFileSync(list, '# two jobs\necho fine\n\n[cpu=2] echo wrong\n')
    const ended = await tepui(['batch', list, '--cpus', '0.5'])
    expect(ended.stderr).toContain(
      `'${list}' line 4: 'cpu=2' is no option of a job: expected cpus, mem, name`,
    )
    expect(ended.code).toBe(64)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

// Lists and what ends tasks and agents, as typed, against a real master with toy agents.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ended, Run, tepui } from '../../support/cli.ts'
import {
  agentSubscribe,
  type LaunchedTask,
  launchTask,
  TestMaster,
  type ToyAgent,
} from '../../support/master-server.ts'

let master: TestMaster
let launched: LaunchedTask
let second: ToyAgent

/** An agent with a name and a zone. */
function named(name: string, port: number, zone: string): Promise<ToyAgent> {
  const { subscribe } = agentSubscribe() as { readonly subscribe: { readonly agent_info: object } }
  const text = (key: string, value: string): object => ({ name: key, type: 'TEXT', text: { value } })
  const agent_info = { ...subscribe.agent_info, port, attributes: [text('agent', name), text('zone', zone)] }
  return master.agent({ agent_info })
}

beforeAll(async () => {
  master = await TestMaster.start()
  launched = await launchTask(master)
  await launched.agent.update(launched.framework, 't', 'TASK_RUNNING')
  await launched.framework.acknowledge(await launched.framework.status())
  second = await named('a2', 5052, 'b')
  const [offer] = (await launched.framework.offers()).filter(({ agent_id }) => agent_id.value === second.id)
  if (offer === undefined) throw new Error('the second agent was not offered')
  await launched.framework.launch(offer, 'web.1', 'web.2')
  for (const id of ['web.1', 'web.2']) {
    await second.next('RUN_TASK')
    await second.update(launched.framework, id, 'TASK_RUNNING')
    await launched.framework.acknowledge(await launched.framework.status())
  }
})
afterAll(async () => {
  second[Symbol.dispose]()
  launched[Symbol.dispose]()
  await master[Symbol.asyncDispose]()
})

const env = (): Record<string, string> => ({ TEPUI_MASTER: `127.0.0.1:${master.port}` })
const typed = (words: string): Promise<Ended> => tepui(words.split(' '), env())

test('ps lists the tasks of an agent in the columns and the order that were asked for', async () => {
  expect(await typed('ps --agent a2 --columns name,cpus,agent --sort -task')).toEqual({
    code: 0,
    stdout: 'NAME   CPUS  AGENT\nweb.2     1  a2\nweb.1     1  a2\n',
    stderr: '',
  })
  expect((await typed('task ls -q -l name=~^web --sort task')).stdout).toBe('web.1\nweb.2\n')
  expect(await typed('ps --state runing')).toMatchObject({ code: 64, stdout: '' })
})

test('agents are chosen by their attributes, also for each', async () => {
  expect((await typed('agents -l zone==b --columns agent,cpus_free')).stdout).toBe(
    'AGENT  CPUS FREE\na2             2\n',
  )
  expect(await typed('each -l zone==c -- true')).toMatchObject({
    code: 1,
    stderr: "tepui each: None of 2 fits 'zone==c'\n",
  })
})

test('offers are listed with whom they were made to, and past ones with how they ended', async () => {
  using other = await master.framework({ name: 'other' })
  await other.offers()
  expect((await typed('offer ls --columns agent,framework,cpus --sort agent')).stdout).toBe(
    'AGENT           FRAMEWORK  CPUS\n127.0.0.1:5051  test          3\na2              other         2\n',
  )
  expect((await typed('offers --framework other --agent a2 --columns cpus')).stdout).toBe('CPUS\n   2\n')
  expect(await typed('offers --past --outcome accepted --columns agent,framework,cpus,tasks')).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^AGENT .*\na2 +test +4 +2\n127\.0\.0\.1:5051 +test +4 +1\n$/) as string,
  })
  expect(await typed('offers --since 10m')).toMatchObject({
    code: 64,
    stderr: "tepui offers: Option '--since' is about offers that have ended\n  fix:   Give --past as well\n",
  })
})

test('roles are listed with what they hold, and ui tells where the page is', async () => {
  expect((await typed('role ls --columns role,weight,cpus,memory')).stdout).toBe(
    'ROLE  WEIGHT  CPUS  MEMORY\n*          1     3  384 MiB\n',
  )
  expect((await typed('ui tasks --print')).stdout).toBe(`http://127.0.0.1:${master.port}/#/tasks\n`)
  expect(await typed('ui nosuch')).toMatchObject({ code: 64, stdout: '' })
})

test('top tasks shows tasks whose agent does not answer without figures, and says so', async () => {
  expect(await typed('top tasks web.1 --once --columns task,used,memory')).toEqual({
    code: 0,
    stdout: 'TASK   USED    MEMORY\nweb.1  - of 1  - of 128 MiB\n',
    stderr: 'a2 does not answer: its tasks are without figures\n',
  })
  expect(await typed('top --sort used')).toMatchObject({ code: 64 })
})

test('A watched list tells a task again when it changes, and how it ended', async () => {
  await using watching = new Watching('ps -w -o jsonl --columns task,state --agent 127.0.0.1:5051')
  await expect.poll(() => watching.stdout).toBe('{"task":"t","state":"running"}\n')
  const waiting = new Run(['wait', 't'], env())
  await launched.agent.update(launched.framework, 't', 'TASK_FAILED', {
    message: 'Command exited with status 3',
  })
  await expect
    .poll(() => watching.stdout)
    .toBe('{"task":"t","state":"running"}\n{"task":"t","state":"failed"}\n')
  // Whoever waits for it has its exit code.
  expect(await waiting.ended).toEqual({
    code: 3,
    stdout: 't failed: Command exited with status 3 (exit code 3)\n',
    stderr: '',
  })
})

test('What logs cannot do is refused before anybody is asked', async () => {
  expect(await typed('logs t --grep [')).toMatchObject({
    code: 64,
    stderr: expect.stringContaining(
      "Option '--grep' has the value '[': expected a regular expression",
    ) as string,
  })
  expect(await typed('logs -f web* --exit-code')).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('A pattern is followed until Ctrl-C') as string,
  })
})

test('wait gives up in time, with who has not ended', async () => {
  expect(await typed('wait web.1 web.2 --timeout 1ms')).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('still not ended: web.1, web.2\n') as string,
  })
})

test('kill asks before it ends several that a pattern means, and ends them with --yes', async () => {
  expect(await typed('kill web*')).toEqual({
    code: 64,
    stdout: '',
    stderr:
      'tepui kill: End 2 tasks (web.1, web.2): nobody is there to ask\n' +
      '  fix:   Give --yes to do it without a question\n',
  })
  const killing = new Run(['kill', 'web*', '--yes', '--grace', '1500ms', '--reason', 'too old'], env())
  for (const id of ['web.1', 'web.2']) {
    const kill_policy = { grace_period: { nanoseconds: 1.5e9 } }
    expect(await second.next('KILL_TASK')).toMatchObject({
      kill_task: { task_id: { value: id }, kill_policy },
    })
    await second.update(launched.framework, id, 'TASK_KILLED')
  }
  const { code, stdout } = await killing.ended
  expect({ code, lines: stdout.split('\n').toSorted() }).toEqual({
    code: 0,
    lines: ['', 'web.1 killed', 'web.2 killed'],
  })
  expect((await typed('events --task web.1 --type operator')).stdout).toContain("ends 'web.1': too old")
})

test('An agent is offered to nobody when it is deactivated, and given up for good only with --yes', async () => {
  using third = await named('a3', 5053, 'c')
  expect(await typed('agent deactivate a3 --reason rack')).toMatchObject({
    code: 0,
    stdout: 'a3 is offered to nobody; its tasks go on\n',
  })
  expect((await typed('agents -l agent==a3 --columns agent,state')).stdout).toContain('a3     deactivated\n')
  expect(await typed('agent gone a3')).toMatchObject({
    code: 64,
    stderr: expect.stringContaining('Give up a3, which is deactivated, for good with its 0 tasks') as string,
  })
  expect(await typed('agent gone a3 --yes --reason burnt')).toMatchObject({
    code: 0,
    stdout: 'a3 is given up for good\n',
  })
  await third.next('SHUTDOWN')
  expect((await typed('agents -q -l agent==a3')).stdout).toBe('')
  expect((await typed('events --type operator')).stdout).toContain('burnt')
})

/** A command that goes on; it is ended with what uses it. */
class Watching implements AsyncDisposable {
  readonly #run: Run

  constructor(words: string) {
    this.#run = new Run(words.split(' '), env())
  }

  get stdout(): string {
    return this.#run.stdout
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#run.child.kill('SIGINT')
    await this.#run.ended
  }
}

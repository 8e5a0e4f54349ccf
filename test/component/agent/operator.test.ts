// The v1 operator API of the agent over real HTTP: answers held against those of a real one, and what calls do.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import recorded from '../../recorded/operator-api.json' with { type: 'json' }
import { type OpenLink, runTask, TestAgent, ToyMaster } from '../../support/agent-server.ts'
import { ManualClock } from '../../support/clock.ts'
import type { RawAnswer } from '../../support/raw-http.ts'
import { shapeOf } from '../../support/recorded-shape.ts'

interface Running extends AsyncDisposable {
  readonly agent: TestAgent
  readonly link: OpenLink
  readonly master: ToyMaster
}

/** An agent with one running command task. */
async function running(): Promise<Running> {
  const clock = new ManualClock()
  const undo = new AsyncDisposableStack()
  const master = undo.use(await ToyMaster.start(clock))
  const agent = undo.use(await TestAgent.start(master.address, { clock }))
  const link = await master.link()
  link.send(runTask('hello'))
  for (const count of [1, 2]) {
    const told = (await master.callsOf('UPDATE', count)).at(-1)?.update?.status
    const acknowledge = { framework_id: { value: 'F1' }, task_id: { value: 'hello' }, uuid: told?.uuid }
    link.send({ type: 'ACKNOWLEDGE', acknowledge })
  }
  return { agent, link, master, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

const call = (agent: TestAgent, type: string, part?: object): Promise<RawAnswer> =>
  agent.post('/slave(1)/api/v1', JSON.stringify({ type, ...(part && { [type.toLowerCase()]: part }) }))

async function answer<T>(agent: TestAgent, type: string, part?: object): Promise<T> {
  const { status, body } = await call(agent, type, part)
  if (status !== 200) throw new Error(`${type} was answered with ${status}: ${body}`)
  return (JSON.parse(body) as Record<string, T>)[type.toLowerCase()] as T
}

/** Of a build, of networks and figures of the recorded machine, of executors that are processes of their own. */
const NOT_COMPARED =
  /git_|network_infos|completed_|terminated_|resource_statistics|executor_info|executor_pid/

describe('an answer has the fields of a real one in its order:', () => {
  for (const { request, response } of recorded.filter(({ request: { to } }) => to === 'agent')) {
    const { type } = JSON.parse(request.body) as { readonly type: string }
    test(type, async () => {
      await using here = await running()
      const { status, body } = await here.agent.post('/api/v1', request.body)
      expect(status).toBe(200)
      const known = (fields: string[]): string[] => fields.filter((field) => !NOT_COMPARED.test(field))
      expect(known(shapeOf(JSON.parse(body)))).toEqual(known(shapeOf(response.body)))
    })
  }
})

test('GET_STATE tells the task that runs in its list, with its statuses', async () => {
  await using here = await running()
  const state = await answer<Record<string, unknown>>(here.agent, 'GET_STATE')
  expect(state).toMatchObject({
    get_tasks: {
      queued_tasks: [],
      launched_tasks: [
        { task_id: { value: 'hello' }, state: 'TASK_RUNNING', statuses: [{}, { state: 'TASK_RUNNING' }] },
      ],
      terminated_tasks: [],
    },
    get_executors: { executors: [{ executor_info: { executor_id: { value: 'hello' } } }] },
    get_frameworks: { frameworks: [{ framework_info: { id: { value: 'F1' } } }], completed_frameworks: [] },
  })
})

test('files of a sandbox are listed with their modes, and read as the very bytes', async () => {
  await using here = await running()
  const [container] = here.agent.containers.containers.values()
  const run = `frameworks/F1/executors/hello/runs/${container?.id}`
  const folder = join(here.agent.workDir, 'slaves', 'S1', run)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'raw'), Buffer.from([0, 255, 1, 254]), { mode: 0o640 })
  const { file_infos } = await answer<{ file_infos: Record<string, unknown>[] }>(here.agent, 'LIST_FILES', {
    path: folder,
  })
  const raw = file_infos.find(({ path }) => path === `${folder}/raw`)
  expect(raw).toMatchObject({ nlink: 1, size: 4, mode: 0o100_640, uid: `${process.getuid?.()}` })
  expect(await answer(here.agent, 'READ_FILE', { path: `${folder}/raw`, offset: 1, length: 2 })).toEqual({
    size: 4,
    data: Buffer.from([255, 1]).toString('base64'),
  })
  expect((await call(here.agent, 'READ_FILE', { path: `${folder}/other`, offset: 0 })).status).toBe(404)
  expect((await call(here.agent, 'LIST_FILES', { path: '/etc' })).status).toBe(404)
})

test('a container is killed at once, and who waits for it hears how its task ended', async () => {
  await using here = await running()
  const [container] = here.agent.containers.containers.values()
  const container_id = { value: container?.id ?? '' }
  const waiting = call(here.agent, 'WAIT_CONTAINER', { container_id })
  expect((await call(here.agent, 'KILL_CONTAINER', { container_id, signal: 15 })).status).toBe(501)
  expect(await call(here.agent, 'KILL_CONTAINER', { container_id })).toMatchObject({ status: 200, body: '' })
  container?.end({ kind: 'signaled', signal: 'SIGKILL', detail: undefined })
  const { status, body } = await waiting
  expect(status).toBe(200)
  expect(JSON.parse(body)).toMatchObject({ type: 'WAIT_CONTAINER', wait_container: { state: 'TASK_FAILED' } })
  // Of one that has ended it is told at once, under the old name too.
  expect(await answer(here.agent, 'WAIT_NESTED_CONTAINER', { container_id })).toMatchObject({
    state: 'TASK_FAILED',
  })
})

test('containers that nobody knows are not found', async () => {
  await using here = await running()
  const nested = { value: 'debug', parent: { value: 'nobody' } }
  for (const type of ['KILL_CONTAINER', 'WAIT_CONTAINER', 'KILL_NESTED_CONTAINER', 'WAIT_NESTED_CONTAINER'])
    expect(await call(here.agent, type, { container_id: nested })).toMatchObject({
      status: 404,
      body: "Container 'nobody.debug' cannot be found",
    })
  expect((await call(here.agent, 'KILL_CONTAINER')).body).toBe(
    "Failed to validate agent::Call: Expecting 'kill_container' to be present",
  )
})

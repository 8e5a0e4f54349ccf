// What is added up once for every change of an agent comes to what adding all of it up anew comes to.
import { expect, test } from 'vitest'
import { usedBy } from '../../../src/master/core/cluster.ts'
import { frameworksOn, tallyOf, tallyOfAgent } from '../../../src/master/tally.ts'
import { Resources } from '../../../src/resources/resources.ts'
import { TaskTexts } from '../../../src/http/pages/task-texts.ts'
import { seededRandom } from '../../../src/base/random.ts'
import { MasterRig, parse, task } from '../../support/master-rig.ts'

test('after every step of a walk the sums are those of the books', () => {
  const rig = new MasterRig()
  const random = seededRandom(5)
  const below = (limit: number): number => Math.floor(random.next() * limit)
  for (const name of ['a1', 'a2']) rig.agent(name)
  for (const name of ['f1', 'f2']) rig.framework(name)
  const alive: { readonly id: string; readonly agentId: string; readonly taskId: string }[] = []
  let looked = 0
  let launched = 0
  const check = (): void => {
    const { cluster } = rig.core
    const tally = tallyOf(cluster)
    for (const agent of cluster.agents.values()) {
      const fresh = Resources.sum(Array.from(frameworksOn(agent), (id) => usedBy(agent, id)))
      expect(tally.used.of(agent.id).toText()).toBe(fresh.toText())
      expect(tallyOfAgent(cluster, agent).used.of(agent.id).toText()).toBe(fresh.toText())
      if (!fresh.isEmpty) looked++
    }
  }
  for (let step = 0; step < 200; step++) {
    if (alive.length < 4 || below(2) === 0) {
      rig.step({ type: 'allocate' })
      const offers = [...rig.core.cluster.offers.values()]
      const offer = offers[below(offers.length)]
      if (offer === undefined) rig.advance(1000)
      else {
        const { agentId, frameworkId: id, message } = offer
        const taskId = `t${step}`
        const resources = parse(`cpus:0.${1 + below(8)};mem:${32 + below(64)}`).toWire()
        rig.launch(id, [message], [{ ...task(taskId, agentId), resources }])
        launched++
        alive.push({ id, agentId, taskId })
      }
    } else {
      const [one] = alive.splice(below(alive.length), 1)
      if (one !== undefined) {
        const uuid = rig.update(one.agentId, one.id, one.taskId, 'TASK_FINISHED')
        rig.acknowledge(one.id, one.agentId, one.taskId, uuid)
      }
    }
    // Not each time: as many hold something as before, and others.
    if (below(3) === 0) check()
  }
  expect(launched).toBeGreaterThan(80)
  expect(looked).toBeGreaterThan(50)
})

test('a task is written anew when its state, its statuses or its update change, and only then', () => {
  let written = 0
  const texts = new TaskTexts(({ state }) => `${state} ${++written}`)
  const task = {
    info: { name: 't', task_id: { value: 't' }, agent_id: { value: 'a' } },
    frameworkId: 'F',
    agentId: 'a',
    executorId: undefined,
    state: 'TASK_STAGING' as 'TASK_STAGING' | 'TASK_RUNNING',
    resources: Resources.empty,
    role: '*',
    statuses: [] as { task_id: { value: string }; state: 'TASK_RUNNING'; healthy?: boolean }[],
    update: undefined as { state: 'TASK_RUNNING'; uuid: string } | undefined,
  }
  expect(texts.of(task)).toBe('TASK_STAGING 1')
  expect(texts.of(task)).toBe('TASK_STAGING 1')
  task.state = 'TASK_RUNNING'
  expect(texts.of(task)).toBe('TASK_RUNNING 2')
  const status = { task_id: { value: 't' }, state: 'TASK_RUNNING' as const }
  task.statuses.push(status)
  expect(texts.of(task)).toBe('TASK_RUNNING 3')
  // A status of the same state takes the place of the last.
  task.statuses.splice(0, 1, { ...status, healthy: false })
  expect(texts.of(task)).toBe('TASK_RUNNING 4')
  task.update = { state: 'TASK_RUNNING', uuid: 'u' }
  expect(texts.of(task)).toBe('TASK_RUNNING 5')
  expect(texts.of(task)).toBe('TASK_RUNNING 5')
})

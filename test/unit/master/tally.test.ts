// What is added up once for every change of an agent comes to what adding all of it up anew comes to.
import { expect, test } from 'vitest'
import { usedBy } from '../../../src/master/core/cluster.ts'
import { frameworksOn, tallyOf, tallyOfAgent } from '../../../src/master/tally.ts'
import { Resources } from '../../../src/resources/resources.ts'
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
    const again = tallyOf(cluster)
    for (const agent of cluster.agents.values()) {
      const fresh = Resources.sum(Array.from(frameworksOn(agent), (id) => usedBy(agent, id)))
      expect(tally.used.of(agent.id).toText()).toBe(fresh.toText())
      expect(tallyOfAgent(cluster, agent).used.of(agent.id).toText()).toBe(fresh.toText())
      // The same object while nothing changes: by this pages know what they have written already.
      expect(again.used.of(agent.id)).toBe(tally.used.of(agent.id))
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

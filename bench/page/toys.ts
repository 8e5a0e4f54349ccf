// A thread with agents that are all show: they register with a master, and answer what it asks as real ones do.
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/base/clock.ts'
import { assert } from '../../src/base/errors.ts'
import { ToyAgentServer } from '../../test/support/toy-agent-server.ts'
import { toyPlan } from '../../test/support/toy-cluster.ts'

interface Task {
  readonly port: number
  readonly agents: number
  readonly tasksEach: number
}

assert(parentPort !== null, 'this runs as a thread')
const { agents, port, tasksEach } = workerData as Task
const ids: string[] = []
for (let index = 0; index < agents; index++) {
  const plan = toyPlan(index, { agents, tasksEach }, systemClock.now())
  ids.push((await ToyAgentServer.start(plan, `127.0.0.1:${port}`)).id)
}
parentPort.postMessage(ids)

// What must hold in the agent's state after every step; tests and the simulation call it, a failure is a bug.
import { assert } from '../../base/errors.ts'
import type { AgentState, Executor, Framework, UpdateStream } from './state.ts'
import { streamKey } from './state.ts'
import { isTerminal } from '../../wire/terminal-states.ts'

export function checkAgent(state: Readonly<AgentState>): void {
  const containers = new Set<string>()
  for (const framework of state.frameworks.values()) checkFramework(state, framework, containers)
  for (const containerId of state.containers.keys())
    assert(containers.has(containerId), `container ${containerId} belongs to no executor`)
  for (const [key, stream] of state.streams) checkStream(key, stream)
  assert(
    state.link.kind !== 'registered' || state.agentId !== undefined,
    'an agent is registered without an id',
  )
  const left = state.containers.values().filter(({ frameworkId }) => !staysOf(state, frameworkId))
  assert(state.life.kind !== 'done' || left.next().done === true, 'an agent is done with a container left')
}

function staysOf({ frameworks, life }: Readonly<AgentState>, frameworkId: string): boolean {
  return life.kind === 'done' && life.leaves && frameworks.get(frameworkId)?.info.checkpoint === true
}

function checkFramework(state: Readonly<AgentState>, framework: Framework, containers: Set<string>): void {
  assert(framework.executors.size > 0, `framework ${framework.id} has nothing left and is still here`)
  const taskIds = new Set<string>()
  for (const [id, executor] of framework.executors) {
    assert(id === executor.id && executor.frameworkId === framework.id, `executor ${id} is misfiled`)
    assert(!containers.has(executor.containerId), `container ${executor.containerId} is used twice`)
    if (executor.life.kind !== 'terminated') containers.add(executor.containerId)
    assert(
      state.containers.has(executor.containerId) === (executor.life.kind !== 'terminated'),
      `executor ${id} is ${executor.life.kind}, which its container contradicts`,
    )
    assert(
      executor.life.kind !== 'terminated' || executor.tasks.size > 0,
      `executor ${id} has nothing to wait for`,
    )
    for (const taskId of executor.tasks.keys()) {
      assert(!taskIds.has(taskId), `task ${taskId} is in two executors`)
      taskIds.add(taskId)
    }
    checkTasks(state, framework, executor)
  }
}

function checkTasks(state: Readonly<AgentState>, framework: Framework, executor: Executor): void {
  for (const [id, task] of executor.tasks) {
    const terminated = task.life.kind === 'terminated'
    assert(
      terminated === isTerminal(task.state),
      `task ${id} is ${task.life.kind} in the state ${task.state}`,
    )
    assert(terminated || executor.life.kind !== 'terminated', `task ${id} outlived its executor`)
    const ends = task.statuses.filter((status) => isTerminal(status.state)).length
    assert(ends === (terminated ? 1 : 0), `task ${id} has ${ends} ends`)
    // Nobody acknowledges for a framework that is torn down, so nothing may wait for it.
    assert(!terminated || framework.life === 'active', `task ${id} waits for a framework that is torn down`)
    const stream = state.streams.get(streamKey(framework.id, id))
    assert(!terminated || stream?.terminal === true, `task ${id} ended, and nobody will hear of it`)
    assert(terminated || stream?.terminal !== true, `the end of task ${id} is told, and it runs`)
  }
  for (const task of executor.completedTasks)
    assert(isTerminal(task.state), `task ${task.info.task_id.value} is completed in the state ${task.state}`)
}

function checkStream(key: string, stream: UpdateStream): void {
  assert(key === streamKey(stream.frameworkId, stream.taskId), `stream ${key} is misfiled`)
  const ends = stream.pending.flatMap(({ status }, index) => (isTerminal(status.state) ? [index] : []))
  const last = stream.pending.length - 1
  assert(
    stream.terminal ? ends.length === 1 && ends[0] === last : ends.length === 0,
    `stream ${key} does not end with its only terminal update`,
  )
  const progress = stream.pending.filter((update) => update.progress).length
  assert(progress <= 2, `stream ${key} holds ${progress} reports of progress`)
}

// What a container is to be, from what is known of its framework, its executor and the tasks in it.
import type { LaunchRequest } from './events.ts'
import { shutdownGraceMs } from './executors.ts'
import { limitsOf } from './limits.ts'
import { allocatedTo, type Executor, type Framework } from './state.ts'
import { log, type CoreSettings, type Turn } from './turn.ts'

/** The same for a container that is asked for, asked for again, or looked for after a restart of the agent. */
export function launchRequestOf(
  settings: CoreSettings,
  framework: Framework,
  executor: Executor,
): LaunchRequest {
  const tasks = [...executor.tasks.values()].filter(({ life }) => life.kind !== 'terminated')
  const infos = tasks.map(({ info }) => info)
  const supervised = executor.kind === 'supervised'
  // The executor that stands for a command or Docker task has the task's command and container.
  const { command, container } = executor.info
  return {
    containerId: executor.containerId,
    frameworkId: framework.id,
    executorId: executor.id,
    taskId: supervised ? executor.taskId : undefined,
    command: command ?? {},
    container,
    resources: allocatedTo(executor),
    limits: limitsOf(infos, executor.resources, settings.cfs),
    revocable: executor.revocable,
    user: command?.user ?? framework.info.user,
    uris: command?.uris ?? [],
    checkpoint: framework.info.checkpoint ?? false,
    role: executor.role,
    shutdownGraceMs: shutdownGraceMs({ settings }, executor),
  }
}

export function requestLaunch(turn: Turn, framework: Framework, executor: Executor): void {
  const [taskId] = executor.tasks.keys()
  log(turn, 'info', 'container asked for', {
    frameworkId: framework.id,
    executorId: executor.id,
    containerId: executor.containerId,
    taskId,
  })
  const { cluster } = turn.state
  const request = launchRequestOf(turn.settings, framework, executor)
  turn.emit({ type: 'launch', request: cluster === undefined ? request : { ...request, cluster } })
}

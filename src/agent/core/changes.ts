// What a step changed of what must outlive the agent: noted by the chapters, written down before effects are performed.
import type { AgentState, Executor, Framework } from './state.ts'

/** Keys of rows; ids hold no control characters (spec/mesos.md 2.9), so newlines separate them safely. */
export const executorKey = (frameworkId: string, executorId: string): string =>
  `${frameworkId}\n${executorId}`
export const taskKey = (frameworkId: string, executorId: string, taskId: string): string =>
  `${frameworkId}\n${executorId}\n${taskId}`

export class Changes {
  agent = false
  readonly frameworks = new Set<string>()
  readonly executors = new Set<string>()
  readonly tasks = new Set<string>()

  executor({ frameworkId, id }: Pick<Executor, 'frameworkId' | 'id'>): void {
    this.executors.add(executorKey(frameworkId, id))
  }

  framework({ id }: Pick<Framework, 'id'>): void {
    this.frameworks.add(id)
  }

  /** A task, or its stream of updates. */
  task(frameworkId: string, executorId: string, taskId: string): void {
    this.tasks.add(taskKey(frameworkId, executorId, taskId))
  }

  /** Everything that the state holds: what a first write has to say. */
  all(state: Readonly<AgentState>): void {
    this.agent = true
    for (const framework of state.frameworks.values()) {
      this.framework(framework)
      for (const executor of framework.executors.values()) {
        this.executor(executor)
        for (const taskId of executor.tasks.keys()) this.task(framework.id, executor.id, taskId)
      }
    }
  }

  clear(): void {
    this.agent = false
    this.frameworks.clear()
    this.executors.clear()
    this.tasks.clear()
  }
}

// GET_STATE and its parts, written in slices: agents, frameworks, executors, tasks (spec/mesos.md 4.1).
import { taskMessageText } from '../../http/operator/task-message.ts'
import { KeptRuns } from '../../http/pages/kept-runs.ts'
import { lazily, type LazyList } from '../../http/pages/page-text.ts'
import type { Page } from '../../http/pages/resources.ts'
import type { Cluster, Framework, Task } from '../core/cluster.ts'
import { allFrameworks, tallyOf, type Tally } from '../tally.ts'
import { taskMarks } from '../view-tasks.ts'
import { agentText, executorText, frameworkText } from './messages.ts'

const TASKS_TOGETHER = 64

/** The answers that grow with the cluster; as pages whose entries are shown when they are written. */
export class StateAnswers {
  readonly #cluster: Cluster
  readonly #tasks = new KeptRuns<Task>(TASKS_TOGETHER)

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  agents(tally: Tally = tallyOf(this.#cluster)): Page {
    const list = lazily(this.#cluster.agents.values(), (agent) => agentText(agent, tally))
    // Agents that a registry remembers and that have not come back yet: there is no durable registry.
    return { agents: list, recovered_agents: [] }
  }

  frameworks(tally: Tally = tallyOf(this.#cluster)): Page {
    const cluster = this.#cluster
    const list = (frameworks: Iterable<Framework>): LazyList =>
      lazily(frameworks, (framework) => frameworkText(cluster, framework, tally))
    return {
      frameworks: list(cluster.frameworks.values()),
      completed_frameworks: list(cluster.completedFrameworks.values()),
    }
  }

  executors(): Page {
    const executors = [...this.#cluster.agents.values()].flatMap((agent) =>
      [...agent.executors.values()].flatMap((here) => [...here.values()]),
    )
    return { executors: lazily(executors, executorText) }
  }

  tasks(): Page {
    const frameworks = [...allFrameworks(this.#cluster)]
    const list = (pick: (framework: Framework) => Iterable<Task>): LazyList =>
      this.#tasks.list(
        frameworks.flatMap((framework) => [...pick(framework)]),
        { write: taskMessageText, marks: taskMarks },
      )
    return {
      tasks: list(({ tasks }) => tasks.values()),
      unreachable_tasks: list(({ unreachableTasks }) => unreachableTasks.values()),
      completed_tasks: list(({ completedTasks }) => completedTasks),
    }
  }

  state(): Page {
    const tally = tallyOf(this.#cluster)
    return {
      get_tasks: this.tasks(),
      get_executors: this.executors(),
      get_frameworks: this.frameworks(tally),
      get_agents: this.agents(tally),
    }
  }
}

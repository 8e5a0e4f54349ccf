// `/api/x1/task?framework=ID&task=ID` (of Tepui): all that the master knows of one task, for the page of that task.
import { jsonText, text, type Answer } from '../../http/response.ts'
import { encodeMessage } from '../../wire/json.ts'
import { TaskInfo, TaskStatus } from '../../wire/tasks.ts'
import type { Cluster, Task } from '../core/cluster.ts'
import { allTasksOf } from '../tally.ts'
import { taskRow } from './rows.ts'

/** Of tasks that had the same id the one that runs, else the newest. */
export function taskDetails(cluster: Cluster, query: ReadonlyMap<string, string>): Answer {
  const [frameworkId, taskId] = [query.get('framework'), query.get('task')]
  if (frameworkId === undefined || taskId === undefined)
    return text(400, "Expecting 'framework=ID' and 'task=ID' in query")
  const framework = cluster.frameworks.get(frameworkId) ?? cluster.completedFrameworks.get(frameworkId)
  if (framework === undefined) return text(404, `There is no framework '${frameworkId.slice(0, 200)}'`)
  const own = [...allTasksOf(framework)].filter(({ info }) => info.task_id.value === taskId)
  const task = framework.tasks.get(taskId) ?? framework.unreachableTasks.get(taskId) ?? own.at(-1)
  if (task === undefined)
    return text(
      404,
      `Framework '${framework.info.name}' has no task '${taskId.slice(0, 200)}', or not any more`,
    )
  return jsonText(detailsText(task))
}

function detailsText(task: Task): string {
  const statuses = task.statuses.map((status) => encodeMessage(TaskStatus, status))
  const [row, info] = [JSON.stringify(taskRow(task)), encodeMessage(TaskInfo, task.info)]
  const container = task.statuses.at(-1)?.container_status?.container_id?.value
  const id = container === undefined ? '' : `"container":${JSON.stringify(container)},`
  return `{"row":${row},${id}"info":${info},"statuses":[${statuses.join(',')}]}`
}

// Tasks as rows again, from the lists of values as which the stream has them. Pure.
import { TASK_USUAL, TASK_VALUES, type TaskGroup, type TaskRow, type TaskValue } from '../../src/wire/page.ts'

export function tasksOf(groups: readonly TaskGroup[]): TaskRow[] {
  const rows: TaskRow[] = []
  for (const { agent, framework, tasks } of groups)
    for (const values of tasks) rows.push(rowOf(framework, agent, values))
  return rows
}

function rowOf(framework: string, agent: string, values: readonly TaskValue[]): TaskRow {
  const row: Record<string, TaskValue> = { key: `${framework}/${values[0]}`, framework, agent, ...TASK_USUAL }
  values.forEach((value, at) => {
    const name = TASK_VALUES[at]
    if (value !== null && name !== undefined) row[name] = value
  })
  return row as unknown as TaskRow
}

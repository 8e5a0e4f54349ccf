// Which task somebody means by the beginning of its name.
import { describe, expect, test } from 'vitest'
import { allTasks, findTask } from '../../../src/cli/find-task.ts'
import { clusterState } from '../../../src/cli/master-api.ts'

const task = (id: string, name: string, state = 'TASK_RUNNING', at = 1): object => ({
  id,
  name,
  state,
  framework_id: 'f',
  slave_id: 's',
  executor_id: '',
  resources: { cpus: 0.1, mem: 32, cpus_revocable: 0.5 },
  statuses: [{ state, timestamp: at }],
})

const state = clusterState({
  version: '1.12.0',
  frameworks: [
    {
      id: 'f',
      name: 'run',
      tasks: [task('web.1', 'web'), task('worker.1', 'worker'), task('done.1', 'done', 'TASK_FINISHED')],
      completed_tasks: [task('old.1', 'old', 'TASK_FINISHED', 5), task('old.2', 'old', 'TASK_FAILED', 9)],
    },
  ],
})
const tasks = allTasks(state)
const meant = (typed: string): string => findTask(tasks, typed).task.id

describe('A task is found', () => {
  test('by its name, its id, or the beginning of either', () => {
    expect([meant('web'), meant('web.1'), meant('wo')]).toEqual(['web.1', 'web.1', 'worker.1'])
  })

  test('of ended ones with the same name as the newest', () => {
    expect(meant('old')).toBe('old.2')
  })

  test('as ended when its end is there but not acknowledged', () => {
    expect(findTask(tasks, 'done').isLive).toBe(false)
  })

  test('not when several are meant: they are named', () => {
    expect(() => meant('w')).toThrow(/'w' is the beginning of 2 tasks: web.1, worker.1/)
  })

  test('not when there is none: the nearest is named', () => {
    expect(() => meant('wep')).toThrow("There is no task 'wep'")
    expect(() => meant('')).toThrow(/There is no task ''/)
  })
})

test('Lent cpus count as cpus and are told apart', () => {
  expect(findTask(tasks, 'web').task).toMatchObject({ cpus: 0.6, lentCpus: 0.5, executorId: 'web.1' })
})

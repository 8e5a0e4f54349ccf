// Following several tasks: who joins, who ends, what cannot be read, and when it is over.
import { expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { allTasks, type FoundTask } from '../../../src/cli/find-task.ts'
import { followTasks, type Followed, readTasks } from '../../../src/cli/follow-tasks.ts'
import { clusterState } from '../../../src/cli/master-api.ts'
import { ManualClock } from '../../support/clock.ts'

/** `web-1` runs, `web-1=FINISHED` has ended; the first started first. */
function tasksOf(words: string, framework = 'f'): readonly FoundTask[] {
  const tasks = words
    .split(' ')
    .filter((word) => word !== '')
    .map((word, index) => {
      const [name, state = 'RUNNING'] = word.split('=')
      const statuses = [{ state: `TASK_${state}`, timestamp: index + 1 }]
      return { id: `${name}.id`, name, framework_id: framework, state: `TASK_${state}`, statuses }
    })
  return allTasks(clusterState({ version: '1', frameworks: [{ id: framework, tasks }] }))
}

class Rig {
  readonly clock = new ManualClock()
  readonly stop = new AbortController()
  readonly notes: string[] = []
  readonly read: string[] = []
  tasks: readonly FoundTask[] = []
  looks = 0
  lookMs = 0
  unreadable = ''
  readonly deps = {
    clock: this.clock,
    signal: this.stop.signal,
    note: (line: string): void => void this.notes.push(line),
    trouble: (line: string): void => void this.notes.push(line),
    look: (): Promise<readonly FoundTask[]> => {
      this.looks++
      this.clock.skip(this.lookMs)
      return Promise.resolve(this.tasks)
    },
    read: async (
      { task }: FoundTask,
      { ended, isNew }: { ended: Promise<void>; isNew: boolean },
    ): Promise<void> => {
      if (task.name === this.unreadable) throw new OperatingError('UNREACHABLE', 'its agent is away')
      this.read.push(`${task.name}${isNew ? ' new' : ''}`)
      await ended
      this.read.push(`${task.name} read`)
    },
  }

  follow(...typed: readonly string[]): Promise<Followed> {
    return followTasks(typed, this.deps)
  }

  /** What the cluster is like next, and everybody had time to see it. */
  async become(words: string): Promise<void> {
    this.tasks = tasksOf(words)
    await this.clock.advance(1000)
  }

  /** Why it ended at Ctrl-C. */
  stopped(following: Promise<Followed>): Promise<unknown> {
    this.stop.abort(new Error('Ctrl-C'))
    return following.catch((error: unknown) => error)
  }
}

test('With names it is over when all of them have ended, and joins nobody', async () => {
  const rig = new Rig()
  rig.tasks = tasksOf('web-1 web-2')
  const following = rig.follow('web-1', 'web-2')
  await rig.become('web-1=FINISHED web-2 web-3')
  expect(rig.read).toEqual(['web-1', 'web-2', 'web-1 read'])
  await rig.become('web-2=FAILED')
  expect(await following).toEqual({ tasks: 2, failures: [] })
  expect(rig.notes).toEqual(["'web-1' has ended: finished", "'web-2' has ended: failed"])
})

test('A pattern follows also those that start later and fit, in their order, and says who joins and ends', async () => {
  const rig = new Rig()
  rig.tasks = tasksOf('web-0=FINISHED web-1 db')
  const following = rig.follow('web*')
  await rig.clock.settle()
  expect(rig.read).toEqual(['web-1'])
  await rig.become('web-0=FINISHED web-1 db web-2 web-3 other')
  expect(rig.read).toEqual(['web-1', 'web-2 new', 'web-3 new'])
  await rig.become('web-1=KILLED web-3')
  expect(rig.notes).toEqual([
    "'web-2' is followed too: task web-2.id",
    "'web-3' is followed too: task web-3.id",
    "'web-1' has ended: killed",
    "'web-2' is not known any more",
  ])
  await rig.become('web-3=FINISHED')
  await rig.become('web-4')
  expect(rig.notes.slice(-2)).toEqual([
    "'web-3' has ended: finished",
    "'web-4' is followed too: task web-4.id",
  ])
  expect(await rig.stopped(following)).toEqual(new Error('Ctrl-C'))
})

test('One that lived between two looks is read to its end', async () => {
  const rig = new Rig()
  const following = rig.follow('job-?')
  await rig.clock.settle()
  expect(rig.notes).toEqual(['no task that runs is named as job-? yet'])
  await rig.become('job-1=FINISHED')
  expect(rig.read).toEqual(['job-1 new', 'job-1 read'])
  expect(rig.notes.slice(1)).toEqual([
    "'job-1' is followed too: task job-1.id",
    "'job-1' has ended: finished",
  ])
  expect(await rig.stopped(following)).toEqual(new Error('Ctrl-C'))
})

test('Tasks of two frameworks with one id are two tasks', async () => {
  const rig = new Rig()
  rig.tasks = tasksOf('web', 'f')
  const following = rig.follow('we*')
  rig.tasks = [...tasksOf('web', 'f'), ...tasksOf('web', 'g')]
  await rig.clock.advance(1000)
  expect(rig.read).toEqual(['web', 'web new'])
  expect(await rig.stopped(following)).toEqual(new Error('Ctrl-C'))
})

test('One that cannot be read is told, counted, and holds up no other', async () => {
  const rig = new Rig()
  rig.unreadable = 'web-1'
  rig.tasks = tasksOf('web-1 web-2')
  const following = rig.follow('web-1', 'web-2')
  await rig.become('web-2=FINISHED')
  const { failures, tasks } = await following
  expect([tasks, failures.map(({ message }) => message)]).toEqual([2, ['its agent is away']])
  expect(rig.notes[0]).toBe("'web-1' cannot be read: its agent is away")
  expect(await readTasks(rig.tasks, rig.deps)).toMatchObject({ tasks: 1, failures: [] })
})

test('No more than fifty are followed at a time, and the rest is named', async () => {
  const rig = new Rig()
  const many = Array.from({ length: 49 }, (_, index) => `web-${index}`).join(' ')
  rig.tasks = tasksOf(many)
  const following = rig.follow('web*')
  await rig.become(`${many} web-a web-b`)
  expect(rig.read).toHaveLength(50)
  expect(rig.notes.at(-1)).toBe("'web-b' is not followed: 50 are already")
  expect(await rig.stopped(following)).toEqual(new Error('Ctrl-C'))
  rig.tasks = tasksOf(`${many} web-a web-b`)
  await expect(followTasks(['web*'], rig.deps)).rejects.toThrow("'web*' means 51 tasks, more than 50")
})

test('Looking takes at most a tenth of the time of a master that answers slowly', async () => {
  const rig = new Rig()
  rig.tasks = tasksOf('web')
  const following = rig.follow('web*')
  await rig.clock.advance(5000)
  const quick = rig.looks
  rig.lookMs = 1000
  await rig.clock.advance(50_000)
  expect([quick, rig.looks - quick]).toEqual([11, 5])
  expect(await rig.stopped(following)).toEqual(new Error('Ctrl-C'))
})

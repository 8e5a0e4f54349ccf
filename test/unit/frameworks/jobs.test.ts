// A list of jobs on lent resources: what is taken back runs again and is nobody's failure.
import { describe, expect, test } from 'vitest'
import { type Job, JobsFramework } from '../../../src/frameworks/jobs.ts'
import type { Offer } from '../../../src/wire/offers.ts'
import type { TaskState, TaskStatus } from '../../../src/wire/tasks.ts'
import { totalsLine } from '../../../src/cli/batch-totals.ts'

const job = (name: string, cpus = 1): Job => ({
  name,
  wish: { name, command: 'true', cpus, mem: 32, revocable: true },
})

let offers = 0
const offer = (cpus: number, lent = true): Offer => ({
  id: { value: `O${offers++}` },
  framework_id: { value: 'F' },
  agent_id: { value: 'A' },
  hostname: 'a1',
  resources: [
    { name: 'cpus', type: 'SCALAR', scalar: { value: cpus }, ...(lent && { revocable: {} }) },
    { name: 'mem', type: 'SCALAR', scalar: { value: 1024 } },
  ],
})

class Bench {
  readonly framework: JobsFramework
  readonly told: string[] = []

  constructor(jobs: readonly Job[], more: { most?: number; retries?: number } = {}) {
    this.framework = new JobsFramework(jobs, { id: 'B', most: 10, retries: 0, ...more })
  }

  /** Ids of the tasks that were started. */
  offers(...given: readonly Offer[]): string[] {
    const { effects } = this.#take({ type: 'OFFERS', offers: { offers: [...given] } })
    return effects.flatMap((one) =>
      one.type === 'accept' ? one.tasks.map(({ task_id: id }) => id.value) : [],
    )
  }

  update(task: string, state: TaskState, more: Partial<TaskStatus> = {}): void {
    const status = { task_id: { value: task }, state, uuid: 'u', ...more }
    const { effects } = this.#take({ type: 'UPDATE', update: { status } })
    if (effects[0]?.type !== 'acknowledge') throw new Error('an update was not acknowledged')
  }

  #take(
    event: Parameters<JobsFramework['step']>[0] extends infer E
      ? E extends { event: infer S }
        ? S
        : never
      : never,
  ) {
    const step = this.framework.step({ type: 'scheduler', event })
    for (const note of step.notes) this.told.push(`${note.kind} ${note.at.job.name} ${note.at.attempt}`)
    return step
  }
}

describe('a list of jobs', () => {
  test('runs one after the other as there are offers, only on lent CPUs, and ends when all are done', () => {
    const bench = new Bench([job('a'), job('b')])
    expect(bench.offers(offer(2, false))).toEqual([])
    expect(bench.offers(offer(1))).toEqual(['B-a-1'])
    expect(bench.offers(offer(0.5))).toEqual([])
    expect(bench.offers(offer(1))).toEqual(['B-b-2'])
    bench.update('B-a-1', 'TASK_RUNNING')
    bench.update('B-a-1', 'TASK_FINISHED')
    expect(bench.framework.isDone).toBe(false)
    bench.update('B-b-2', 'TASK_FINISHED')
    expect(bench.framework).toMatchObject({ isDone: true, finished: 2, failed: 0 })
  })

  test('puts what was taken back at the head of the queue and charges nobody', () => {
    const bench = new Bench([job('a'), job('b')], { most: 1 })
    const [first = ''] = bench.offers(offer(1))
    bench.update(first, 'TASK_GONE', { reason: 'REASON_CONTAINER_PREEMPTED', message: 'web wants it' })
    expect(bench.framework).toMatchObject({ takenBack: 1, failed: 0, waiting: 2 })
    expect(bench.offers(offer(1))).toEqual(['B-a-2'])
    expect(bench.told).toEqual(['started a 1', 'taken-back a 1', 'started a 2'])
  })

  test('tries what fails by itself as often as is allowed', () => {
    const bench = new Bench([job('a')], { retries: 1 })
    for (const task of ['B-a-1', 'B-a-2']) {
      expect(bench.offers(offer(1))).toEqual([task])
      bench.update(task, 'TASK_FAILED')
    }
    expect(bench.framework).toMatchObject({ failed: 1, isDone: true })
  })

  test('starts a smaller job where the first does not fit', () => {
    const bench = new Bench([job('big', 2), job('small', 0.5)])
    expect(bench.offers(offer(1))).toEqual(['B-small-1'])
  })

  test('ends its tasks and starts no more when it is stopped', () => {
    const bench = new Bench([job('a'), job('b')], { most: 1 })
    const [task = ''] = bench.offers(offer(1))
    const { effects } = bench.framework.step({ type: 'stop' })
    expect(effects).toEqual([{ type: 'kill', taskId: task, agentId: 'A' }, { type: 'suppress' }])
    expect(bench.offers(offer(1))).toEqual([])
    bench.update(task, 'TASK_KILLED')
    expect(bench.framework.isDone).toBe(true)
  })
})

test('the last line says what lending gave', () => {
  const totals = {
    jobs: 3,
    finished: 2,
    failed: 1,
    takenBack: 1,
    reruns: 2,
    lentCpuHours: 0.25,
    lostCpuHours: 0.05,
    seconds: 90,
  }
  expect(totalsLine(totals)).toBe(
    '2 of 3 jobs done, 1 failed in 1m30s; lending gave 0.250 cpu-hours; ' +
      'taken back once (0.0500 cpu-hours of it lost, charged to no job), run again 2 times',
  )
})

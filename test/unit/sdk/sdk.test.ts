// The few words in which tasks are built, and what they become on the wire.
import { expect, test } from 'vitest'
import {
  amountsOf,
  commandTask,
  dockerTask,
  executorTask,
  isTerminal,
  launch,
  scalars,
} from '../../../src/sdk/sdk.ts'
import { encodeMessage } from '../../../src/wire/json.ts'
import type { Offer } from '../../../src/wire/offers.ts'
import { TaskInfo, TaskState } from '../../../src/wire/tasks.ts'

const offer: Offer = {
  id: { value: 'O1' },
  framework_id: { value: 'F1' },
  agent_id: { value: 'S1' },
  hostname: 'agent',
  resources: [
    ...scalars({ cpus: 2, mem: 100 }),
    ...scalars({ cpus: 0.5 }),
    ...scalars({ cpus: 1, mem: 50 }, { revocable: true }),
    { name: 'ports', type: 'RANGES', ranges: { range: [{ begin: 31000, end: 32000 }] } },
  ],
}
const onWire = (task: TaskInfo): unknown => JSON.parse(encodeMessage(TaskInfo, task))

test('a command is a line for the shell, or a program with arguments of which it is the first', () => {
  expect(onWire(commandTask({ id: 't', offer, command: 'echo hi', cpus: 0.1, mem: 32 }))).toMatchObject({
    name: 't',
    task_id: { value: 't' },
    agent_id: { value: 'S1' },
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: 0.1 } },
      { name: 'mem', type: 'SCALAR', scalar: { value: 32 } },
    ],
    command: { shell: true, value: 'echo hi' },
  })
  const task = commandTask({
    id: 't',
    offer,
    command: ['/bin/echo', 'a b'],
    environment: { A: '1' },
    uris: ['/x'],
  })
  expect(onWire(task)).toMatchObject({
    command: {
      shell: false,
      value: '/bin/echo',
      arguments: ['/bin/echo', 'a b'],
      environment: { variables: [{ name: 'A', value: '1' }] },
      uris: [{ value: '/x', extract: true }],
    },
  })
})

test('a Docker task runs what its image says, maps ports and asks for them', () => {
  const task = onWire(
    dockerTask({
      id: 'web',
      offer,
      image: 'nginx',
      network: 'BRIDGE',
      ports: [{ host: 31000, container: 80 }],
      cpus: 1,
    }),
  )
  expect(task).toMatchObject({
    container: {
      type: 'DOCKER',
      docker: {
        image: 'nginx',
        network: 'BRIDGE',
        port_mappings: [{ host_port: 31000, container_port: 80 }],
      },
    },
    command: { shell: false },
    resources: [{ name: 'cpus' }, { name: 'ports', ranges: { range: [{ begin: 31000, end: 31000 }] } }],
  })
  expect(onWire(dockerTask({ id: 'x', offer, image: 'busybox', command: 'true' }))).toMatchObject({
    container: { docker: { network: 'HOST' } },
    command: { shell: true, value: 'true' },
  })
})

test('a task on lent cpus takes memory that is lent where the offer has such, else memory of its own', () => {
  const lent = scalars({ cpus: 1 }, { revocable: true })
  const own = scalars({ cpus: 1, mem: 100 })
  const task = { id: 't', command: 'true', cpus: 0.5, mem: 32, revocable: true }
  const only = commandTask({ ...task, offer: { ...offer, resources: [...own, ...lent] } })
  expect(only.resources).toEqual([...scalars({ cpus: 0.5 }, { revocable: true }), ...scalars({ mem: 32 })])
  const both = [...lent, ...scalars({ mem: 64 }, { revocable: true })]
  expect(commandTask({ ...task, offer: { ...offer, resources: both } }).resources).toEqual(
    scalars({ cpus: 0.5, mem: 32 }, { revocable: true }),
  )
  // Nothing is lent here: the master says so, and the task does not take an owner's cpus unasked.
  const none = commandTask({ ...task, offer: { ...offer, resources: own } })
  expect(none.resources?.[0]).toMatchObject({ name: 'cpus', revocable: {} })
})

test('a task for an executor carries it, and revocable resources are marked', () => {
  const executor = { executor_id: { value: 'E1' }, command: { value: './executor' } }
  expect(onWire(executorTask({ id: 't', offer, executor, cpus: 1, revocable: true }))).toMatchObject({
    executor: { executor_id: { value: 'E1' } },
    resources: [{ name: 'cpus', revocable: {} }],
  })
  expect(launch([]).type).toBe('LAUNCH')
})

test('the amounts of an offer are summed over roles, lent ones apart', () => {
  expect(amountsOf(offer)).toEqual({ cpus: 2.5, mem: 100, disk: 0, gpus: 0 })
  expect(amountsOf(offer, { revocable: true })).toEqual({ cpus: 1, mem: 50, disk: 0, gpus: 0 })
})

test('every state is known to be the last one or not', () => {
  const last = Object.keys(TaskState.numbers).filter(isTerminal)
  expect(last.toSorted()).toEqual([
    'TASK_DROPPED',
    'TASK_ERROR',
    'TASK_FAILED',
    'TASK_FINISHED',
    'TASK_GONE',
    'TASK_GONE_BY_OPERATOR',
    'TASK_KILLED',
    'TASK_LOST',
  ])
})

// The examples do what they say, as programs of their own.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { scalars } from '../../../src/sdk/sdk.ts'
import { encodeMessage } from '../../../src/wire/json.ts'
import { SchedulerEvent } from '../../../src/wire/scheduler.ts'
import { toyMaster } from './toy-master.ts'

const run = promisify(execFile)

test('hello-framework runs one task, tells its states, and leaves', async () => {
  await using master = await toyMaster()
  const program = new URL('../../../examples/hello-framework.ts', import.meta.url).pathname
  const ended = run(process.execPath, [program, master.address])
  const one = await master.subscription()
  const offer = (id: string, cpus: number): string =>
    encodeMessage(SchedulerEvent, {
      type: 'OFFERS',
      offers: {
        offers: [
          {
            id: { value: id },
            framework_id: { value: 'F-0001' },
            agent_id: { value: 'S1' },
            hostname: 'agent',
            resources: scalars({ cpus, mem: 64 }),
          },
        ],
      },
    })
  one.stream.send(offer('small', 0.05))
  one.stream.send(offer('good', 1))
  const { accept } = await master.next('ACCEPT')
  expect(accept?.offer_ids).toEqual([{ value: 'good' }])
  for (const state of ['TASK_RUNNING', 'TASK_FINISHED'] as const)
    one.send({
      type: 'UPDATE',
      update: {
        status: {
          task_id: { value: 'hello.1' },
          state,
          agent_id: { value: 'S1' },
          uuid: 'AAAAAAAAAAAAAAAAAAAAAA==',
        },
      },
    })
  const { stdout } = await ended
  expect(stdout).toBe('Subscribed as F-0001\nhello.1: TASK_RUNNING \nhello.1: TASK_FINISHED \n')
  expect(master.calls.map(({ call }) => call.type)).toEqual([
    'SUBSCRIBE',
    'DECLINE',
    'ACCEPT',
    'ACKNOWLEDGE',
    'ACKNOWLEDGE',
    'TEARDOWN',
  ])
})

// Offers and updates for the tests of the built-in frameworks, in few words.
import type { Offer, SchedulerEvent, TaskStatus } from '../../../src/sdk/sdk.ts'
import type { TaskWish } from '../../../src/frameworks/task-wish.ts'

export interface OfferWords {
  readonly id?: string
  readonly agent?: string
  readonly cpus?: number
  readonly mem?: number
  readonly lent?: number
  readonly ports?: readonly [number, number]
  readonly zone?: string
}

export function offerOf(words: OfferWords = {}): Offer {
  const { agent = 'a1', cpus = 1, id = `o-${agent}`, lent = 0, mem = 256, ports, zone } = words
  return {
    id: { value: id },
    framework_id: { value: 'f' },
    agent_id: { value: `id-${agent}` },
    hostname: '127.0.0.1',
    url: { scheme: 'http', address: { ip: '127.0.0.1', port: 5051 } },
    attributes: [
      { name: 'agent', type: 'TEXT', text: { value: agent } },
      ...(zone === undefined ? [] : [{ name: 'zone', type: 'TEXT' as const, text: { value: zone } }]),
    ],
    resources: [
      { name: 'cpus', type: 'SCALAR', scalar: { value: cpus } },
      { name: 'mem', type: 'SCALAR', scalar: { value: mem } },
      ...(lent > 0
        ? [{ name: 'cpus', type: 'SCALAR' as const, scalar: { value: lent }, revocable: {} }]
        : []),
      ...(ports === undefined
        ? []
        : [
            {
              name: 'ports',
              type: 'RANGES' as const,
              ranges: { range: [{ begin: ports[0], end: ports[1] }] },
            },
          ]),
    ],
  }
}

export const WISH: TaskWish = { name: 'job', command: ['true'], cpus: 0.5, mem: 64, revocable: false }

export const offers = (...all: readonly Offer[]): { type: 'scheduler'; event: SchedulerEvent } => ({
  type: 'scheduler',
  event: { type: 'OFFERS', offers: { offers: [...all] } },
})

export function update(
  taskId: string,
  state: TaskStatus['state'],
  more: Partial<TaskStatus> = {},
): { type: 'scheduler'; event: SchedulerEvent } {
  const status: TaskStatus = {
    task_id: { value: taskId },
    state,
    agent_id: { value: 'id-a1' },
    uuid: 'AAAA',
    ...more,
  }
  return { type: 'scheduler', event: { type: 'UPDATE', update: { status } } }
}

export const subscribed = (): { type: 'scheduler'; event: SchedulerEvent } => ({
  type: 'scheduler',
  event: { type: 'SUBSCRIBED', subscribed: { framework_id: { value: 'f' } } },
})

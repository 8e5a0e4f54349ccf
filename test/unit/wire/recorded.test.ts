// What a real Mesos sent and took is read without loss and written back the same, down to order and number style.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { ExecutorCall, ExecutorEvent } from '../../../src/wire/executor.ts'
import { FrameworkInfo } from '../../../src/wire/frameworks.ts'
import { decodeMessage, encodeMessage } from '../../../src/wire/json.ts'
import type { Message } from '../../../src/wire/message.ts'
import { Offer } from '../../../src/wire/offers.ts'
import { RecordDecoder } from '../../../src/wire/recordio.ts'
import { SchedulerCall, SchedulerEvent } from '../../../src/wire/scheduler.ts'
import { Task } from '../../../src/wire/tasks.ts'

const recorded = (name: string): string =>
  readFileSync(new URL(`../../recorded/${name}`, import.meta.url), 'utf8')

interface Step {
  readonly call?: { readonly type: string }
  readonly event?: { readonly type: string }
}
const session = JSON.parse(recorded('scheduler-session.json')) as Step[]
const samples = JSON.parse(recorded('sample-messages.json')) as { message: string; json: unknown }[]

const declarations: Record<string, Message<unknown>> = Object.fromEntries(
  [SchedulerCall, SchedulerEvent, ExecutorCall, ExecutorEvent].map((declared) => [declared.name, declared]),
)

function decoded<T>(declared: Message<T>, value: unknown): T {
  const result = decodeMessage(declared, value)
  if (!result.ok) throw new Error(result.error)
  return result.value
}

describe('the recorded scheduler session', () => {
  // `used` is a note that the recorder made for itself in the events that it answered.
  const events = session.flatMap(({ event }) => {
    const { used: _note, ...sent } = { used: false, ...event }
    return sent.type === undefined ? [] : [sent]
  })
  const calls = session.flatMap((step) => (step.call ? [step.call] : []))

  test.each(events.map((event, at) => [at, event.type, event] as const))(
    'event %i, %s, is written back the same, in the same order',
    (_at, _type, event) => {
      const text = encodeMessage(SchedulerEvent, decoded(SchedulerEvent, event))
      expect(JSON.stringify(JSON.parse(text))).toBe(JSON.stringify(event))
    },
  )

  test.each(calls.map((call, at) => [at, call.type, call] as const))(
    'call %i, %s, keeps all that the client said',
    (_at, _type, call) => {
      expect(decoded(SchedulerCall, call)).toMatchObject(withoutEmptyLists(call) as object)
    },
  )
})

describe('the sample messages', () => {
  test.each(samples.map((sample, at) => [at, sample.message, sample.json] as const))(
    'sample %i, a %s, keeps all its fields and is stable',
    (_at, name, json) => {
      const declared = declarations[name]
      if (declared === undefined) throw new Error(`There is no ${name}`)
      const value = decoded(declared, json)
      expect(value).toMatchObject(withoutEmptyLists(json) as object)
      expect(decoded(declared, JSON.parse(encodeMessage(declared, value)))).toEqual(value)
    },
  )
})

describe('the raw operator stream', () => {
  const text = recorded('operator-stream.recordio')
  const [snapshot] = new RecordDecoder().push(Buffer.from(text))
  const { get_state } = (JSON.parse(Buffer.from(snapshot ?? []).toString()) as Snapshot).subscribed
  interface Snapshot {
    subscribed: {
      get_state: {
        get_tasks: { tasks: unknown[]; completed_tasks: unknown[] }
        get_frameworks: { frameworks: { framework_info: unknown; offers?: unknown[] }[] }
      }
    }
  }

  test.each([
    ['tasks', Task, [...get_state.get_tasks.tasks, ...get_state.get_tasks.completed_tasks]],
    ['framework infos', FrameworkInfo, get_state.get_frameworks.frameworks.map((one) => one.framework_info)],
    ['offers', Offer, get_state.get_frameworks.frameworks.flatMap((one) => one.offers ?? [])],
  ] as [string, Message<unknown>, unknown[]][])(
    'has %s that we write byte for byte',
    (_what, declared, values) => {
      expect(values.length).toBeGreaterThan(0)
      for (const value of values) expect(text).toContain(encodeMessage(declared, decoded(declared, value)))
    },
  )
})

function withoutEmptyLists(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmptyLists)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(
    ([, element]) => !(Array.isArray(element) && element.length === 0),
  )
  return Object.fromEntries(kept.map(([key, element]) => [key, withoutEmptyLists(element)]))
}

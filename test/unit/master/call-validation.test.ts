// Which calls are refused before the core sees them, in the words of a real master (test/recorded/gate.json).
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { problemWithCall } from '../../../src/master/core/call-validation.ts'
import type { SchedulerCall } from '../../../src/wire/scheduler.ts'

interface Recorded {
  readonly why: string
  readonly request: { readonly path: string; readonly body?: string }
  readonly response: { readonly body: string }
}

const PREFIX = 'Failed to validate scheduler::Call: '
const url = new URL('../../recorded/gate.json', import.meta.url)
const recorded = (JSON.parse(readFileSync(url, 'utf8')) as Recorded[]).filter(
  ({ request, response }) => request.path.endsWith('/scheduler') && response.body.startsWith(PREFIX),
)

test.each(recorded)('$why', ({ request, response }) => {
  const call = JSON.parse(request.body ?? '') as SchedulerCall & { type?: string }
  // An unknown name of an enumeration is dropped by the decoder.
  if (call.type === ('NOPE' as string)) delete call.type
  expect(PREFIX + problemWithCall(call, undefined)).toBe(response.body)
})

test('every call but SUBSCRIBE needs a framework id, and its own payload', () => {
  const framework_id = { value: 'f' }
  for (const [type, field] of [
    ['ACCEPT', 'accept'],
    ['DECLINE', 'decline'],
    ['ACCEPT_INVERSE_OFFERS', 'accept_inverse_offers'],
    ['DECLINE_INVERSE_OFFERS', 'decline_inverse_offers'],
    ['KILL', 'kill'],
    ['SHUTDOWN', 'shutdown'],
    ['ACKNOWLEDGE', 'acknowledge'],
    ['ACKNOWLEDGE_OPERATION_STATUS', 'acknowledge_operation_status'],
    ['RECONCILE', 'reconcile'],
    ['RECONCILE_OPERATIONS', 'reconcile_operations'],
    ['MESSAGE', 'message'],
    ['REQUEST', 'request'],
    ['UPDATE_FRAMEWORK', 'update_framework'],
  ] as const) {
    expect(problemWithCall({ type }, undefined)).toBe("Expecting 'framework_id' to be present")
    expect(problemWithCall({ type, framework_id }, undefined)).toBe(`Expecting '${field}' to be present`)
  }
  for (const type of ['REVIVE', 'SUPPRESS', 'TEARDOWN'] as const) {
    expect(problemWithCall({ type, framework_id }, undefined)).toBeUndefined()
  }
})

test('a principal that is set must be the authenticated one', () => {
  const call = (principal: string): SchedulerCall => ({
    type: 'SUBSCRIBE',
    subscribe: { framework_info: { user: 'u', name: 'n', principal } },
  })
  expect(problemWithCall(call('a'), 'a')).toBeUndefined()
  expect(problemWithCall(call('a'), undefined)).toBeUndefined()
  expect(problemWithCall(call('a'), 'b')).toContain(
    "Authenticated principal 'b' does not match principal 'a'",
  )
})

test('UPDATE_FRAMEWORK names the same framework twice', () => {
  const call: SchedulerCall = {
    type: 'UPDATE_FRAMEWORK',
    framework_id: { value: 'f' },
    update_framework: { framework_info: { id: { value: 'g' }, user: 'u', name: 'n' } },
  }
  expect(problemWithCall(call, undefined)).toBe(
    "'framework_id' differs from 'update_framework.framework_info.id'",
  )
})

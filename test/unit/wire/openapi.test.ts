// The schemas of a set of messages are complete and refer only to one another.
import { expect, test } from 'vitest'
import { message, required, string } from '../../../src/wire/message.ts'
import { schemaComponents } from '../../../src/wire/openapi.ts'
import { SchedulerCall, SchedulerEvent } from '../../../src/wire/scheduler.ts'

test('every reference has its schema, recursive ones too', () => {
  const schemas = schemaComponents([SchedulerCall, SchedulerEvent])
  const references = JSON.stringify(schemas).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)
  const names = new Set([...references].map(([, name]) => name))
  expect([...names].filter((name) => schemas[name ?? ''] === undefined)).toEqual([])
  expect(names).toContain('mesos.v1.ContainerID')
})

test('a schema says what is required, what a default is and what is deprecated', () => {
  const schemas = schemaComponents([SchedulerCall])
  expect(schemas['mesos.v1.FrameworkInfo']).toMatchObject({
    type: 'object',
    required: ['user', 'name'],
    properties: {
      failover_timeout: { default: 0 },
      role: { type: 'string', default: '*', deprecated: true },
      capabilities: {
        type: 'array',
        items: { $ref: '#/components/schemas/mesos.v1.FrameworkInfo.Capability' },
      },
    },
  })
})

test('a declaration that uses a number twice is refused', () => {
  expect(() => message('test.Twice', { a: required(1, string), b: required(1, string) })).toThrow(
    /test\.Twice/,
  )
})

/** The JSON Schemas of declared messages as the components of an OpenAPI document. */
import type { Enumeration, Lazy, Message, Scalar } from './message.ts'

type Declaration = Scalar<unknown> | Enumeration<unknown> | Message<unknown> | Lazy<unknown>

/**
 * Collects the schemas of messages and of all messages and enumerations in them.
 *
 * @param messages the messages that an API takes and gives
 * @returns schema by full protobuf name, in order of name; references are `#/components/schemas/NAME`
 *
 * @example
 * const document = { openapi: '3.1.0', …, components: { schemas: schemaComponents([SchedulerCall, SchedulerEvent]) } }
 */
export function schemaComponents(messages: readonly Message<unknown>[]): Record<string, object> {
  const schemas = new Map<string, object>()
  const waiting: Declaration[] = [...messages]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const declaration = next.kind === 'lazy' ? next.get() : next
    if (declaration.kind === 'scalar' || schemas.has(declaration.name)) continue
    schemas.set(declaration.name, declaration.schema)
    if (declaration.kind === 'message') waiting.push(...declaration.fields.map((field) => field.type))
  }
  return Object.fromEntries([...schemas].sort(([one], [other]) => (one < other ? -1 : 1)))
}

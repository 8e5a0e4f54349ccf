/** Checks JSON against the published schema of a message: the proof in tests that the schema is true, not a gate. */
import { Compile } from 'typebox/schema'
import { componentPath, type Message } from './message.ts'
import { schemaComponents } from './openapi.ts'

/**
 * Compiles the schema of a message, as it stands in the OpenAPI document, to a check. Requests are read by
 * `decodeMessage` instead, which is more lenient than a schema can say.
 *
 * @returns a function that says whether a JSON value fits the schema
 */
export function compileSchemaCheck(declared: Message<unknown>): (json: unknown) => boolean {
  const document = {
    components: { schemas: schemaComponents([declared]) },
    $ref: componentPath(declared.name),
  }
  const compiled = Compile(document)
  return (json) => compiled.Check(json)
}

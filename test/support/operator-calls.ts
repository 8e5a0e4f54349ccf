// Bodies of calls of the operator APIs, as `/openapi.json` shows them.
import { operatorExample } from '../../src/http/docs/examples.ts'

/** The body of a call that passes the gate. */
export const operatorCall = (type: string): string => JSON.stringify(operatorExample(type))

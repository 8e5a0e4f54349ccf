// Refusals of an API are counted in one way, so that people find a client that talks nonsense.
import type { Metrics } from '../base/metrics.ts'
import type { Answer } from './response.ts'

/** Counts an answer with 4xx or 5xx under `name`, and hands every answer on. */
export function countRefusal(answer: Answer, metrics: Metrics, name: string): Answer {
  if (answer.kind !== 'stream' && answer.status >= 400) metrics.count(name)
  return answer
}

// Why an operator asks for something: `?reason=`, of Tepui, because calls of Mesos have no place for it.
import type { HttpRequest } from '../../http/request.ts'
import { type Answer, text } from '../../http/response.ts'

const MOST_REASON = 300

/** How a sentence of the log of events goes on with it, empty where none is given; or the refusal of one too long. */
export function readReason({
  query,
}: HttpRequest): { readonly because: string } | { readonly refusal: Answer } {
  const reason = query.get('reason')?.trim() ?? ''
  if (reason.length > MOST_REASON)
    return { refusal: text(400, `Parameter 'reason' has more than ${MOST_REASON} characters`) }
  return { because: reason === '' ? '' : `: ${reason}` }
}

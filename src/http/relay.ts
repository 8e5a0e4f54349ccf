// A request whose body comes by and by, passed on to a peer as it comes: neither side is read faster than the other.
import { request as nodeRequest } from 'node:http'
import { reasonOf } from '../base/errors.ts'
import { readText, trouble } from './client.ts'
import type { HttpRequest } from './request.ts'

export interface RelayedAnswer {
  readonly status: number
  readonly text: string
}

const MAX_BYTES = 64 * 1024

/**
 * Resolves with the peer's answer, which may come before the end of the body. When the client leaves, or the answer is
 * there, the connection to the peer is closed.
 *
 * @throws OperatingError UNREACHABLE when the peer does not answer or the connection breaks
 */
export async function relayBody(
  request: HttpRequest,
  url: string,
  headers: Readonly<Record<string, string>>,
): Promise<RelayedAnswer> {
  const { raw, signal } = request
  const what = `POST ${url}`
  const { promise, resolve, reject } = Promise.withResolvers<RelayedAnswer>()
  const sent = nodeRequest(url, {
    method: 'POST',
    headers: { ...headers, 'Transfer-Encoding': 'chunked' },
    agent: false,
  })
  sent.setNoDelay(true)
  sent.on('error', (error) => reject(trouble(what, error)))
  sent.on('response', (response) => {
    response.on('error', () => undefined)
    readText(response, MAX_BYTES, what)
      .then((text) => resolve({ status: response.statusCode ?? 502, text }))
      .catch((error: unknown) => reject(trouble(what, new Error(reasonOf(error)))))
  })
  const leave = (): void => void sent.destroy(new Error('The client left'))
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  raw.pipe(sent)
  try {
    return await promise
  } finally {
    signal.removeEventListener('abort', leave)
    raw.unpipe(sent)
    sent.destroy()
    // What follows is nobody's any more.
    raw.resume()
  }
}

// A GET request as Mesos's checks make it with curl: redirects are followed, certificates are not verified.
import { type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { connect as encrypt } from 'node:tls'
import { OperatingError, reasonOf } from '../../base/errors.ts'

export interface Place {
  readonly host: string
  readonly port: number
}

export type Answer = { readonly status: number } | { readonly trouble: string }

const REDIRECTS_MAX = 10
/** Of a body: what is behind it is not waited for. */
const BODY_BYTES_MAX = 16 * 1024 * 1024
const USER_AGENT = 'tepui-check'

/**
 * Resolves with the status of the last answer once its body is there, or with why there is none. Throws the errors of
 * `connect` unless nobody answers, and the signal's reason.
 */
export async function ask(
  url: string,
  connect: (place: Place) => Promise<Duplex>,
  signal: AbortSignal,
): Promise<Answer> {
  let target = new URL(url)
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const answer = await askOnce(target, connect, signal)
    if ('trouble' in answer) return answer
    const { location, status } = answer
    if (status < 300 || status >= 400 || location === undefined) return { status }
    const next = URL.parse(location, target.href)
    if (next === null || !(next.protocol === 'http:' || next.protocol === 'https:'))
      return { trouble: `it redirects to '${location}'` }
    target = next
  }
  return { trouble: `it redirects more than ${REDIRECTS_MAX} times` }
}

type OneAnswer =
  | { readonly status: number; readonly location: string | undefined }
  | { readonly trouble: string }

async function askOnce(
  url: URL,
  connect: (place: Place) => Promise<Duplex>,
  signal: AbortSignal,
): Promise<OneAnswer> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
  let raw: Duplex
  try {
    raw = await connect({ host, port })
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'UNREACHABLE') return { trouble: error.message }
    throw error
  }
  try {
    const connection = url.protocol === 'https:' ? encrypt({ socket: raw, rejectUnauthorized: false }) : raw
    // What breaks is told by the request; what breaks after it concerns nobody.
    connection.on('error', () => undefined)
    const response = await responseOf(url, connection, signal)
    await drain(response)
    return { status: response.statusCode ?? 0, location: response.headers.location }
  } catch (error) {
    signal.throwIfAborted()
    return { trouble: reasonOf(error) }
  } finally {
    raw.destroy()
  }
}

function responseOf(url: URL, connection: Duplex, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const sent = request({
    // Of the URL as it is: the connection stands already.
    createConnection: () => connection,
    host: url.hostname,
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, 'user-agent': USER_AGENT, accept: '*/*' },
    signal,
  })
  sent.on('response', resolve)
  sent.on('error', reject)
  sent.end()
  return promise
}

async function drain(response: IncomingMessage): Promise<void> {
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) return
  }
}

// How requests that dockerode's modem has made go to the engine, and how answers are read: with as little as it takes.
import { type ClientRequest, type IncomingMessage, request, type RequestOptions } from 'node:http'
import type { Duplex } from 'node:stream'
import { brokenConnection } from './engine-errors.ts'

/** What the modem was asked for. */
interface Asked {
  readonly onSent?: (sent: ClientRequest) => void
}

/**
 * Takes the place of the modem's own sending, which prints every request for a debug log, whether that is on or off,
 * and looks out for redirects, which an engine never gives: half a millisecond of computing per request.
 *
 * @param answered called once, with the answer as soon as its headers are there, whatever its status
 */
export function sendAsItIs(
  options: RequestOptions,
  { onSent }: Asked,
  body: string | undefined,
  answered: (error: Error | null, response?: IncomingMessage) => void,
): void {
  let sent: ClientRequest
  try {
    sent = request(options)
  } catch (error) {
    answered(error as Error)
    return
  }
  let open = true
  const answer = (error: Error | null, response?: IncomingMessage): void => {
    if (!open) return
    open = false
    answered(error, response)
  }
  sent.on('response', (response) => answer(null, response))
  // After the answer has begun, whoever reads it sees that it broke off.
  sent.on('error', (error) => answer(error))
  onSent?.(sent)
  sent.end(body)
}

/**
 * Reads an answer whole.
 *
 * @param tooLong makes what is thrown when it has more than `maxBytes`
 * @throws the connection's error when it breaks off
 */
export function readAnswer(
  response: IncomingMessage,
  maxBytes: number,
  tooLong: () => Error,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const pieces: Buffer[] = []
  let bytes = 0
  response.on('data', (piece: Buffer) => {
    bytes += piece.length
    pieces.push(piece)
    if (bytes > maxBytes) response.destroy(tooLong())
  })
  response.on('end', () => resolve(Buffer.concat(pieces, bytes)))
  response.on('error', reject)
  response.on('close', () => reject(new Error('The connection closed in the middle of an answer')))
  return promise
}

/**
 * The lines of an answer as they come; empty ones are left out.
 *
 * @param tooLong makes what is thrown when a line has more than `maxLength` characters
 */
export async function* readLines(
  response: IncomingMessage,
  maxLength: number,
  tooLong: () => Error,
): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > maxLength) throw tooLong()
    for (const line of lines) if (line.trim() !== '') yield line
  }
  if (rest.trim() !== '') yield rest
}

/** A request in place of which both sides send what they like. */
interface Raw extends Asked {
  readonly doing: string
  readonly path: string
  readonly body?: object
}

/** A connection that stopped being HTTP, or the engine's answer where it refused that. */
export type Hijacked = { readonly connection: Duplex } | { readonly refused: IncomingMessage }

/**
 * Asks for a raw connection in place of an answer, as `docker exec` does.
 *
 * @throws EngineError when nobody answers
 */
export function hijack(socketPath: string, { body = {}, doing, onSent, path }: Raw): Promise<Hijacked> {
  const { promise, resolve, reject } = Promise.withResolvers<Hijacked>()
  const text = JSON.stringify(body)
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(text)),
    Connection: 'Upgrade',
    Upgrade: 'tcp',
  }
  const asked = request({ socketPath, path, method: 'POST', headers, agent: false })
  asked.on('upgrade', (_, connection: Duplex, first: Buffer) => {
    if (first.length > 0) connection.unshift(first)
    // A connection that breaks is over; how the command ended is asked for then.
    connection.on('error', () => undefined)
    resolve({ connection })
  })
  asked.on('response', (refused) => resolve({ refused }))
  asked.on('error', (error) => reject(brokenConnection(doing, socketPath, error)))
  onSent?.(asked)
  asked.end(text)
  return promise
}

// Gives the engine an image without a registry: a root file system, or an archive that an engine saved.
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { endWith } from '../../http/client.ts'
import type { PullLine } from './engine-answers.ts'
import { brokenConnection, EngineError, refusedRequest } from './engine-errors.ts'
import { readAnswer, readLines } from './engine-http.ts'
import { parse, tooLong, wordsOf } from './engine-reading.ts'

export interface Archive {
  /** A tar, packed with gzip, bzip2 or xz or not at all, as the engine takes it. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** What it holds: the files of an image's root, or images that `docker save` wrote, with their names. */
  readonly holds: 'files' | { readonly saved: true }
}

export interface ImageWish {
  /** `[REGISTRY/]NAME:TAG`. */
  readonly reference: string
  /** Instructions of a Dockerfile that say more about the image, such as CMD ["/bin/sh"]. */
  readonly changes: readonly string[]
}

interface LoadLine extends PullLine {
  readonly stream?: string
}

const ANSWER_BYTES_MAX = 1024 * 1024

/**
 * @returns what the engine said last: the image's id, or the names of those that were in the archive
 * @throws EngineError in the engine's words, or when it does not answer; what the archive's bytes throw
 */
export async function importImage(
  socket: string,
  archive: Archive,
  { changes, reference }: ImageWish,
  signal: AbortSignal,
): Promise<string> {
  const doing = archive.holds === 'files' ? `import the image ${reference}` : 'load the saved images'
  const cut = reference.lastIndexOf(':')
  const query = new URLSearchParams({
    fromSrc: '-',
    repo: reference.slice(0, cut),
    tag: reference.slice(cut + 1),
  })
  for (const change of changes) query.append('changes', change)
  const path = archive.holds === 'files' ? `/images/create?${query.toString()}` : '/images/load'
  const sent = request({ socketPath: socket, method: 'POST', path, headers: TAR })
  endWith(sent, signal)
  const answered = answerOf(sent)
  // An engine that refuses answers in the middle of the upload and closes it: its answer counts then.
  const uploaded = pipeline(Readable.from(archive.bytes), sent).then(
    () => undefined,
    (error: unknown) => error,
  )
  const response = await Promise.race([answered, uploaded.then((trouble) => trouble ?? answered)])
  if (!isResponse(response)) {
    signal.throwIfAborted()
    if (response instanceof Error && 'code' in response) throw brokenConnection(doing, socket, response)
    throw response
  }
  return lastWords(doing, response)
}

const TAR = { 'Content-Type': 'application/x-tar' }

async function answerOf(sent: ClientRequest): Promise<unknown> {
  try {
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return response
  } catch (error) {
    return error
  }
}

function isResponse(value: unknown): value is IncomingMessage {
  return typeof value === 'object' && value !== null && 'statusCode' in value
}

async function lastWords(doing: string, response: IncomingMessage): Promise<string> {
  const status = response.statusCode ?? 0
  const late = (): Error => tooLong(doing, ANSWER_BYTES_MAX)
  if (status < 200 || status >= 300) {
    const text = (await readAnswer(response, ANSWER_BYTES_MAX, late)).toString()
    throw refusedRequest(doing, status, wordsOf(text))
  }
  let said = ''
  for await (const line of readLines(response, ANSWER_BYTES_MAX, late)) {
    const { error, status: words, stream } = parse<LoadLine>(line)
    if (error !== undefined)
      throw new EngineError(`The Docker Engine could not ${doing}: ${error}`, status, error)
    const news = (stream ?? words ?? '').trim()
    if (news !== '') said = news
  }
  return said
}

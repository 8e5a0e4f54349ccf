/**
 * Files of one folder over HTTP, with types, validators and ranges. What is there is read once, at the first request:
 * the folder is that of a program, and nothing outside of it can be named.
 */
import { existsSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import sirv from 'sirv'
import type { FileAnswer, Headers } from './response.ts'

export interface StaticFilesOptions {
  /** A missing file in it means that there is nothing to show: `answer` returns undefined then. */
  readonly entry: string
  readonly headers: Headers
}

export class StaticFiles {
  readonly #folder: string
  readonly #options: StaticFilesOptions
  #serve: ReturnType<typeof sirv> | undefined

  constructor(folder: string, options: StaticFilesOptions) {
    this.#folder = folder
    this.#options = options
  }

  /** @param path below the folder, with a leading slash and decoded; undefined when the folder is not there */
  answer(path: string): FileAnswer | undefined {
    if (this.#serve === undefined && !existsSync(join(this.#folder, this.#options.entry))) return undefined
    const serve = (this.#serve ??= sirv(this.#folder, { etag: true, gzip: true }))
    return {
      kind: 'file',
      status: 200,
      headers: { 'Cache-Control': 'no-cache', ...this.#options.headers },
      write: (request, response) => serve(at(request, path), response),
    }
  }
}

/** The request with another target: files are also asked for below the name of a process (`/master/…`). */
function at(request: IncomingMessage, path: string): IncomingMessage {
  return Object.create(request, {
    url: { value: encodeURI(path) },
    _parsedUrl: { value: undefined, writable: true },
  }) as IncomingMessage
}

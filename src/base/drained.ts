// Waiting for whoever reads a stream.
import type { Writable } from 'node:stream'

/** Resolves when there is room again, or when the stream is closed. */
export function drained(stream: Writable): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const go = (): void => {
    stream.off('drain', go)
    stream.off('close', go)
    resolve()
  }
  stream.on('drain', go)
  stream.on('close', go)
  if (stream.destroyed) go()
  return promise
}

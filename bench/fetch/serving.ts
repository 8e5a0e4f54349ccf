// The server of the fetch bench as a child, so that it and whoever loads from it have a process each.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { OperatingError } from '../../src/base/errors.ts'

const PROGRAM = fileURLToPath(new URL('server.ts', import.meta.url))

export interface Serving extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; `/BYTES/NAME` below it is a file of so many bytes. */
  readonly url: string
}

/** @throws OperatingError LAUNCH when it ends before it says its port */
export async function serveFiles(): Promise<Serving> {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const line = once(createInterface({ input: child.stdout }), 'line')
  const first: unknown[] = await Promise.race([line, ended.then(() => [])])
  if (first.length === 0) throw new OperatingError('LAUNCH', "The bench's server ended before it was ready")
  return {
    url: `http://127.0.0.1:${String(first[0])}`,
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}

// Such a thread: a prober asks for /health again and again, readers follow the operator event stream.
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../src/base/clock.ts'
import { assert } from '../../src/base/errors.ts'
import { HttpClient } from '../../src/http/client.ts'
import { RECORD_LIMITS } from '../../src/wire/recordio.ts'
import type { Line } from './threads.ts'

interface Task {
  readonly kind: 'prober' | 'readers'
  readonly port: number
  readonly count: number
}

const PAUSE_MS = 2
/** A snapshot is one record. */
const MOST_BYTES = 2 ** 28
const { kind, port, count } = workerData as Task
const client = new HttpClient(systemClock)
const base = `http://127.0.0.1:${port}`
const { signal } = new AbortController()
let latencies: number[] = []
let events = 0

async function probe(): Promise<never> {
  for (;;) {
    const began = systemClock.monotonic()
    await client.request({ url: `${base}/health` }, signal)
    latencies.push(systemClock.monotonic() - began)
    await systemClock.sleep(PAUSE_MS, signal)
  }
}

async function read(onFirst: () => void): Promise<void> {
  const headers = { 'Content-Type': 'application/json', Accept: 'application/json' }
  const body = '{"type":"SUBSCRIBE"}'
  const outgoing = { method: 'POST', url: `${base}/api/v1`, headers, body, timeoutMs: 60_000 } as const
  const stream = await client.openStream(
    { ...outgoing, limits: { ...RECORD_LIMITS, recordBytes: MOST_BYTES } },
    signal,
  )
  for await (const record of stream.records) {
    if (record.includes('"TASK_UPDATED"')) events++
    onFirst()
  }
}

assert(parentPort !== null, 'this runs as a thread')
const port_ = parentPort
port_.on('message', () => {
  const line: Line = { latencies, events }
  latencies = []
  events = 0
  port_.postMessage(line)
})
if (kind === 'prober') void probe()
else {
  const opened = Array.from({ length: count }, () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    void read(resolve)
    return promise
  })
  await Promise.all(opened)
}
port_.postMessage('ready')

/**
 * The load generator: a process of its own, run as a task in the owners' tier. Requests go out at times that are drawn
 * beforehand and never wait for an answer's sake: each latency counts from the intended time, so that a server that
 * stands still is charged for all that came meanwhile.
 *
 * node load.ts CONTROL_PORT: takes one `LoadPhase` a line on 127.0.0.1 and answers each with one `LoadResult`.
 */
import { systemClock } from '../../src/base/clock.ts'
import { seededRandom } from '../../src/base/random.ts'
import { BlockingSocket } from './blocking-socket.ts'
import { serveWorker } from './worker-line.ts'

export interface LoadPhase {
  readonly port: number
  /** Sent once before; its answer is not looked at. */
  readonly prepare?: string
  readonly request: string
  /** Requests per second on average, at random times (Poisson). */
  readonly rate: number
  readonly seconds: number
  readonly seed: number
}

export interface LoadResult {
  readonly requests: number
  /** From the first intended time to the last answer, seconds: longer than asked for when the server fell behind. */
  readonly seconds: number
  /** ms from the intended time. */
  readonly p50: number
  readonly p99: number
  readonly p999: number
  readonly max: number
  readonly error?: string
}

/** Shorter waits are not worth a sleep: the kernel's timers are about that exact. */
const SHORTEST_SLEEP_MS = 0.03
const MOST_REQUESTS = 4_000_000
const ANSWER_BYTES = 256 * 1024

const pause = new Int32Array(new SharedArrayBuffer(4))

async function run(phase: LoadPhase): Promise<LoadResult> {
  using socket = await BlockingSocket.connect(phase.port)
  const request = Buffer.from(phase.request)
  const answer = Buffer.alloc(ANSWER_BYTES)
  if (phase.prepare !== undefined) {
    socket.write(Buffer.from(phase.prepare))
    await systemClock.sleep(50)
    socket.readSome(answer)
  }
  // All answers are alike; the first says how long they are.
  socket.write(request)
  await systemClock.sleep(50)
  const length = socket.readSome(answer)
  const due = times(phase)
  const late = new Float64Array(due.length)
  const begun = systemClock.monotonic()
  for (let at = 0; at < due.length; at++) {
    const intended = begun + (due[at] ?? 0)
    for (;;) {
      const rest = intended - systemClock.monotonic()
      if (rest <= 0) break
      if (rest > SHORTEST_SLEEP_MS) Atomics.wait(pause, 0, 0, rest)
    }
    socket.write(request)
    socket.read(answer, length)
    late[at] = systemClock.monotonic() - intended
  }
  const seconds = (systemClock.monotonic() - begun) / 1000
  late.sort()
  const quantile = (p: number): number => late[Math.max(0, Math.ceil(p * late.length) - 1)] ?? Number.NaN
  return {
    requests: late.length,
    seconds,
    p50: quantile(0.5),
    p99: quantile(0.99),
    p999: quantile(0.999),
    max: quantile(1),
  }
}

/** Intended times, ms from the begin. */
function times({ rate, seconds, seed }: LoadPhase): Float64Array {
  const random = seededRandom(seed)
  const due: number[] = []
  for (let at = 0; due.length < MOST_REQUESTS; ) {
    at += (-Math.log(1 - random.next()) / rate) * 1000
    if (at >= seconds * 1000) break
    due.push(at)
  }
  return Float64Array.from(due)
}

serveWorker(Number(process.argv[2]), run)

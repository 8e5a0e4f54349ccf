// Threads of the bench that ask or read beside it, so that nothing of the bench holds them up.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** What a thread has seen since it was asked last. */
export interface Line {
  /** Of requests, ms. */
  readonly latencies: readonly number[]
  /** That were read. */
  readonly events: number
}

export interface BenchThread extends AsyncDisposable {
  take(): Promise<Line>
}

/** Agents that are all show, on the master of this port; their ids, in the order of their numbers. */
export async function startToys(
  port: number,
  agents: number,
  tasksEach: number,
): Promise<AsyncDisposable & { readonly ids: readonly string[] }> {
  const worker = new Worker(new URL('./toys.ts', import.meta.url), {
    workerData: { port, agents, tasksEach },
  })
  const [ids] = (await once(worker, 'message')) as [readonly string[]]
  return {
    ids,
    [Symbol.asyncDispose]: async () => {
      await worker.terminate()
    },
  }
}

/** @param port of the master */
export async function startThread(kind: 'prober' | 'readers', port: number, count = 1): Promise<BenchThread> {
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: { kind, port, count } })
  await once(worker, 'message')
  return {
    take: async () => {
      const answer = once(worker, 'message') as Promise<[Line]>
      worker.postMessage('take')
      const [line] = await answer
      return line
    },
    [Symbol.asyncDispose]: async () => {
      await worker.terminate()
    },
  }
}

// The thread that removes trees, one after the other, at a low priority; started by `remover.ts`.
import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import type { RemovalOutcome } from './removal.ts'
import { removeTree } from './removal.ts'

/** What the thread says; it is told paths. */
export type RemovalNews =
  | { readonly type: 'progress'; readonly removed: number }
  | { readonly type: 'done'; readonly outcome: RemovalOutcome }

/** Behind all that waits, but not behind everything for ever: the disk is what others may wait for. */
const LOW_PRIORITY = 10

// On Linux this is the priority of the calling thread alone.
setPriority(LOW_PRIORITY)
parentPort?.on('message', (path: string) => {
  const say = (news: RemovalNews): void => parentPort?.postMessage(news)
  say({ type: 'done', outcome: removeTree(path, (removed) => say({ type: 'progress', removed })) })
})

// A thread that removes trees, one after the other, at a low priority; started by `remover.ts`.
import { setPriority } from 'node:os'
import { parentPort } from 'node:worker_threads'
import { type RemovalOutcome, removeHalf, removeTree } from './removal.ts'
import { RemovalShare } from './removal-share.ts'

/** What the thread is told. */
export interface RemovalOrder {
  readonly path: string
  readonly share: SharedArrayBuffer
  /** Takes only the helper's half. */
  readonly helps: boolean
}

/** What it says. */
export type RemovalNews =
  | { readonly type: 'progress'; readonly removed: number }
  | { readonly type: 'done'; readonly outcome: RemovalOutcome }

/** Behind all that waits, but not behind everything for ever: the disk is what others may wait for. */
const LOW_PRIORITY = 10

// On Linux this is the priority of the calling thread alone.
setPriority(LOW_PRIORITY)
const say = (news: RemovalNews): void => parentPort?.postMessage(news)
parentPort?.on('message', ({ helps, path, share: buffer }: RemovalOrder) => {
  const share = new RemovalShare(buffer)
  if (!helps) {
    say({ type: 'done', outcome: removeTree(path, (removed) => say({ type: 'progress', removed }), share) })
    return
  }
  try {
    say({ type: 'done', outcome: removeHalf(path) })
  } finally {
    share.leave()
  }
})

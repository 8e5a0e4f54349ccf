// One stream between a client and the master: what is on its way in both directions, in order, until it breaks.
import type { Random } from '../../src/base/random.ts'

export interface Pipe<Call, Event> {
  readonly connection: string
  /** On the way to the master; `end` is the news that the client is gone. */
  readonly toMaster: (Call | 'end')[]
  /** On the way to the client; `end` is the close by the master. */
  readonly toClient: (Event | 'end')[]
  /** The client still reads and sends. */
  open: boolean
}

export function newPipe<Call, Event>(connection: string): Pipe<Call, Event> {
  return { connection, toMaster: [], toClient: [], open: true }
}

/** The client is gone: nothing reaches it any more, the newest of what it sent is lost, and the master will hear. */
export function breakPipe<Call, Event>(pipe: Pipe<Call, Event>, random: Random): (Call | 'end')[] {
  if (!pipe.open) return []
  pipe.open = false
  pipe.toClient.length = 0
  // What opened the stream is never lost alone: without it there is no stream.
  const kept = Math.max(1, Math.floor(random.next() * (pipe.toMaster.length + 1)))
  const lost = pipe.toMaster.splice(kept)
  pipe.toMaster.push('end')
  return lost
}

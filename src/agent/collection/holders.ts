// Who holds the room on a full disk, told apart: what runs, which task most of all, and what waits to be collected.
import { humanBytes } from '../../base/units.ts'
import type { Entry } from '../../gc/entry.ts'
import { type LiveContainer, liveContainers } from '../core/live.ts'
import type { AgentState } from '../core/state.ts'

/** What a container that runs takes of the disk. */
export interface Holder {
  readonly container: LiveContainer
  /** Undefined until its sandbox was measured. */
  readonly bytes: number | undefined
  /** What it reserved; undefined when nothing. */
  readonly limitBytes: number | undefined
}

const BYTES_PER_MB = 1024 ** 2

/** Whoever takes most first. */
export function holdersOf(
  state: Readonly<AgentState>,
  sandboxBytes: (containerId: string) => number | undefined,
): readonly Holder[] {
  const holders = liveContainers(state).map((container) => {
    const limit = container.allocated.scalar('disk') * BYTES_PER_MB
    const bytes = sandboxBytes(container.containerId)
    return { container, bytes, limitBytes: limit > 0 ? Math.round(limit) : undefined }
  })
  return holders.toSorted((a, b) => (b.bytes ?? -1) - (a.bytes ?? -1))
}

/** A half sentence with the figures that are known. */
export function holdersText(running: readonly Holder[], scheduled: Iterable<Entry>): string {
  const measured = running.filter(({ bytes }) => bytes !== undefined)
  const total = measured.reduce((sum, { bytes = 0 }) => sum + bytes, 0)
  const [largest] = measured
  const name = largest?.container.taskIds[0] ?? largest?.container.executorId
  const most = largest === undefined ? '' : `, most of them '${name}' (${humanBytes(largest.bytes ?? 0)})`
  const known = largest === undefined ? '' : ` with ${humanBytes(total)}${most}`
  const ended = [...scheduled].length
  return `${running.length} running containers${known} go on; ${ended} sandboxes of ended ones are kept`
}

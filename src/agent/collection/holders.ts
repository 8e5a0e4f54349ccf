// Who holds the room on a full disk, told apart: what runs, which task most of all, and what waits to be collected.
import { humanBytes } from '../../base/units.ts'
import type { Entry } from '../../gc/entry.ts'
import { liveContainers } from '../core/live.ts'
import type { AgentState } from '../core/state.ts'

/** A half sentence with the figures that are known. */
export function holdersText(
  state: Readonly<AgentState>,
  sandboxBytes: (containerId: string) => number | undefined,
  scheduled: Iterable<Entry>,
): string {
  const running = liveContainers(state)
  const measured = running.flatMap(({ containerId, executorId, taskIds }) => {
    const bytes = sandboxBytes(containerId)
    return bytes === undefined ? [] : [{ name: taskIds[0] ?? executorId, bytes }]
  })
  const largest = measured.toSorted((a, b) => b.bytes - a.bytes)[0]
  const total = measured.reduce((sum, { bytes }) => sum + bytes, 0)
  const most = largest === undefined ? '' : `, most of them '${largest.name}' (${humanBytes(largest.bytes)})`
  const known = measured.length === 0 ? '' : ` with ${humanBytes(total)}${most}`
  const ended = [...scheduled].length
  return `${running.length} running containers${known} go on; ${ended} sandboxes of ended ones are kept`
}

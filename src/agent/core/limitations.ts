// Which resource's limit ended a container: the words with the figures, and the field for programs.
import type { ContainerExit } from '../../containerizer/containerizer.ts'
import { humanBytes } from '../../base/units.ts'
import type { Resources } from '../../resources/resources.ts'
import type { TaskStatus } from '../../wire/tasks.ts'
import type { Draft } from './statuses.ts'

type MemoryExit = Extract<ContainerExit, { kind: 'memory' }>

const WHOSE: Readonly<Record<MemoryExit['level'], string>> = {
  own: 'Memory limit exceeded',
  parent: 'Out of memory in the tier above',
  host: 'Host out of memory',
}

const BYTES_PER_MB = 1024 * 1024

/** Whose limit it was and the figures that are known. */
function memoryWords(exit: MemoryExit): string {
  const figures = [
    ...(exit.limitBytes === undefined ? [] : [`limit ${humanBytes(exit.limitBytes)}`]),
    ...(exit.peakBytes === undefined ? [] : [`peak ${humanBytes(exit.peakBytes)}`]),
  ]
  if (figures.length === 0) return `${WHOSE[exit.level]}: ${exit.detail}`
  // A containerizer that says it by itself: the same figures are not told twice.
  const rest = exit.detail.replace(new RegExp(`^${WHOSE[exit.level]}: limit [^;]*; `), '')
  return `${WHOSE[exit.level]} (${figures.join(', ')}): ${rest}`
}

/** `limitation.resources`: set only when it was the container's own limit (spec/mesos.md 3.3). */
function memoryLimitation(exit: MemoryExit, reserved: Resources): Pick<TaskStatus, 'limitation'> {
  if (exit.level !== 'own') return {}
  const value = exit.limitBytes === undefined ? reserved.scalar('mem') : exit.limitBytes / BYTES_PER_MB
  return { limitation: { resources: [{ name: 'mem', type: 'SCALAR', scalar: { value } }] } }
}

type DiskExit = Extract<ContainerExit, { kind: 'disk' }>

/** What was used of what was reserved. */
export function diskFigures({ limitBytes, usedBytes }: DiskExit): string {
  return `its sandbox took ${humanBytes(usedBytes)} of ${humanBytes(limitBytes)} reserved`
}

/** The status of a task whose container went over a limit; undefined for any other end. */
export function limitationDraft(
  exit: ContainerExit,
  reserved: Resources,
): Omit<Draft, 'containerStatus'> | undefined {
  const failed = { state: 'TASK_FAILED', source: 'SOURCE_AGENT' } as const
  if (exit.kind === 'memory')
    return {
      ...failed,
      reason: 'REASON_CONTAINER_LIMITATION_MEMORY',
      message: memoryWords(exit),
      ...memoryLimitation(exit, reserved),
    }
  if (exit.kind !== 'disk') return undefined
  const value = exit.limitBytes / BYTES_PER_MB
  return {
    ...failed,
    reason: 'REASON_CONTAINER_LIMITATION_DISK',
    message: `Disk quota exceeded: ${diskFigures(exit)}`,
    limitation: { resources: [{ name: 'disk', type: 'SCALAR', scalar: { value } }] },
  }
}

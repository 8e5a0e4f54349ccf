// Which resource's limit ended a container: the words with the figures, and the field for programs.
import type { ContainerExit } from '../../containerizer/containerizer.ts'
import { humanBytes } from '../../base/units.ts'
import type { Resources } from '../../resources/resources.ts'
import type { TaskStatus } from '../../wire/tasks.ts'

export type MemoryExit = Extract<ContainerExit, { kind: 'memory' }>

const WHOSE: Readonly<Record<MemoryExit['level'], string>> = {
  own: 'Memory limit exceeded',
  parent: 'Out of memory in the tier above',
  host: 'Host out of memory',
}

const BYTES_PER_MB = 1024 * 1024

/** Whose limit it was and the figures that are known. */
export function memoryWords(exit: MemoryExit): string {
  const figures = [
    ...(exit.limitBytes === undefined ? [] : [`limit ${humanBytes(exit.limitBytes)}`]),
    ...(exit.peakBytes === undefined ? [] : [`peak ${humanBytes(exit.peakBytes)}`]),
  ]
  const known = figures.length === 0 ? '' : ` (${figures.join(', ')})`
  return `${WHOSE[exit.level]}${known}: ${exit.detail}`
}

/** `limitation.resources`: set only when it was the container's own limit (spec/mesos.md 3.3). */
export function memoryLimitation(exit: MemoryExit, reserved: Resources): Pick<TaskStatus, 'limitation'> {
  if (exit.level !== 'own') return {}
  const value = exit.limitBytes === undefined ? reserved.scalar('mem') : exit.limitBytes / BYTES_PER_MB
  return { limitation: { resources: [{ name: 'mem', type: 'SCALAR', scalar: { value } }] } }
}

// The tag by which an agent knows its own control groups and containers: the same in every life, and no other agent's.
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { cgroupTag } from '../containerizer/cgroups/open.ts'

/** What the kernel calls the names of the machine itself; a container has its own. */
const MACHINE_NAMES = 'uts:[4026531838]'

/**
 * Agents in containers of one machine share its control groups, and as a rule have the same port and the same folder:
 * without their name each would take the other's tasks for leftovers, and end them.
 */
export function agentTag(port: number, workDir: string, container = containerName()): string {
  return cgroupTag(port, container === undefined ? workDir : `${container}:${workDir}`)
}

/** The name of the container that this process is in, which is its own for each; undefined on the machine itself. */
function containerName(): string | undefined {
  try {
    return readlinkSync('/proc/self/ns/uts') === MACHINE_NAMES ? undefined : hostname()
  } catch {
    // A kernel without such names has no containers.
    return undefined
  }
}

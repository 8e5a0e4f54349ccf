// What tasks left behind, on all the places where they could: one sentence each.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Bed } from './bed.ts'
import type { Leaks } from './history.ts'
import { foldersIn, markedCgroups, markedMounts, markedProcesses } from './traces.ts'

/** The engine mounts the network of the machine with its first container, and keeps it. */
const ENGINE_NAMESPACE = '/netns/default'

/** The mounts that are there before any task: the disk of the agent, and the engine's own. */
export function standing(bed: Bed): readonly string[] {
  return markedMounts(bed.places.mark)
}

/** @param over the daemons but the engine have ended: then not even their own control groups and processes may stay */
export async function leaksOf(bed: Bed, mounts: readonly string[], over: boolean): Promise<Leaks> {
  const { mark, work } = bed.places
  const containers = bed.engine.daemon.isWorking ? await bed.engine.containers(true) : []
  return {
    containers: containers.map(
      ({ Id, Names, State }) => `container ${Id.slice(0, 12)} (${Names.join(', ')}) is ${State}`,
    ),
    // The engine's own parent group stays as long as the engine; so do the agent's tiers as long as the agent.
    cgroups: markedCgroups(mark)
      .filter(
        (path) => !path.includes(`${mark}engine`) && (over || /\/host-[^/]*$|\/[0-9a-f]{64}$/.test(path)),
      )
      .map((path) => `cgroup ${path} exists`),
    processes: markedProcesses(mark)
      .filter(({ command, grouped }) => grouped || (over && !isEngine(command)))
      .map(({ pid, command }) => `process ${pid} runs: ${command.slice(0, 200)}`),
    mounts: markedMounts(mark)
      .filter((point) => !mounts.includes(point) && !point.endsWith(ENGINE_NAMESPACE))
      .map((point) => `mount ${point} exists`),
    sandboxes: sandboxesIn(work).map((path) => `sandbox ${path} exists`),
  }
}

/** Shims are the engine's: one that is ended while it starts a container forgets the shim, which then stays. */
const isEngine = (command: string): boolean =>
  /^(\S*\/)?(dockerd|containerd|containerd-shim\S*) /.test(command)

/** Shims without a container, when there are no containers any more. */
export function engineShims({ places }: Bed): number {
  return markedProcesses(places.mark).filter(({ command }) => /containerd-shim/.test(command)).length
}

/** `slaves/AGENT/frameworks/FRAMEWORK/executors/EXECUTOR/runs/CONTAINER`, and the state of host containers. */
function sandboxesIn(work: string): string[] {
  let folders = [join(work, 'slaves')]
  for (const level of ['*', 'frameworks', '*', 'executors', '*', 'runs', '*'])
    folders = folders.flatMap((folder) =>
      level === '*' ? foldersIn(folder).map((name) => join(folder, name)) : [join(folder, level)],
    )
  return folders.filter((folder) => existsSync(folder))
}

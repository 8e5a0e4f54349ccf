// The work folder of an agent: one function per path (spec/mesos.md 6.2).
//
//   <work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>   a sandbox
//   <work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/latest        link to the newest
import { join } from 'node:path'

export interface RunIds {
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
}

// Mesos' name for the folder: clients build these paths themselves (spec/clients.md 3, mesos-term).
const AGENTS = 'slaves'

/** The folder of all agents that ever worked in this work folder. */
export function agentsDirectory(workDir: string): string {
  return join(workDir, AGENTS)
}

export function runsDirectory(workDir: string, ids: RunIds): string {
  return join(
    workDir,
    AGENTS,
    ids.agentId,
    'frameworks',
    ids.frameworkId,
    'executors',
    ids.executorId,
    'runs',
  )
}

export function sandboxDirectory(workDir: string, ids: RunIds, containerId: string): string {
  return join(runsDirectory(workDir, ids), containerId)
}

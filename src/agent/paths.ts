// The work folder of an agent: one function per path (spec/mesos.md 6.2).
//
//   `<work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/<container>`   a sandbox
//   `<work_dir>/slaves/<agent>/frameworks/<framework>/executors/<executor>/runs/latest`        link to the newest
//   `<work_dir>/meta/agent.db`                                                                 the checkpoint
import { join } from 'node:path'

export interface RunIds {
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
}

// Mesos' name for the folder: clients build these paths themselves (spec/clients.md 3, mesos-term).
export const AGENTS_FOLDER = 'slaves'
/** State of agents, as Mesos keeps it; what is there was left by others. */
export const META_AGENTS_FOLDER = join('meta', AGENTS_FOLDER)

/** What the agent's next life needs to know. */
export function checkpointFile(workDir: string): string {
  return join(workDir, 'meta', 'agent.db')
}

/** The folder of all agents that ever worked in this work folder. */
export function agentsDirectory(workDir: string): string {
  return join(workDir, AGENTS_FOLDER)
}

/** The folder of one agent. */
export function agentDirectory(workDir: string, agentId: string): string {
  return join(workDir, AGENTS_FOLDER, agentId)
}

export function runsDirectory(workDir: string, ids: RunIds): string {
  const { agentId, frameworkId, executorId } = ids
  return join(agentDirectory(workDir, agentId), 'frameworks', frameworkId, 'executors', executorId, 'runs')
}

export function sandboxDirectory(workDir: string, ids: RunIds, containerId: string): string {
  return join(runsDirectory(workDir, ids), containerId)
}

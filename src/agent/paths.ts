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
const AGENTS = 'slaves'

/** What the agent's next life needs to know. */
export function checkpointFile(workDir: string): string {
  return join(workDir, 'meta', 'agent.db')
}

/** The folder of all agents that ever worked in this work folder. */
export function agentsDirectory(workDir: string): string {
  return join(workDir, AGENTS)
}

/** The folder of one agent. */
export function agentDirectory(workDir: string, agentId: string): string {
  return join(workDir, AGENTS, agentId)
}

export function runsDirectory(workDir: string, ids: RunIds): string {
  const { agentId, frameworkId, executorId } = ids
  return join(agentDirectory(workDir, agentId), 'frameworks', frameworkId, 'executors', executorId, 'runs')
}

export function sandboxDirectory(workDir: string, ids: RunIds, containerId: string): string {
  return join(runsDirectory(workDir, ids), containerId)
}

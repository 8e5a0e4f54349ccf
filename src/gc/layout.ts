/**
 * The folders of sandboxes on disk (spec/mesos.md 6.2): finds the runs that are there, whatever a database remembers,
 * and takes away folders that hold nothing any more.
 */
import { lstat, readdir, rm, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A sandbox, with the ids that its path says. */
export interface FoundRun {
  /** Below the work folder. */
  readonly path: string
  readonly agentId: string
  readonly frameworkId: string
  readonly executorId: string
  readonly containerId: string
}

/**
 * Every sandbox below `<work folder>/<agents>`, one after the other.
 * @param onEmpty told of an executor's folder of runs that has none, by its absolute path
 */
export async function* runsIn(
  workDir: string,
  agents: string,
  onEmpty?: (runs: string) => Promise<void>,
): AsyncGenerator<FoundRun> {
  for (const agentId of await namesIn(join(workDir, agents))) {
    const frameworks = join(agents, agentId, 'frameworks')
    for (const frameworkId of await namesIn(join(workDir, frameworks))) {
      const executors = join(frameworks, frameworkId, 'executors')
      for (const executorId of await namesIn(join(workDir, executors))) {
        const runs = join(executors, executorId, 'runs')
        let isEmpty = true
        for (const containerId of await namesIn(join(workDir, runs))) {
          if (containerId === 'latest') continue
          isEmpty = false
          yield { path: join(runs, containerId), agentId, frameworkId, executorId, containerId }
        }
        if (isEmpty) await onEmpty?.(join(workDir, runs))
      }
    }
  }
}

/** Of an agent's, framework's or executor's folder: those that are there. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

/** An executor's folder of runs without any goes, and with it the folders above that hold nothing else. */
export async function removeEmptyAbove(runs: string): Promise<void> {
  const left = await namesIn(runs)
  if (left.some((name) => name !== 'latest')) return
  // A container may be asked for at this moment: only a link that leads nowhere is old.
  if (left.length > 0 && (await leadsSomewhere(join(runs, 'latest')))) return
  await rm(join(runs, 'latest'), { force: true })
  // runs, executor, executors, framework, frameworks, agent.
  let folder = runs
  for (let above = 0; above < 6; above++) {
    if (!(await removeIfEmpty(folder))) return
    folder = join(folder, '..')
  }
}

/**
 * Wall time in ms of a sandbox's last sign of life; undefined when it is gone. The agent sets the folder's time when
 * the container ends; after a crash of the agent the output tells how long it ran on.
 */
export async function lastChange(path: string): Promise<number | undefined> {
  let newest: number | undefined
  for (const name of ['', 'stdout', 'stderr']) {
    try {
      // A link itself, not what it leads to.
      newest = Math.max(newest ?? 0, (await lstat(join(path, name))).mtimeMs)
    } catch (error) {
      if (!isMissing(error)) throw error
    }
  }
  return newest
}

async function leadsSomewhere(link: string): Promise<boolean> {
  try {
    await stat(link)
    return true
  } catch (error) {
    if (isMissing(error)) return false
    throw error
  }
}

async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder)
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
}

// A container's folder in the agent's runtime directory: what the shim leaves there for this or a later life.
import { mkdir, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf } from '../cgroups/files.ts'
import { parseExitRecord, type ExitRecord } from './exit.ts'
import { parseStat, type ProcessEntry } from './process-table.ts'

export class ContainerState {
  readonly directory: string

  constructor(runtimeDirectory: string, containerId: string) {
    this.directory = join(runtimeDirectory, containerId)
  }

  async create(): Promise<void> {
    // Closed to others: it decides what a later life of the agent believes and kills.
    await mkdir(this.directory, { recursive: true, mode: 0o700 })
  }

  /** The first process; undefined until it entered its groups. */
  async started(): Promise<ProcessEntry | undefined> {
    const line = await this.#read('started')
    return line?.endsWith('\n') === true ? parseStat(line) : undefined
  }

  async exit(): Promise<ExitRecord | undefined> {
    return parseExitRecord(await this.#read('exit'))
  }

  /** What the shim said when it could not start the command. */
  async notes(): Promise<string> {
    return ((await this.#read('notes')) ?? '').trim()
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 10 })
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.directory, name), 'utf8')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    }
  }
}

/** Ids of the containers that have a folder. */
export async function knownContainers(runtimeDirectory: string): Promise<readonly string[]> {
  try {
    return await readdir(runtimeDirectory)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}

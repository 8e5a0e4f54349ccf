// A container's folder in the agent's runtime directory: what the shim leaves there for this or a later life.
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdir, readFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { MemoryMarks } from '../cgroups.ts'
import { errnoOf } from '../cgroups/files.ts'
import { parseExitRecord, type ExitRecord } from './exit.ts'
import { parseStat, type ProcessEntry } from './process-table.ts'

/** What a later life of the agent has to know of a start. */
export interface Birth {
  /** Of the kernel: pids and groups of another one mean nothing. */
  readonly bootId: string
  readonly marks: MemoryMarks
}

/** Changes with every start of the machine. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

export class ContainerState {
  readonly directory: string

  constructor(runtimeDirectory: string, containerId: string) {
    this.directory = join(runtimeDirectory, containerId)
  }

  async create(): Promise<void> {
    // Closed to others: it decides what a later life of the agent believes and kills.
    await mkdir(this.directory, { recursive: true, mode: 0o700 })
  }

  /** To be left before the shim is started. Not forced to the disk: after a loss of power it would say nothing new. */
  bear(birth: Birth): void {
    writeFileSync(join(this.directory, 'birth'), `${birth.bootId} ${birth.marks.tierHits}\n`)
  }

  /** Undefined when it is absent or cut short. */
  async birth(): Promise<Birth | undefined> {
    const [, id, hits] = /^(\S+) (\d+)\n$/.exec((await this.#read('birth')) ?? '') ?? []
    return id === undefined ? undefined : { bootId: id, marks: { tierHits: Number(hits) } }
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

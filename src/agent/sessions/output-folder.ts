/**
 * Where a container in a container writes, `containers/ID/stdout` and `stderr` below the sandbox of the outer, as in
 * Mesos. The task owns the sandbox and may put a link in our way: every step goes through an open folder.
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { OperatingError } from '../../base/errors.ts'
import { SandboxOutput } from '../../containerizer/docker/output.ts'
import type { OutputName } from '../../containerizer/session.ts'
import type { OutputFile } from './running.ts'

export interface OutputSizes {
  readonly maxBytes: number
  readonly headBytes: number
}

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const within = (folder: number, name: string): string => `/proc/self/fd/${folder}/${name}`

/**
 * @param onTrouble called once when no more can be written; what is printed then is dropped
 * @throws OperatingError FILE
 */
export function openOutputFolder(
  sandbox: string,
  id: string,
  sizes: OutputSizes,
  onTrouble: (error: unknown) => void,
): OutputFile {
  const all = openFolder(`${sandbox}/containers`)
  let own: number
  try {
    own = openFolder(within(all, id))
  } finally {
    closeSync(all)
  }
  try {
    const output = SandboxOutput.open({ sandbox: `/proc/self/fd/${own}`, ...sizes, onTrouble })
    return {
      take: (stream, piece) => output.take(nameOf(stream), [piece]),
      close: () => {
        output[Symbol.dispose]()
        closeSync(own)
      },
    }
  } catch (error) {
    closeSync(own)
    throw error
  }
}

/** Removes what such a container wrote; nothing happens when that is gone. @throws OperatingError FILE */
export function removeOutputFolder(sandbox: string, id: string): void {
  let all: number | undefined
  let own: number | undefined
  try {
    all = openSync(`${sandbox}/containers`, FOLDER)
    own = openSync(within(all, id), FOLDER)
    for (const name of readdirSync(`/proc/self/fd/${own}`)) unlinkSync(within(own, name))
    rmdirSync(within(all, id))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw new OperatingError('FILE', `Cannot remove what container ${id} wrote`, { cause: error })
  } finally {
    for (const folder of [all, own]) if (folder !== undefined) closeSync(folder)
  }
}

function openFolder(path: string): number {
  try {
    mkdirSync(path, { mode: 0o755 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new OperatingError('FILE', `Cannot make the folder ${path}`, { cause: error })
  }
  try {
    return openSync(path, FOLDER)
  } catch (error) {
    throw new OperatingError('FILE', `Cannot open the folder ${path}`, { cause: error })
  }
}

const nameOf = (stream: OutputName): 'stdout' | 'stderr' => (stream === 'STDERR' ? 'stderr' : 'stdout')

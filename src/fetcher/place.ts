// The sandbox while it is being filled: closed to its owner, so that nothing in it changes under the agent's hands.
import { constants } from 'node:fs'
import { chown, lstat, mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { OperatingError } from '../base/errors.ts'
import type { Owner } from './source.ts'

/** Its group may go through to a desk of the owner's; nobody else gets in. */
const CLOSED = 0o710

/** Takes a sandbox from its owner until this is disposed of; without an owner it is the agent's own all the time. */
export async function closeSandbox(sandbox: string, owner: Owner | undefined): Promise<AsyncDisposable> {
  if (owner === undefined) return { [Symbol.asyncDispose]: () => Promise.resolve() }
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants
  const folder = await open(sandbox, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  try {
    const { mode } = await folder.stat()
    await folder.chown(process.getuid?.() ?? 0, owner.gid)
    await folder.chmod(CLOSED)
    return {
      async [Symbol.asyncDispose]() {
        try {
          await folder.chown(owner.uid, owner.gid)
          await folder.chmod(mode & 0o7777)
        } finally {
          await folder.close()
        }
      },
    }
  } catch (error) {
    await folder.close()
    throw error
  }
}

/**
 * The path of a name in the sandbox, with the folders that lead there.
 * @throws OperatingError FETCH when something else than a folder is in the way: a link would lead anywhere
 */
export async function pathTo(sandbox: string, name: string, owner: Owner | undefined): Promise<string> {
  let folder = sandbox
  for (const part of dirname(name).split('/')) {
    if (part === '.') continue
    folder = join(folder, part)
    const kind = await kindOf(folder)
    if (kind === 'other') throw new OperatingError('FETCH', `${part} in its name is no folder in the sandbox`)
    if (kind === 'folder') continue
    await mkdir(folder, { mode: 0o755 })
    if (owner !== undefined) await chown(folder, owner.uid, owner.gid)
  }
  return join(sandbox, name)
}

/** Gives what is at `from` its name. @throws OperatingError FETCH when a folder has this name */
export async function moveTo(from: string, to: string): Promise<void> {
  if ((await kindOf(to)) === 'folder')
    throw new OperatingError('FETCH', 'a folder of its name is in the sandbox already', {
      hint: 'Give one of them another output_file',
    })
  if ((await kindOf(from)) === 'folder') await rm(to, { force: true })
  await rename(from, to)
}

/** Moves all that is in a folder into another; folders of one name become one, later files replace earlier ones. */
export async function merge(from: string, to: string): Promise<void> {
  for (const name of await readdir(from)) {
    const [source, target] = [join(from, name), join(to, name)]
    const both = (await kindOf(source)) === 'folder' && (await kindOf(target)) === 'folder'
    if (both) await merge(source, target)
    else await moveTo(source, target)
  }
  await rmdir(from)
}

async function kindOf(path: string): Promise<'folder' | 'other' | undefined> {
  try {
    return (await lstat(path)).isDirectory() ? 'folder' : 'other'
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

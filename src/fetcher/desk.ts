// Folders that files come into before they are looked at: closed to everybody, or a user's own inside of a closed one.
import type { Stats } from 'node:fs'
import { chmod, chown, lchown, lstat, mkdir, opendir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatingError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import type { Owner } from './source.ts'

export interface Desk extends AsyncDisposable {
  readonly path: string
}

/**
 * A folder for one file, removed with all that is in it.
 * @param user who alone may write there; undefined: the agent
 */
export async function openDesk(parent: string, user: Owner | undefined, random: Random): Promise<Desk> {
  const path = join(parent, `.fetch-${random.uuid()}`)
  await mkdir(path)
  await chmod(path, 0o700)
  if (user !== undefined) await chown(path, user.uid, user.gid)
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

/**
 * Looks at what a program made, now that nobody else can reach it any more: neither devices nor pipes may be in it, and
 * a name that a user gave to somebody else's file must not become his file. A file of our own needs no look.
 * @param path in a closed folder
 * @param maker whose program it was; undefined: the agent's
 * @throws OperatingError FETCH
 */
export async function takeOver(
  path: string,
  maker: Owner | undefined,
): Promise<{ readonly isFile: boolean; readonly size: number }> {
  const info = await lstat(path)
  const isFile = info.isFile()
  if (!isFile && !info.isDirectory()) throw new OperatingError('FETCH', 'it is neither a file nor a folder')
  if (isFile && maker !== undefined && info.nlink > 1)
    throw new OperatingError('FETCH', 'it has another name at the same time')
  const within = isFile ? [] : await opendir(path, { recursive: true })
  if (maker !== undefined) checkOwner(info, maker)
  for await (const entry of within) {
    if (!entry.isFile() && !entry.isDirectory() && !entry.isSymbolicLink())
      throw new OperatingError('FETCH', `it holds '${entry.name}', which is a device, a pipe or a socket`)
    if (maker !== undefined) checkOwner(await lstat(join(entry.parentPath, entry.name)), maker)
  }
  return { isFile, size: info.size }
}

function checkOwner({ uid }: Stats, maker: Owner): void {
  if (uid !== maker.uid) throw new OperatingError('FETCH', 'it was exchanged while it was copied')
}

/** Gives a file, or a folder with all that is in it, to a user; links are given, not followed. */
export async function give(path: string, owner: Owner): Promise<void> {
  await lchown(path, owner.uid, owner.gid)
  if (!(await lstat(path)).isDirectory()) return
  for await (const entry of await opendir(path, { recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), owner.uid, owner.gid)
  }
}

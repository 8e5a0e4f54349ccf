// Folders that files come into before they are looked at: closed to everybody, or a user's own inside of a closed one.
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
 * Looks at what a user's program made, now that the user cannot reach it any more: a name that he gave to somebody
 * else's file must not become his file. What the agent made itself needs no look.
 * @param path in a closed folder
 * @throws OperatingError FETCH
 */
export async function takeOver(
  path: string,
  maker: Owner | undefined,
): Promise<{ readonly isFile: boolean; readonly size: number }> {
  const info = await lstat(path)
  const isFile = info.isFile()
  if (!isFile && !info.isDirectory()) throw new OperatingError('FETCH', 'it is neither a file nor a folder')
  if (maker === undefined) return { isFile, size: info.size }
  const owners = isFile ? [info.uid] : await ownersIn(path)
  if (isFile && info.nlink > 1) throw new OperatingError('FETCH', 'it has another name at the same time')
  if (owners.some((uid) => uid !== maker.uid))
    throw new OperatingError('FETCH', 'it was exchanged while it was copied')
  return { isFile, size: info.size }
}

async function ownersIn(folder: string): Promise<number[]> {
  const owners = new Set([(await lstat(folder)).uid])
  for await (const entry of await opendir(folder, { recursive: true }))
    owners.add((await lstat(join(entry.parentPath, entry.name))).uid)
  return [...owners]
}

/** Gives a file, or a folder with all that is in it, to a user; links are given, not followed. */
export async function give(path: string, owner: Owner): Promise<void> {
  await lchown(path, owner.uid, owner.gid)
  if (!(await lstat(path)).isDirectory()) return
  for await (const entry of await opendir(path, { recursive: true })) {
    await lchown(join(entry.parentPath, entry.name), owner.uid, owner.gid)
  }
}

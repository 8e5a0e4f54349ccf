// Accounts of this machine by name, wherever they are kept.
import { OperatingError } from './errors.ts'
import { runCommand } from './exec.ts'

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/**
 * Looks a user up; undefined when there is none.
 * @throws OperatingError LAUNCH when the text cannot be the name of a user
 */
export async function findAccount(user: string): Promise<Account | undefined> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(user)) {
    throw new OperatingError('LAUNCH', `'${user}' is not the name of a user`)
  }
  // Through getent, because users may live in a directory service.
  const found = await runCommand('getent', ['passwd', user])
  const [name, , uid, gid] = found.stdout.split(':')
  if (found.exitCode !== 0 || name === undefined || uid === undefined || gid === undefined) return undefined
  return { name, uid: Number(uid), gid: Number(gid) }
}

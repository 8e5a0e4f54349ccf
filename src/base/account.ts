// Accounts of this machine by name, wherever they are kept.
import { readFileSync } from 'node:fs'
import { OperatingError } from './errors.ts'
import { runCommand } from './exec.ts'

export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/**
 * Looks a user up; undefined when there is none.
 *
 * @param file where the machine's own accounts are
 * @throws OperatingError LAUNCH when the text cannot be the name of a user
 */
export async function findAccount(user: string, file = '/etc/passwd'): Promise<Account | undefined> {
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@-]*\$?$/.test(user)) {
    throw new OperatingError('LAUNCH', `'${user}' is not the name of a user`)
  }
  // The machine's own users are read from their file, which takes no process; every launch asks.
  const own = linesOf(file).find((line) => line.startsWith(`${user}:`))
  if (own !== undefined) return accountIn(own)
  // The others through getent, because they may live in a directory service.
  const found = await runCommand('getent', ['passwd', user])
  return found.exitCode === 0 ? accountIn(found.stdout) : undefined
}

/** A line has the form `name:password:uid:gid:…`. */
function accountIn(line: string): Account | undefined {
  const [name, , uid, gid] = line.split(':')
  if (name === undefined || !/^\d+$/.test(uid ?? '') || !/^\d+$/.test(gid ?? '')) return undefined
  return { name, uid: Number(uid), gid: Number(gid) }
}

/** At once: a small file of the machine's own disk takes less time than four hops to a thread. */
function linesOf(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n')
  } catch {
    // A machine may keep all its accounts elsewhere.
    return []
  }
}

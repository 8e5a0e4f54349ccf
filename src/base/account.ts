// Accounts of this machine by name, wherever they are kept.
import { readFileSync, statSync } from 'node:fs'
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

/** What was read last, and the state of the file then: every launch asks, and the file hardly ever changes. */
let known: { readonly file: string; readonly state: string; readonly lines: readonly string[] } | undefined

/** At once: a small file of the machine's own disk takes less time than four hops to a thread. */
function linesOf(file: string): readonly string[] {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(file)
    const state = `${ino} ${size} ${mtimeMs} ${ctimeMs}`
    if (known?.file === file && known.state === state) return known.lines
    known = { file, state, lines: readFileSync(file, 'utf8').split('\n') }
    return known.lines
  } catch {
    // A machine may keep all its accounts elsewhere.
    return []
  }
}

/**
 * The masters that somebody has given names: `-m prod` in place of an address, and the one that is meant when none is
 * named. Kept in `contexts.json` in the folder of settings of the user.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import { makeFolders } from '../base/folders.ts'
import { closest } from '../base/words.ts'

export interface Contexts {
  readonly current: string | undefined
  readonly masters: ReadonlyMap<string, string>
}

type Environment = Readonly<Record<string, string | undefined>>

const NAME = /^[A-Za-z0-9][\w-]{0,62}$/
const DEFAULT_MASTER = '127.0.0.1:5050'

/** Undefined where there is no home. */
function pathOf(environment: Environment): string | undefined {
  const { HOME: home = '', XDG_CONFIG_HOME: config = '' } = environment
  if (config.startsWith('/')) return join(config, 'tepui', 'contexts.json')
  return home === '' ? undefined : join(home, '.config', 'tepui', 'contexts.json')
}

/** @throws OperatingError FILE when the file is not what we wrote */
export function readContexts(environment: Environment): Contexts {
  const path = pathOf(environment)
  const text = path === undefined ? undefined : textIn(path)
  if (path === undefined || text === undefined) return { current: undefined, masters: new Map() }
  const kept = parsed(text)
  if (kept !== undefined) return kept
  throw new OperatingError('FILE', `${path} does not hold names of masters`, {
    hint: 'Remove it, and name them again with `tepui ctx add NAME MASTER`',
  })
}

function textIn(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    // A home that may not be entered is another's: HOME often stays what it was when somebody becomes another user.
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(code)) return undefined
    throw new OperatingError('FILE', `${path} cannot be read`, { cause: error })
  }
}

function parsed(text: string): Contexts | undefined {
  let kept: unknown
  try {
    kept = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof kept !== 'object' || kept === null) return undefined
  const { current, masters } = kept as Readonly<Record<string, unknown>>
  if (typeof masters !== 'object' || masters === null) return undefined
  const pairs = Object.entries(masters)
  if (!pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string')) return undefined
  return { current: typeof current === 'string' ? current : undefined, masters: new Map(pairs) }
}

/** Whole or not at all. @throws OperatingError FILE */
export function writeContexts(environment: Environment, { current, masters }: Contexts): void {
  const path = pathOf(environment)
  if (path === undefined)
    throw new OperatingError('FILE', 'There is no folder for settings', {
      hint: 'Set HOME or XDG_CONFIG_HOME',
    })
  const text = JSON.stringify({ current, masters: Object.fromEntries(masters) }, undefined, 2)
  try {
    makeFolders(dirname(path), 0o700)
    writeFileSync(`${path}.part`, `${text}\n`, { mode: 0o600 })
    renameSync(`${path}.part`, path)
  } catch (error) {
    throw new OperatingError('FILE', `${path} cannot be written`, { cause: error })
  }
}

/** @throws OperatingError USAGE */
export function expectName(name: string): void {
  if (!NAME.test(name))
    throw usageError(`'${name}' is no name for a master`, 'Letters, digits, - and _, such as prod')
}

/** The master that is known by a name. @throws OperatingError REFUSED */
export function masterNamed({ masters }: Contexts, name: string): string {
  const found = masters.get(name)
  if (found !== undefined) return found
  const near = closest(name, masters.keys())
  throw new OperatingError('REFUSED', `No master is known as '${name}'`, {
    hint: near === undefined ? '`tepui ctx ls` lists those that are' : `Did you mean ${near}?`,
  })
}

/**
 * The address that is meant: what was typed, what the environment says, what `ctx use` chose, or this machine.
 * @throws OperatingError FILE when names are needed and cannot be read
 */
export function masterMeant(typed: string | undefined, environment: Environment): string {
  const said = typed ?? environment['TEPUI_MASTER'] ?? environment['MESOS_MASTER']
  // What has a colon, a dot or a slash is an address; so is a host that nobody has given another meaning.
  if (said !== undefined)
    return NAME.test(said) ? (readContexts(environment).masters.get(said) ?? said) : said
  const { current, masters } = readContexts(environment)
  return masters.get(current ?? '') ?? DEFAULT_MASTER
}

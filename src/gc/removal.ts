/**
 * Removes a tree of files, however large, deep or oddly named, without leaving it: every folder is held by a descriptor
 * and its entries are named through that, so that neither a link nor a folder that somebody swaps meanwhile leads
 * elsewhere; what is mounted below stays. Synchronous, for a thread of its own (`remover.ts`).
 */
import {
  chmodSync,
  closeSync,
  constants,
  type Dir,
  type Dirent,
  fchmodSync,
  lstatSync,
  opendirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { reasonOf } from '../base/errors.ts'
import { isSecondHalf, type RemovalShare } from './removal-share.ts'

export interface RemovalOutcome {
  /** Files, links and folders that are gone. */
  readonly removed: number
  /** What they took on disk; of files with several names, nothing. */
  readonly bytes: number
  /** Entries that could not be removed, without the folders that hold them. */
  readonly failed: number
  /** The first of them, with the reason. */
  readonly failures: readonly string[]
}

/** Folders that are held open at a time; what lies deeper is moved up first, so that depth costs nothing. */
const MAX_DEPTH = 64
const MAX_FAILURES = 5
const PROGRESS_ENTRIES = 5000
/** Entries that are read from a folder at a time. */
const READ_AHEAD = 256
/** Names a file without opening it. Node has no word for it. */
const O_PATH = 0o10_000_000
const OPEN_FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
/** A name of bytes that are no UTF-8 survives as latin1; only ASCII can be used as it is. */
const BEYOND_ASCII = /[\u0080-\u00ff]/

/** Of the kernel's `st_blocks`, on every file system. */
const BLOCK_BYTES = 512
const NOTHING: RemovalOutcome = { removed: 0, bytes: 0, failed: 0, failures: [] }

interface Level {
  readonly fd: number
  /** `/proc/self/fd/N/`: what its entries are named through. */
  readonly prefix: string
  /** In its parent, as latin1. */
  readonly name: string
  entries: Dir
  /** In this reading of it. */
  failed: number
  removed: number
  moved: number
  mayWrite: boolean
}

interface Walk {
  readonly root: Level
  readonly stack: Level[]
  readonly mount: string
  removed: number
  bytes: number
  failed: number
  readonly failures: string[]
  /** For the names of folders that were moved up. */
  serial: number
  readonly onProgress: (removed: number) => void
  told: number
  /** Only half of the folders at the top are its own, and the root is not. */
  readonly isHelper: boolean
  /** Undefined: nobody helps. */
  share: RemovalShare | undefined
  /** Of the root, what was left to the helper in this reading. */
  left: number
}

/**
 * Removes what is at the path, which must be absolute, and everything below. What is not there counts as removed; what
 * cannot be removed is told and everything else goes all the same.
 *
 * @param share with a helper that may join; what it removed is in its own outcome
 */
export function removeTree(
  path: string,
  onProgress: (removed: number) => void = () => undefined,
  share?: RemovalShare,
): RemovalOutcome {
  return removeAt(path, { onProgress, share, isHelper: false })
}

/** The half of a tree that a helper takes; what it could not remove is for the other to tell. */
export function removeHalf(path: string): RemovalOutcome {
  return removeAt(path, { onProgress: () => undefined, share: undefined, isHelper: true })
}

type How = Pick<Walk, 'onProgress' | 'share' | 'isHelper'>

function removeAt(path: string, how: How): RemovalOutcome {
  let parent: number
  try {
    parent = openSync(dirname(path), OPEN_FOLDER)
  } catch (error) {
    if (isGone(error)) return NOTHING
    return { ...NOTHING, failed: 1, failures: [`${dirname(path)}: ${reasonOf(error)}`] }
  }
  try {
    return removeIn(parent, path, how)
  } finally {
    closeSync(parent)
  }
}

function removeIn(parent: number, path: string, how: How): RemovalOutcome {
  const name = Buffer.from(basename(path)).toString('latin1')
  const prefix = through(parent)
  const failed = (reason: string): RemovalOutcome => ({
    ...NOTHING,
    failed: 1,
    failures: [`${path}: ${reason}`],
  })
  try {
    const found = lstatSync(within(prefix, name))
    if (!found.isDirectory()) {
      if (how.isHelper) return NOTHING
      unlinkSync(within(prefix, name))
      return { ...NOTHING, removed: 1, bytes: bytesOf(found) }
    }
    const mount = mountOf(parent)
    const root = openLevel(prefix, name, mount)
    if (root === 'mounted') return failed('something is mounted here')
    const walk: Walk = {
      root,
      stack: [root],
      mount,
      removed: 0,
      bytes: 0,
      failed: 0,
      failures: [],
      serial: 0,
      told: 0,
      left: 0,
      ...how,
    }
    try {
      while (walk.stack.length > 0) step(walk, prefix, path)
    } finally {
      for (const level of walk.stack) closeLevel(level)
    }
    const { bytes, failed: left, failures, removed } = walk
    return { removed, bytes, failed: left, failures }
  } catch (error) {
    return isGone(error) ? NOTHING : failed(reasonOf(error))
  }
}

/** One entry of the deepest folder, or its end. */
function step(walk: Walk, outside: string, path: string): void {
  const level = walk.stack.at(-1) as Level
  const entry = level.entries.readSync()
  if (entry === null) {
    finish(walk, level, outside, path)
    return
  }
  try {
    if (level === walk.root && isForOther(walk, entry)) walk.left++
    else if (entry.isDirectory()) descend(walk, level, entry.name)
    else removeFile(walk, level, entry.name)
  } catch (error) {
    if (!isGone(error)) giveUp(walk, level, entry.name, reasonOf(error), path)
    // Somebody else removes here as well: what is left is worth another look.
    else level.removed++
  }
}

/** At the top: what the other of two threads removes. */
function isForOther({ isHelper, share }: Walk, entry: Dirent): boolean {
  if (isHelper) return !entry.isDirectory() || !isSecondHalf(entry.name)
  return entry.isDirectory() && share?.isHelpers(entry.name) === true
}

function removeFile(walk: Walk, level: Level, name: string): void {
  const path = within(level.prefix, name)
  const bytes = bytesOf(lstatSync(path))
  try {
    unlinkSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // It became a folder meanwhile, or its file system does not tell kinds.
    if (code === 'EISDIR') return descend(walk, level, name)
    if (code !== 'EACCES' || level.mayWrite) throw error
    letWrite(level)
    unlinkSync(path)
  }
  walk.bytes += bytes
  count(walk, level)
}

function descend(walk: Walk, level: Level, name: string): void {
  if (walk.stack.length >= MAX_DEPTH) return moveUp(walk, level, name)
  const below = openLevel(level.prefix, name, walk.mount)
  if (below === 'mounted') throw new Error('something is mounted here')
  walk.stack.push(below)
}

/** A folder that lies too deep becomes one of the root's own, where a later reading finds it. */
function moveUp(walk: Walk, level: Level, name: string): void {
  for (;;) {
    try {
      renameSync(within(level.prefix, name), `${walk.root.prefix}.tepui-deep-${walk.serial++}`)
      walk.root.moved++
      level.removed++
      return
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EACCES' && !level.mayWrite) letWrite(level)
      else if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'ENOTDIR') throw error
    }
  }
}

/** The folder was read to its end: it goes, or is read again when something came meanwhile. */
function finish(walk: Walk, level: Level, outside: string, path: string): void {
  const above = walk.stack.at(-2)
  if (level === walk.root && walk.isHelper) return leave(walk, level)
  if (level === walk.root && walk.share !== undefined) {
    walk.share.finish()
    walk.share = undefined
    if (walk.left > 0) return readAllAgain(walk)
  }
  const isStuck = level.failed > 0 && level.moved === 0
  if (!isStuck) {
    try {
      rmdirSync(within(above?.prefix ?? outside, level.name))
      leave(walk, level)
      count(walk, above ?? level)
      return
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EACCES' && above !== undefined && !above.mayWrite) return letWrite(above)
      if (code === 'ENOTEMPTY' && level.removed + level.moved > 0) return readAgain(level)
      leave(walk, level)
      if (isGone(error)) return
      giveUp(walk, above ?? level, level.name, reasonOf(error), path)
      return
    }
  }
  leave(walk, level)
  if (above !== undefined) above.failed++
}

function leave(walk: Walk, level: Level): void {
  walk.stack.pop()
  closeLevel(level)
}

/** Once the helper has ended: what failed before fails again, and is told then. */
function readAllAgain(walk: Walk): void {
  walk.failed = 0
  walk.failures.length = 0
  readAgain(walk.root)
}

function readAgain(level: Level): void {
  level.entries.closeSync()
  level.entries = entriesOf(level.fd)
  level.failed = 0
  level.removed = 0
  level.moved = 0
}

function count(walk: Walk, level: Level): void {
  level.removed++
  walk.removed++
  if (walk.removed - walk.told < PROGRESS_ENTRIES) return
  walk.told = walk.removed
  walk.onProgress(walk.removed)
}

function giveUp(walk: Walk, level: Level, name: string, reason: string, path: string): void {
  level.failed++
  walk.failed++
  if (walk.failures.length >= MAX_FAILURES) return
  const way = [...walk.stack.slice(1).map((one) => one.name), name]
  const shown = Buffer.from(way.slice(-3).join('/'), 'latin1').toString().slice(-300)
  walk.failures.push(`${path}/${way.length > 3 ? '…/' : ''}${shown}: ${reason}`)
}

function openLevel(prefix: string, name: string, mount: string): Level | 'mounted' {
  const fd = openFolder(within(prefix, name))
  try {
    if (mountOf(fd) !== mount) {
      closeSync(fd)
      return 'mounted'
    }
    const level = { fd, prefix: through(fd), name, entries: entriesOf(fd) }
    return { ...level, failed: 0, removed: 0, moved: 0, mayWrite: false }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** A folder of ours that even its owner may not read is made readable. */
function openFolder(path: string | Buffer): number {
  try {
    return openSync(path, OPEN_FOLDER)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error
    const held = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW)
    try {
      chmodSync(`/proc/self/fd/${held}`, 0o700)
    } finally {
      closeSync(held)
    }
    return openSync(path, OPEN_FOLDER)
  }
}

function closeLevel(level: Level): void {
  level.entries.closeSync()
  closeSync(level.fd)
}

function letWrite(level: Level): void {
  level.mayWrite = true
  fchmodSync(level.fd, 0o700)
}

/** What goes with the last of its names. */
const bytesOf = ({ blocks, nlink }: Stats): number => (nlink > 1 ? 0 : blocks * BLOCK_BYTES)

const through = (fd: number): string => `/proc/self/fd/${fd}/`

const entriesOf = (fd: number): Dir =>
  opendirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1', bufferSize: READ_AHEAD })

function within(prefix: string, name: string): string | Buffer {
  return BEYOND_ASCII.test(name) ? Buffer.from(prefix + name, 'latin1') : prefix + name
}

/** The number of the mount that a descriptor lies on: also a folder bound over another has one of its own. */
function mountOf(fd: number): string {
  return /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1] ?? ''
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOENT'
}

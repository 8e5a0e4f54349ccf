// What an archive may hold: files, folders and links with names that stay inside, whoever made the archive.
import { OperatingError } from '../../base/errors.ts'

interface Named {
  /** Path below the folder that it is unpacked into: no empty part, no `.`, no `..`; empty for that folder itself. */
  readonly name: string
  /** Permission bits alone: nothing is set-uid, set-gid or sticky. */
  readonly mode: number
  /** Seconds since 1970. */
  readonly mtime: number
}

/** One thing in an archive. `data` must be read to its end before the next entry is asked for. */
export type Entry =
  | (Named & { readonly kind: 'file'; readonly data: AsyncIterable<Uint8Array> })
  | (Named & { readonly kind: 'folder' })
  /** `target` leads to a place inside, through whatever other links. */
  | (Named & { readonly kind: 'link'; readonly target: string })
  /** `target` is the name of another entry. */
  | (Named & { readonly kind: 'hardlink'; readonly target: string })

const MAX_NAME_BYTES = 4095
const MAX_PART_BYTES = 255
const MAX_DEPTH = 256
/** The logs of a container lie at the top of its sandbox. */
const LOGS = new Set(['stdout', 'stderr'])

export function refusal(words: string, cause?: unknown): OperatingError {
  return new OperatingError('FETCH', words, cause === undefined ? {} : { cause })
}

/** A name of a stranger for a message: short, and nothing in it moves a cursor. */
export function shownName(name: string): string {
  const short = name.length > 100 ? `${name.slice(0, 97)}...` : name
  return `'${short.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')}'`
}

/** @throws OperatingError FETCH for a name that leads outside or that no file system takes */
export function cleanName(raw: string): string {
  const refuse = (why: string): OperatingError => refusal(`the archive names ${shownName(raw)}, which ${why}`)
  if (raw.includes('\0')) throw refuse('contains NUL')
  if (raw.startsWith('/')) throw refuse('is outside: it is absolute')
  const parts = raw.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw refuse("is outside: it has '..' in it")
  if (parts.length > MAX_DEPTH) throw refuse(`is more than ${MAX_DEPTH} folders deep`)
  if (Buffer.byteLength(raw) > MAX_NAME_BYTES) throw refuse(`is longer than ${MAX_NAME_BYTES} bytes`)
  if (parts.some((part) => Buffer.byteLength(part) > MAX_PART_BYTES))
    throw refuse(`has a part of more than ${MAX_PART_BYTES} bytes`)
  const name = parts.join('/')
  if (LOGS.has(name)) throw refuse('is the name of a log')
  return name
}

/**
 * A symbolic link may climb only at its beginning, and not above the folder that all is unpacked into. Every link that
 * keeps this leads inside whatever the others are: it climbs through real folders and then only goes down.
 * @param name as `cleanName` gives it
 * @throws OperatingError FETCH
 */
export function checkLink(name: string, target: string): void {
  const refuse = (why: string): OperatingError =>
    refusal(`the archive links outside: ${shownName(name)} to ${shownName(target)}, which ${why}`)
  if (target === '' || target.includes('\0')) throw refuse('is no path')
  if (target.startsWith('/')) throw refuse('is absolute')
  if (Buffer.byteLength(target) > MAX_NAME_BYTES) throw refuse(`is longer than ${MAX_NAME_BYTES} bytes`)
  const parts = target.split('/').filter((part) => part !== '' && part !== '.')
  const climbs = parts.findIndex((part) => part !== '..')
  const up = climbs < 0 ? parts.length : climbs
  if (up > name.split('/').length - 1) throw refuse('climbs out')
  if (parts.slice(up).includes('..')) throw refuse("has '..' in its middle")
}

/** Text of bytes that may be UTF-8: else each byte is taken as a character (ISO 8859-1), so that no name is lost. */
export function textOf(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes)
  } catch {
    // Not UTF-8: archives of old systems.
    return Buffer.from(bytes).toString('latin1')
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

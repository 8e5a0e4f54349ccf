// What a URI of a task means: where it comes from, its name in the sandbox, what is done with it (spec/mesos.md 9).
import { posix } from 'node:path'
import { type Rejection, rejection } from '../base/errors.ts'
import type { CommandInfoURI } from '../wire/commands.ts'

/** What happens to a file once it is in the sandbox; `executable` takes precedence over `extract`. */
export type Action = 'chmod' | 'extract' | 'gunzip' | 'none'

export interface FetchItem {
  /** As given, for messages, without user and password. */
  readonly shown: string
  readonly source: SourceUri
  /** What the contents must have, as 64 lower-case digits. */
  readonly sha256: string | undefined
  /** Path below the sandbox. */
  readonly target: string
  readonly action: Action
  /** Wants the cache, where it is known as `value`: the URI as given. */
  readonly cached: boolean
  readonly value: string
}

export type SourceUri =
  | { readonly kind: 'http'; readonly url: string }
  | { readonly kind: 'ftp'; readonly url: string }
  | { readonly kind: 'file'; readonly path: string }
  /** Whatever else the Hadoop client may know. */
  | { readonly kind: 'hadoop'; readonly uri: string }

const ARCHIVES = /\.(tar|tgz|tar\.gz|tbz2|tar\.bz2|txz|tar\.xz|zip)$/
/** Of Tepui: a sum that stands behind the URI. It is never sent, and no part of the file's name. */
const SUM = /#sha256=([^#]*)$/i
const MAX_URI_BYTES = 8192
const MAX_NAME_BYTES = 255

/** Reads one URI, or says what is wrong with it. */
export function planItem(uri: CommandInfoURI, frameworksHome: string | undefined): FetchItem | Rejection {
  const value = uri.value.trimStart()
  const shown = shownUri(value)
  const refuse = (why: string): Rejection => rejection(`Cannot fetch '${shown}': ${why}`)
  const wrongText = wrongValue(value)
  if (wrongText !== undefined) return refuse(wrongText)
  const sum = SUM.exec(value)
  const sha256 = sum?.[1]?.toLowerCase()
  if (sha256 !== undefined && !/^[0-9a-f]{64}$/.test(sha256))
    return refuse('the sum behind #sha256= is not 64 hexadecimal digits')
  const plain = sum === null ? value : value.slice(0, sum.index)
  const source = sourceOf(plain, frameworksHome)
  if ('rejected' in source) return refuse(source.message)
  const path = source.kind === 'file' ? source.path : plain.slice(plain.indexOf('://') + 3)
  const name = posix.basename(path)
  if (name === '' || name === '.' || name === '..' || path.endsWith('/'))
    return refuse('it names no file (missing path)')
  const target = uri.output_file ?? name
  const wrong = wrongTarget(target)
  if (wrong !== undefined) {
    const what = uri.output_file === undefined ? `its file name '${target}'` : `output_file '${target}'`
    return refuse(`${what} ${wrong}`)
  }
  const common = { shown, source, sha256, target: posix.normalize(target), value }
  return { ...common, action: actionOf(uri, target), cached: uri.cache === true }
}

/** Passwords stay out of messages, and so does what moves a cursor. */
function shownUri(value: string): string {
  const open = value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1')
  const short = open.length > 500 ? `${open.slice(0, 497)}...` : open
  return short.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')
}

function wrongValue(value: string): string | undefined {
  if (/[\\'\0]/.test(value)) return "a URI may not contain \\, ' or NUL"
  if (/\p{Cc}/u.test(value)) return 'a URI may not contain control characters'
  if (Buffer.byteLength(value) > MAX_URI_BYTES) return `it is longer than ${MAX_URI_BYTES} bytes`
  return value === '' ? 'the URI is empty' : undefined
}

function actionOf(uri: CommandInfoURI, target: string): Action {
  if (uri.executable === true) return 'chmod'
  if (uri.extract === false) return 'none'
  if (ARCHIVES.test(target)) return 'extract'
  return target.endsWith('.gz') ? 'gunzip' : 'none'
}

function sourceOf(value: string, frameworksHome: string | undefined): SourceUri | Rejection {
  const [, scheme, rest = ''] = /^([^/]*?):\/\/(.*)$/s.exec(value) ?? []
  if (scheme === undefined) {
    if (value.startsWith('/')) return { kind: 'file', path: value }
    if (frameworksHome === undefined || frameworksHome === '')
      return rejection('a relative path needs the agent to run with --frameworks_home')
    return { kind: 'file', path: posix.join(frameworksHome, value) }
  }
  // RFC 3986, 3.1: what else stands there is a typing error, and not for the Hadoop client to guess at.
  if (!/^[a-z][a-z0-9+.-]*$/i.test(scheme)) return rejection(`'${scheme}' is no scheme`)
  const kind = scheme.toLowerCase()
  if (kind === 'file') {
    const path = rest.replace(/^localhost(?=\/)/, '')
    return path.startsWith('/') ? { kind: 'file', path } : rejection('a file:// URI needs an absolute path')
  }
  // Mesos wants a stroke behind the scheme and something behind that.
  if (!/\/./s.test(rest)) return rejection('Malformed URI (missing path)')
  if (kind === 'http' || kind === 'https' || kind === 'ftp' || kind === 'ftps')
    return netSource(kind.startsWith('http') ? 'http' : 'ftp', value)
  return { kind: 'hadoop', uri: value }
}

function netSource(kind: 'http' | 'ftp', url: string): SourceUri | Rejection {
  // ftps is no special scheme of URLs: its host would not be checked.
  const known = url.replace(/^ftps:/i, 'ftp:')
  if (!URL.canParse(known) || new URL(known).hostname === '') return rejection('it is no valid URL')
  return new URL(known).pathname.length > 1 ? { kind, url } : rejection('Malformed URI (missing path)')
}

/** Why a name may not be written to, or undefined. It stays inside the sandbox and leaves our own files alone. */
function wrongTarget(target: string): string | undefined {
  if (target === '' || target.includes('\0')) return 'is empty or contains NUL'
  if (target.startsWith('/')) return 'must be relative to the sandbox'
  const normal = posix.normalize(target)
  if (normal === '.' || normal === '..' || normal.startsWith('../') || target.endsWith('/'))
    return 'must stay in the sandbox'
  if (Buffer.byteLength(target) > 4095) return 'is too long'
  if (normal.split('/').some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES))
    return `has a part of more than ${MAX_NAME_BYTES} bytes: give a shorter output_file`
  return normal === 'stdout' || normal === 'stderr' ? 'is the name of a log' : undefined
}

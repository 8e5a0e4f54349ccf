// What a URI of a task means: where it comes from, its name in the sandbox, what is done with it (spec/mesos.md 9).
import { posix } from 'node:path'
import { type Rejection, rejection } from '../base/errors.ts'
import type { CommandInfoURI } from '../wire/commands.ts'

/** What happens to a file once it is in the sandbox; `executable` takes precedence over `extract`. */
export type Action = 'chmod' | 'extract' | 'gunzip' | 'none'

export interface FetchItem {
  /** As given, for messages, without user and password. */
  readonly shown: string
  readonly source:
    | { readonly kind: 'http'; readonly url: string }
    | { readonly kind: 'file'; readonly path: string }
  /** Path below the sandbox. */
  readonly target: string
  readonly action: Action
}

const ARCHIVES = /\.(tar|tgz|tar\.gz|tbz2|tar\.bz2|txz|tar\.xz|zip)$/

/** Reads one URI, or says what is wrong with it. */
export function planItem(uri: CommandInfoURI, frameworksHome: string | undefined): FetchItem | Rejection {
  const value = uri.value.trimStart()
  const shown = value.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, '$1')
  const refuse = (why: string): Rejection => rejection(`Cannot fetch '${shown}': ${why}`)
  if (/[\\'\0]/.test(value)) return refuse("a URI may not contain \\, ' or NUL")
  if (value === '') return refuse('the URI is empty')
  const source = sourceOf(value, frameworksHome)
  if ('rejected' in source) return refuse(source.message)
  const path = source.kind === 'file' ? source.path : value.slice(value.indexOf('://') + 3)
  const name = posix.basename(path)
  if (name === '' || name === '.' || name === '..' || path.endsWith('/'))
    return refuse('it names no file (missing path)')
  const target = uri.output_file ?? name
  const wrong = wrongTarget(target)
  if (wrong !== undefined) return refuse(`output_file '${target}' ${wrong}`)
  return { shown, source, target: posix.normalize(target), action: actionOf(uri, target) }
}

function actionOf(uri: CommandInfoURI, target: string): Action {
  if (uri.executable === true) return 'chmod'
  if (uri.extract === false) return 'none'
  if (ARCHIVES.test(target)) return 'extract'
  return target.endsWith('.gz') ? 'gunzip' : 'none'
}

function sourceOf(value: string, frameworksHome: string | undefined): FetchItem['source'] | Rejection {
  const scheme = /^([^:/]+):\/\//.exec(value)?.[1]?.toLowerCase()
  switch (scheme) {
    case undefined: {
      if (value.startsWith('/')) return { kind: 'file', path: value }
      if (frameworksHome === undefined || frameworksHome === '') {
        return rejection('a relative path needs the agent to run with --frameworks_home')
      }
      return { kind: 'file', path: posix.join(frameworksHome, value) }
    }
    case 'file': {
      const path = value.slice('file://'.length).replace(/^localhost(?=\/)/, '')
      return path.startsWith('/') ? { kind: 'file', path } : rejection('a file:// URI needs an absolute path')
    }
    case 'http':
    case 'https': {
      if (!URL.canParse(value)) return rejection('it is no valid URL')
      return new URL(value).pathname.length > 1
        ? { kind: 'http', url: value }
        : rejection('Malformed URI (missing path)')
    }
    default:
      return rejection(`the scheme '${scheme}' is not supported yet; http, https, file and paths are`)
  }
}

/** Why a name may not be written to, or undefined. It stays inside the sandbox and leaves our own files alone. */
function wrongTarget(target: string): string | undefined {
  if (target === '' || target.includes('\0')) return 'is empty or contains NUL'
  if (target.startsWith('/')) return 'must be relative to the sandbox'
  const normal = posix.normalize(target)
  if (normal === '.' || normal === '..' || normal.startsWith('../') || target.endsWith('/'))
    return 'must stay in the sandbox'
  return normal === 'stdout' || normal === 'stderr' ? 'is the name of a log' : undefined
}

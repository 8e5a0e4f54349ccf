/**
 * Which handler a path belongs to: as in libprocess a path falls back to its longest registered parent, and every path
 * is also reachable below the name of its process (spec/clients.md Q7).
 */
import type { HttpRequest } from './request.ts'
import type { Answer } from './response.ts'

/** Returns or resolves to the answer; a thrown error becomes a 500 and a line in the log. */
export type Handler = (request: HttpRequest) => Answer | Promise<Answer>

export interface Route {
  /** `/api/v1/scheduler`, `/files/browse`, `/registrar(1)/registry`, or `/` for the root, taken literally. */
  readonly path: string
  /** Others get a 405 with these in `Allow`; without a list all come to the handler. HEAD goes where GET goes. */
  readonly methods?: readonly string[]
  /** Paths below are not found instead of falling back here. The root is always exact. */
  readonly exact?: boolean
  readonly handle: Handler
}

/** A request's target, taken apart. */
export interface Target {
  readonly path: string
  readonly query: ReadonlyMap<string, string>
}

const NO_QUERY: ReadonlyMap<string, string> = new Map()

export type Match =
  | { readonly kind: 'found'; readonly route: Route; readonly rest: string }
  | { readonly kind: 'not-found' }
  | { readonly kind: 'wrong-method'; readonly allowed: readonly string[] }

/**
 * Takes a request target apart: percent-decodes it, drops empty segments, takes off a process prefix.
 *
 * @param url as in the request line; absolute forms (`http://host/path`) are understood
 * @param processes names under which all paths are reachable too, e.g. `master`, `slave(1)`
 * @returns undefined when the target is no path or a percent escape is broken
 */
export function splitTarget(url: string, processes: readonly string[]): Target | undefined {
  const local = /^[a-z][a-z+.-]*:\/\//i.test(url) ? url.replace(/^[^/]*\/\/[^/?]*/, '') || '/' : url
  if (!local.startsWith('/') && !local.startsWith('?')) return undefined
  const mark = local.search(/[?#]/)
  const rawPath = mark === -1 ? local : local.slice(0, mark)
  const rawQuery = mark === -1 || local[mark] === '#' ? '' : local.slice(mark + 1)
  const segments: string[] = []
  for (const raw of rawPath.split('/')) {
    if (raw === '') continue
    const segment = decoded(raw)
    if (segment === undefined) return undefined
    segments.push(segment)
  }
  if (segments[0] !== undefined && processes.includes(segments[0])) segments.shift()
  // The last of duplicates wins: a Map keeps what is set last.
  const query = rawQuery === '' ? NO_QUERY : new Map(new URLSearchParams(rawQuery))
  return { path: `/${segments.join('/')}`, query }
}

function decoded(segment: string): string | undefined {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    return undefined
  }
}

/** All routes of a server, looked up by path and method. */
export class Routes {
  readonly #byPath = new Map<string, Route[]>()

  /** @throws Error when two routes answer the same path and method: a mistake in the program */
  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const others = this.#byPath.get(route.path) ?? []
      if (others.some((other) => overlap(other.methods, route.methods)))
        throw new Error(`Two routes answer the same methods of ${route.path}.`)
      this.#byPath.set(route.path, [...others, route])
    }
  }

  /** Finds the route of a path as `splitTarget` gives it. */
  match(path: string, method: string): Match {
    let candidate = path
    for (;;) {
      const routes = this.#byPath.get(candidate)
      if (routes !== undefined) return choose(routes, method, path.slice(candidate.length + 1))
      candidate = candidate.slice(0, Math.max(0, candidate.lastIndexOf('/')))
      // The root is a page, not a parent: an unknown path is not found.
      if (candidate === '') return { kind: 'not-found' }
    }
  }
}

function choose(routes: readonly Route[], method: string, rest: string): Match {
  const eligible = rest === '' ? routes : routes.filter((route) => route.exact !== true)
  if (eligible.length === 0) return { kind: 'not-found' }
  const asked = method === 'HEAD' ? 'GET' : method
  const route = eligible.find(({ methods }) => methods === undefined || methods.includes(asked))
  if (route !== undefined) return { kind: 'found', route, rest }
  return { kind: 'wrong-method', allowed: eligible.flatMap(({ methods }) => methods ?? []) }
}

function overlap(one: readonly string[] | undefined, other: readonly string[] | undefined): boolean {
  return one === undefined || other === undefined || one.some((method) => other.includes(method))
}

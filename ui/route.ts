// Where in the page one is: `#/tasks/FRAMEWORK/TASK?tab=logs`. Every view has such a link, and going back works.
import { signal } from '@preact/signals'
import { link } from './link.ts'

export interface Place {
  /** Decoded; empty for the overview. */
  readonly path: readonly string[]
  readonly query: URLSearchParams
}

export const place = signal<Place>(read())

function read(): Place {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const parts = path.split('/').filter((part) => part !== '')
  return { path: parts.map(decoded), query: new URLSearchParams(query) }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Changes one parameter of the place, without a step in the browser's history. */
export function setQuery(name: string, value: string): void {
  const query = new URLSearchParams(place.value.query)
  if (value === '') query.delete(name)
  else query.set(name, value)
  const text = query.toString()
  history.replaceState(null, '', `${link(...place.value.path)}${text === '' ? '' : `?${text}`}`)
  place.value = read()
}

export function go(hash: string): void {
  location.hash = hash
}

addEventListener('hashchange', () => {
  place.value = read()
})

// `/openapi.json`, `/docs` and `/help` of a daemon, made of what is said of its routes.
import { html, jsonText, notFound } from '../response.ts'
import type { Route } from '../routes.ts'
import type { About, Abouts } from './about.ts'
import { openApi, typesOf } from './openapi.ts'
import { READER } from './reader.ts'

/** What is said of these three themselves. */
export const OWN: Abouts = {
  '/openapi.json': {
    kind: 'page',
    summary: 'This API as an OpenAPI 3.1 document.',
    fields: {
      openapi: ['string', 'the version of the form'],
      info: ['object', 'what it describes'],
      paths: ['object', 'every path with its methods'],
      components: ['object', 'the messages'],
    },
  },
  '/docs': {
    kind: 'plain',
    summary: 'A page to read that document, without any other host.',
    mediaType: 'text/html',
  },
  '/help': {
    kind: 'plain',
    summary: 'The list of all paths; below it, one of them.',
    mediaType: 'text/html',
  },
}

/**
 * Adds the three routes to those of a daemon.
 *
 * @param title of the API: `Tepui master`
 * @param processes names below which `/help` knows the paths too
 */
export function withDocs(
  title: string,
  processes: readonly string[],
  routes: readonly Route[],
  abouts: Abouts,
): Route[] {
  const all: Abouts = { ...abouts, ...OWN }
  const own: Route[] = [
    { path: '/openapi.json', methods: ['GET'], exact: true, handle: () => jsonText(document()) },
    { path: '/docs', methods: ['GET'], exact: true, handle: () => html(READER) },
    { path: '/help', methods: ['GET'], handle: ({ rest }) => help(rest) },
  ]
  const described = [...routes, ...own]
  let written: string | undefined
  // Made when somebody asks for the first time: most daemons live without.
  const document = (): string => (written ??= JSON.stringify(openApi(title, described, all)))
  const help = (rest: string): ReturnType<typeof html> => {
    const segments = rest.split('/').filter((segment) => segment !== '')
    if (processes.includes(segments[0] ?? '')) segments.shift()
    if (segments.length === 0) return html(helpPage(title, described, all))
    const path = `/${segments.join('/')}`
    const about = Object.hasOwn(all, path) ? all[path] : undefined
    return about === undefined ? notFound() : html(helpOf(path, described, about))
  }
  return described
}

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const pageOf = (title: string, body: string): string =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escaped(title)}</title>` +
  `<style>body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}` +
  `dt{font-family:monospace}</style>` +
  `<h1>${escaped(title)}</h1>${body}</html>\n`

const methodsOf = (path: string, routes: readonly Route[]): string =>
  routes.flatMap((route) => (route.path === path ? (route.methods ?? ['POST']) : [])).join(', ')

function helpPage(title: string, routes: readonly Route[], abouts: Abouts): string {
  const rows = [...new Set(routes.map(({ path }) => path))].toSorted().map((path) => {
    const summary = escaped(abouts[path]?.summary ?? '')
    const link = `<a href="/help${encodeURI(path)}">${escaped(path)}</a>`
    return `<dt>${methodsOf(path, routes)} ${link}</dt><dd>${summary}</dd>`
  })
  return pageOf(
    `HELP: ${title}`,
    `<dl>${rows.join('')}</dl><p>Messages and fields: <a href="/docs">/docs</a></p>`,
  )
}

function helpOf(path: string, routes: readonly Route[], about: About): string {
  const rows = Object.entries(partsOf(about)).map(
    ([name, meaning]) => `<dt>${escaped(name)}</dt><dd>${escaped(meaning)}</dd>`,
  )
  const summary = `<p>${methodsOf(path, routes)}: ${escaped(about.summary)}</p>`
  return pageOf(`HELP: ${path}`, `${summary}<dl>${rows.join('')}</dl>`)
}

/** Parameters, or the types of its calls. */
function partsOf(about: About): Readonly<Record<string, string>> {
  if (about.kind === 'later') return {}
  if (about.kind !== 'calls') return { ...about.query, ...(about.kind === 'plain' && about.form) }
  const later = new Set(about.later)
  return Object.fromEntries(typesOf(about.call).map((type) => [type, later.has(type) ? 'not yet' : '']))
}

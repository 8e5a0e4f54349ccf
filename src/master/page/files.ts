/**
 * The files of the web page (`ui/`, built into `ui/dist`): a browser that asks for `/` gets the page, other programs
 * the sentence that says who is there. Nothing of the page may come from elsewhere or go there.
 */
import { join } from 'node:path'
import type { HttpRequest } from '../../http/request.ts'
import { type Answer, text } from '../../http/response.ts'
import type { Route } from '../../http/routes.ts'
import { StaticFiles } from '../../http/static-files.ts'

/** In a clone and in the package alike. */
const FOLDER = join(import.meta.dirname, '..', '..', '..', 'ui', 'dist')

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
}

const NOT_BUILT =
  'The web page is not built. In a clone `bin/tepui up` builds it, or do it yourself: sh scripts/run.sh scripts/page.ts'

/** @param front what programs that are no browser are told at `/` */
export function pageRoutes(front: () => string): Route[] {
  const files = new StaticFiles(FOLDER, { entry: 'index.html', headers: HEADERS })
  const file = (path: string): Answer => files.answer(path) ?? text(503, NOT_BUILT)
  const root = (request: HttpRequest): Answer =>
    wantsPage(request) ? file('/index.html') : text(200, front())
  return [
    { path: '/', methods: ['GET'], exact: true, handle: root },
    { path: '/assets', methods: ['GET'], handle: ({ rest }) => file(`/assets/${rest}`) },
  ]
}

/** Only browsers name the type; `*` alone is any program. */
const wantsPage = (request: HttpRequest): boolean => /\btext\/html\b/.test(request.header('accept') ?? '')

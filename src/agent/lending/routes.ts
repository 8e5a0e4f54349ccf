// The endpoints of lending on an agent, below /api/x1 (of Tepui).
import { OperatingError } from '../../base/errors.ts'
import type { HttpRequest } from '../../http/request.ts'
import { type Answer, json, text } from '../../http/response.ts'
import type { Route } from '../../http/routes.ts'
import { readChange } from './change.ts'
import type { LendDesk } from './desk.ts'
import { historyPage, historyQuery, whyQuery } from './history.ts'
import { type DiskOf, lendPage } from './page.ts'

const MAX_BODY_BYTES = 64 * 1024

/** @param self for pages that merge several agents' */
export function lendRoutes(
  desk: LendDesk,
  self: () => { readonly id: string; readonly hostname: string },
  diskOf: DiskOf,
): Route[] {
  const find: Parameters<typeof historyPage>[1] = (wanted) => desk.records.query(wanted)
  return [
    { path: '/api/x1/lend', methods: ['GET'], handle: ({ query }) => status(desk, diskOf, query) },
    { path: '/api/x1/lend', methods: ['POST'], handle: (request) => set(desk, diskOf, request) },
    {
      path: '/api/x1/lend/history',
      methods: ['GET'],
      handle: ({ query }) => historyPage(historyQuery(query), find, self()),
    },
    {
      path: '/api/x1/why',
      methods: ['GET'],
      handle: ({ query }) => historyPage(whyQuery(query), find, self()),
    },
  ]
}

/** `?check=true` reads the tier back from the kernel first. */
function status(desk: LendDesk, diskOf: DiskOf, query: ReadonlyMap<string, string>): Answer {
  if (query.get('check') === 'true') desk.lending.checkTier()
  return json(lendPage(desk, diskOf))
}

/** Answers with the new status, or 400 and a sentence that names the field. */
async function set(desk: LendDesk, diskOf: DiskOf, request: HttpRequest): Promise<Answer> {
  const body = await request.body(MAX_BODY_BYTES)
  if (!body.ok) return body.answer
  try {
    const read = readChange(body.bytes.toString('utf8'))
    if (!read.ok) return text(400, read.message)
    await desk.change(read.change, `${request.remote.address}`)
    return json(lendPage(desk, diskOf))
  } catch (error) {
    if (!(error instanceof OperatingError) || (error.code !== 'USAGE' && error.code !== 'PLUGIN')) throw error
    return text(400, error.hint === undefined ? error.message : `${error.message} (${error.hint})`)
  }
}

// Opens the history where it is to be kept: a database in the work folder, or in memory when there is none.
import { join } from 'node:path'
import { OperatingError } from '../../base/errors.ts'
import { makeFolders } from '../../base/folders.ts'
import { TEPUI_VERSION } from '../../base/version.ts'
import { Database } from '../../store/database.ts'
import { EVENT_LOG_LIMITS, EVENT_LOG_MIGRATIONS, EventLog } from '../../store/event-log.ts'
import type { MasterFlags } from '../flags.ts'
import { History, type HistoryDeps } from './history.ts'

const IN_MEMORY = ':memory:'
/** Many small entries: what bounds them is the size. */
const ENTRIES = 5 * EVENT_LOG_LIMITS.entries

export interface OpenHistory extends Disposable {
  readonly history: History
}

/** @throws OperatingError FILE when the work folder does not take the database */
export function openHistory(
  { max_event_log_size: size, work_dir: folder }: MasterFlags,
  deps: Omit<HistoryDeps, 'events'>,
): OpenHistory {
  const path = folder === undefined ? IN_MEMORY : join(folder, 'events.db')
  if (folder !== undefined) make(folder)
  const database = Database.open(path, {
    migrations: EVENT_LOG_MIGRATIONS,
    onDamaged: (message) => deps.log.warn({}, message),
  })
  const limits = { entries: ENTRIES, bytes: folder === undefined ? size / 4 : size }
  const history = new History({ ...deps, events: new EventLog(database, limits) })
  const tell = (kind: 'master-started' | 'master-ended', text: string): void =>
    history.add({ at: deps.clock.now(), kind, text, record: { version: TEPUI_VERSION, pid: process.pid } })
  tell('master-started', `The master started (Tepui ${TEPUI_VERSION})`)
  return {
    history,
    [Symbol.dispose]: () => {
      tell('master-ended', 'The master ended')
      history[Symbol.dispose]()
      database[Symbol.dispose]()
    },
  }
}

function make(folder: string): void {
  try {
    makeFolders(folder)
  } catch (error) {
    throw new OperatingError('FILE', `Cannot make the work folder ${folder} of the master`, {
      cause: error,
      hint: 'Name another with --work_dir=PATH',
    })
  }
}

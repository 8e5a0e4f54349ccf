// `tepui ui`: the address of the web page, opened in a browser where there is one.
import { OperatingError } from '../../base/errors.ts'
import { runCommand } from '../../base/exec.ts'
import { usageError } from '../../base/flags.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { MasterApi, masterUrl } from '../master-api.ts'
import { isSet } from '../option-values.ts'
import { isData, showData } from '../output.ts'

/** Those that the web page has; the first is where it begins. For its test. */
export const PAGES = [
  'overview',
  'agents',
  'lending',
  'tasks',
  'frameworks',
  'offers',
  'run',
  'each',
  'events',
  'about',
]

export const uiCommand: Command = {
  name: 'ui',
  arguments: ['[page]'],
  summary: 'Open the web page of the master, or print its address where there is no browser',
  options: [{ flags: '--print', help: 'Only print the address' }],
  run: ui,
}

async function ui(context: Context, [page]: readonly string[], options: OptionValues): Promise<number> {
  const { clock, common, environment, screen, signal } = context
  if (page !== undefined && !PAGES.includes(page))
    throw usageError(`The web page has no '${page}'`, `There is ${PAGES.join(', ')}`)
  using api = new MasterApi(common.master, clock, signal)
  // Somebody answers there, and is a master.
  await api.get('/version')
  const url = new URL(page === undefined || page === PAGES[0] ? '/' : `/#/${page}`, masterUrl(common.master))
    .href
  if (isData(common)) await showData(context, { url })
  else screen.print(url)
  const hasDesktop = (environment['DISPLAY'] ?? environment['WAYLAND_DISPLAY'] ?? '') !== ''
  if (isSet(options, 'print') || isData(common) || !hasDesktop) return EXIT.done
  try {
    await runCommand('xdg-open', [url], { signal })
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    screen.note('tepui ui: no browser could be opened: follow the address')
  }
  return EXIT.done
}

// `tepui version`: ours, the API's, and the master's if one answers.
import { MESOS_API_VERSION, TEPUI_VERSION } from '../../base/version.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { MasterApi, text } from '../master-api.ts'
import { OperatingError } from '../../base/errors.ts'
import { isData, showData } from '../output.ts'

export const versionCommand: Command = {
  name: 'version',
  summary: 'Print the versions of this program and of the master',
  run: async (context) => {
    const { clock, common, screen, signal } = context
    using api = new MasterApi(common.master, clock, signal)
    const master = await masterVersion(api)
    if (isData(common)) {
      const versions = { tepui: TEPUI_VERSION, api: MESOS_API_VERSION, node: process.version }
      await showData(context, { ...versions, master: master ?? null })
      return EXIT.done
    }
    screen.print(`tepui ${TEPUI_VERSION} (API of Mesos ${MESOS_API_VERSION}), Node ${process.version}`)
    if (master === undefined) screen.note(`no master answers at ${common.master}`)
    else screen.print(`master at ${common.master}: tepui ${master.tepui}, API of Mesos ${master.api}`)
    return EXIT.done
  },
}

async function masterVersion(api: MasterApi): Promise<{ tepui: string; api: string } | undefined> {
  try {
    const page = await api.get('/version')
    return { tepui: text(page['tepui_version']) || 'none (a Mesos)', api: text(page['version']) }
  } catch (error) {
    // This command also serves where there is no master.
    if (error instanceof OperatingError && error.code === 'UNREACHABLE') return undefined
    throw error
  }
}

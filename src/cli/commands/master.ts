// `tepui master`: one master, with the flags of Mesos.
import { MASTER_FLAGS, MASTER_FLAGS_NOT_YET } from '../../master/flags.ts'
import type { Command } from '../command.ts'
import { aborted, runDaemon } from '../daemon.ts'
import { EXIT } from '../exit-codes.ts'

export const masterCommand: Command = {
  name: 'master',
  summary: 'Run a master (flags of Mesos: tepui master --help)',
  verbatim: true,
  run: (context, args) =>
    runDaemon(
      {
        name: 'master',
        about: 'Runs a master: it knows what the agents have and offers it to frameworks.',
        flags: MASTER_FLAGS,
        notYet: MASTER_FLAGS_NOT_YET,
        run: async (parsed, log) => {
          const { startMaster } = await import('../../master/master.ts')
          const { clock, random, screen, signal } = context
          await using master = await startMaster(parsed, { clock, random, log })
          const { ip, port } = master.address
          if (context.common.output === 'json')
            screen.print(JSON.stringify({ id: master.id, ...master.address }))
          else screen.print(`master ${master.id} listens at http://${ip}:${port}`)
          await aborted(signal)
          return EXIT.done
        },
      },
      context,
      args,
    ),
}

// `tepui agent`: one agent, with the flags of Mesos; at its end its tasks are ended and told.
import type { Agent } from '../../agent/agent.ts'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../agent/flags.ts'
import type { Clock } from '../../base/clock.ts'
import { type OperatingError, reasonOf } from '../../base/errors.ts'
import type { Command } from '../command.ts'
import { aborted, runDaemon } from '../daemon.ts'
import { EXIT } from '../exit-codes.ts'

/** After so long an ending agent is ended, tasks or not. */
const END_WITHIN_MS = 15_000

export const agentCommand: Command = {
  name: 'agent',
  summary: 'Run an agent (flags of Mesos: tepui agent --help)',
  verbatim: true,
  run: (context, args) =>
    runDaemon(
      {
        name: 'agent',
        about: 'Runs an agent: it offers what this machine has and runs tasks in containers.',
        flags: AGENT_FLAGS,
        notYet: AGENT_FLAGS_NOT_YET,
        run: async (parsed, log) => {
          const { startAgent } = await import('../../agent/agent.ts')
          const { clock, random, screen, signal } = context
          await using agent = await startAgent(parsed, { clock, random, log })
          const { ip, port } = agent.address
          const { summary } = agent
          if (context.common.output === 'json') screen.print(JSON.stringify({ ...agent.address, summary }))
          else for (const line of [`agent listens at http://${ip}:${port}`, ...summary]) screen.print(line)
          const early = await Promise.race([agent.ended.then((trouble) => ({ trouble })), aborted(signal)])
          const trouble = early === undefined ? await endTasks(agent, clock) : early.trouble
          if (trouble !== undefined) screen.note(`tepui agent: ${reasonOf(trouble)}`)
          return trouble === undefined ? EXIT.done : EXIT.error
        },
      },
      context,
      args,
    ),
}

async function endTasks(agent: Agent, clock: Clock): Promise<OperatingError | undefined> {
  agent.shutdown('The agent was stopped')
  const late = Promise.withResolvers<undefined>()
  using _ = clock.after(END_WITHIN_MS, () => late.resolve(undefined))
  return await Promise.race([agent.ended, late.promise])
}

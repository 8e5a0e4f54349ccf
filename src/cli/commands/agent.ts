// `tepui agent`: one agent, with the flags of Mesos; its tasks outlive it unless they are told to end with it.
import type { Agent } from '../../agent/agent.ts'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../agent/flags.ts'
import type { Logger } from '../../base/log.ts'
import { type OperatingError, reasonOf } from '../../base/errors.ts'
import type { ParsedFlags } from '../../base/flags.ts'
import { counted } from '../../base/words.ts'
import type { Command, Context } from '../command.ts'
import { aborted, runDaemon } from '../daemon.ts'
import { EXIT } from '../exit-codes.ts'
import { userSignal } from '../stop-signal.ts'

/** After so long an ending agent is ended, tasks or not. */
const END_WITHIN_MS = 15_000
/** Names of tasks that are said at the end. */
const NAMES = 8

export const agentCommand: Command = {
  name: 'agent',
  summary: 'Run an agent (flags of Mesos: tepui agent --help), or give up what one left (tepui agent reset)',
  verbatim: true,
  run: (context, [first, ...rest]) =>
    first === 'reset'
      ? daemon(context, rest, reset)
      : daemon(context, first === undefined ? [] : [first, ...rest], run),
}

type Run = (context: Context, parsed: ParsedFlags<typeof AGENT_FLAGS>, log: Logger) => Promise<number>

function daemon(context: Context, args: readonly string[], work: Run): Promise<number> {
  return runDaemon(
    {
      name: 'agent',
      about: 'Runs an agent: it offers what this machine has and runs tasks in containers.',
      flags: AGENT_FLAGS,
      notYet: AGENT_FLAGS_NOT_YET,
      run: (parsed, log) => work(context, parsed, log),
    },
    context,
    args,
  )
}

async function run(context: Context, parsed: ParsedFlags<typeof AGENT_FLAGS>, log: Logger): Promise<number> {
  const { startAgent } = await import('../../agent/agent.ts')
  const { clock, random, screen, signal } = context
  await using agent = await startAgent(parsed, { clock, random, log, signal })
  const { ip, port } = agent.address
  const { summary } = agent
  if (context.common.output === 'json') screen.print(JSON.stringify({ ...agent.address, summary }))
  else for (const line of [`agent listens at http://${ip}:${port}`, ...summary]) screen.print(line)
  const trouble = await untilEnd(context, agent)
  sayWhatStays(context, agent, parsed.values.work_dir ?? '')
  if (trouble !== undefined) screen.note(`tepui agent: ${reasonOf(trouble)}`)
  return trouble === undefined ? EXIT.done : EXIT.error
}

/** SIGTERM and SIGINT leave the tasks, SIGUSR1 ends them, as in Mesos; so does the end of whoever started us. */
async function untilEnd(context: Context, agent: Agent): Promise<OperatingError | undefined> {
  const { clock, common, signal } = context
  const told = await Promise.race([
    agent.ended.then((trouble) => ({ trouble })),
    aborted(signal).then(() => (common.endWithInput ? ('all' as const) : ('leave' as const))),
    userSignal().then(() => 'all' as const),
  ])
  if (typeof told !== 'string') return told.trouble
  if (told === 'all') agent.shutdown('The agent was stopped')
  else agent.leave('The agent was stopped')
  const late = Promise.withResolvers<undefined>()
  using _ = clock.after(END_WITHIN_MS, () => late.resolve(undefined))
  return await Promise.race([agent.ended, late.promise])
}

function sayWhatStays({ screen }: Context, { left }: Agent, workDir: string): void {
  if (left.length === 0) return
  const names = left.slice(0, NAMES).join(', ')
  const more = left.length > NAMES ? `, and ${left.length - NAMES} more` : ''
  screen.note(`tepui agent: ${counted(left.length, 'task')} left running (${names}${more})`)
  screen.note(
    `An agent with --work_dir=${workDir} takes them up again; 'tepui agent reset' with the flags of this one ends them`,
  )
}

/** Gives up what an agent left: its tasks, its id, and what it wrote down. */
async function reset(
  { clock, screen }: Context,
  parsed: ParsedFlags<typeof AGENT_FLAGS>,
  log: Logger,
): Promise<number> {
  const { resetAgent } = await import('../../agent/reset.ts')
  const { removed, path } = await resetAgent(parsed.values, { clock, log })
  screen.note(`tepui agent: ended ${counted(removed, 'container')} and removed ${path}`)
  return EXIT.done
}

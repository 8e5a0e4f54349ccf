// Every command by its name, in the order in which the help shows them. Only what was typed is loaded: most of the time
// of a short command is that of loading it, and a daemon stays in memory beside the tasks of the machine.
import type { Command } from './command.ts'
import { commandAt } from './nouns.ts'

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./commands/run.ts')).runCommand,
  each: async () => (await import('./commands/each.ts')).eachCommand,
  ps: async () => (await import('./commands/ps.ts')).psCommand,
  logs: async () => (await import('./commands/logs.ts')).logsCommand,
  exec: async () => (await import('./commands/exec.ts')).execCommand,
  fs: async () => (await import('./commands/fs.ts')).fsCommand,
  wait: async () => (await import('./commands/wait.ts')).waitCommand,
  kill: async () => (await import('./commands/kill.ts')).killCommand,
  top: async () => (await import('./commands/top.ts')).topCommand,
  agents: async () => (await import('./commands/agents.ts')).agentsCommand,
  frameworks: async () => (await import('./commands/frameworks.ts')).frameworksCommand,
  offers: async () => (await import('./commands/offers.ts')).offersCommand,
  roles: async () => (await import('./commands/roles.ts')).rolesCommand,
  inspect: async () => (await import('./commands/inspect.ts')).inspectCommand,
  drain: async () => (await import('./commands/steer.ts')).drainCommand,
  undrain: async () => (await import('./commands/steer.ts')).undrainCommand,
  deactivate: async () => (await import('./commands/steer.ts')).deactivateCommand,
  gone: async () => (await import('./commands/steer.ts')).goneCommand,
  teardown: async () => (await import('./commands/steer.ts')).teardownCommand,
  fetch: async () => (await import('./commands/fetch.ts')).fetchCommand,
  lend: async () => (await import('./commands/lend.ts')).lendCommand,
  why: async () => (await import('./commands/why.ts')).whyCommand,
  events: async () => (await import('./commands/events.ts')).eventsCommand,
  batch: async () => (await import('./commands/batch.ts')).batchCommand,
  gc: async () => (await import('./commands/gc.ts')).gcCommand,
  up: async () => (await import('./commands/up.ts')).upCommand,
  ctx: async () => (await import('./commands/ctx.ts')).ctxCommand,
  ui: async () => (await import('./commands/ui.ts')).uiCommand,
  bundle: async () => (await import('./commands/bundle.ts')).bundleCommand,
  net: async () => (await import('./commands/net.ts')).netCommand,
  demo: async () => (await import('./commands/demo.ts')).demoCommand,
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
  image: async () => (await import('./commands/image.ts')).imageCommand,
  init: async () => (await import('./commands/init.ts')).initCommand,
  config: async () => (await import('./commands/config.ts')).configCommand,
  master: async () => (await import('./commands/master.ts')).masterCommand,
  agent: async () => (await import('./commands/agent.ts')).agentCommand,
  version: async () => (await import('./commands/version.ts')).versionCommand,
  completion: async () => (await import('./commands/completion.ts')).completionCommand(NAMES, commandNamed),
}

const NAMES: readonly string[] = Object.keys(COMMANDS)

export async function commandNamed(name: string): Promise<Command | undefined> {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name]?.() : undefined
}

/** The command that these words name alone; of words that name none, for their help or a suggestion, all. */
export async function commandsFor(argv: readonly string[]): Promise<readonly Command[]> {
  const named = await commandNamed(argv[commandAt(argv)] ?? '')
  return named === undefined ? Promise.all(Object.values(COMMANDS).map((load) => load())) : [named]
}

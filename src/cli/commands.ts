// Every command by its name, in the order in which the help shows them. Only what was typed is loaded: most of the time
// of a short command is that of loading it, and a daemon stays in memory beside the tasks of the machine.
import type { Command } from './command.ts'
import { commandAt } from './nouns.ts'

type Load = () => Promise<Command>

/** In the groups of the help. */
const GROUPS: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  Daily: {
    run: async () => (await import('./commands/run.ts')).runCommand,
    ps: async () => (await import('./commands/ps.ts')).psCommand,
    logs: async () => (await import('./commands/logs.ts')).logsCommand,
    exec: async () => (await import('./commands/exec.ts')).execCommand,
    top: async () => (await import('./commands/top.ts')).topCommand,
    why: async () => (await import('./commands/why.ts')).whyCommand,
    each: async () => (await import('./commands/each.ts')).eachCommand,
    wait: async () => (await import('./commands/wait.ts')).waitCommand,
    kill: async () => (await import('./commands/kill.ts')).killCommand,
  },
  Look: {
    agents: async () => (await import('./commands/agents.ts')).agentsCommand,
    frameworks: async () => (await import('./commands/frameworks.ts')).frameworksCommand,
    roles: async () => (await import('./commands/roles.ts')).rolesCommand,
    offers: async () => (await import('./commands/offers.ts')).offersCommand,
    events: async () => (await import('./commands/events.ts')).eventsCommand,
    inspect: async () => (await import('./commands/inspect.ts')).inspectCommand,
    fs: async () => (await import('./commands/fs.ts')).fsCommand,
    ui: async () => (await import('./commands/ui.ts')).uiCommand,
  },
  Lending: {
    lend: async () => (await import('./commands/lend.ts')).lendCommand,
    batch: async () => (await import('./commands/batch.ts')).batchCommand,
  },
  Steer: {
    drain: async () => (await import('./commands/steer.ts')).drainCommand,
    deactivate: async () => (await import('./commands/steer.ts')).deactivateCommand,
    undrain: async () => (await import('./commands/steer.ts')).undrainCommand,
    gone: async () => (await import('./commands/steer.ts')).goneCommand,
    teardown: async () => (await import('./commands/steer.ts')).teardownCommand,
    fetch: async () => (await import('./commands/fetch.ts')).fetchCommand,
    gc: async () => (await import('./commands/gc.ts')).gcCommand,
  },
  'Set up': {
    up: async () => (await import('./commands/up.ts')).upCommand,
    demo: async () => (await import('./commands/demo.ts')).demoCommand,
    doctor: async () => (await import('./commands/doctor.ts')).doctorCommand,
    init: async () => (await import('./commands/init.ts')).initCommand,
    image: async () => (await import('./commands/image.ts')).imageCommand,
    net: async () => (await import('./commands/net.ts')).netCommand,
    ctx: async () => (await import('./commands/ctx.ts')).ctxCommand,
    config: async () => (await import('./commands/config.ts')).configCommand,
    master: async () => (await import('./commands/master.ts')).masterCommand,
    agent: async () => (await import('./commands/agent.ts')).agentCommand,
    bundle: async () => (await import('./commands/bundle.ts')).bundleCommand,
    version: async () => (await import('./commands/version.ts')).versionCommand,
    completion: async () => (await import('./commands/completion.ts')).completionCommand(NAMES, commandNamed),
  },
}

const COMMANDS: Readonly<Record<string, Load>> = Object.assign({}, ...Object.values(GROUPS))

/** Under which heading the help has a command. */
export function groupOf(name: string): string {
  return Object.entries(GROUPS).find(([, commands]) => Object.hasOwn(commands, name))?.[0] ?? ''
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

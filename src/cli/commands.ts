// Which commands a process loads: a daemon only its own, because it stays in memory beside the tasks of the machine.
import type { Command } from './command.ts'

const DAEMONS: Readonly<Record<string, () => Promise<Command>>> = {
  agent: async () => (await import('./commands/agent.ts')).agentCommand,
  master: async () => (await import('./commands/master.ts')).masterCommand,
}

/** What may stand before the name of a daemon; with anything else, such as --help, all commands are wanted. */
const PLAIN = new Set([
  '-o',
  '--output',
  '--output=json',
  'json',
  '--no-color',
  '--debug',
  '--end-with-input',
])

/** The daemon's command alone when these words begin with it, after plain options; else all commands. */
export async function commandsFor(argv: readonly string[]): Promise<readonly Command[]> {
  const word = argv.find((one) => !PLAIN.has(one))
  const daemon = word !== undefined && Object.hasOwn(DAEMONS, word) ? DAEMONS[word] : undefined
  return daemon === undefined ? (await import('./all-commands.ts')).COMMANDS : [await daemon()]
}

// Every command, in the order in which the help shows them.
import type { Command } from './command.ts'
import { agentCommand } from './commands/agent.ts'
import { agentsCommand } from './commands/agents.ts'
import { batchCommand } from './commands/batch.ts'
import { completionCommand } from './commands/completion.ts'
import { configCommand } from './commands/config.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { eachCommand } from './commands/each.ts'
import { eventsCommand } from './commands/events.ts'
import { execCommand } from './commands/exec.ts'
import { fetchCommand } from './commands/fetch.ts'
import { frameworksCommand } from './commands/frameworks.ts'
import { fsCommand } from './commands/fs.ts'
import { gcCommand } from './commands/gc.ts'
import { imageCommand } from './commands/image.ts'
import { initCommand } from './commands/init.ts'
import { inspectCommand } from './commands/inspect.ts'
import { killCommand } from './commands/kill.ts'
import { lendCommand } from './commands/lend.ts'
import { logsCommand } from './commands/logs.ts'
import { masterCommand } from './commands/master.ts'
import { netCommand } from './commands/net.ts'
import { psCommand } from './commands/ps.ts'
import { runCommand } from './commands/run.ts'
import { drainCommand, teardownCommand, undrainCommand } from './commands/steer.ts'
import { topCommand } from './commands/top.ts'
import { upCommand } from './commands/up.ts'
import { versionCommand } from './commands/version.ts'
import { whyCommand } from './commands/why.ts'

export const COMMANDS: readonly Command[] = [
  runCommand,
  eachCommand,
  psCommand,
  logsCommand,
  execCommand,
  fsCommand,
  killCommand,
  topCommand,
  agentsCommand,
  frameworksCommand,
  inspectCommand,
  drainCommand,
  undrainCommand,
  teardownCommand,
  fetchCommand,
  lendCommand,
  whyCommand,
  eventsCommand,
  batchCommand,
  gcCommand,
  upCommand,
  netCommand,
  demoCommand,
  doctorCommand,
  imageCommand,
  initCommand,
  configCommand,
  masterCommand,
  agentCommand,
  versionCommand,
  completionCommand(() => COMMANDS),
]

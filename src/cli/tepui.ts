// The command line: reads what was typed, runs the command, tells what failed. The only place that knows the parser.
import { Command as Parser, CommanderError, Option as ParserOption } from 'commander'
import { systemClock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { systemRandom } from '../base/random.ts'
import { TEPUI_VERSION } from '../base/version.ts'
import type { Command, Common, Context, OptionValues } from './command.ts'
import { commandsFor, groupOf } from './commands.ts'
import { masterMeant } from './contexts.ts'
import { EXIT } from './exit-codes.ts'
import { nounLines, withoutNouns } from './nouns.ts'
import { type Screen, screenOn, wantsColour } from './screen.ts'
import { Stopped, stopSignal } from './stop-signal.ts'
import { tell } from './trouble.ts'
import { OUTPUTS } from './output.ts'

const AFTER_HELP = [
  '',
  'By what they are about, the same commands:',
  ...nounLines(),
  '',
  'Begin with `tepui demo`, or `tepui up` and then `tepui run -- echo hello`.',
].join('\n')

async function main(argv: readonly string[]): Promise<number> {
  // A reader that has seen enough (`tepui logs X | head`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? EXIT.done : EXIT.error)
  })
  let exitCode: number = EXIT.done
  let program = 'tepui'
  let debug = argv.includes('--debug')
  try {
    const words = withoutNouns(argv)
    const commands = await commandsFor(words)
    const [only] = commands
    if (commands.length === 1 && only !== undefined) program = `tepui ${only.name}`
    const parser = parserFor(commands, async (command, context, args, options) => {
      debug = context.common.debug
      exitCode = await command.run(context, args, options)
    })
    await parser.parseAsync([...words], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done
    // Whoever pressed Ctrl-C knows why it ended.
    if (error instanceof Stopped) return error.exitCode
    const told = tell(program, error instanceof CommanderError ? usageOf(error, program) : error, debug)
    for (const line of told.lines) process.stderr.write(`${line}\n`)
    return told.exitCode
  }
  return exitCode
}

type Run = (
  command: Command,
  context: Context,
  args: readonly string[],
  options: OptionValues,
) => Promise<void>

function parserFor(commands: readonly Command[], run: Run): Parser {
  const parser = new Parser('tepui')
    .description('A cluster manager that lends what owners leave idle and takes it back')
    .version(`tepui ${TEPUI_VERSION}`, '--version', 'Print the version')
    .helpOption('-h, --help', 'Show this help')
    .addHelpText('after', AFTER_HELP)
    .enablePositionalOptions()
    // What stands behind each is in its own help; here it would leave no room for what it does.
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpCommand(
      new Parser('help').argument('[command]').description('Show the help of a command').helpGroup('Set up:'),
    )
  settle(parser)
  addCommonOptions(parser)
  for (const command of commands) addCommand(parser, command, run)
  return parser
}

/** Errors come to us as exceptions; what they say is printed by us, in our form. */
function settle(parser: Parser): void {
  parser.exitOverride().configureOutput({ writeErr: () => undefined, outputError: () => undefined })
}

function addCommonOptions(parser: Parser): void {
  parser
    .option(
      '-m, --master <address>',
      'HOST:PORT or URL of the master, or a name of `tepui ctx` (TEPUI_MASTER; default 127.0.0.1:5050)',
    )
    .option('-o, --output <form>', 'table, wide, json, jsonl, yaml or name')
    .option('--no-color', 'Print without colours (NO_COLOR)')
    .option('--debug', 'Show where a fault of ours came from')
    .addOption(new ParserOption('--end-with-input').hideHelp())
}

function addCommand(parser: Parser, command: Command, run: Run): void {
  const own = parser.command(command.name).description(command.summary)
  own.helpGroup(`${groupOf(command.name)}:`)
  settle(own)
  for (const argument of command.arguments ?? []) own.argument(argument)
  if (command.verbatim === true)
    own.helpOption(false).allowUnknownOption().passThroughOptions().argument('[flags...]')
  if (command.passThrough === true) own.passThroughOptions()
  for (const { flags, help, many } of command.options ?? []) {
    const option = new ParserOption(flags, help)
    const add = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value]
    if (many === true) option.argParser(add)
    own.addOption(option)
  }
  if (command.verbatim !== true) addCommonOptions(own.optionsGroup('Options of all commands:'))
  own.action(async () => {
    const options = own.opts<Record<string, string | boolean | string[] | undefined>>()
    const args = own.args
    const context = contextFor(parser.opts(), options, command)
    await run(command, context, args, options)
  })
}

interface Typed {
  readonly master?: string
  readonly output?: string
  readonly color?: boolean
  readonly debug?: boolean
  readonly endWithInput?: boolean
}

function contextFor(global: Typed, own: Typed, command: Command): Context {
  // The daemons read their own flags, of which --master is one.
  const local: Typed = command.verbatim === true ? {} : own
  const environment = process.env
  const typed = local.output ?? global.output ?? 'table'
  const output = OUTPUTS.find((one) => one === typed)
  if (output === undefined) {
    const expected = OUTPUTS.join(', ')
    throw new OperatingError(
      'USAGE',
      `Option '--output' has the value '${typed}': expected one of ${expected}`,
    )
  }
  const common: Common = {
    // Daemons have a flag of this name, and ask nobody.
    master: command.verbatim === true ? '' : masterMeant(local.master ?? global.master, environment),
    output,
    debug: local.debug === true || global.debug === true,
    endWithInput: local.endWithInput === true || global.endWithInput === true,
  }
  return {
    common,
    screen: screenFor(local.color !== false && global.color !== false),
    clock: systemClock,
    random: systemRandom,
    environment,
    signal: stopSignal(common.endWithInput),
  }
}

function screenFor(colour: boolean): Screen {
  return screenOn(process.stdout, process.stderr, wantsColour(process.stdout.isTTY, process.env, colour))
}

/** The parser's refusal in our words: its message without the prefix, its suggestion as the fix. */
function usageOf(error: CommanderError, program: string): OperatingError {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  const near = rest
    .join(' ')
    .trim()
    .replace(/^\(|\)$/g, '')
  const help = program === 'tepui' ? 'tepui --help shows all commands' : `${program} --help shows its options`
  const hint = near === '' ? help : near
  const message = error.code === 'commander.help' ? 'no command was given' : first
  return new OperatingError('USAGE', message, { hint })
}

process.exit(await main(process.argv.slice(2)))

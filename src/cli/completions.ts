// What may stand at the end of a command line that somebody is typing. Pure but for the question what is there.
import type { Command, Option } from './command.ts'
import { allTasks } from './find-task.ts'
import type { ClusterState } from './master-api.ts'
import { commandAt, NOUNS, withoutNouns } from './nouns.ts'
import { OUTPUTS } from './output.ts'

export type Completable = Pick<Command, 'options' | 'verbatim'>

export interface Commands {
  readonly names: readonly string[]
  readonly named: (name: string) => Promise<Completable | undefined>
  /** Names that masters have here. */
  readonly masters?: () => readonly string[]
}

const COMMON = ['--master', '--output', '--no-color', '--debug', '--help']
/** What may stand behind an option. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  '--output': OUTPUTS,
  '-o': OUTPUTS,
  '--mode': ['off', 'observe', 'lend', 'full'],
  '--network': ['host', 'bridge', 'none'],
  '--for': ['master', 'agent'],
}
const NAMES_BEHIND: Readonly<Record<string, Wanted>> = {
  '--task': 'task',
  '--agent': 'agent',
  '--on': 'agent',
  '--framework': 'framework',
}
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  fs: ['ls', 'du', 'cat', 'head', 'tail', 'get'],
  lend: ['status', 'set', 'pause', 'resume', 'history', 'replay'],
  fetch: ['ls', 'purge'],
  init: ['systemd', 'compose', 'vagrant'],
  inspect: ['task', 'agent', 'framework'],
  config: ['show', 'get', 'parse'],
  top: ['agents', 'tasks', 'lent'],
  ctx: ['ls', 'add', 'use', 'rm'],
  completion: ['bash', 'zsh', 'fish'],
}

/**
 * @param words behind `tepui`; the last is the one that is being typed, and may be empty
 * @param state asked only when names are wanted; undefined when nobody answers
 */
export async function completions(
  commands: Commands,
  words: readonly string[],
  state: () => Promise<ClusterState | undefined>,
): Promise<readonly string[]> {
  const typed = words.at(-1) ?? ''
  const found = await candidates(commands, words.slice(0, -1), typed, state)
  const shown = found.filter((one) => one.startsWith(typed) && !/\p{Cc}/u.test(one))
  return [...new Set(shown)].toSorted()
}

async function candidates(
  commands: Commands,
  before: readonly string[],
  typed: string,
  state: () => Promise<ClusterState | undefined>,
): Promise<readonly string[]> {
  const last = before.at(-1) ?? ''
  if (Object.hasOwn(VALUES, last)) return VALUES[last] ?? []
  if (last === '-m' || last === '--master') return commands.masters?.() ?? []
  const at = commandAt(before)
  const noun = before[at]
  if (noun === undefined) return typed.startsWith('-') ? COMMON : [...commands.names, ...Object.keys(NOUNS)]
  const verbs = Object.hasOwn(NOUNS, noun) ? NOUNS[noun] : undefined
  if (verbs !== undefined && before.length === at + 1) return Object.keys(verbs)
  const plain = withoutNouns(before)
  const [name = '', ...args] = plain.slice(commandAt(plain))
  const command = await commands.named(name)
  if (command === undefined || command.verbatim === true) return []
  const choices = optionNamed(command, last)?.choices
  if (choices !== undefined) return choicesBehind(choices, typed)
  if (typed.startsWith('-')) return [...optionsOf(command), ...COMMON]
  const takesValue = (word: string | undefined): boolean => word !== undefined && hasValue(command, word)
  const given = args.filter((one, index) => !one.startsWith('-') && !takesValue(args[index - 1]))
  const actions = ACTIONS[name]
  if (name === 'ctx' && (given[0] === 'use' || given[0] === 'rm')) return commands.masters?.() ?? []
  const isValue = takesValue(last)
  if (actions !== undefined && given.length === 0 && !isValue) return actions
  const wanted = isValue ? wantedBy(last) : wantedAs(name, given)
  const names = wanted === undefined ? undefined : await state()
  return names === undefined || wanted === undefined ? [] : namesOf(names, wanted)
}

type Wanted = 'task' | 'agent' | 'framework'

function wantedBy(option: string): readonly Wanted[] | undefined {
  const wanted = Object.hasOwn(NAMES_BEHIND, option) ? NAMES_BEHIND[option] : undefined
  return wanted === undefined ? undefined : [wanted]
}

const optionNamed = ({ options = [] }: Completable, word: string): Option | undefined =>
  options.find(({ flags }) => flags.split(/[ ,]+/).includes(word))

/** Several may stand there with commas between, and a minus before each that is to be sorted by. */
function choicesBehind(choices: readonly string[], typed: string): readonly string[] {
  const [before = ''] = /^(?:.*,)?-?/.exec(typed) ?? []
  return choices.map((one) => before + one)
}

/** Whether what stands behind this word belongs to it. */
function hasValue(command: Completable, word: string): boolean {
  const own = optionNamed(command, word)
  return own?.flags.includes('<') ?? ['-m', '--master', '-o', '--output'].includes(word)
}

function wantedAs(name: string, given: readonly string[]): readonly Wanted[] | undefined {
  switch (name) {
    case 'logs':
    case 'exec':
    case 'wait':
    case 'kill':
    case 'fs':
      return ['task']
    case 'lend':
    case 'fetch':
    case 'drain':
    case 'deactivate':
    case 'undrain':
    case 'gone':
    case 'config':
      return ['agent']
    case 'top':
      return given[0] === 'tasks' ? ['task'] : undefined
    case 'teardown':
      return ['framework']
    case 'inspect':
      return [given[0] as Wanted]
    case 'why':
      return ['task', 'agent', 'framework']
    default:
      return undefined
  }
}

function namesOf(state: ClusterState, wanted: readonly Wanted[]): readonly string[] {
  return wanted.flatMap((kind) => {
    switch (kind) {
      case 'task':
        return allTasks(state).map(({ task }) => task.name)
      case 'agent':
        return state.agents.map(({ name }) => name)
      case 'framework':
        return state.frameworks.map(({ name }) => name)
      default:
        return []
    }
  })
}

function optionsOf({ options = [] }: Completable): readonly string[] {
  return options.flatMap(({ flags }) => flags.split(/[ ,]+/).filter((word) => word.startsWith('--')))
}

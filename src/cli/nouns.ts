// Commands by the thing that they are about, as `tepui task ls`: other names for those that there are. Pure.
import { usageError } from '../base/flags.ts'
import { closest } from '../base/words.ts'

/** What each verb of a noun stands for. */
export const NOUNS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  task: {
    ls: ['ps'],
    inspect: ['inspect', 'task'],
    logs: ['logs'],
    exec: ['exec'],
    why: ['why'],
    wait: ['wait'],
    stats: ['top', 'tasks'],
    kill: ['kill'],
    stop: ['kill'],
  },
  agent: {
    ls: ['agents'],
    inspect: ['inspect', 'agent'],
    top: ['top'],
    why: ['why'],
    drain: ['drain'],
    deactivate: ['deactivate'],
    undrain: ['undrain'],
    gone: ['gone'],
  },
  framework: {
    ls: ['frameworks'],
    inspect: ['inspect', 'framework'],
    why: ['why'],
    teardown: ['teardown'],
  },
  role: { ls: ['roles'] },
  offer: { ls: ['offers'], history: ['offers', '--past'] },
  event: { ls: ['events'], follow: ['events', '--follow'], export: ['events', '--all', '-o', 'jsonl'] },
}

/** Second names of commands. */
const SAME: Readonly<Record<string, string>> = { dev: 'up' }

/** Global options that have a value behind them. */
const WITH_VALUE = new Set(['-m', '--master', '-o', '--output'])

/**
 * The same words with noun and verb put as the command that they mean. `agent` is also the name of the daemon: what is
 * none of the verbs belongs to it.
 *
 * @throws OperatingError USAGE for a noun without one of its verbs
 */
export function withoutNouns(argv: readonly string[]): readonly string[] {
  const at = commandAt(argv)
  const noun = argv[at] ?? ''
  if (Object.hasOwn(SAME, noun)) return [...argv.slice(0, at), SAME[noun] ?? '', ...argv.slice(at + 1)]
  const verbs = Object.hasOwn(NOUNS, noun) ? NOUNS[noun] : undefined
  if (verbs === undefined) return argv
  const verb = argv[at + 1] ?? ''
  const words = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (words !== undefined) return [...argv.slice(0, at), ...words, ...argv.slice(at + 2)]
  if (noun === 'agent') return argv
  const near = closest(verb, Object.keys(verbs))
  const all = Object.keys(verbs).map((one) => `tepui ${noun} ${one}`)
  throw usageError(
    verb === '' || verb.startsWith('-') ? `'${noun}' wants a verb` : `'${noun} ${verb}' is unknown`,
    near === undefined ? `There is ${all.join(', ')}` : `Did you mean tepui ${noun} ${near}?`,
  )
}

/** Where the name of the command stands; behind the end when there is none. */
export function commandAt(argv: readonly string[]): number {
  let at = 0
  while (at < argv.length && argv[at]?.startsWith('-') === true) at += WITH_VALUE.has(argv[at] ?? '') ? 2 : 1
  return at
}

/** For the help: `task ls|inspect|…`. */
export function nounLines(): readonly string[] {
  return [
    ...Object.entries(NOUNS).map(([noun, verbs]) => `  tepui ${noun} ${Object.keys(verbs).join('|')}`),
    ...Object.entries(SAME).map(([name, meant]) => `  tepui ${name} is tepui ${meant}`),
  ]
}

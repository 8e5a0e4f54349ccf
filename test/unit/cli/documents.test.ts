// Whatever the documents say to type: the command is there, with the options that it is given.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AGENT_FLAGS, AGENT_FLAGS_NOT_YET } from '../../../src/agent/flags.ts'
import { commandNamed } from '../../../src/cli/commands.ts'
import { commandAt, NOUNS, withoutNouns } from '../../../src/cli/nouns.ts'
import { MASTER_FLAGS, MASTER_FLAGS_NOT_YET } from '../../../src/master/flags.ts'
import packageJson from '../../../package.json' with { type: 'json' }

const ROOT = join(import.meta.dirname, '..', '..', '..')
/** Of what was in earlier versions the changelog tells, and the decisions of what was thought of. */
const FILES = globSync(['*.md', 'docs/**/*.md', 'test/*.md'], {
  cwd: ROOT,
  exclude: ['CHANGELOG.md', 'docs/decisions/**'],
})
const COMMON = ['-m', '--master', '-o', '--output', '--no-color', '--debug', '-h', '--help', '--version']

interface Typed {
  readonly place: string
  readonly words: readonly string[]
}

/** In code that stands for itself and in code within a line, up to a comment or the next command. */
function typedIn(path: string): Typed[] {
  const lines = readFileSync(join(ROOT, path), 'utf8').split('\n')
  let isFenced = false
  return lines.flatMap((line, index) => {
    if (/^ *```/.test(line)) isFenced = !isFenced
    const codes = isFenced
      ? [line.replace(/ # .*$/, '')]
      : [...line.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '')
    return codes.flatMap((code) =>
      [...code.matchAll(/(?:^|[|&;(] *|sudo )(?:bin\/)?tepui( [^|&;()]*)/g)].map(([, rest = '']) => ({
        place: `${path}:${index + 1}`,
        words: wordsOf(rest),
      })),
    )
  })
}

/** As a shell parts them, without the marks of what may be left out or repeated. */
function wordsOf(text: string): string[] {
  const words: string[] = text.match(/'[^']*'|[^\s[\]…]+/g) ?? []
  const end = words.indexOf('--')
  return end === -1 ? words : words.slice(0, end)
}

const plain = (flag: string): string => flag.replace(/^--(no-)?/, '').replaceAll('-', '_')

/** What is wrong with it, if anything. */
async function troubleOf({ place, words }: Typed): Promise<string | undefined> {
  const name = words[commandAt(words)] ?? ''
  // `tepui --version`, `tepui X` for any of them, and what a command says in its own name.
  if (name === '' || /^[A-Z]|:$/.test(name)) return undefined
  if (Object.hasOwn(NOUNS, name) && words.length === 1) return undefined
  const meant = withoutNouns(words)
  const command = await commandNamed(meant[commandAt(meant)] ?? '')
  if (command === undefined) return `${place}: there is no command ${name}`
  const options = words.filter((word) => /^-{1,2}[a-z]/i.test(word)).map((word) => word.replace(/=.*$/s, ''))
  const known = new Set([
    ...COMMON,
    ...(command.options ?? []).flatMap(({ flags }) => flags.match(/-{1,2}[\w-]+/g) ?? []),
  ])
  const flags = new Set(Object.keys(command.name === 'agent' ? AGENT_FLAGS : MASTER_FLAGS))
  const isKnown = (option: string): boolean =>
    known.has(option) ||
    (command.verbatim === true && flags.has(plain(option))) ||
    (/^-[a-z]{2,}$/i.test(option) &&
      option
        .slice(1)
        .split('')
        .every((letter) => known.has(`-${letter}`)))
  const unknown = options.filter((option) => !isKnown(option))
  return unknown.length === 0 ? undefined : `${place}: tepui ${name} has no ${unknown.join(', ')}`
}

test('every command that the documents name is there, with the options that they give it', async () => {
  const typed = FILES.flatMap(typedIn)
  expect(typed.length).toBeGreaterThan(100)
  const troubles = await Promise.all(typed.map(troubleOf))
  expect(troubles.filter((trouble) => trouble !== undefined)).toEqual([])
})

test('every script of npm that the documents name is there', () => {
  const named = FILES.flatMap((path) =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => ({
      path,
      name,
    })),
  )
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter(({ name }) => !Object.hasOwn(packageJson.scripts, name ?? ''))).toEqual([])
})

test('every flag of a daemon that the documents name is there, or told as not yet there', () => {
  const flags = [AGENT_FLAGS, MASTER_FLAGS].flatMap((one) => Object.keys(one))
  const known = new Set([...flags, ...AGENT_FLAGS_NOT_YET, ...MASTER_FLAGS_NOT_YET])
  const named = FILES.flatMap((path) =>
    [...readFileSync(join(ROOT, path), 'utf8').matchAll(/--([a-z]+_[a-z_]+)/g)].map(([, name = '']) => ({
      path,
      name,
    })),
  )
  expect(named.length).toBeGreaterThan(50)
  expect(named.filter(({ name }) => !known.has(name) && !known.has(name.replace('no_', '')))).toEqual([])
})

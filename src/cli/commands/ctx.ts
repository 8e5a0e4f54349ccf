// `tepui ctx`: names for masters, and which one is meant when none is named.
import { usageError } from '../../base/flags.ts'
import type { Command, Context, OptionValues } from '../command.ts'
import { type Contexts, expectName, masterNamed, readContexts, writeContexts } from '../contexts.ts'
import { EXIT } from '../exit-codes.ts'
import { masterUrl } from '../master-api.ts'
import { isSet } from '../option-values.ts'
import { isData, showData } from '../output.ts'
import { table } from '../screen.ts'

const ACTIONS: Readonly<
  Record<string, (context: Context, args: readonly string[], use: boolean) => Promise<void>>
> = {
  ls,
  add,
  use,
  rm,
}

export const ctxCommand: Command = {
  name: 'ctx',
  arguments: ['<action>', '[name]', '[master]'],
  summary: 'ctx ls, add NAME MASTER, use NAME, rm NAME: names for masters, as -m takes them',
  options: [{ flags: '--use', help: 'add: and mean it from now on when no master is named' }],
  run: async (context, [action = '', ...args], options: OptionValues) => {
    const act = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined
    if (act === undefined) throw usageError(`'ctx ${action}' is unknown`, 'tepui ctx ls, add, use or rm')
    await act(context, args, isSet(options, 'use'))
    return EXIT.done
  },
}

interface Row {
  readonly name: string
  readonly master: string
  readonly current: boolean
}

const rowsOf = ({ current, masters }: Contexts): readonly Row[] =>
  [...masters].map(([name, master]) => ({ name, master, current: name === current }))

async function ls(context: Context): Promise<void> {
  const { common, environment, screen } = context
  const rows = rowsOf(readContexts(environment))
  if (isData(common)) return showData(context, rows)
  if (rows.length === 0) return screen.note('No master has a name. Give it one: tepui ctx add NAME HOST:PORT')
  const cells = rows.map(({ current, master, name }) => [name, master, current ? 'in use' : ''])
  for (const line of table(['NAME', 'MASTER', ''], cells)) screen.print(line)
}

/** A name that there is gets the new address. */
async function add(context: Context, [name, master]: readonly string[], isUsed: boolean): Promise<void> {
  if (name === undefined || master === undefined)
    throw usageError('a name and an address are wanted', 'tepui ctx add NAME HOST:PORT')
  expectName(name)
  masterUrl(master)
  const { current, masters } = readContexts(context.environment)
  const all = new Map(masters).set(name, master)
  await keep(context, { current: isUsed ? name : current, masters: all }, name, `${name} is ${master}`)
}

async function use(context: Context, [name]: readonly string[]): Promise<void> {
  if (name === undefined)
    throw usageError('no name was given', 'tepui ctx use NAME; `tepui ctx ls` lists them')
  const contexts = readContexts(context.environment)
  const master = masterNamed(contexts, name)
  await keep(context, { ...contexts, current: name }, name, `${name} (${master}) is meant from now on`)
  for (const variable of ['TEPUI_MASTER', 'MESOS_MASTER'])
    if (context.environment[variable] !== undefined)
      context.screen.note(`tepui ctx: ${variable} is set here, and goes before it`)
}

async function rm(context: Context, [name]: readonly string[]): Promise<void> {
  if (name === undefined) throw usageError('no name was given', 'tepui ctx rm NAME')
  const { current, masters } = readContexts(context.environment)
  masterNamed({ current, masters }, name)
  const rest = new Map([...masters].filter(([one]) => one !== name))
  const contexts = { current: current === name ? undefined : current, masters: rest }
  await keep(context, contexts, name, `${name} is forgotten`)
}

async function keep(context: Context, contexts: Contexts, name: string, words: string): Promise<void> {
  writeContexts(context.environment, contexts)
  const row = rowsOf(contexts).find((one) => one.name === name)
  if (isData(context.common)) await showData(context, row ?? { name })
  else context.screen.print(words)
}

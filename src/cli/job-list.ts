/**
 * The list of jobs of `tepui batch`: a line is a command for the shell, and may begin with options of its own, such as
 * `[cpus=0.5 mem=256MB name=render] ./render 7`. What is wrong in a list names its line.
 */
import { fstatSync, openSync, readFileSync, closeSync } from 'node:fs'
import { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import type { Job } from '../frameworks/jobs.ts'
import type { TaskWish } from '../frameworks/task-wish.ts'
import { megabytesOf, numberOf } from './option-values.ts'

export const MAX_JOBS = 100_000
const MAX_LIST_BYTES = 64 * 1024 * 1024
/** A command line of the kernel holds not much more (128 KiB for one argument). */
const MAX_LINE_BYTES = 64 * 1024
const STANDARD_INPUT = 0
const JOB_OPTIONS = ['cpus', 'mem', 'name'] as const

/** It becomes part of the ids of tasks. */
const NAME = /^[A-Za-z0-9._-]{1,100}$/

/** `[cpus=1 mem=64MB] command`; the test of a shell has a blank behind its bracket. */
const WITH_OPTIONS = /^\[([A-Za-z_]+=[^\]]*)\](.*)$/

/** The text of a list. @param file `-` for standard input. @throws OperatingError FILE, LIMIT */
export function readJobList(file: string): string {
  const handle = file === '-' ? STANDARD_INPUT : openList(file)
  try {
    const about = fstatSync(handle)
    if (about.isDirectory()) throw new OperatingError('FILE', `The list of jobs '${file}' is a folder`)
    const bytes = about.isFile() && about.size > MAX_LIST_BYTES ? undefined : readFileSync(handle)
    if (bytes !== undefined && bytes.length <= MAX_LIST_BYTES) return bytes.toString('utf8')
    throw new OperatingError('LIMIT', `The list of jobs '${file}' has more than ${MAX_LIST_BYTES} bytes`)
  } catch (error) {
    if (error instanceof OperatingError) throw error
    throw unreadable(file, error)
  } finally {
    if (handle !== STANDARD_INPUT) closeSync(handle)
  }
}

function openList(file: string): number {
  try {
    return openSync(file, 'r')
  } catch (error) {
    throw unreadable(file, error)
  }
}

const unreadable = (file: string, cause: unknown): OperatingError =>
  new OperatingError('FILE', `The list of jobs '${file}' cannot be read`, { cause })

/**
 * The jobs of a list, without comments and empty lines. Pure.
 * @param source what the list is called in errors
 * @param wish what all of them want, but for their names, commands and own options
 * @throws OperatingError USAGE with the number of the line, LIMIT
 */
export function jobsIn(list: string, source: string, wish: TaskWish, name = 'job'): readonly Job[] {
  const lines = list.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }))
  const told = lines.filter(({ line }) => line !== '' && !line.startsWith('#'))
  if (told.length === 0) throw usageError(`The list of jobs '${source}' is empty`, 'One command a line')
  if (told.length > MAX_JOBS)
    throw new OperatingError('LIMIT', `'${source}' has ${told.length} jobs; at most ${MAX_JOBS} are taken`)
  return told.map(({ line, number }, index) =>
    jobIn(line, { where: `'${source}' line ${number}`, wish, name: `${name}-${index + 1}` }),
  )
}

function jobIn(
  line: string,
  of: { readonly where: string; readonly wish: TaskWish; readonly name: string },
): Job {
  const { where, wish } = of
  if (Buffer.byteLength(line) > MAX_LINE_BYTES)
    throw new OperatingError('LIMIT', `${where} is longer than ${MAX_LINE_BYTES} bytes`)
  if (line.includes('\0') || line.includes('�'))
    throw usageError(`${where} is no text: expected a command for the shell in UTF-8`)
  const [, given, rest = ''] = WITH_OPTIONS.exec(line) ?? []
  const command = given === undefined ? line : rest.trim()
  if (command === '') throw usageError(`${where} has options but no command`)
  const options = given === undefined ? {} : optionsIn(given, where)
  try {
    const name = options['name'] ?? of.name
    if (!NAME.test(name)) throw usageError(`'${name}' is no name of a job: expected letters, digits, ., _, -`)
    const cpus = numberOf(options, 'cpus', wish.cpus, 0.001)
    return { name, wish: { ...wish, name, command, cpus, mem: megabytesOf(options, 'mem', wish.mem) } }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    throw usageError(`${where}: ${error.message}`, error.hint)
  }
}

function optionsIn(given: string, where: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const pair of given.split(/\s+/).filter((one) => one !== '')) {
    const cut = pair.indexOf('=')
    const key = cut < 0 ? pair : pair.slice(0, cut)
    if (cut < 0 || !JOB_OPTIONS.some((known) => known === key))
      throw usageError(`${where}: '${pair}' is no option of a job: expected ${JOB_OPTIONS.join(', ')}`)
    found[key] = pair.slice(cut + 1)
  }
  return found
}

// Reads the kernel's files of control groups (v2) in a machine, several groups and times in one go.
import { wanted } from './steps.ts'
import type { Machines } from './machines.ts'

/** What there is to read about the cpu of a group. */
export const CPU_FILES = ['cpu.stat', 'cpu.pressure', 'cpu.max', 'cpu.idle', 'cpu.weight'] as const

/** The group of a process, or so many levels above it. */
export interface Group {
  readonly pid: number
  readonly above?: number
}

export interface Reading {
  /** Of the machine, s since its start. */
  readonly at: number
  readonly path: string
  /** A line that is one value, or `name value` in each line. */
  text(file: string): string
  /** The number behind a name in a file of such lines. */
  number(file: string, name: string): number
}

/**
 * The files of each group, read `times` times with a rest in between: emulated machines answer so late that two calls
 * say nothing about a rate.
 */
export async function readings<Name extends string>(
  machines: Machines,
  groups: Readonly<Record<Name, Group>>,
  files: readonly string[],
  { restSeconds = 0, times = 1 } = {},
): Promise<Readonly<Record<Name, readonly Reading[]>>> {
  const names = Object.keys(groups) as Name[]
  const one = names.map((name) => readingOf(name, groups[name], files)).join('\n')
  const rounds = Array.from({ length: times }, () => one).join(`\nsleep ${restSeconds}\n`)
  const lines = await machines.lines('a1', rounds)
  const found = Object.fromEntries(names.map((name) => [name, [] as Reading[]])) as Record<Name, Reading[]>
  for (const line of lines) {
    const [name = '', at = '', path = '', ...pairs] = line.split('|')
    const texts = new Map(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    )
    found[name as Name].push(readingFrom(Number(at), path, texts))
  }
  wanted(
    names.every((name) => found[name].length === times),
    'expected every group to be read',
    lines,
  )
  return found
}

function readingOf(name: string, { above = 0, pid }: Group, files: readonly string[]): string {
  const path = `p=$(cut -d: -f3 /proc/${pid}/cgroup)${'; p=${p%/*}'.repeat(above)}`
  const texts = files.map((file) => `; printf "|${file}=%s" "$(tr "\\n" ";" </sys/fs/cgroup$p/${file})"`)
  return `${path}; printf "${name}|%s|%s" "$(cut -d" " -f1 /proc/uptime)" "$p"${texts.join('')}; echo`
}

function readingFrom(at: number, path: string, texts: ReadonlyMap<string, string>): Reading {
  const text = (file: string): string => (texts.get(file) ?? '').replace(/;$/, '')
  return {
    at,
    path,
    text,
    number: (file, name) => {
      const line = text(file)
        .split(';')
        .find((one) => one.startsWith(`${name} `))
      return Number(line?.slice(name.length + 1) ?? Number.NaN)
    },
  }
}

/** Cores that a group used from the first to the last reading. */
export function coresUsed(all: readonly Reading[]): number {
  return rate(all, (one) => one.number('cpu.stat', 'usage_usec') / 1e6)
}

/** Share of the time in which something of the group waited for a core (PSI). */
export function shareWaiting(all: readonly Reading[]): number {
  return rate(all, (one) => Number(/some .*?total=(\d+)/.exec(one.text('cpu.pressure'))?.[1]) / 1e6)
}

function rate(all: readonly Reading[], seconds: (reading: Reading) => number): number {
  const [first] = all
  const last = all.at(-1)
  if (first === undefined || last === undefined || last.at <= first.at) return Number.NaN
  return Number(((seconds(last) - seconds(first)) / (last.at - first.at)).toFixed(3))
}

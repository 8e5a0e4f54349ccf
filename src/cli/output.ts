// The forms in which commands print what they found (-o): tables for people, the others for programs.
import type { Screen } from './screen.ts'

export const OUTPUTS = ['table', 'wide', 'json', 'jsonl', 'yaml', 'name'] as const
export type Output = (typeof OUTPUTS)[number]

interface Wanted {
  readonly common: { readonly output: Output }
  readonly screen: Screen
}

/** Whether a program reads it: then `showData`, else tables. */
export function isData({ output }: { readonly output: Output }): boolean {
  return output !== 'table' && output !== 'wide'
}

/**
 * Prints a value in the form that is wanted: a list as one array, as a line for each (jsonl), as YAML, or only its
 * names, one a line.
 */
export async function showData({ common, screen }: Wanted, value: unknown): Promise<void> {
  const each = Array.isArray(value) ? (value as readonly unknown[]) : [value]
  switch (common.output) {
    case 'jsonl':
      for (const one of each) screen.print(JSON.stringify(one))
      return
    case 'yaml':
      return screen.print((await import('./yaml.ts')).yamlText(value))
    case 'name':
      for (const one of each) screen.print(nameOf(one))
      return
    case 'json':
    case 'table':
    case 'wide':
      return screen.print(JSON.stringify(value))
  }
}

/** What names a thing, the plainest first: with a name of its own, as a task, as an event, else by its agent. */
const NAMES = ['id', 'name', 'task', 'event', 'path', 'agent', 'text']

function nameOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  for (const field of NAMES) {
    const found = (value as Readonly<Record<string, unknown>>)[field]
    if (typeof found === 'string' || typeof found === 'number') return String(found)
  }
  return JSON.stringify(value)
}

/**
 * Pages of a whole cluster as text, written in slices: between them others are served, so that a page of many megabytes
 * holds nobody up (design.md 6). Lists are fixed when they are made; their entries are shown when their turn comes.
 */
import type { Page } from './resources.ts'

/** A list of which each entry is shown only when it is written. */
export interface LazyList {
  readonly entries: readonly unknown[]
  readonly show: (entry: unknown) => Page
}

class Lazy implements LazyList {
  readonly entries: readonly unknown[]
  readonly show: (entry: unknown) => Page

  constructor(entries: readonly unknown[], show: (entry: unknown) => Page) {
    this.entries = entries
    this.show = show
  }
}

/** A list for `pageText`; which entries it has is decided now. */
export function lazily<T>(entries: Iterable<T>, show: (entry: T) => Page): LazyList {
  return new Lazy([...entries], show as (entry: unknown) => Page)
}

/** Entries between two breaks: some 2 ms of tasks or agents. */
const SLICE = 200

/** Writes a page in which lists, and lists in their entries, may be lazy. */
export async function pageText(page: Page): Promise<string> {
  const pieces: string[] = []
  const progress = { sinceBreak: 0 }
  await writeObject(page, pieces, progress)
  return pieces.join('')
}

async function writeObject(page: Page, pieces: string[], progress: { sinceBreak: number }): Promise<void> {
  let mark = '{'
  for (const [key, value] of Object.entries(page)) {
    if (value === undefined) continue
    if (!(value instanceof Lazy)) {
      pieces.push(`${mark}${JSON.stringify(key)}:${JSON.stringify(value)}`)
    } else {
      pieces.push(`${mark}${JSON.stringify(key)}:`)
      await writeList(value, pieces, progress)
    }
    mark = ','
  }
  pieces.push(mark === '{' ? '{}' : '}')
}

async function writeList(list: LazyList, pieces: string[], progress: { sinceBreak: number }): Promise<void> {
  pieces.push('[')
  for (const [index, entry] of list.entries.entries()) {
    if (index > 0) pieces.push(',')
    const page = list.show(entry)
    if (Object.values(page).some((value) => value instanceof Lazy)) await writeObject(page, pieces, progress)
    else pieces.push(JSON.stringify(page))
    if (++progress.sinceBreak < SLICE) continue
    progress.sinceBreak = 0
    await new Promise((resolve) => setImmediate(resolve))
  }
  pieces.push(']')
}

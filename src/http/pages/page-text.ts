/**
 * Pages of a whole cluster as text, written in slices: between them others are served, so that a page of many megabytes
 * holds nobody up (design.md 6). Lists are fixed when they are made; their entries are shown when their turn comes.
 */
import type { Page } from './resources.ts'

/** Entries of a list that are written together, each with a comma before it. */
export class WrittenRun {
  readonly bytes: Uint8Array
  /** Written just now, and not taken from a store. */
  readonly isNew: boolean

  constructor(bytes: Uint8Array, isNew: boolean) {
    this.bytes = bytes
    this.isNew = isNew
  }
}

type Shown = Page | string | WrittenRun

/** A list of which each entry is shown only when it is written. */
export interface LazyList {
  readonly entries: readonly unknown[]
  readonly show: (entry: unknown) => Shown
}

class Lazy implements LazyList {
  readonly entries: readonly unknown[]
  readonly show: (entry: unknown) => Shown

  constructor(entries: readonly unknown[], show: (entry: unknown) => Shown) {
    this.entries = entries
    this.show = show
  }
}

/**
 * A list for `pageBytes`; which entries it has is decided now.
 *
 * @param show a page, or JSON that is written already
 */
export function lazily<T>(entries: Iterable<T>, show: (entry: T) => Shown): LazyList {
  return new Lazy([...entries], show as (entry: unknown) => Shown)
}

/** Characters between two breaks: a millisecond or two of tasks or agents. */
const SLICE = 100_000
/** What was written before costs so much less than writing it. */
const KEPT_SHARE = 1 / 50

interface Progress {
  /** Characters since the last break. */
  sinceBreak: number
  written: string[]
  readonly done: Uint8Array[]
}

/** Writes a page in which lists, pages in it, and lists in their entries, may be lazy; in pieces for the connection. */
export async function pageBytes(page: Page): Promise<readonly Uint8Array[]> {
  const progress: Progress = { sinceBreak: 0, written: [], done: [] }
  // What the page was made of took its time already.
  await new Promise((resolve) => setImmediate(resolve))
  await writeObject(page, progress)
  close(progress)
  return progress.done
}

/** The same as one text. */
export async function pageText(page: Page): Promise<string> {
  return Buffer.concat(await pageBytes(page)).toString()
}

/** What is written becomes bytes slice by slice, so that no moment has to turn all of it. */
function close(progress: Progress): void {
  if (progress.written.length > 0) progress.done.push(Buffer.from(progress.written.join('')))
  progress.written = []
}

async function writeObject(page: Page, progress: Progress): Promise<void> {
  let mark = '{'
  for (const [key, value] of Object.entries(page)) {
    if (value === undefined) continue
    progress.written.push(`${mark}${JSON.stringify(key)}:`)
    if (value instanceof Lazy) await writeList(value, progress)
    else if (hasLazy(value)) await writeObject(value, progress)
    else progress.written.push(JSON.stringify(value))
    mark = ','
  }
  progress.written.push(mark === '{' ? '{}' : '}')
}

/** Whether some list below is lazy; looked for in objects only, where pages have them. */
function hasLazy(value: unknown): value is Page {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).some((inner) => inner instanceof Lazy || hasLazy(inner))
}

async function writeList(list: LazyList, progress: Progress): Promise<void> {
  progress.written.push('[')
  for (const [index, entry] of list.entries.entries()) {
    const page = list.show(entry)
    if (page instanceof WrittenRun) {
      await addRun(page, index === 0, progress)
      continue
    }
    if (index > 0) progress.written.push(',')
    if (typeof page !== 'string' && Object.values(page).some((value) => value instanceof Lazy)) {
      await writeObject(page, progress)
    } else {
      const text = typeof page === 'string' ? page : JSON.stringify(page)
      progress.written.push(text)
      progress.sinceBreak += text.length
    }
    if (progress.sinceBreak >= SLICE) await pause(progress)
  }
  progress.written.push(']')
}

async function addRun({ bytes, isNew }: WrittenRun, isFirst: boolean, progress: Progress): Promise<void> {
  close(progress)
  progress.done.push(isFirst ? bytes.subarray(1) : bytes)
  progress.sinceBreak += isNew ? bytes.length : bytes.length * KEPT_SHARE
  if (progress.sinceBreak >= SLICE) await pause(progress)
}

/** Others are served. */
async function pause(progress: Progress): Promise<void> {
  close(progress)
  progress.sinceBreak = 0
  await new Promise((resolve) => setImmediate(resolve))
}

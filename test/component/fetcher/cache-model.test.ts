// The cache on a real disk, with any number of tasks at once that come, fail, are killed, and find their files harmed.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import type { FetchCache, Lease } from '../../../src/fetcher/cache.ts'
import type { Source } from '../../../src/fetcher/source.ts'
import { Rig } from '../../support/fetch-rig.ts'

const MAX = 20
const LISTENER = { onProgress: () => undefined, onRetry: () => undefined }

/** What may happen, in the order in which it does. */
type Happening =
  | { readonly kind: 'task'; readonly uri: string; readonly user: string | undefined }
  | { readonly kind: 'bring'; readonly index: number; readonly how: 'whole' | 'failed' | 'too much' }
  | { readonly kind: 'kill'; readonly index: number }
  | { readonly kind: 'leave'; readonly index: number }
  | { readonly kind: 'harm'; readonly index: number }
  | { readonly kind: 'purge' }

const uri = fc.constantFrom('a', 'bbbb', 'cccccccc', 'dddddddddddd', 'e'.repeat(19), 'f'.repeat(21))
const index = fc.nat(7)
const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('task' as const),
      uri,
      user: fc.constantFrom(undefined, undefined, 'ann'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('bring' as const),
      index,
      how: fc.constantFrom('whole' as const, 'whole' as const, 'failed' as const, 'too much' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), index }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('leave' as const), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('harm' as const), index }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'purge' as const }) },
)

type End = 'bypassed' | 'failed' | 'killed' | Lease

interface Task {
  readonly uri: string
  readonly stop: AbortController
  readonly done: Promise<End>
  end: End | undefined
}

/** Downloads that wait to be told how they end. */
class Downloads {
  readonly waiting: { readonly uri: string; readonly end: (how: 'whole' | 'failed' | 'too much') => void }[] =
    []
  readonly underWay = new Map<string, number>()
  /** Of one user and URI. */
  mostAtATime = 0

  source(uri: string, user: string | undefined): Source {
    const key = `${user ?? ''}@${uri}`
    return {
      reader: undefined,
      size: () => Promise.resolve(uri.length),
      load: async (path, _, signal) => {
        const now = (this.underWay.get(key) ?? 0) + 1
        this.underWay.set(key, now)
        try {
          this.mostAtATime = Math.max(this.mostAtATime, now)
          const how = await this.#told(uri, signal)
          if (how === 'failed') throw new OperatingError('FETCH', 'it failed')
          await writeFile(path, how === 'whole' ? uri : `${uri} and more`)
          return { status: undefined, retries: 0, resumes: 0, seen: false }
        } finally {
          this.underWay.set(key, now - 1)
        }
      },
    }
  }

  #told(uri: string, signal: AbortSignal): Promise<'whole' | 'failed' | 'too much'> {
    return new Promise((resolve, reject) => {
      const one = { uri, end: resolve }
      this.waiting.push(one)
      const leave = (): void => {
        this.waiting.splice(this.waiting.indexOf(one), 1)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', leave, { once: true })
    })
  }

  next(index: number, how: 'whole' | 'failed' | 'too much'): void {
    const [one] = this.waiting.splice(index % Math.max(1, this.waiting.length), 1)
    one?.end(how)
  }
}

function begin(cache: FetchCache, downloads: Downloads, uri: string, user: string | undefined): Task {
  const stop = new AbortController()
  const wanted = {
    user,
    uri,
    name: uri,
    sha256: undefined,
    source: downloads.source(uri, user),
    stallTimeoutMs: 1,
  }
  const done = cache.obtain(wanted, LISTENER, stop.signal).then(
    (outcome): End => ('bypass' in outcome ? 'bypassed' : outcome),
    (): End => (stop.signal.aborted ? 'killed' : 'failed'),
  )
  const task: Task = { uri, stop, done, end: undefined }
  void done.then((end) => (task.end = end))
  return task
}

/** Without the folders of users. */
const filesOf = (rig: Rig): string[] => rig.cached.filter((name) => /(^|\/)c\d/.test(name))
const isLease = (end: End | undefined): end is Lease => typeof end === 'object'

/** True at every moment. */
function check({ page }: FetchCache, tasks: readonly Task[], harmed: ReadonlySet<string>): void {
  const reserved = page.entries.reduce((sum, entry) => sum + Number(entry['bytes']), 0)
  expect(page.used_bytes).toBeLessThanOrEqual(MAX)
  expect(page.used_bytes).toBeLessThanOrEqual(reserved)
  for (const { end, uri } of tasks)
    if (isLease(end) && !harmed.has(end.path)) expect(readFileSync(end.path, 'utf8')).toBe(uri)
}

test('whatever happens, files in use are whole, room is kept, and in the end nothing is left over', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 40 }), async (all) => {
      await using rig = await Rig.open({ cacheBytes: MAX })
      const cache = rig.cache as FetchCache
      const downloads = new Downloads()
      const tasks: Task[] = []
      const harmed = new Set<string>()
      const holding = (): Task[] => tasks.filter(({ end }) => isLease(end))
      for (const one of all) {
        await happen(one)
        // The disk takes its time; what has not happened yet happens beside what comes next.
        await new Promise((resolve) => setImmediate(resolve))
        check(cache, tasks, harmed)
      }
      for (const { stop } of tasks) stop.abort()
      const ends = await Promise.all(tasks.map(({ done }) => done))
      for (const end of ends) if (isLease(end)) end[Symbol.dispose]()
      await expect.poll(() => cache.page.entries.every(({ in_use: users }) => users === 0)).toBe(true)
      await expect
        .poll(() => filesOf(rig).length)
        .toBe(cache.page.entries.filter(({ state }) => state === 'ready').length)
      expect(cache.page.entries.every(({ state }) => state === 'ready')).toBe(true)
      expect(downloads.mostAtATime).toBeLessThanOrEqual(1)
      expect(cache.page.used_bytes).toBe(
        cache.page.entries.reduce((sum, { bytes }) => sum + Number(bytes), 0),
      )

      async function happen(now: Happening): Promise<void> {
        switch (now.kind) {
          case 'task':
            return void tasks.push(begin(cache, downloads, now.uri, now.user))
          case 'bring':
            return downloads.next(now.index, now.how)
          case 'kill':
            return tasks[now.index % Math.max(1, tasks.length)]?.stop.abort()
          case 'leave': {
            const task = holding()[now.index % Math.max(1, holding().length)]
            if (isLease(task?.end)) task.end[Symbol.dispose]()
            if (task !== undefined) task.end = undefined
            return undefined
          }
          case 'harm': {
            const file = filesOf(rig)[now.index]
            if (file === undefined || !existsSync(join(cache.folder, file))) return undefined
            harmed.add(join(cache.folder, file))
            return writeFileSync(join(cache.folder, file), 'harmed')
          }
          case 'purge':
            return void (await cache.purge())
        }
      }
    }),
    { numRuns: 100 },
  )
}, 120_000)

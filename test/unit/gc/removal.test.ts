// A tree goes whole, however hostile it is; nothing outside of it goes, and what cannot go is told.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import type { OperatingError } from '../../../src/base/errors.ts'
import { removeHalf, removeTree } from '../../../src/gc/removal.ts'
import { isSecondHalf, RemovalShare } from '../../../src/gc/removal-share.ts'
import { Remover } from '../../../src/gc/remover.ts'

/**
 * For trees of thousands of files: in memory where there is such a file system. One on a disk without a journal gives a
 * removed file's number to nobody for minutes, and whoever makes a file meanwhile looks through all of them.
 */
const ROOMY = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

let root: string
let tree: string
function makeRoot(below: string): void {
  root = mkdtempSync(join(below, 'tepui-removal-'))
  tree = join(root, 'tree')
  mkdirSync(tree)
}
beforeEach(() => makeRoot(tmpdir()))
afterEach(() => rmSync(root, { recursive: true, force: true }))

const gone = { bytes: expect.any(Number) as number, failed: 0, failures: [] }

test('files, folders, links, pipes and sockets go, and what links lead to stays', () => {
  mkdirSync(join(root, 'outside'))
  writeFileSync(join(root, 'outside/keep'), 'x')
  mkdirSync(join(tree, 'a/b/c'), { recursive: true })
  writeFileSync(join(tree, 'a/b/file'), 'x')
  symlinkSync(join(root, 'outside'), join(tree, 'a/link'))
  symlinkSync('/nowhere', join(tree, 'dangling'))
  execFileSync('mkfifo', [join(tree, 'pipe')])
  expect(removeTree(tree)).toEqual({ removed: 8, ...gone })
  expect(existsSync(tree)).toBe(false)
  expect(readdirSync(join(root, 'outside'))).toEqual(['keep'])
})

test('a link in place of the tree goes itself, a file too, and what is not there is gone already', () => {
  mkdirSync(join(root, 'outside'))
  rmSync(tree, { recursive: true })
  symlinkSync(join(root, 'outside'), tree)
  expect(removeTree(tree)).toEqual({ removed: 1, ...gone })
  expect(existsSync(join(root, 'outside'))).toBe(true)
  expect(removeTree(tree)).toEqual({ removed: 0, ...gone })
  expect(removeTree(join(root, 'no/such/parent'))).toEqual({ removed: 0, ...gone })
})

test('a link in place of a folder above the tree is not followed', () => {
  mkdirSync(join(root, 'outside/victim'), { recursive: true })
  symlinkSync(join(root, 'outside'), join(root, 'way'))
  const outcome = removeTree(join(root, 'way/victim'))
  expect(outcome.failed).toBe(1)
  expect(existsSync(join(root, 'outside/victim'))).toBe(true)
})

test('names of bytes that are no text, of line ends, dashes and the longest length go', () => {
  const odd = ['-rf', 'a\nb', ' ', '*', '\\', "'", 'ü', '\u{1F600}', 'x'.repeat(255)]
  for (const name of odd) writeFileSync(join(tree, name), 'x')
  const raw = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xfe, 0x80])])
  mkdirSync(raw)
  writeFileSync(Buffer.concat([raw, Buffer.from('/'), Buffer.from([0xc3, 0x28])]), 'x')
  expect(removeTree(tree)).toEqual({ removed: odd.length + 3, ...gone })
})

test('a tree that is deeper than paths can be long goes, with few descriptors', () => {
  // Built from its end: each folder is moved into the next.
  const levels = 1500
  let inner = join(root, 'inner')
  mkdirSync(inner)
  writeFileSync(join(inner, 'file'), 'x')
  const name = 'd'.repeat(100)
  for (let level = 0; level < levels; level++) {
    const outer = join(root, `outer-${level % 2}`)
    mkdirSync(outer)
    renameSync(inner, join(outer, name))
    inner = outer
  }
  rmSync(tree, { recursive: true })
  renameSync(inner, tree)
  const outcome = removeTree(tree)
  expect(outcome).toEqual({ removed: levels + 2, ...gone })
  expect(readdirSync(root)).toEqual([])
}, 120_000)

test('folders without rights are opened when they are ours', () => {
  mkdirSync(join(tree, 'closed/inner'), { recursive: true })
  writeFileSync(join(tree, 'closed/inner/file'), 'x')
  chmodSync(join(tree, 'closed/inner'), 0o500)
  chmodSync(join(tree, 'closed'), 0o000)
  expect(removeTree(tree)).toEqual({ removed: 4, ...gone })
})

test('many files in one folder go, and their number is told meanwhile', () => {
  rmSync(root, { recursive: true })
  makeRoot(ROOMY)
  for (let at = 0; at < 11_000; at++) writeFileSync(join(tree, `f${at}`), '')
  const told: number[] = []
  expect(removeTree(tree, (removed) => told.push(removed))).toEqual({ removed: 11_001, ...gone })
  expect(told).toEqual([5000, 10_000])
}, 60_000)

test('any tree goes whole, and its neighbour stays as it is', () => {
  const name = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 20 })
    .filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..')
  const way = fc.array(name, { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(fc.array(way, { maxLength: 20 }), (ways) => {
      for (const base of ['tree', 'neighbour']) {
        for (const parts of ways) {
          const path = join(root, base, ...parts.map((part) => Buffer.from(part).subarray(0, 200).toString()))
          if (path.length < 3000 && !existsSync(path)) tryMake(path)
        }
        mkdirSync(join(root, base), { recursive: true })
      }
      const before = readdirSync(join(root, 'neighbour'), { recursive: true }).length
      const expected = readdirSync(tree, { recursive: true }).length + 1
      const outcome = removeTree(tree)
      expect(outcome).toEqual({ removed: expected, ...gone })
      expect(existsSync(tree)).toBe(false)
      expect(readdirSync(join(root, 'neighbour'), { recursive: true })).toHaveLength(before)
      rmSync(join(root, 'neighbour'), { recursive: true })
    }),
    { numRuns: 40 },
  )
}, 120_000)

/** A way may lead through what is a file already, or through a name that is too long here. */
function tryMake(path: string): void {
  try {
    mkdirSync(join(path, '..'), { recursive: true })
    writeFileSync(path, '')
  } catch (error) {
    expect(['ENOTDIR', 'EEXIST', 'EISDIR', 'ENAMETOOLONG', 'ENOENT']).toContain(
      (error as NodeJS.ErrnoException).code,
    )
  }
}

describe('by two threads', () => {
  const FOLDERS = 80
  const EACH = 300
  const all = FOLDERS * (EACH + 1) + 2
  beforeEach(() => {
    rmSync(root, { recursive: true })
    makeRoot(ROOMY)
  })

  /** Folders of files, and a file at the top. */
  function makeLarge(): void {
    writeFileSync(join(tree, 'top'), '')
    for (let at = 0; at < FOLDERS; at++) {
      mkdirSync(join(tree, String(at)))
      for (let file = 0; file < EACH; file++) writeFileSync(join(tree, String(at), `f${file}`), '')
    }
  }

  test('the helper takes half of the folders, and neither files at the top nor the tree itself', () => {
    makeLarge()
    symlinkSync(join(root, 'outside'), join(tree, '1-link'))
    mkdirSync(join(root, 'outside'))
    writeFileSync(join(root, 'outside/victim'), '')
    const { failed, removed } = removeHalf(tree)
    const left = readdirSync(tree)
    expect(failed).toBe(0)
    expect(left).toContain('top')
    expect(left).toContain('1-link')
    expect(left.filter((name) => isSecondHalf(name) && /^\d+$/.test(name))).toEqual([])
    const folders = FOLDERS - (left.length - 2)
    expect([folders > 20 && folders < 60, removed]).toEqual([true, folders * (EACH + 1)])
    expect(removeHalf(join(tree, 'top'))).toMatchObject({ removed: 0, failed: 0 })
    expect(removeTree(tree)).toMatchObject({ removed: all + 1 - removed, failed: 0 })
    expect(existsSync(join(root, 'outside/victim'))).toBe(true)
  }, 180_000)

  test('what was left to a helper that did nothing goes all the same, and whoever comes later does not join', () => {
    makeLarge()
    const share = new RemovalShare()
    const outcome = removeTree(
      tree,
      (removed) => {
        if (removed === 5000) expect(share.join()).toBe(true)
        // Until then it was left about half of the folders.
        if (removed === 10_000) share.leave()
      },
      share,
    )
    expect(outcome).toEqual({ removed: all, ...gone })
    expect([existsSync(tree), share.join()]).toEqual([false, false])
    expect(removeTree(tree, undefined, share)).toMatchObject({ removed: 0, failed: 0 })
  }, 180_000)

  test('a large tree goes whole, and each entry of it is counted once', async () => {
    makeLarge()
    await using remover = new Remover(systemClock)
    expect(await remover.remove(tree)).toEqual({ removed: all, ...gone })
    expect(existsSync(tree)).toBe(false)
  }, 180_000)

  test('a remover that is closed meanwhile ends both', async () => {
    makeLarge()
    const remover = new Remover(systemClock)
    const begun = Promise.withResolvers<void>()
    const removing = remover.remove(tree, () => begun.resolve())
    removing.catch((error: unknown) => error)
    await begun.promise
    await remover[Symbol.asyncDispose]()
    const [end] = await Promise.allSettled([removing])
    // On a busy machine it may have been done already.
    expect(end.status === 'fulfilled' || (end.reason as OperatingError).code === 'STOPPED').toBe(true)
    await expect(remover.remove(tree)).rejects.toMatchObject({ code: 'STOPPED' })
  }, 180_000)
})

describe('in the background', () => {
  test('trees go one after the other, and whoever asks hears of each', async () => {
    await using remover = new Remover(systemClock)
    const paths = ['a', 'b', 'c'].map((name) => join(tree, name))
    for (const path of paths) mkdirSync(join(path, 'inner'), { recursive: true })
    const outcomes = await Promise.all(paths.map((path) => remover.remove(path)))
    expect(outcomes).toEqual(paths.map(() => ({ removed: 2, ...gone })))
    expect(readdirSync(tree)).toEqual([])
  }, 60_000)

  test('what waits when it is closed is told so, and no thread is left', async () => {
    const remover = new Remover(systemClock)
    for (let at = 0; at < 500; at++) writeFileSync(join(tree, `f${at}`), '')
    const asked = Promise.allSettled([remover.remove(tree), remover.remove(join(root, 'other'))])
    await remover[Symbol.asyncDispose]()
    const [, second] = await asked
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'STOPPED' } })
    await expect(remover.remove(tree)).rejects.toMatchObject({ code: 'STOPPED' })
  }, 60_000)
})

// The sum of a folder against `du` itself, and on folders that were made to be counted wrongly.
import { execFileSync } from 'node:child_process'
import {
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, every, systemClock } from '../../../src/base/clock.ts'
import { diskUsage } from '../../../src/gc/disk-usage.ts'

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tepui-du-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

/** What coreutils say, in bytes. */
const du = (folder: string): number =>
  Number(execFileSync('du', ['-sx', '--block-size=1', folder], { encoding: 'utf8' }).split('\t')[0])

const usage = (folder: string): ReturnType<typeof diskUsage> => diskUsage(folder, { clock: systemClock })

test('any tree of folders, files, holes and second names is as big as du says', async () => {
  const size = fc.integer({ min: 0, max: 40_000 })
  const step = fc.oneof(
    fc.record({ kind: fc.constant('folder' as const) }),
    fc.record({ kind: fc.constant('file' as const), size }),
    fc.record({ kind: fc.constant('hole' as const), size }),
    fc.record({ kind: fc.constant('second name' as const) }),
    fc.record({ kind: fc.constant('link' as const) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(), async (steps, turn) => {
      const folder = mkdtempSync(join(root, 'tree-'))
      const folders = [folder]
      const files: string[] = []
      for (const [index, one] of steps.entries()) {
        const home = folders[(index * 7 + turn) % folders.length] ?? folder
        const path = join(home, `n${index}`)
        const [file] = files
        if (one.kind === 'folder') folders.push((mkdirSync(path), path))
        else if (one.kind === 'link') symlinkSync('/', path)
        else if (one.kind === 'second name' && file !== undefined) linkSync(file, path)
        else if (one.kind === 'file' || one.kind === 'hole') {
          writeFileSync(path, Buffer.alloc(one.kind === 'file' ? one.size : 0))
          if (one.kind === 'hole') truncateSync(path, one.size)
          files.push(path)
        }
      }
      expect((await usage(folder)).bytes).toBe(du(folder))
    }),
    { numRuns: 20 },
  )
})

test('a folder that is not there takes nothing, and a file is counted itself', async () => {
  expect(await usage(join(root, 'absent'))).toEqual({ bytes: 0, entries: 0, unreadable: 0 })
  writeFileSync(join(root, 'file'), Buffer.alloc(10_000))
  expect(await usage(join(root, 'file'))).toEqual({
    bytes: du(join(root, 'file')),
    entries: 1,
    unreadable: 0,
  })
})

test('a name that is no text is counted', async () => {
  const before = await usage(root)
  writeFileSync(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0xfe, 0x80])]), Buffer.alloc(9000))
  const folder = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xe9])])
  mkdirSync(folder)
  writeFileSync(Buffer.concat([folder, Buffer.from([0x2f, 0xe9])]), Buffer.alloc(9000))
  const after = await usage(root)
  expect(after.entries).toBe(before.entries + 3)
  expect(after.bytes).toBe(du(root))
})

/** A chain of folders with a file at its end, made from the end, so that no path is ever too long for the kernel. */
function nest(pieces: number): void {
  const rest = join(root, 'rest')
  mkdirSync(rest)
  writeFileSync(join(rest, 'last'), Buffer.alloc(50_000))
  for (let piece = 0; piece < pieces; piece++) {
    const top = join(root, `piece${piece}`)
    const bottom = join(top, ...Array.from({ length: 17 }, () => 'd'.repeat(200)))
    mkdirSync(bottom, { recursive: true })
    renameSync(rest, join(bottom, 'rest'))
    renameSync(top, rest)
  }
}

test('what lies deeper than the longest path of the kernel is counted', async () => {
  nest(3)
  const found = await usage(root)
  expect(found).toEqual({ bytes: du(root), entries: 57, unreadable: 0 })
  expect(found.bytes).toBeGreaterThan(50_000)
  execFileSync('rm', ['-rf', root])
})

test('what lies deeper than folders may be open at once is told as not readable', {
  timeout: 60_000,
}, async () => {
  nest(120)
  const found = await usage(root)
  expect(found.unreadable).toBe(1)
  expect(found.entries).toBeGreaterThan(1500)
  execFileSync('rm', ['-rf', root])
})

test('another file system inside is not entered', async () => {
  // On every Linux: /dev holds other file systems, such as /dev/pts and /dev/shm.
  const inodes = execFileSync('du', ['-sx', '--inodes', '/dev'], { encoding: 'utf8' }).split('\t')[0]
  expect((await usage('/dev')).entries).toBe(Number(inodes))
})

test('the walk stops between two slices when it is not wanted any more', async () => {
  for (let index = 0; index < 50; index++) writeFileSync(join(root, `f${index}`), '')
  const stop = new AbortController()
  let looks = 0
  // Each look at the time is a slice later.
  const clock: Clock = {
    ...systemClock,
    monotonic: () => {
      if (++looks === 20) stop.abort(new Error('enough'))
      return looks * 10
    },
  }
  await expect(diskUsage(root, { clock, signal: stop.signal })).rejects.toThrow('enough')
  expect(looks).toBeLessThan(50)
})

test('others have their turn while a big folder is counted', async () => {
  for (let index = 0; index < 30; index++) writeFileSync(join(root, `f${index}`), '')
  let now = 0
  const clock: Clock = { ...systemClock, monotonic: () => (now += 2) }
  let turns = 0
  const stop = new AbortController()
  const others = every(systemClock, { ms: 0, name: 'others' }, () => void turns++, stop.signal)
  await diskUsage(root, { clock })
  stop.abort()
  await others
  expect(turns).toBeGreaterThan(3)
})

test.each(['a link to it', 'the folder itself'])(
  'who puts %s in the place of a folder gains nothing',
  async (kind) => {
    const [inside, big] = [join(root, 'sandbox'), join(root, 'big')]
    mkdirSync(join(inside, 'folder'), { recursive: true })
    mkdirSync(big)
    writeFileSync(join(big, 'file'), Buffer.alloc(1_000_000))
    let looks = 0
    const clock: Clock = {
      ...systemClock,
      // The second look comes after the folder was found, and before it is entered.
      monotonic: () => {
        if (++looks === 2) {
          renameSync(join(inside, 'folder'), join(root, 'away'))
          if (kind === 'a link to it') symlinkSync(big, join(inside, 'folder'))
          else renameSync(big, join(inside, 'folder'))
        }
        return 0
      },
    }
    expect((await diskUsage(inside, { clock })).bytes).toBeLessThan(1_000_000)
    expect(looks).toBe(2)
  },
)

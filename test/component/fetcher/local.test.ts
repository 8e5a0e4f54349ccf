// Files and folders of the agent's machine: copied whole or not at all, also when somebody changes them meanwhile.
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/base/clock.ts'
import { localSource } from '../../../src/fetcher/local.ts'
import { runWatched } from '../../../src/fetcher/program.ts'
import { ManualClock } from '../../support/clock.ts'
import { over, Rig } from '../../support/fetch-rig.ts'

const NOBODY = { name: 'nobody', uid: 65_534, gid: 65_534 }
const MB = 1024 ** 2
const OPTIONS = {
  stallTimeoutMs: 5000,
  maxBytes: 2 ** 30,
  onProgress: () => undefined,
  onRetry: () => undefined,
}
const never = new AbortController().signal

test.each([undefined, NOBODY])(
  'a file that vanishes between the look and the copy is told (as %j)',
  async (user) => {
    await using rig = await Rig.open()
    const path = join(rig.home, 'file')
    writeFileSync(path, 'x')
    const source = localSource(systemClock, path, user)
    expect(await source.size(never)).toBe(1)
    rmSync(path)
    const to = join(rig.home, 'copy')
    await expect(source.load(to, OPTIONS, never)).rejects.toThrow(/ENOENT|No such file/)
    for (const cache of [false, true]) {
      const failed = rig.fetch([{ value: path, cache }], user && { owner: user })
      await expect(failed).rejects.toMatchObject({
        code: 'FETCH',
        message: expect.stringMatching(/^Cannot fetch '.*\/file': .*(ENOENT|No such file)/),
      })
      expect(rig.names).toEqual([])
    }
  },
)

/** Resolves when the fetch under way has brought something. */
async function begun(rig: Rig): Promise<void> {
  while ((rig.fetcher.page.under_way[0]?.bytes ?? 0) === 0)
    await new Promise((resolve) => setImmediate(resolve))
}

test.each([false, true])(
  'a file that is cut while it is copied is told, and nothing is left of it (cache %s)',
  async (cache) => {
    await using rig = await Rig.open({ cacheBytes: 2 ** 30 })
    const path = join(rig.home, 'file')
    writeFileSync(path, '')
    truncateSync(path, 300 * MB)
    const fetched = rig.fetch([{ value: path, cache }])
    fetched.catch((error: unknown) => error)
    await begun(rig)
    truncateSync(path, 0)
    await expect(fetched).rejects.toMatchObject({
      message: expect.stringMatching(
        /^Cannot fetch '.*\/file': only \d+ of its 314572800 bytes could be read: it was cut meanwhile$/,
      ),
      hint: expect.stringContaining('when nobody writes to it'),
    })
    expect([rig.names, rig.cached, rig.cache?.page.entries]).toEqual([[], [], []])
  },
)

test('a file that is removed while it is copied comes whole', async () => {
  await using rig = await Rig.open()
  const path = join(rig.home, 'file')
  const end = Buffer.from('the end')
  writeFileSync(path, '')
  truncateSync(path, 100 * MB)
  writeFileSync(path, end, { flag: 'a' })
  const fetched = rig.fetch([{ value: path }])
  await begun(rig)
  rmSync(path)
  await fetched
  const copy = join(rig.sandbox, 'file')
  expect(statSync(copy).size).toBe(100 * MB + end.length)
  expect(readFileSync(copy).subarray(-end.length)).toEqual(end)
})

test.each([false, true])(
  'files of the kernel, which are not as long as they say, hold up nothing (cache %s)',
  async (cache) => {
    await using rig = await Rig.open({ cacheBytes: MB })
    // It says 4096 bytes and has six.
    const failed = rig.fetch([{ value: '/sys/class/net/lo/mtu', cache }])
    await expect(failed).rejects.toThrow('only 6 of its 4096 bytes could be read')
    // It says none and has some.
    await rig.fetch([{ value: '/proc/version', cache }])
    expect(rig.names).toEqual(['version'])
    expect(rig.read('version')).toBe(readFileSync('/proc/version', 'utf8'))
  },
)

test.each([undefined, NOBODY])(
  'a URI may name a link, and links inside of a folder stay (as %j)',
  async (owner) => {
    await using rig = await Rig.open()
    mkdirSync(join(rig.home, 'folder'))
    writeFileSync(join(rig.home, 'folder/file'), 'x')
    symlinkSync('file', join(rig.home, 'folder/link'))
    symlinkSync('folder/file', join(rig.home, 'to-file'))
    symlinkSync('folder', join(rig.home, 'to-folder'))
    const uris = ['to-file', 'to-folder'].map((name) => ({ value: join(rig.home, name) }))
    await rig.fetch(uris, owner && { owner })
    expect([rig.read('to-file'), rig.read('to-folder/file')]).toEqual(['x', 'x'])
    expect(readlinkSync(join(rig.sandbox, 'to-folder/link'))).toBe('file')
  },
)

test.each([undefined, NOBODY])('a folder with a pipe in it is refused (as %j)', async (owner) => {
  await using rig = await Rig.open()
  mkdirSync(join(rig.home, 'folder'))
  execFileSync('mkfifo', [join(rig.home, 'folder/pipe')])
  const failed = rig.fetch([{ value: join(rig.home, 'folder') }], owner && { owner })
  await expect(failed).rejects.toThrow("it holds 'pipe', which is a device, a pipe or a socket")
  expect(rig.names).toEqual([])
})

test.each([undefined, NOBODY])('a folder above the limit is refused (as %j)', async (owner) => {
  await using rig = await Rig.open({ maxBytes: 100_000 })
  mkdirSync(join(rig.home, 'folder/inner'), { recursive: true })
  for (const name of ['a', 'inner/b', 'inner/c'])
    writeFileSync(join(rig.home, 'folder', name), Buffer.alloc(40_000))
  const failed = rig.fetch([{ value: join(rig.home, 'folder') }], owner && { owner })
  await expect(failed).rejects.toThrow('it is larger than 97.7 KiB')
  expect(rig.names).toEqual([])
})

test('a folder that grows slowly is no stall, one that stands still is', async () => {
  const clock = new ManualClock()
  await using rig = await Rig.open()
  const [folder, pipe] = [join(rig.home, 'folder'), join(rig.home, 'pipe')]
  execFileSync('mkfifo', [pipe])
  const script = `mkdir "$1"; for name in a b c d; do cat <"$2" >"$1/$name"; done; cat <"$2"`
  const argv = ['sh', '-c', script, 'sh', folder, pipe]
  const seen: number[] = []
  const options = { ...OPTIONS, onProgress: (bytes: number) => void seen.push(bytes) }
  const copied = runWatched(clock, { argv, user: undefined, files: [folder] }, options, never)
  copied.catch((error: unknown) => error)
  for (const [at, name] of ['a', 'b', 'c', 'd'].entries()) {
    await writeFile(pipe, 'x'.repeat(10))
    await expect.poll(() => sizeOf(join(folder, name)), { timeout: 60_000, interval: 5 }).toBe(10)
    const look = async (): Promise<number | undefined> => {
      // Only while it rests: adding up must not seem to take long because the machine is slow.
      if (clock.pending > 0) await clock.advance(100)
      return seen.at(-1)
    }
    await expect.poll(look, { timeout: 60_000, interval: 1 }).toBe((at + 1) * 10)
    // Altogether longer than the longest stall.
    await clock.advance(2000)
  }
  expect(String(await over(clock, copied))).toContain('no data came for 5secs (--fetcher_stall_timeout)')
})

const sizeOf = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.size

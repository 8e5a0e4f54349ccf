// Whatever an archive holds: a clear error, nothing outside the sandbox, nothing in it, nothing in the cache.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OperatingError } from '../../../src/base/errors.ts'
import { HOSTILE } from '../../support/hostile-archives.ts'
import { tar } from '../../support/tar.ts'
import { zip } from '../../support/zip.ts'
import { Rig } from '../../support/fetch-rig.ts'

const LIMITS = {
  maxBytes: 2_000_000,
  unpacking: { maxEntries: 1000, maxRatio: 100, ratioFromBytes: 100_000 },
  cacheBytes: 10_000_000,
}

test('the corpus has more than forty kinds, each its own', () => {
  expect(new Set(HOSTILE.map(({ what }) => what)).size).toBe(HOSTILE.length)
  expect(HOSTILE.length).toBeGreaterThan(40)
})

test.each(HOSTILE)('$what is refused', async ({ bytes, name, says }) => {
  await using rig = await Rig.open(LIMITS)
  writeFileSync(join(rig.home, name), bytes)
  const before = readdirSync(rig.home).sort()
  const value = join(rig.home, name)
  const failed = await rig.fetch([{ value }]).catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(OperatingError)
  expect((failed as OperatingError).message).toContain(`Cannot fetch '${value}': `)
  expect((failed as OperatingError).message).toContain(says)
  expect((failed as OperatingError).hint).toBeDefined()
  expect(readdirSync(rig.home).sort()).toEqual(before)
  expect(rig.names).toEqual([])
})

const fine = [
  ['a.tar', tar({ name: 'd/f', data: 'inside' }, { name: 'd/l', type: '2', linkName: '../d/f' }), 'd/f'],
  ['a.zip', zip({ name: 'd/f', data: 'inside', deflate: true }), 'd/f'],
  ['a.tar', zip({ name: 'd/f', data: 'inside' }), 'd/f'],
  ['a.tgz', tar({ name: 'd/f', data: 'inside' }), 'd/f'],
] as const

test.each(fine)('%s that harms nobody is unpacked, whatever it is called', async (name, bytes, inside) => {
  await using rig = await Rig.open(LIMITS)
  writeFileSync(join(rig.home, name), bytes)
  await rig.fetch([{ value: join(rig.home, name) }])
  expect(readFileSync(join(rig.sandbox, inside), 'utf8')).toBe('inside')
})

const seeds = [
  tar(
    { name: 'd/f', data: 'x'.repeat(700) },
    { name: 'l', type: '2', linkName: 'd' },
    { name: 'e', type: '5' },
  ),
  zip({ name: 'd/f', data: 'x'.repeat(700), deflate: true }, { name: 'l', data: 'd', mode: 0o120777 }),
  gzipSync(tar({ name: 'f', data: 'x'.repeat(700) })),
]

test('an archive with any bytes changed is unpacked or refused, and stays inside', async () => {
  await using rig = await Rig.open(LIMITS)
  let round = 0
  const change = fc.record({ at: fc.nat(2000), byte: fc.nat(255) })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...seeds),
      fc.array(change, { maxLength: 8 }),
      fc.nat(2),
      async (seed, all, cut) => {
        const bytes = Buffer.from(seed)
        for (const { at, byte } of all) bytes[at % bytes.length] = byte
        const home = rig.newSandbox(`round-${++round}`)
        writeFileSync(
          join(home, 'a.tar'),
          cut === 0 ? bytes.subarray(0, (all[0]?.at ?? 0) % bytes.length) : bytes,
        )
        const sandbox = rig.newSandbox(join(`round-${round}`, 'sandbox'))
        const failed = await rig
          .fetch([{ value: join(home, 'a.tar') }], { sandbox })
          .catch((error: unknown) => error)
        if (failed !== undefined) expect(failed).toBeInstanceOf(OperatingError)
        if (failed !== undefined) expect(readdirSync(sandbox)).toEqual([])
        expect(readdirSync(home).sort()).toEqual(['a.tar', 'sandbox'])
      },
    ),
    { numRuns: 300 },
  )
}, 120_000)

test('any bytes at all are unpacked or refused', async () => {
  await using rig = await Rig.open(LIMITS)
  let round = 0
  const begins = fc.constantFrom('', '1f8b08', '504b0304', '425a68', 'fd377a585a00', '28b52ffd')
  await fc.assert(
    fc.asyncProperty(begins, fc.uint8Array({ maxLength: 1500 }), async (begin, bytes) => {
      const sandbox = rig.newSandbox(`any-${++round}`)
      const value = join(rig.home, `a-${round}.zip`)
      writeFileSync(value, Buffer.concat([Buffer.from(begin, 'hex'), bytes]))
      const failed = await rig.fetch([{ value }], { sandbox }).catch((error: unknown) => error)
      if (failed !== undefined) expect(failed).toBeInstanceOf(OperatingError)
      if (failed !== undefined) expect(readdirSync(sandbox)).toEqual([])
    }),
    { numRuns: 150 },
  )
}, 120_000)

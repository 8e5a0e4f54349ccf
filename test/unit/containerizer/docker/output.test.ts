// Frames of the attached stream, cut anywhere, come out as the bytes that went in.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Frames, SandboxOutput } from '../../../../src/containerizer/docker/output.ts'

function frame(isStderr: boolean, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8)
  header[0] = isStderr ? 2 : 1
  header.writeUInt32BE(payload.length, 4)
  return Buffer.concat([header, payload])
}

test('wherever the chunks are cut, each stream gets exactly its bytes in order', () => {
  const frames = fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 40 })), { maxLength: 20 })
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), (all, cuts) => {
      const bytes = Buffer.concat(all.map(([isStderr, payload]) => frame(isStderr, payload)))
      const reader = new Frames()
      const got = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = cuts[turn % cuts.length] ?? 1
        const parts = reader.take(bytes.subarray(at, at + size))
        got.stdout.push(...parts.stdout)
        got.stderr.push(...parts.stderr)
        at += size
      }
      const sent = (wanted: boolean): Buffer =>
        Buffer.concat(all.filter(([one]) => one === wanted).map(([, data]) => data))
      expect(Buffer.concat(got.stdout).equals(sent(false))).toBe(true)
      expect(Buffer.concat(got.stderr).equals(sent(true))).toBe(true)
    }),
  )
})

test('bytes that cannot be a frame are a breach of the protocol, not output', () => {
  expect(() => new Frames().take(Buffer.from('plain text, no frame'))).toThrow(/begins with 706c61696e207465/)
})

test('what a container printed is in the sandbox, put aside before it grows too large, up to the close', async () => {
  const sandbox = mkdtempSync(join(tmpdir(), 'tepui-output-'))
  try {
    const troubles: unknown[] = []
    const output = SandboxOutput.open({
      sandbox,
      maxBytes: 8,
      headBytes: 3,
      onTrouble: (error) => troubles.push(error),
    })
    const printed = async function* (): AsyncGenerator<Buffer> {
      yield frame(false, Buffer.from('first\n'))
      yield Buffer.concat([frame(true, Buffer.from('oops\n')), frame(false, Buffer.from('second\n'))])
      output[Symbol.dispose]()
      yield frame(false, Buffer.from('late\n'))
    }
    await output.follow(printed(), false)
    const read = (name: string): string => readFileSync(join(sandbox, name), 'utf8')
    expect([read('stdout.1'), read('stdout'), read('stderr')]).toEqual(['first\n', 'second\n', 'oops\n'])
    expect(read('stdout.head')).toBe('fir')
    expect(troubles).toEqual([])
  } finally {
    rmSync(sandbox, { recursive: true, force: true })
  }
})

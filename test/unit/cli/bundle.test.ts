// What a bundle is made of: an archive that tar reads, and pages without what must not leave the house.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../../../src/base/exec.ts'
import { redacted } from '../../../src/cli/redact.ts'
import { tarOf } from '../../../src/cli/tar.ts'

test('tar reads the archive: names of any length, files of any size, their time and mode', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tepui-tar-'))
  try {
    const long = `${'d'.repeat(60)}/${'e'.repeat(60)}/${'f'.repeat(60)}.json`
    const files = [
      { path: 'empty', bytes: Buffer.alloc(0) },
      { path: 'whole/block', bytes: Buffer.alloc(512, 7) },
      { path: 'ü/öl', bytes: Buffer.from('grün') },
      { path: long, bytes: Buffer.alloc(513, 'x') },
    ]
    const archive = join(folder, 'a.tar')
    const out = join(folder, 'out')
    writeFileSync(archive, tarOf(files, 1_700_000_000))
    mkdirSync(out)
    const { stderr } = await runCommand('tar', ['-xf', archive, '-C', out])
    expect(stderr).toBe('')
    for (const { bytes, path } of files) expect(readFileSync(join(out, path)).equals(bytes)).toBe(true)
    const listed = await runCommand('tar', ['-tvf', archive, '--utc'])
    expect(listed.stdout).toMatch(/^-rw------- 0\/0 +0 2023-11-14 22:13 empty$/m)
  } finally {
    rmSync(folder, { recursive: true })
  }
  expect(() => tarOf([{ path: 'x'.repeat(101), bytes: Buffer.alloc(0) }], 0)).toThrow('is too long')
})

test('Secrets, environments and logins are taken out, everything else stays', () => {
  expect(
    redacted({
      id: 'F',
      flags: { authenticate: 'true', http_credentials: '/etc/secret.json', authorization: '' },
      rows: [
        { name: 'secret_key', value: 'abc', origin: 'command line' },
        { name: 'port', value: '5050', origin: 'default' },
      ],
      labels: [{ key: 'api_token', value: 't' }],
      command: {
        value: 'curl -H token=abc https://me:pw@host/x',
        environment: { variables: [{ name: 'HOME', value: '/root' }, 'odd'] },
      },
      uris: ['http://user@h/f.tgz', 'http://h/f.tgz'],
      figures: [1, null, true],
      token: { deeper: 'password: hunter2, then' },
    }),
  ).toEqual({
    id: 'F',
    flags: { authenticate: 'true', http_credentials: '(removed)', authorization: '' },
    rows: [
      { name: 'secret_key', value: '(removed)', origin: 'command line' },
      { name: 'port', value: '5050', origin: 'default' },
    ],
    labels: [{ key: 'api_token', value: '(removed)' }],
    command: {
      value: 'curl -H token=(removed) https://(removed)@host/x',
      environment: { variables: [{ name: 'HOME', value: '(removed)' }, '(removed)'] },
    },
    uris: ['http://(removed)@h/f.tgz', 'http://h/f.tgz'],
    figures: [1, null, true],
    token: { deeper: 'password: (removed), then' },
  })
})

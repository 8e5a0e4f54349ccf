// A URI says where a file comes from and what it is called; what is malformed is refused with the reason.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { planItem } from '../../../src/fetcher/uri.ts'

test.each([
  [
    'http://h/a/app.tgz',
    {},
    { target: 'app.tgz', action: 'extract', source: { kind: 'http', url: 'http://h/a/app.tgz' } },
  ],
  ['https://h/run.sh', { executable: true }, { target: 'run.sh', action: 'chmod' }],
  ['https://h/app.zip', { extract: false }, { action: 'none' }],
  ['/opt/x.gz', {}, { target: 'x.gz', action: 'gunzip', source: { kind: 'file', path: '/opt/x.gz' } }],
  ['file:///opt/data', {}, { source: { kind: 'file', path: '/opt/data' }, action: 'none' }],
  ['file://localhost/opt/data', {}, { source: { kind: 'file', path: '/opt/data' } }],
  ['tools/x', {}, { source: { kind: 'file', path: '/srv/tools/x' }, target: 'x' }],
  ['http://h/x', { output_file: 'a/b/app.tar' }, { target: 'a/b/app.tar', action: 'extract' }],
  ['http://user:secret@h/x', {}, { shown: 'http://h/x' }],
  ['  http://h/x', {}, { target: 'x' }],
  [
    `http://h/app.tgz#sha256=${'Ab'.repeat(32)}`,
    {},
    { target: 'app.tgz', sha256: 'ab'.repeat(32), source: { kind: 'http', url: 'http://h/app.tgz' } },
  ],
  [`/opt/x#sha256=${'0'.repeat(64)}`, {}, { target: 'x', source: { kind: 'file', path: '/opt/x' } }],
  ['/opt/a#b', {}, { target: 'a#b', sha256: undefined, source: { kind: 'file', path: '/opt/a#b' } }],
  ['hdfs://n/x', {}, { target: 'x', source: { kind: 'hadoop', uri: 'hdfs://n/x' } }],
  [
    's3a://bucket/a/x.zip',
    {},
    { action: 'extract', source: { kind: 'hadoop', uri: 's3a://bucket/a/x.zip' } },
  ],
  ['ftps://h/x', { cache: true }, { cached: true, source: { kind: 'ftp', url: 'ftps://h/x' } }],
  ['HTTPS://h/x?a=b', {}, { target: 'x?a=b', source: { kind: 'http', url: 'HTTPS://h/x?a=b' } }],
])('%s with %j is understood', (value, more, expected) => {
  expect(planItem({ value, ...more }, '/srv')).toMatchObject(expected)
})

test.each([
  ['', {}, 'the URI is empty'],
  ["http://h/it's", {}, "may not contain \\, ' or NUL"],
  ['http://h', {}, 'missing path'],
  ['http://h/', {}, 'missing path'],
  ['http://:0:/x', {}, 'it is no valid URL'],
  ['file://relative/x', {}, 'needs an absolute path'],
  ['http://?x=/y', {}, 'it is no valid URL'],
  ['ftps:///x', {}, 'missing path'],
  ['ftp://h', {}, 'missing path'],
  ['hdfs://n', {}, 'missing path'],
  ['hdfs://n/', {}, 'missing path'],
  ['ht tp://h/x', {}, "'ht tp' is no scheme"],
  ['1://h/x', {}, "'1' is no scheme"],
  ['://h/x', {}, "'' is no scheme"],
  ['/a/..', {}, 'it names no file'],
  ['/a/.', {}, 'it names no file'],
  ['/a/', {}, 'it names no file'],
  ['http://h/x\ny', {}, 'control characters'],
  ['http://h/\u0085', {}, 'control characters'],
  [`http://h/${'x'.repeat(9000)}`, {}, 'longer than 8192 bytes'],
  [`http://h/${'x'.repeat(300)}`, {}, 'more than 255 bytes: give a shorter output_file'],
  ['http://h/x#sha256=', {}, 'not 64 hexadecimal digits'],
  ['http://h/x#sha256=abc', {}, 'not 64 hexadecimal digits'],
  [`http://h/x#sha256=${'g'.repeat(64)}`, {}, 'not 64 hexadecimal digits'],
  ['http://h/stdout', {}, "its file name 'stdout' is the name of a log"],
  ['http://h/x', { output_file: '../x' }, 'must stay in the sandbox'],
  ['http://h/x', { output_file: 'a/../../x' }, 'must stay in the sandbox'],
  ['http://h/x', { output_file: '/etc/passwd' }, 'must be relative'],
  ['http://h/x', { output_file: '' }, 'is empty'],
  ['http://h/x', { output_file: 'stdout' }, 'is the name of a log'],
])('%s with %j is refused', (value, more, message) => {
  expect(planItem({ value, ...more }, undefined)).toMatchObject({
    rejected: true,
    message: expect.stringContaining(message),
  })
})

test('a relative path is refused without --frameworks_home', () => {
  expect(planItem({ value: 'x' }, undefined)).toMatchObject({
    message: expect.stringContaining('--frameworks_home'),
  })
})

test('whatever the URI, the target stays inside the sandbox', () => {
  const file = fc.option(fc.string(), { nil: undefined })
  const scheme = fc.constantFrom('', '/', 'http://h/', 'ftp://h/', 'hdfs://n/', 'file:///', 'file://')
  const uri = fc.tuple(scheme, fc.string({ unit: 'binary' })).map((parts) => parts.join(''))
  fc.assert(
    fc.property(uri, file, (value, output) => {
      const item = planItem(output === undefined ? { value } : { value, output_file: output }, '/srv')
      if ('rejected' in item) return
      expect(item.target.startsWith('/')).toBe(false)
      expect(item.target.split('/')).not.toContain('..')
    }),
  )
}, 60_000)

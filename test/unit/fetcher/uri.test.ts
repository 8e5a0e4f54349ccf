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
  ['hdfs://n/x', {}, "the scheme 'hdfs' is not supported yet"],
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
  fc.assert(
    fc.property(fc.string(), file, (value, output) => {
      const item = planItem(output === undefined ? { value } : { value, output_file: output }, '/srv')
      if ('rejected' in item) return
      expect(item.target.startsWith('/')).toBe(false)
      expect(item.target.split('/')).not.toContain('..')
    }),
  )
})

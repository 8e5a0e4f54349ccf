// What a task needs arrives whole, with the right owner and mode, or not at all and with the reason.
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Rig } from '../../support/fetch-rig.ts'

let rig: Rig
let home: string
let sandbox: string

beforeEach(async () => {
  rig = await Rig.open()
  home = rig.home
  sandbox = rig.sandbox
})
afterEach(() => rig[Symbol.asyncDispose]())

const inSandbox = (name: string): string => rig.read(name)
const make = (command: string): void => void execFileSync('sh', ['-c', command], { cwd: home })

test('a file is downloaded under its name, an executable may be run', async () => {
  const url = await rig.serve((_, res) => res.end('#!/bin/sh\necho hi\n'))
  const progress: string[] = []
  await rig.fetch([{ value: `${url}/dir/run.sh?v=1`, executable: true, output_file: 'bin/run.sh' }], {
    progress,
  })
  expect(execFileSync(join(sandbox, 'bin/run.sh'), { encoding: 'utf8' })).toBe('hi\n')
  expect(progress).toEqual([
    expect.stringMatching(/^Fetched http.*run.sh\?v=1: 18 B, HTTP 200, in [\d.]+ s \(.*\/s\)$/),
  ])
})

test('a local file and a folder are copied', async () => {
  make('echo one > a; mkdir d; echo two > d/b')
  await rig.fetch([{ value: join(home, 'a') }, { value: `file://${home}/d` }])
  expect([inSandbox('a'), inSandbox('d/b')]).toEqual(['one\n', 'two\n'])
})

test.each([
  ['a.tar', 'tar cf a.tar f'],
  ['a.tgz', 'tar czf a.tgz f'],
  ['a.tar.bz2', 'tar cjf a.tar.bz2 f'],
  ['a.tar.xz', 'tar cJf a.tar.xz f'],
  ['a.zip', 'zip -q a.zip f'],
])('%s is unpacked and kept', async (name, command) => {
  make(`echo inside > f; ${command}`)
  await rig.fetch([{ value: join(home, name) }])
  expect(inSandbox('f')).toBe('inside\n')
  expect(existsSync(join(sandbox, name))).toBe(true)
})

test('a lone .gz becomes the file without it', async () => {
  make('echo inside > f; gzip -k f')
  await rig.fetch([{ value: join(home, 'f.gz') }])
  expect(inSandbox('f')).toBe('inside\n')
})

test('extract=false leaves an archive as it is', async () => {
  make('echo inside > f; tar cf a.tar f')
  await rig.fetch([{ value: join(home, 'a.tar'), extract: false }])
  expect(readdirSync(sandbox)).toEqual(['a.tar'])
})

test('everything that is fetched belongs to the owner, links are not followed', async () => {
  make('mkdir d; echo x > d/f; ln -s f d/link; tar czf a.tgz d')
  const owner = { name: 'nobody', uid: 65_534, gid: 65_534 }
  await rig.fetch([{ value: join(home, 'a.tgz'), output_file: 'deep/er/a.tgz' }], { owner })
  for (const path of ['d', 'd/f', 'd/link', 'deep', 'deep/er', 'deep/er/a.tgz']) {
    expect([path, lstatSync(join(sandbox, path)).uid]).toEqual([path, 65_534])
  }
})

test.each([
  [
    'a name that climbs',
    'mkdir -p x/y; echo e > x/evil; cd x/y; tar cPf ../../a.tar ../evil',
    'which is outside',
  ],
  [
    'an absolute name',
    'echo e > /tmp/fetch-evil; tar cPf a.tar /tmp/fetch-evil; rm /tmp/fetch-evil',
    'which is outside',
  ],
  ['a link out', 'ln -s /etc l; tar cf a.tar l', 'links outside'],
  ['a relative link out', 'ln -s ../../etc l; tar cf a.tar l', 'links outside'],
  ['a pipe', 'mkfifo p; tar cf a.tar p', 'holds a device or pipe'],
  ['no archive at all', 'echo nonsense > a.tar', 'the archive is cut off'],
  [
    'half an archive',
    'head -c 300000 /dev/urandom > f; tar cf b.tar f; head -c 100000 b.tar > a.tar',
    'the archive is cut off',
  ],
])('an archive with %s is refused', async (_, command, message) => {
  make(command)
  await expect(rig.fetch([{ value: join(home, 'a.tar') }])).rejects.toThrow(message)
  expect(existsSync(join(home, 'evil'))).toBe(false)
})

test('the first failure ends the rest', async () => {
  make('echo one > a')
  await expect(rig.fetch([{ value: join(home, 'missing') }, { value: join(home, 'a') }])).rejects.toThrow(
    'ENOENT',
  )
  expect(readdirSync(sandbox)).toEqual([])
})

test('modes of copied files are kept readable and writable by the task', async () => {
  writeFileSync(join(home, 'a'), 'x')
  chmodSync(join(home, 'a'), 0o640)
  await rig.fetch([{ value: join(home, 'a') }])
  expect(statSync(join(sandbox, 'a')).mode & 0o777).toBe(0o640)
})

test('a file that the task’s user may not read is not read for him', async () => {
  make('echo secret > s; chmod 600 s')
  const owner = { name: 'nobody', uid: 65_534, gid: 65_534 }
  const failed = rig.fetch([{ value: join(home, 's') }], { owner })
  await expect(failed).rejects.toThrow('Permission denied')
  expect(readdirSync(sandbox)).toEqual([])
})

test('the sandbox belongs to its user again afterwards, whether it went well or not', async () => {
  const owner = { name: 'nobody', uid: 65_534, gid: 65_534 }
  await rig.fetch([{ value: '/etc/hostname' }], { owner })
  await expect(rig.fetch([{ value: '/nowhere/x' }], { owner })).rejects.toThrow('No such file')
  const { uid, gid, mode } = statSync(sandbox)
  expect([uid, gid, mode & 0o7777]).toEqual([65_534, 65_534, 0o750])
})

test('nothing is written through a link that is in the sandbox already', async () => {
  make('mkdir outside; echo x > f')
  symlinkSync(join(home, 'outside'), join(sandbox, 'l'))
  const failed = rig.fetch([{ value: join(home, 'f'), output_file: 'l/f' }])
  await expect(failed).rejects.toThrow('l in its name is no folder in the sandbox')
  expect(readdirSync(join(home, 'outside'))).toEqual([])
})

test('an archive adds to folders, and replaces files and links, that are there already', async () => {
  make('mkdir -p d other; echo old > d/keep; echo old > d/f; tar cf 1.tar d; rm -r d')
  make('mkdir -p d; echo new > d/f; echo more > d/g; tar cf 2.tar d')
  symlinkSync(join(home, 'other'), join(sandbox, 'l'))
  make('mkdir l; echo x > l/f; tar cf 3.tar l')
  await rig.fetch(['1.tar', '2.tar', '3.tar'].map((name) => ({ value: join(home, name) })))
  expect(['keep', 'f', 'g'].map((name) => inSandbox(`d/${name}`))).toEqual(['old\n', 'new\n', 'more\n'])
  expect([lstatSync(join(sandbox, 'l')).isDirectory(), readdirSync(join(home, 'other'))]).toEqual([true, []])
})

test('nothing that is unpacked is set-uid, and others cannot write to it', async () => {
  make('echo x > f; chmod 6777 f; tar cf a.tar f; zip -q a.zip f')
  for (const name of ['a.tar', 'a.zip']) {
    await rig.fetch([{ value: join(home, name) }])
    expect(statSync(join(sandbox, 'f')).mode & 0o7777).toBe(0o755)
  }
})

test.each([
  ['gnu', 'tar --format=gnu -cf a.tar'],
  ['pax', 'tar --format=pax -cf a.tar'],
  ['ustar', 'tar --format=ustar -cf a.tar'],
  ['v7', 'tar --format=v7 -cf a.tar'],
  ['zip', 'zip -qry a.tar'],
])('what %s packs comes out as it was: names, links, modes, times', async (format, pack) => {
  const deep = format === 'v7' ? 'deep' : ['long'.repeat(12), 'name'.repeat(9)].join('/')
  make(`mkdir -p 'x/ü ☃'/${deep} x/empty; echo inside > 'x/ü ☃'/${deep}/f; ln -s 'ü ☃' x/l; touch -d @1500000000 x/m
    ln x/m x/same; chmod 640 x/m; head -c 300000 /dev/urandom > x/large; ${pack} x`)
  await rig.fetch([{ value: join(home, 'a.tar') }])
  const state = (folder: string): string =>
    execFileSync(
      'sh',
      [
        '-c',
        "find x -printf '%p %y %m %l %T@\\n' | sed 's/\\..*//' | sort; find x -type f | sort | xargs -d '\\n' md5sum",
      ],
      {
        cwd: folder,
        encoding: 'utf8',
      },
    )
      .split('\n')
      // Links' and folders' times may be younger.
      .map((line) => (/ [dl] /.test(line) ? line.replace(/ \d+$/, '') : line))
      .join('\n')
  if (format === 'zip') expect(inSandbox('x/large')).toBe(rig.read('x/large', home))
  else expect(state(sandbox)).toBe(state(home))
})

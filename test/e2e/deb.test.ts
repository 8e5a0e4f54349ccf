// The Debian package: made of the packed tarball, installed into an empty root, configured, upgraded, removed, purged.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { busyboxInto } from '../../src/cli/image-sources.ts'

const MINUTES = 60_000
const ROOT = join(import.meta.dirname, '..', '..')
const call = promisify(execFile)

let folder: string
let root: string
let deb: string

async function run(file: string, ...args: readonly string[]): Promise<string> {
  const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`
  const env = { ...process.env, PATH, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') }
  return (await call(file, [...args], { env, maxBuffer: 64 * 1024 * 1024 })).stdout
}

/** Nobody is there to be asked; what it depends on is not in this root. */
const dpkg = (...words: readonly string[]): Promise<string> =>
  run('dpkg', `--root=${root}`, '--force-depends', '--force-confold', ...words)

/** What the scripts of the package asked systemd for, since it was asked last. */
function asked(): string[] {
  const file = join(root, 'asked')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  rmSync(file, { force: true })
  return lines
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-deb-'))
  root = join(folder, 'root')
  deb = (await run('sh', join(ROOT, 'scripts', 'deb.sh'), folder)).trim().split('\n').at(-1) ?? ''
  // As small as dpkg and the scripts of a package can do with, and systemd seems to run.
  mkdirSync(root)
  await busyboxInto(root)
  for (const name of ['var/lib/dpkg/info', 'var/lib/dpkg/updates', 'run/systemd/system', 'usr/lib', 'lib'])
    mkdirSync(join(root, name), { recursive: true })
  for (const name of ['status', 'available']) writeFileSync(join(root, 'var/lib/dpkg', name), '')
  writeFileSync(join(root, 'bin/systemctl'), '#!/bin/sh\necho "$*" >>/asked\n', { mode: 0o755 })
}, 10 * MINUTES)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('names its version, what it needs and its files, which are all of root', async () => {
  const info = await run('dpkg-deb', '--info', deb)
  expect(info).toContain(`Version: ${packageJson.version}`)
  expect(info).toContain('Depends: nodejs (>= 24) | npm')
  const contents = (await run('dpkg-deb', '--contents', deb)).trim().split('\n')
  expect(contents.filter((line) => !line.includes(' root/root '))).toEqual([])
  for (const name of ['agent.service', 'master.service'])
    expect(contents.some((line) => line.endsWith(`./lib/systemd/system/tepui-${name}`))).toBe(true)
  expect((await run('dpkg-deb', '--ctrl-tarfile', deb)).length).toBeGreaterThan(0)
})

test(
  'installs, starts nothing, and keeps what was configured over an upgrade, which restarts only what runs',
  async () => {
    await dpkg('--install', deb)
    expect(await dpkg('--status', 'tepui')).toContain('Status: install ok installed')
    expect(asked()).toEqual(['daemon-reload'])
    expect(await run(join(root, 'usr/bin/tepui'), '--version')).toContain(packageJson.version)
    expect(readFileSync(join(root, 'lib/systemd/system/tepui-agent.service'), 'utf8')).toContain(
      'ExecStart=/usr/bin/tepui agent',
    )
    const settings = join(root, 'etc/tepui/agent.env')
    // Nothing is set until somebody sets it.
    expect(
      readFileSync(settings, 'utf8')
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#')),
    ).toEqual([])
    writeFileSync(settings, 'TEPUI_MASTER=10.0.0.1:5050\n')
    await dpkg('--install', deb)
    expect(readFileSync(settings, 'utf8')).toBe('TEPUI_MASTER=10.0.0.1:5050\n')
    expect(asked()).toEqual(['daemon-reload', 'try-restart tepui-master.service tepui-agent.service'])
  },
  5 * MINUTES,
)

test(
  'is removed with its daemons, and purged with what they wrote',
  async () => {
    await dpkg('--install', deb)
    asked()
    mkdirSync(join(root, 'var/lib/tepui/slaves'), { recursive: true })
    await dpkg('--remove', 'tepui')
    expect(asked()).toEqual(['disable --now tepui-master.service tepui-agent.service', 'daemon-reload'])
    expect(existsSync(join(root, 'usr/bin/tepui'))).toBe(false)
    expect([existsSync(join(root, 'etc/tepui/agent.env')), existsSync(join(root, 'var/lib/tepui'))]).toEqual([
      true,
      true,
    ])
    await dpkg('--purge', 'tepui')
    expect([existsSync(join(root, 'etc/tepui')), existsSync(join(root, 'var/lib/tepui'))]).toEqual([
      false,
      false,
    ])
  },
  5 * MINUTES,
)

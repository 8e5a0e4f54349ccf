// `tepui init`: the files that it writes, and that it never writes over others.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import packageJson from '../../../package.json' with { type: 'json' }
import { tepui } from '../../support/cli.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const LONG = 180_000

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-init-'))
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

const textOf = (...path: readonly string[]): string => readFileSync(join(...path), 'utf8')

test('units name the command that wrote them, and writing them again is no trouble', async () => {
  const first = await tepui(['init', 'systemd', '--into', folder])
  expect(first).toMatchObject({ code: 0 })
  expect(readdirSync(folder).sort()).toEqual(['tepui-agent.service', 'tepui-master.service', 'tepui.slice'])
  expect(textOf(folder, 'tepui-agent.service')).toContain(`ExecStart=${join(ROOT, 'bin', 'tepui')} agent`)
  expect(first.stderr).toContain('systemctl enable --now tepui-agent')
  expect((await tepui(['init', 'systemd', '--into', folder])).code).toBe(0)
})

test('a file that differs stops it before anything is written, until --force', async () => {
  writeFileSync(join(folder, 'tepui-agent.service'), 'mine')
  const { code, stderr } = await tepui(['init', 'systemd', '--into', folder])
  expect(code).toBe(1)
  expect(stderr).toMatch(/There already is .*tepui-agent\.service, and it differs\n {2}fix: +.*--force/)
  expect(readdirSync(folder)).toEqual(['tepui-agent.service'])
  expect((await tepui(['init', 'systemd', '--into', folder, '--force'])).code).toBe(0)
  expect(textOf(folder, 'tepui-agent.service')).toContain('ExecStart=')
})

test(
  'vagrant gets its file, the script and the package that both name',
  async () => {
    expect((await tepui(['init', 'vagrant', '--into', folder])).stderr).toContain('Next: vagrant up')
    expect(textOf(folder, 'Vagrantfile')).toBe(textOf(ROOT, 'Vagrantfile'))
    expect(textOf(folder, 'scripts', 'provision.sh')).toBe(textOf(ROOT, 'scripts', 'provision.sh'))
    const size = statSync(join(folder, '.tepui', `tepui-${packageJson.version}.tgz`)).size
    expect(size).toBeGreaterThan(1024 ** 2)
  },
  LONG,
)

test('the files are one array for programs', async () => {
  const { code, stdout } = await tepui(['init', 'systemd', '--into', folder, '-o', 'json'])
  expect(code).toBe(0)
  const names = ['tepui.slice', 'tepui-master.service', 'tepui-agent.service']
  expect(JSON.parse(stdout)).toEqual(names.map((name) => join(folder, name)))
})

test('compose.yaml names the package of this version', () => {
  expect(textOf(ROOT, 'compose.yaml')).toContain(`.tepui/tepui-${packageJson.version}.tgz`)
})

test('what is no kind is told with those that are', async () => {
  const { code, stderr } = await tepui(['init', 'kubernetes', '--into', folder])
  expect(code).toBe(64)
  expect(stderr).toMatch(/'kubernetes' cannot be written\n {2}fix: +Known: systemd, compose, vagrant/)
})

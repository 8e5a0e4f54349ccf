// The package: packed as it would be given away, installed into an empty prefix without a network, and used from there.
import { execFile } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { Run, Up } from '../support/cli.ts'

const MINUTES = 60_000
const ROOT = join(import.meta.dirname, '..', '..')
const call = promisify(execFile)
// Scripts of the shell and npm's own find the Node that runs this test.
const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`

let folder: string
let tarball: string
let tepui: string
let environment: Readonly<Record<string, string>>

/** A whole command line, with no network for npm. */
async function run(file: string, args: readonly string[], cwd = folder): Promise<string> {
  const env = { ...process.env, ...environment, npm_config_offline: 'true' }
  return (await call(file, [...args], { cwd, env, maxBuffer: 64 * 1024 * 1024 })).stdout
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-package-'))
  environment = {
    PATH,
    HOME: folder,
    XDG_CACHE_HOME: join(folder, 'cache'),
    npm_config_cache: join(folder, 'npm'),
  }
  const said = await run('sh', [join(ROOT, 'scripts', 'package.sh'), folder])
  tarball = said.trim().split('\n').at(-1) ?? ''
  await run('npm', ['install', '--global', '--prefix', join(folder, 'prefix'), tarball])
  tepui = join(folder, 'prefix', 'bin', 'tepui')
}, 10 * MINUTES)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Of every package in the tarball. */
function manifests(): Record<string, unknown>[] {
  const installed = join(folder, 'prefix', 'lib', 'node_modules', 'tepui')
  return readdirSync(installed, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('package.json'))
    .map((name) => JSON.parse(readFileSync(join(installed, name), 'utf8')) as Record<string, unknown>)
}

describe('the package with its dependencies', () => {
  test('is at most 5 MB, and has nothing that runs or is compiled while it is installed', () => {
    expect(statSync(tarball).size).toBeLessThan(5 * 1024 * 1024)
    const all = manifests()
    expect(all.length).toBeGreaterThan(50)
    expect(
      all.filter((one) => one['scripts'] !== undefined || one['optionalDependencies'] !== undefined),
    ).toEqual([])
  })

  test('knows its version and the flags of the daemons, from scripts without types', async () => {
    const version = await new Run(['version', '-o', 'json'], environment, [tepui]).ended
    expect(JSON.parse(version.stdout)).toMatchObject({ tepui: packageJson.version })
    const { code, stdout } = await new Run(['agent', '--help'], environment, [tepui]).ended
    expect(code).toBe(0)
    expect(stdout).toContain('--work_dir')
  })

  test.each(['systemd', 'compose', 'vagrant'])(
    'writes the files of `tepui init %s` out of itself',
    async (kind) => {
      const into = join(folder, kind)
      const { code, stderr, stdout } = await new Run(['init', kind, '--into', into], environment, [tepui])
        .ended
      expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('Next: ') as string })
      const files = stdout.trim().split('\n')
      expect(files.length).toBeGreaterThan(2)
      expect(files.filter((file) => statSync(file).size === 0)).toEqual([])
    },
  )

  test(
    'runs a cluster and a task on it',
    async () => {
      await using up = await Up.start(['--agents', '1'], environment, [tepui])
      const task = ['-m', up.master, 'run', '-q', '--', 'sh', '-c', 'echo packed; exit 3']
      const { code, stdout } = await new Run(task, environment, [tepui]).ended
      expect({ code, stdout }).toEqual({ code: 3, stdout: 'packed\n' })
    },
    5 * MINUTES,
  )

  test('gives frameworks the SDK with its types', async () => {
    const mine = join(folder, 'framework')
    mkdirSync(join(mine, 'node_modules'), { recursive: true })
    symlinkSync(join(folder, 'prefix', 'lib', 'node_modules', 'tepui'), join(mine, 'node_modules', 'tepui'))
    writeFileSync(join(mine, 'package.json'), '{ "type": "module" }')
    const program = "import { scalars } from 'tepui/sdk'\nconsole.log(scalars({ cpus: 2 })[0]?.name)\n"
    writeFileSync(join(mine, 'right.ts'), program)
    writeFileSync(join(mine, 'wrong.ts'), program.replace('cpus: 2', "cpus: 'two'"))
    expect(await run(process.execPath, ['right.ts'], mine)).toBe('cpus\n')
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
    const options = ['--noEmit', '--strict', '--module', 'NodeNext', '--target', 'ES2024', '--skipLibCheck']
    const types = ['--typeRoots', join(ROOT, 'node_modules', '@types'), '--types', 'node']
    expect(await run(tsc, [...options, ...types, 'right.ts'], mine)).toBe('')
    await expect(run(tsc, [...options, ...types, 'wrong.ts'], mine)).rejects.toMatchObject({
      stdout: expect.stringContaining("Type 'string' is not assignable to type 'number'") as string,
    })
  })
})

test(
  'npm pack makes the small package, and leaves the manifest of the clone as it was',
  async () => {
    const clone = join(folder, 'clone')
    mkdirSync(clone)
    const parts = [
      'bin',
      'scripts',
      'src',
      'ui',
      'package.json',
      'package-lock.json',
      'tsconfig.json',
      'README.md',
      'LICENSE',
    ]
    for (const part of parts) cpSync(join(ROOT, part), join(clone, part), { recursive: true })
    for (const extra of packageJson.files.filter((name) => !name.endsWith('dist')))
      cpSync(join(ROOT, extra), join(clone, extra), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules'), join(clone, 'node_modules'))
    const before = readFileSync(join(clone, 'package.json'), 'utf8')
    const name = (await run('npm', ['pack', '--loglevel=error'], clone)).trim().split('\n').at(-1) ?? ''
    expect(readFileSync(join(clone, 'package.json'), 'utf8')).toBe(before)
    const files = (await run('tar', ['-tzf', name], clone)).split('\n')
    expect(files).toEqual(expect.arrayContaining(['package/bin/tepui', 'package/dist/cli/tepui.js']))
    expect(files.filter((file) => /(?<!\.d)\.ts$|node_modules/.test(file))).toEqual([])
    const manifest = await run('tar', ['-xzOf', name, 'package/package.json'], clone)
    expect(JSON.parse(manifest)).toMatchObject({ exports: { './sdk': { default: './dist/sdk/sdk.js' } } })
  },
  MINUTES * 5,
)

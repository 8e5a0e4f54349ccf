// The provision script: what it refuses, and its steps in a folder that stands for the machine's root.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const SCRIPT = join(ROOT, 'scripts', 'provision.sh')

let folder: string
let packed: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-provision-'))
  packed = pack('package', 'echo first')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A package of the right form with another content. */
function pack(name: string, words: string): string {
  const stage = join(folder, 'stage', name)
  mkdirSync(join(stage, 'bin'), { recursive: true })
  mkdirSync(join(stage, 'node_modules'))
  writeFileSync(join(stage, 'bin', 'tepui'), `#!/bin/sh\n${words}\n`, { mode: 0o755 })
  const file = join(folder, `${name}.tgz`)
  expect(spawnSync('tar', ['-czf', file, '-C', join(folder, 'stage'), name]).status).toBe(0)
  return file
}

/** The script as somebody types it. */
function provision(...words: readonly string[]) {
  const done = spawnSync('sh', [SCRIPT, ...words], { encoding: 'utf8' })
  return { code: done.status, stdout: done.stdout, stderr: done.stderr }
}

/** Some of its functions, below a root of ours. */
function call(words: readonly string[], commands: string) {
  const before = `. '${SCRIPT}'; read_arguments ${words.join(' ')}; CHANGED='${join(folder, 'changed')}'; ${commands}`
  const env = { ...process.env, PROVISION_SOURCED: 'true', PROVISION_ROOT: join(folder, 'root') }
  const done = spawnSync('sh', ['-c', before], { encoding: 'utf8', env })
  return { code: done.status, stdout: done.stdout, stderr: done.stderr }
}

const isChanged = (): boolean => existsSync(join(folder, 'changed'))

describe('what is typed wrong is one sentence and the fix', () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /expected master or agent/],
    [['guest'], /'guest': expected master or agent/],
    [['master', '--package=nowhere.tgz'], /no package 'nowhere.tgz'/],
    [['master', '--package=PACKED', '--ip=10.0.0.256'], /expected an IPv4 address/],
    [['master', '--package=PACKED', '--ip=10.0.0.0.1'], /expected an IPv4 address/],
    [['master', '--package=PACKED', '--name=a;b'], /--name has the value 'a;b'/],
    [['agent', '--package=PACKED'], /An agent needs its master/],
    [['master', '--package=PACKED', '--node=nowhere'], /no Node at 'nowhere'/],
    [['master', '--package=PACKED', '--quick'], /'--quick' is no option/],
  ]
  test.each(wrong)('%j', (words, sentence) => {
    const typed = words.map((word) => word.replace('PACKED', packed))
    const { code, stderr, stdout } = provision(...typed)
    expect({ code, stdout }).toEqual({ code: 64, stdout: '' })
    expect(stderr).toMatch(sentence)
    expect(stderr).toMatch(/^provision\.sh: [^\n]+\n {2}fix: [^\n]+\n$/)
  })
})

describe('the settings', () => {
  test('of an agent name its master, the address for others, and its name', () => {
    const words = ['agent', `--package=${packed}`, '--ip=10.0.0.2', '--name=a1', '--master=10.0.0.1:5050']
    expect(call(words, 'settings').stdout.split('\n')).toEqual([
      'TEPUI_ADVERTISE_IP=10.0.0.2',
      'TEPUI_HOSTNAME=10.0.0.2',
      'TEPUI_MASTER=10.0.0.1:5050',
      'TEPUI_ATTRIBUTES=agent:a1',
      'TEPUI_RESOURCE_ESTIMATOR=usage',
      'TEPUI_QOS_CONTROLLER=pressure',
      '',
    ])
  })

  test('are written once, and a second run changes nothing', () => {
    const words = ['master', `--package=${packed}`, '--ip=10.0.0.1']
    const first = call(words, 'write_settings')
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(isChanged()).toBe(true)
    const written = readFileSync(join(folder, 'root', 'etc', 'tepui', 'master.env'), 'utf8')
    expect(written).toBe('TEPUI_ADVERTISE_IP=10.0.0.1\nTEPUI_HOSTNAME=10.0.0.1\n')
    rmSync(join(folder, 'changed'))
    expect(call(words, 'write_settings').code).toBe(0)
    expect(isChanged()).toBe(false)
  })
})

describe('an engine that is there', () => {
  const words = (): string[] => ['agent', `--package=${packed}`, '--master=10.0.0.1:5050']
  /** The step with a `dockerd` that says this of itself. */
  function check(saying: string) {
    const bin = join(folder, 'bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'dockerd'), `#!/bin/sh\n${saying}\n`, { mode: 0o755 })
    writeFileSync(join(bin, 'docker'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    return call(words(), `PATH='${bin}':$PATH; step 'engine' check_engine`)
  }

  test.each(['18.09.1', '19.03.15', '20.9.0'])(
    'of version %s is too old: one sentence and the fix',
    (version) => {
      const { code, stdout } = check(`echo 'Docker version ${version}, build 4c52b90'`)
      expect(code).toBe(1)
      expect(stdout).toMatch(
        /^FAIL {2}engine\n +The Docker Engine here is [\d.]+; 20\.10 or newer is needed\.\n +fix: .*--no-engine\n$/,
      )
    },
  )

  test.each(['20.10.24+dfsg1', '23.0.6', '100.1.0'])('of version %s is new enough', (version) => {
    const { code, stdout } = check(`echo 'Docker version ${version}, build 297e128'`)
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^PASS {2}engine: \d+\.\d+\n$/)])
  })

  test('is brought where there is none', () => {
    expect(check('exit 127')).toMatchObject({ code: 0, stdout: 'PASS  engine: there is none yet\n' })
  })
})

describe('the package', () => {
  const installed = (): string => join(folder, 'root', 'usr', 'local', 'lib', 'node_modules', 'tepui')

  test('is unpacked with its command, left alone the second time, and replaced by another one', () => {
    expect(call(['master', `--package=${packed}`], 'install_package')).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(join(installed(), 'bin', 'tepui'), 'utf8')).toContain('first')
    const link = join(folder, 'root', 'usr', 'local', 'bin', 'tepui')
    expect(readlinkSync(link)).toBe('/usr/local/lib/node_modules/tepui/bin/tepui')
    rmSync(join(folder, 'changed'))
    expect(call(['master', `--package=${packed}`], 'install_package').stdout).toBe('is there already\n')
    expect(isChanged()).toBe(false)
    const newer = pack('newer', 'echo second')
    expect(call(['master', `--package=${newer}`], 'install_package').code).toBe(0)
    expect(isChanged()).toBe(true)
    expect(readFileSync(join(installed(), 'bin', 'tepui'), 'utf8')).toContain('second')
  })

  test('that is no package leaves the installed one, and the step says FAIL with the fix', () => {
    expect(call(['master', `--package=${packed}`], 'install_package').code).toBe(0)
    const broken = join(folder, 'broken.tgz')
    writeFileSync(broken, 'no archive')
    const { code, stdout } = call(['master', `--package=${broken}`], "step 'Tepui' install_package")
    expect(code).toBe(1)
    expect(stdout).toMatch(/^FAIL {2}Tepui\n/)
    expect(readFileSync(join(installed(), 'bin', 'tepui'), 'utf8')).toContain('first')
  })
})

test('the units start the command where it lies', () => {
  const units = join(folder, 'root', 'usr', 'local', 'lib', 'node_modules', 'tepui', 'packaging', 'systemd')
  mkdirSync(units, { recursive: true })
  for (const name of ['tepui.slice', 'tepui-master.service'])
    writeFileSync(join(units, name), readFileSync(join(ROOT, 'packaging', 'systemd', name)))
  expect(call(['master', `--package=${packed}`], 'write_units')).toMatchObject({ code: 0, stderr: '' })
  const unit = readFileSync(join(folder, 'root', 'etc', 'systemd', 'system', 'tepui-master.service'), 'utf8')
  expect(unit).toMatch(/^ExecStart=\/usr\/local\/bin\/tepui master/m)
})

test('a unit that the package lacks fails the step, and no empty one is written', () => {
  const units = join(folder, 'root', 'usr', 'local', 'lib', 'node_modules', 'tepui', 'packaging', 'systemd')
  mkdirSync(units, { recursive: true })
  writeFileSync(join(units, 'tepui.slice'), '[Slice]\n')
  const { code, stderr } = call(['master', `--package=${packed}`], 'write_units')
  expect([code, stderr]).toEqual([1, expect.stringContaining('tepui-master.service')])
  expect(existsSync(join(folder, 'root', 'etc', 'systemd', 'system', 'tepui-master.service'))).toBe(false)
})

// The Vagrantfile, run by Ruby with a stand-in for Vagrant: which machines it asks for, and what it refuses.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '..', '..', '..')
const STUB = join(ROOT, 'test', 'support', 'vagrant-stub.rb')

interface Machine {
  readonly vm: {
    readonly hostname: string
    readonly networks: readonly Readonly<Record<string, string | number>>[]
    readonly provisions: readonly {
      readonly kind: string
      readonly source?: string
      readonly args?: string[]
    }[]
    readonly providers: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  }
}
interface Config {
  readonly vm: { readonly box: string; readonly box_url?: string; readonly synced: unknown } & Readonly<
    Record<string, Machine>
  >
}

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tepui-vagrant-'))
  copyFileSync(join(ROOT, 'Vagrantfile'), join(folder, 'Vagrantfile'))
  mkdirSync(join(folder, '.tepui'))
  writeFileSync(join(folder, '.tepui', 'tepui-0.1.0.tgz'), 'packed')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** Evaluates the file for `vagrant COMMAND`; a port that nobody has, unless the test names one. */
function vagrant(
  command: string,
  environment: Readonly<Record<string, string>> = {},
  words: readonly string[] = [],
) {
  const env = { PATH: process.env['PATH'] ?? '', VM_PORT: '39417', ...environment }
  const done = spawnSync('ruby', [STUB, join(folder, 'Vagrantfile'), command, ...words], {
    encoding: 'utf8',
    env,
  })
  return { code: done.status, stdout: done.stdout, stderr: done.stderr }
}

function config(command: string, environment: Readonly<Record<string, string>> = {}): Config {
  const { code, stderr, stdout } = vagrant(command, environment)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout) as Config
}

const namesIn = ({ vm }: Config): string[] => Object.keys(vm).filter((name) => /^(master|a\d+)$/.test(name))

describe('without a word in the environment', () => {
  test('a master and two agents get addresses of their own, and one port of the host leads to the master', () => {
    const { vm } = config('up', {})
    expect(namesIn({ vm })).toEqual(['master', 'a1', 'a2'])
    const networks = ['master', 'a1', 'a2'].map((name) => vm[name]?.vm.networks)
    expect(networks.map((all) => all?.find(({ kind }) => kind === 'private_network')?.['ip'])).toEqual([
      '192.168.56.10',
      '192.168.56.11',
      '192.168.56.12',
    ])
    const forwarded = networks.flatMap((all) => all?.filter(({ kind }) => kind === 'forwarded_port') ?? [])
    expect(forwarded).toEqual([{ kind: 'forwarded_port', guest: 5050, host: 39_417, host_ip: '127.0.0.1' }])
  })

  test('no folder is shared, and each machine is made from the one package', () => {
    const { vm } = config('up')
    expect(vm.synced).toEqual({ disabled: true })
    const provisions = vm['a2']?.vm.provisions
    expect(provisions?.map(({ kind }) => kind)).toEqual(['file', 'shell'])
    expect(provisions?.[0]?.source).toBe(join(folder, '.tepui', 'tepui-0.1.0.tgz'))
    expect(provisions?.[1]?.args).toEqual([
      'agent',
      '--package=/tmp/tepui.tgz',
      '--ip=192.168.56.12',
      '--name=a2',
      '--master=192.168.56.10:5050',
    ])
  })

  test('there is a part for each provider, and a container becomes the daemon by itself', () => {
    const providers = config('up').vm['a1']?.vm.providers ?? {}
    expect(Object.keys(providers)).toEqual(['libvirt', 'virtualbox', 'docker'])
    expect(providers['libvirt']).toMatchObject({ memory: 1024, cpus: 1 })
    expect(providers['docker']).toMatchObject({ has_ssh: false })
    expect(providers['docker']?.['cmd']).toContain('--run')
  })

  test('an agent in a container writes the control groups of the host, and is asked to take its tasks along', () => {
    const dockerOf = (name: string): Readonly<Record<string, unknown>> | undefined =>
      config('up').vm[name]?.vm.providers['docker']
    const words = ['--cgroupns=host', '--stop-signal=SIGUSR1']
    expect(dockerOf('a1')?.['create_args']).toEqual(expect.arrayContaining(words))
    expect(dockerOf('a1')?.['volumes']).toContain('/sys/fs/cgroup:/sys/fs/cgroup')
    expect(dockerOf('master')?.['create_args']).toEqual(['--init', '--memory=1024m'])
  })
})

test('box, address, size, number and engine follow the environment', () => {
  const environment = {
    VM_AGENTS: '3',
    VM_BOX: 'mine',
    VM_BOX_URL: 'file:///mine.box',
    VM_MEMORY: '2048',
    VM_AGENT_CPUS: '4',
    VM_NETWORK: '10.9.8',
    VM_ENGINE: 'no',
  }
  const { vm } = config('up', environment)
  expect(namesIn({ vm })).toEqual(['master', 'a1', 'a2', 'a3'])
  expect([vm.box, vm.box_url]).toEqual(['mine', 'file:///mine.box'])
  expect(vm['a3']?.vm.providers['virtualbox']).toEqual({ memory: 2048, cpus: 4 })
  expect(vm['a3']?.vm.provisions.at(-1)?.args).toEqual(
    expect.arrayContaining(['--ip=10.9.8.13', '--master=10.9.8.10:5050', '--no-engine']),
  )
})

test('machines that exist are meant by all commands, also when the environment no longer names them', () => {
  for (const name of ['master', 'a1', 'a5'])
    mkdirSync(join(folder, '.vagrant', 'machines', name), { recursive: true })
  expect(namesIn(config('destroy'))).toContain('a5')
  expect(namesIn(config('halt', { VM_AGENTS: '1' }))).toContain('a5')
  expect(namesIn(config('up', { VM_AGENTS: '1' }))).toEqual(['master', 'a1'])
})

const WRONG: readonly (readonly [string, string, RegExp])[] = [
  ['VM_AGENTS', 'many', /VM_AGENTS has the value 'many': expected a number from 1 to 50/],
  ['VM_AGENTS', '0', /expected a number from 1 to 50/],
  ['VM_AGENTS', '2; true', /expected a number/],
  ['VM_MEMORY', '64', /VM_MEMORY .* from 512/],
  ['VM_AGENT_CPUS', '-1', /VM_AGENT_CPUS/],
  ['VM_PORT', '80', /VM_PORT .* from 1024 to 65535/],
  ['VM_NETWORK', '192.168.56.0', /first three parts/],
  ['VM_NETWORK', '192.168.999', /first three parts/],
  ['VM_ENGINE', 'perhaps', /expected yes or no/],
  ['VM_DRIVER', 'fast', /expected (kvm or qemu|qemu or kvm)/],
  ['VM_PACKAGE', 'nowhere.tgz', /VM_PACKAGE names .*nowhere\.tgz, which does not exist/],
  ['VM_NODE', 'nowhere', /VM_NODE names .*, which does not exist/],
]

test.each(WRONG)(
  '%s=%s is one sentence and the fix, and nothing is asked of Vagrant',
  (name, value, words) => {
    const { code, stderr, stdout } = vagrant('up', { [name]: value })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(words)
    expect(stderr).toMatch(/^Vagrantfile: [^\n]+\n {2}fix: [^\n]+\n$/)
  },
)

test('an old Vagrant, a missing package and a taken port are told before anything is made', async () => {
  expect(vagrant('up', { STUB_VERSION: '2.2.19' }).stderr).toMatch(
    /this is Vagrant 2\.2\.19; 2\.3\.4 or newer/,
  )
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  expect(vagrant('up', { VM_PORT: String(port) }).stderr).toMatch(/port \d+ of this host is taken/)
  await new Promise((resolve) => server.close(resolve))
  rmSync(join(folder, '.tepui'), { recursive: true })
  expect(vagrant('up').stderr).toMatch(/there is no package to install.\n {2}fix: npm run package/)
  expect(vagrant('destroy').code).toBe(0)
})

describe('without KVM', () => {
  const NO_KVM = { STUB_KVM: 'no' }
  const driverOf = (stdout: string): unknown =>
    (JSON.parse(stdout) as Config).vm['a1']?.vm.providers['libvirt']?.['driver']

  test('machines of libvirt are emulated, and that it will be slow is said once, before they are made', () => {
    const { code, stderr, stdout } = vagrant('up', NO_KVM)
    expect([code, driverOf(stdout)]).toEqual([0, 'qemu'])
    expect(stderr).toMatch(
      /^Vagrantfile: there is no \/dev\/kvm[^\n]+\n {2}fix: [^\n]+VM_DRIVER=qemu vagrant up\n$/,
    )
  })

  test('nothing is said to whoever wants emulation, uses another provider, or makes no machines', () => {
    expect(vagrant('up', { ...NO_KVM, VM_DRIVER: 'qemu' }).stderr).toBe('')
    expect(vagrant('up', { ...NO_KVM, VAGRANT_DEFAULT_PROVIDER: 'virtualbox' }).stderr).toBe('')
    for (const named of [['--provider=docker'], ['--provider', 'docker']])
      expect(vagrant('up', NO_KVM, named).stderr).toBe('')
    expect(vagrant('status', NO_KVM).stderr).toBe('')
  })

  test('who asks for it is told that there is none, and nothing is asked of Vagrant', () => {
    const { code, stderr, stdout } = vagrant('up', { ...NO_KVM, VM_DRIVER: 'kvm' })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(
      /VM_DRIVER has the value 'kvm', and there is no \/dev\/kvm.*\n {2}fix: VM_DRIVER=qemu/,
    )
  })
})

test('it asks Vagrant for no plugin and for no setting that is newer than 2.3.4', () => {
  const text = readFileSync(join(ROOT, 'Vagrantfile'), 'utf8')
  expect(text).not.toMatch(/has_plugin|required_plugins|box_architecture/)
})

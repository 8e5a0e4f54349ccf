// A master and agents in containers of one host: compose.yaml by the machine's Compose, the Vagrantfile by its Vagrant.
import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Ended, tepui } from '../support/cli.ts'
import { engineRequest, leftovers, requireEngine, TOOL_PATH } from '../support/engine.ts'
import { freePort } from '../support/free-port.ts'
import { makeNodeImage } from '../support/node-image.ts'

const MINUTES = 60_000
const ROOT = join(import.meta.dirname, '..', '..')
const IMAGE = 'tepui-test/node:24'
/** Not that of the machines which somebody may have here; of those that are for tests of networks. */
const NETWORK = '198.19.56'
const call = promisify(execFile)

let folder: string
let image: AsyncDisposable
let port: number
let environment: Readonly<Record<string, string>>

beforeAll(async () => {
  await requireEngine()
  folder = mkdtempSync(join(tmpdir(), 'tepui-containers-'))
  const { stdout } = await call('sh', [join(ROOT, 'scripts', 'package.sh'), folder], {
    env: { ...process.env, PATH: TOOL_PATH },
  })
  mkdirSync(join(folder, 'scripts'))
  for (const file of ['Vagrantfile', 'scripts/provision.sh'])
    copyFileSync(join(ROOT, file), join(folder, file))
  image = await makeNodeImage(IMAGE)
  port = await freePort()
  environment = {
    PATH: TOOL_PATH,
    HOME: folder,
    VM_PACKAGE: stdout.trim().split('\n').at(-1) ?? '',
    VM_PORT: String(port),
    VM_IMAGE: IMAGE,
    VM_NETWORK: NETWORK,
    // It asks nobody whether there is a newer one.
    VAGRANT_CHECKPOINT_DISABLE: '1',
  }
}, 10 * MINUTES)

afterAll(async () => {
  await image[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function run(program: readonly string[], ...words: readonly string[]): Promise<void> {
  const [file = '', ...first] = program
  await call(file, [...first, ...words], { cwd: folder, env: environment })
}

/** A command against the master in its container. */
const ask = (...words: readonly string[]): Promise<Ended> =>
  tepui(words, { TEPUI_MASTER: `127.0.0.1:${port}` })

async function rows(...words: readonly string[]): Promise<Record<string, unknown>[]> {
  const { code, stdout } = await ask(...words, '-o', 'json')
  return code === 0 ? (JSON.parse(stdout) as Record<string, unknown>[]) : []
}

/** The ids of the agents that may get tasks. */
const agents = async (): Promise<unknown[]> =>
  (await rows('agents')).filter(({ standing }) => standing === 'active').map(({ id }) => id)

/** A master that begins and an agent that provisions itself take their time on a busy machine. */
const whenAgents = () => expect.poll(agents, { timeout: 3 * MINUTES, interval: 500 })

/** The agent of each task that runs, by the task's name; one in a container is called as that. */
async function places(): Promise<ReadonlyMap<unknown, string>> {
  const running = (await rows('ps')).filter(({ state }) => state === 'TASK_RUNNING')
  return new Map(running.map(({ agent, name }) => [name, String(agent).split(':')[0] ?? '']))
}

async function expectLimits(): Promise<void> {
  const said = await ask('run', '--', 'sh', '-c', 'echo from $(id -un); exit 3')
  expect([said.code, said.stdout]).toEqual([3, 'from root\n'])
  const hog = await ask('run', '--mem', '48', '--', 'tail', '/dev/zero')
  expect(hog.stderr).toMatch(/Memory limit exceeded \(limit 48 MiB/)
  const lent = await ask('lend', 'status')
  expect(lent.stdout.match(/Borrowers run in the idle class/g)).toHaveLength(2)
}

/** Containers and networks of the engine whose names hold this. */
async function named(part: string): Promise<string[]> {
  const containers = await engineRequest('GET', '/containers/json?all=1')
  const networks = await engineRequest('GET', '/networks')
  const names = [
    ...(JSON.parse(containers.text) as { Names: string[] }[]).flatMap(({ Names }) => Names),
    ...(JSON.parse(networks.text) as { Name: string }[]).map(({ Name }) => Name),
  ]
  return names.filter((name) => name.includes(part))
}

/** docker-compose 1.29 knows neither of these words; its containers see cgroup v1 of the host as it is without them. */
function writeComposeFile(version: string): void {
  const text = readFileSync(join(ROOT, 'compose.yaml'), 'utf8')
  const known = version.startsWith('1.') ? text.replaceAll(/^(name: tepui| +cgroup: host)\n/gm, '') : text
  writeFileSync(join(folder, 'compose.yaml'), known)
}

/** Compose 2 if the machine has it, else the docker-compose of Debian 12. */
function composeHere(): readonly string[] {
  try {
    execFileSync('docker', ['compose', 'version'], { stdio: 'ignore' })
    return ['docker', 'compose']
  } catch {
    return ['docker-compose']
  }
}

test(
  'compose.yaml brings a master and two agents up; their tasks have limits, and the end of one agent ends only its own',
  async () => {
    const before = await leftovers()
    const [program = '', ...words] = composeHere()
    writeComposeFile(execFileSync(program, [...words, 'version', '--short'], { encoding: 'utf8' }))
    const compose = [program, ...words, '-p', 'tepui-test-compose']
    try {
      await run(compose, 'up', '-d')
      await whenAgents().toHaveLength(2)
      await expectLimits()
      // Each too large for a second one beside it.
      for (const name of ['left', 'right'])
        await ask('run', '-d', '--name', name, '--cpus', '0.6', '--', 'sleep', '600')
      await expect.poll(places).toSatisfy((all: ReadonlyMap<unknown, string>) => all.size === 2)
      const at = await places()
      expect(at.get('left')).not.toBe(at.get('right'))
      const earlier = await agents()
      await engineRequest('POST', `/containers/${at.get('left') ?? ''}/restart`)
      await whenAgents().toSatisfy(
        (ids: unknown[]) => ids.length === 2 && ids.filter((id) => earlier.includes(id)).length === 1,
      )
      await expect.poll(places).toEqual(new Map([['right', at.get('right')]]))
    } finally {
      await run(compose, 'down', '-v')
    }
    expect(await named('tepui-test-compose')).toEqual([])
    await expect.poll(() => leftovers(before)).toEqual([])
  },
  20 * MINUTES,
)

test(
  'the Vagrantfile brings the same up with the provider docker, halts and starts one, and leaves nothing',
  async () => {
    const before = await leftovers()
    try {
      await run(['vagrant'], 'up', '--provider=docker')
      await whenAgents().toHaveLength(2)
      const addresses = new Map((await rows('agents')).map(({ ip, name }) => [name, ip]))
      const told = new Map([1, 2].map((index) => [`a${index}`, `${NETWORK}.${10 + index}`]))
      expect(addresses).toEqual(told)
      await expectLimits()
      await run(['vagrant'], 'halt', 'a2')
      await whenAgents().toHaveLength(1)
      await run(['vagrant'], 'up', 'a2')
      await whenAgents().toHaveLength(2)
    } finally {
      await run(['vagrant'], 'destroy', '-f')
    }
    expect([...(await named(basename(folder))), ...(await named(NETWORK))]).toEqual([])
    await expect.poll(() => leftovers(before)).toEqual([])
  },
  20 * MINUTES,
)

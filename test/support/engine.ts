// What tests with a real Docker Engine need: the engine or a loud failure, and a list of what was left on the machine.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

/** The image that scripts/image.sh makes; no test pulls one. */
export const TEST_IMAGE = 'tepui/busybox:latest'

const SOCKET = '/var/run/docker.sock'
const FIX =
  'Run the tests with `npm test`, or start an engine with `sh scripts/engine.sh ensure && sh scripts/image.sh`.'
const CGROUPS = '/sys/fs/cgroup'
/** Deep enough for a task's cgroup under the agent's own one under a service of systemd, in v1 and v2. */
const CGROUP_DEPTH = 7

interface Answer {
  readonly status: number
  readonly text: string
}

/** One request to the engine, beside the code under test. */
export function engineRequest(
  method: string,
  path: string,
  body?: unknown,
  socketPath = SOCKET,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const asked = request({ socketPath, method, path, headers, timeout: 120_000 }, (answer) => {
      let text = ''
      answer.setEncoding('utf8')
      answer.on('data', (part: string) => (text += part))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer within 120 s')))
    asked.on('error', reject)
    asked.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** For programs of the system and for scripts of ours, whoever started the tests. */
export const TOOL_PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`

/** Gives an engine beside the machine's own the test image. */
export async function giveImage(socket: string, signal?: AbortSignal): Promise<void> {
  const script = join(import.meta.dirname, '../../scripts/image.sh')
  const env = { ...process.env, PATH: TOOL_PATH, TEPUI_ENGINE_SOCKET: socket }
  await promisify(execFile)('sh', [script], { env, ...(signal !== undefined && { signal }) })
}

/** Fails, with the fix, when no engine answers or the test image is missing: a test without its engine is no test. */
export async function requireEngine(): Promise<void> {
  const ping = await engineRequest('GET', '/_ping').catch((error: unknown) => {
    throw new Error(`No Docker Engine answers at ${SOCKET}. ${FIX}`, { cause: error })
  })
  if (ping.status !== 200) throw new Error(`The Docker Engine answers ${ping.status}: ${ping.text}. ${FIX}`)
  const image = await engineRequest('GET', `/images/${TEST_IMAGE}/json`)
  if (image.status !== 200) throw new Error(`The Docker Engine has no image ${TEST_IMAGE}. ${FIX}`)
}

/**
 * Whatever of ours is on the machine now and is not in `before`, one sentence each: containers with a label `tepui.…`,
 * cgroups and mounts with our name, processes of ours or of our tasks. A test takes the list first and compares at its
 * end: `await expect.poll(() => leftovers(before)).toEqual([])`.
 */
export async function leftovers(before: readonly string[] = []): Promise<string[]> {
  const found = [
    ...(await containersLeft()),
    ...cgroupsLeft(CGROUPS, CGROUP_DEPTH),
    ...processesLeft(),
    ...mountsLeft(),
  ]
  return found.filter((thing) => !before.includes(thing)).sort()
}

interface Listed {
  readonly Id: string
  readonly Names: readonly string[]
  readonly State: string
  readonly Labels: Readonly<Record<string, string>> | null
}

async function containersLeft(): Promise<string[]> {
  if (!existsSync(SOCKET)) return []
  const { status, text } = await engineRequest('GET', '/containers/json?all=1')
  if (status !== 200) throw new Error(`The Docker Engine does not list its containers (${status}): ${text}`)
  return (JSON.parse(text) as Listed[])
    .filter(({ Labels }) => Object.keys(Labels ?? {}).some((label) => label.startsWith('tepui.')))
    .map(({ Id, Names, State }) => `container ${Id.slice(0, 12)} (${Names.join(', ')}) is ${State}`)
}

function cgroupsLeft(folder: string, depth: number): string[] {
  if (depth === 0) return []
  return foldersIn(folder).flatMap((name) => {
    const path = join(folder, name)
    return [...(name.includes('tepui') ? [`cgroup ${path} exists`] : []), ...cgroupsLeft(path, depth - 1)]
  })
}

/** Empty for a cgroup that went away meanwhile. */
function foldersIn(folder: string): string[] {
  const entries = gone(() => readdirSync(folder, { withFileTypes: true })) ?? []
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
}

function processesLeft(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const command = procFile(pid, 'cmdline').replaceAll('\0', ' ').trim()
      return command !== '' && isOurs(pid, command) ? [`process ${pid} runs: ${command.slice(0, 200)}`] : []
    })
}

/** A daemon of ours, a process in a cgroup of ours, or one that inherited the environment of a task. */
function isOurs(pid: string, command: string): boolean {
  return (
    /src\/cli\/tepui\.ts\b/.test(command) ||
    /tepui/.test(procFile(pid, 'cgroup')) ||
    /(^|\0)MESOS_(SANDBOX|DIRECTORY)=/.test(procFile(pid, 'environ'))
  )
}

function procFile(pid: string, name: string): string {
  return gone(() => readFileSync(`/proc/${pid}/${name}`, 'utf8')) ?? ''
}

function mountsLeft(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((point) => point.includes('tepui'))
    .map((point) => `mount ${point} exists`)
}

/** What was listed a moment ago may be gone, or a process another user's: then it is not ours to count. */
function gone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (['ENOENT', 'ESRCH', 'ENODEV', 'EACCES'].includes(code)) return undefined
    throw error
  }
}

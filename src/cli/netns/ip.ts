// The kernel's networks by way of `ip` (iproute2): the only program that is asked about them.
import { OperatingError } from '../../base/errors.ts'
import { runCommand } from '../../base/exec.ts'
import { list, object, text, type Json } from '../master-api.ts'
import { readName } from './names.ts'

/** A port of the hub's bridge; the cable in it leads to the member of that name. */
export interface Port {
  readonly member: string
  readonly isUp: boolean
}

/** Runs `ip` with these words. @throws OperatingError ISOLATION with its own words */
export async function ip(...words: readonly string[]): Promise<string> {
  return run(words)
}

/** Several lines, each as behind `ip`, in one process and one namespace. @throws OperatingError ISOLATION */
export async function ipLines(room: string | undefined, lines: readonly string[]): Promise<void> {
  await run([...(room === undefined ? [] : ['-n', room]), '-batch', '-'], `${lines.join('\n')}\n`)
}

async function run(words: readonly string[], input?: string): Promise<string> {
  const options = input === undefined ? {} : { input }
  const { exitCode, stderr, stdout } = await runCommand('ip', words, options).catch((error: unknown) => {
    throw new OperatingError('ISOLATION', 'Network namespaces need the program ip, which does not run here', {
      cause: error,
      hint: 'apt-get install iproute2',
    })
  })
  if (exitCode === 0) return stdout
  const said = stderr.trim().split('\n')[0] ?? ''
  throw new OperatingError('ISOLATION', `ip ${words.join(' ')}: ${said}`)
}

/** The namespaces and cables of ours, by the number of their cluster. */
export async function ourNumbers(): Promise<readonly number[]> {
  const [rooms, links] = [await roomNames(), await linksOf(undefined)]
  const names = [...rooms, ...links.map((link) => text(link['ifname']))]
  return [...new Set(names.flatMap((name) => readName(name)?.number ?? []))].toSorted((a, b) => a - b)
}

/** Names of namespaces, which `ip` prints with an id behind some. */
export async function roomNames(): Promise<readonly string[]> {
  const lines = (await ip('netns', 'list')).split('\n')
  return lines.flatMap((line) => line.split(' ')[0] ?? []).filter((name) => name !== '')
}

/** The cables at a hub; none when there is no such hub (any more). */
export async function portsOf(hub: string): Promise<readonly Port[]> {
  if (!(await roomNames()).includes(hub)) return []
  const links = await linksOf(hub, 'type', 'veth')
  return links
    .filter((link) => text(link['ifname']) !== HOST_PORT)
    .map((link) => ({ member: text(link['ifname']), isUp: list(link['flags']).includes('UP') }))
}

/** The port of the cable to this machine. */
export const HOST_PORT = 'host'

async function linksOf(room: string | undefined, ...which: readonly string[]): Promise<readonly Json[]> {
  const where = room === undefined ? [] : ['-n', room]
  const page: unknown = JSON.parse((await ip('-j', ...where, 'link', 'show', ...which)) || '[]')
  return list(page).map(object)
}

/**
 * `tepui bundle`: what master and agents tell of themselves, in one archive for somebody who helps: state, flags,
 * metrics, events, lending. Secrets are taken out; what does not answer is named in it.
 */
import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { isoTime } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { humanBytes } from '../../base/units.ts'
import { counted } from '../../base/words.ts'
import { TEPUI_VERSION } from '../../base/version.ts'
import type { Command, Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { lendPath } from '../lend-api.ts'
import { MasterApi } from '../master-api.ts'
import { isData, showData } from '../output.ts'
import { redacted } from '../redact.ts'
import { type TarFile, tarOf } from '../tar.ts'

export const bundleCommand: Command = {
  name: 'bundle',
  arguments: ['[file]'],
  summary:
    'Gather what master and agents tell (state, flags, metrics, events) in one archive, without secrets',
  run: bundle,
}

const OF_MASTER: Readonly<Record<string, string>> = {
  state: '/state',
  version: '/version',
  config: '/api/x1/config',
  metrics: '/metrics/snapshot',
  roles: '/roles',
  lend: '/api/x1/lend',
  events: '/api/x1/events?limit=1000',
  'lend-history': '/api/x1/lend/history?limit=1000',
}
const OF_AGENTS = ['config', 'lend', 'fetch', 'gc'] as const
const ABREAST = 8

interface Gathered {
  readonly files: readonly TarFile[]
  /** A sentence for each page that was not there. */
  readonly missing: readonly string[]
}

async function bundle(context: Context, [typed]: readonly string[]): Promise<number> {
  const { clock, common, screen, signal } = context
  const stamp = isoTime(clock.now()).slice(0, 19).replaceAll(/[-:]/g, '')
  const name = `tepui-bundle-${stamp}Z`
  const path = typed ?? `${name}.tar.gz`
  using api = new MasterApi(common.master, clock, signal)
  const { agents } = await api.state()
  const parts = [await gather(api, '', OF_MASTER)]
  for (let at = 0; at < agents.length; at += ABREAST) {
    const some = agents.slice(at, at + ABREAST).map((agent) => {
      const pages = OF_AGENTS.map((page) => [page, lendPath(agent, page)] as const)
      return gather(
        api,
        `agents/${harmlessName(agent.name)}-${harmlessName(agent.id)}/`,
        Object.fromEntries(pages),
      )
    })
    parts.push(...(await Promise.all(some)))
  }
  const missing = parts.flatMap((part) => part.missing)
  const readme = { path: 'README.txt', bytes: Buffer.from(readmeText(context, agents.length, missing)) }
  const files = [readme, ...parts.flatMap((part) => part.files)]
  const inside = files.map((file) => ({ ...file, path: `${name}/${file.path}` }))
  const bytes = gzipSync(tarOf(inside, clock.now() / 1000))
  keep(path, bytes)
  for (const line of missing) screen.note(`tepui bundle: ${line}`)
  if (isData(common)) await showData(context, { path, bytes: bytes.length, files: files.length, missing })
  else screen.print(`${path}: ${counted(files.length, 'file')}, ${humanBytes(bytes.length)}`)
  screen.note('Secrets and environments are taken out; look through it before you hand it on')
  return missing.length === 0 ? EXIT.done : EXIT.partly
}

async function gather(
  api: MasterApi,
  folder: string,
  pages: Readonly<Record<string, string>>,
): Promise<Gathered> {
  const files: TarFile[] = []
  const missing: string[] = []
  for (const [name, path] of Object.entries(pages)) {
    try {
      const page = redacted(await api.page(path))
      files.push({
        path: `${folder}${name}.json`,
        bytes: Buffer.from(`${JSON.stringify(page, undefined, 2)}\n`),
      })
    } catch (error) {
      // A master of Mesos has not all of them, and an agent may be away.
      if (!(error instanceof OperatingError) || error.code !== 'REFUSED') throw error
      missing.push(`${folder}${name}: ${reasonOf(error)}`)
    }
  }
  return { files, missing }
}

/** Names are what people call their agents; ids tell apart those with one name. */
const harmlessName = (name: string): string => name.replaceAll(/[^\w.-]/g, '_').slice(0, 45)

function readmeText({ clock, common }: Context, agents: number, missing: readonly string[]): string {
  return [
    `What the master at ${common.master} and ${counted(agents, 'agent')} told at ${isoTime(clock.now())},`,
    `gathered by tepui ${TEPUI_VERSION}. Values of environment variables, passwords and secrets are taken out.`,
    'Not in it: logs of the daemons, sandboxes of tasks, and `tepui doctor -o json` of each machine.',
    ...(missing.length === 0 ? [] : ['', 'Not answered:', ...missing.map((line) => `  ${line}`)]),
    '',
  ].join('\n')
}

function keep(path: string, bytes: Buffer): void {
  try {
    writeFileSync(path, bytes, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    throw new OperatingError('FILE', `Cannot write ${path}`, { cause: error })
  }
}

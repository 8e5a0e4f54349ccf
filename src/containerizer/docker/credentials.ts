// Who we are at a registry: `--docker_config`, or the files `.docker/config.json` and `.dockercfg` that a task fetched.
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { OperatingError } from '../../base/errors.ts'
import type { RegistryAuth } from './engine-answers.ts'
import { registryOf } from './reference.ts'

interface AuthEntry {
  readonly auth?: string
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
}

const CONFIG_BYTES_MAX = 1024 * 1024

/** The file that a task's URIs put into its sandbox, as in Mesos (spec/mesos.md 7.3); undefined when there is none. */
export async function sandboxConfig(sandbox: string): Promise<string | undefined> {
  for (const name of ['.docker/config.json', '.dockercfg']) {
    const text = await readSmallFile(join(sandbox, name))
    if (text !== undefined) return text
  }
  return undefined
}

/**
 * Finds the credentials for an image in the text of a Docker configuration.
 *
 * @param indexServer the engine's key for images that name no registry
 * @throws OperatingError IMAGE when the text is not such a configuration
 */
export function credentialsFor(
  reference: string,
  config: string | undefined,
  indexServer: string | undefined,
): RegistryAuth | undefined {
  if (config === undefined) return undefined
  const wanted = registryOf(reference) ?? indexServer
  if (wanted === undefined) return undefined
  for (const [server, entry] of Object.entries(authsOf(config))) {
    if (hostOf(server) === hostOf(wanted)) return authOf(wanted, entry)
  }
  return undefined
}

function authsOf(config: string): Readonly<Record<string, AuthEntry>> {
  let parsed: unknown
  try {
    parsed = JSON.parse(config)
  } catch (error) {
    // The parser's message can hold a part of the text, which is secret.
    throw new OperatingError('IMAGE', 'The Docker configuration with credentials is not JSON', {
      cause: error instanceof SyntaxError ? undefined : error,
      hint: 'See --docker_config, or the .docker/config.json that the task fetches.',
    })
  }
  if (!isRecord(parsed))
    throw new OperatingError('IMAGE', 'The Docker configuration with credentials is not an object')
  // The old form, .dockercfg, is the map itself.
  const auths = isRecord(parsed['auths']) ? parsed['auths'] : parsed
  const entries = Object.entries(auths).filter(([, entry]) => isRecord(entry))
  return Object.fromEntries(entries) as Record<string, AuthEntry>
}

function authOf(server: string, entry: AuthEntry): RegistryAuth {
  if (typeof entry.identitytoken === 'string' && entry.identitytoken !== '')
    return { identitytoken: entry.identitytoken, serveraddress: server }
  if (typeof entry.auth === 'string') {
    const pair = Buffer.from(entry.auth, 'base64').toString('utf8')
    const at = pair.indexOf(':')
    if (at > 0) return { username: pair.slice(0, at), password: pair.slice(at + 1), serveraddress: server }
  }
  if (typeof entry.username === 'string' && typeof entry.password === 'string')
    return { username: entry.username, password: entry.password, serveraddress: server }
  throw new OperatingError('IMAGE', `The Docker configuration has no usable credentials for ${server}`, {
    hint: 'Credential helpers (credsStore) are not supported: put auth, or username and password, into the file.',
  })
}

/** `https://registry:5000/v1/` and `registry:5000` mean the same. */
function hostOf(server: string): string {
  return server
    .replace(/^https?:\/\//, '')
    .replace(/\/.*$/, '')
    .toLowerCase()
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

async function readSmallFile(path: string): Promise<string | undefined> {
  try {
    // The task's user owns the sandbox: a link could point to a file that only we may read.
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    const about = await file.stat()
    if (!about.isFile() || about.size > CONFIG_BYTES_MAX)
      throw new OperatingError('IMAGE', `${path} is not a plain file of at most ${CONFIG_BYTES_MAX} bytes`)
    return await file.readFile('utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (error instanceof OperatingError) throw error
    throw new OperatingError('IMAGE', `Cannot read ${path}`, { cause: error })
  }
}

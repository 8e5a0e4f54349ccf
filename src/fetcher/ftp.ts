// Downloads over FTP, by curl: Mesos takes libcurl for it, and nobody keeps a library for FTP as well as that.
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { runCommand } from '../base/exec.ts'
import { lastWords, runWatched } from './program.ts'
import type { Loaded, LoadOptions, Source } from './source.ts'

/** `-q`: no configuration of whoever runs the agent. The URL goes in by standard input: it may hold a password. */
const CURL = ['curl', '-q', '--config', '-'] as const
const COMMON = ['silent', 'show-error', 'globoff', 'proto = "=ftp,ftps"', 'max-redirs = 0', 'retry = 3']
/** FTP's answer to a transfer that is complete (RFC 959). */
const COMPLETE = '226'

export function ftpSource(clock: Clock, url: string): Source {
  return {
    reader: undefined,
    size: (signal) => sizeOf(url, signal),
    load: (path, options, signal) => load(clock, url, path, options, signal),
  }
}

async function sizeOf(url: string, signal: AbortSignal): Promise<number | undefined> {
  const input = configOf(url, ['head', 'connect-timeout = 30', 'max-time = 60'])
  const [file, ...args] = CURL
  const result = await missingTold(() => runCommand(file, args, { input, signal, group: true }))
  signal.throwIfAborted()
  const length = Number(/^Content-Length: (\d+)\s*$/im.exec(result.stdout)?.[1])
  return result.exitCode === 0 && length > 0 ? length : undefined
}

async function load(
  clock: Clock,
  url: string,
  path: string,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<Loaded> {
  const seconds = Math.max(1, Math.ceil(options.stallTimeoutMs / 1000))
  const input = configOf(url, [
    `output = ${quoted(path)}`,
    `connect-timeout = ${seconds}`,
    `max-filesize = ${options.maxBytes}`,
    'write-out = "%{response_code}"',
  ])
  const program = { argv: CURL, user: undefined, input, files: [path] }
  const result = await missingTold(() => runWatched(clock, program, options, signal))
  const status = result.stdout.trim()
  if (result.exitCode !== 0 || status !== COMPLETE) {
    const answer = /^[45]\d\d$/.test(status) ? `the server answered ${status}: ` : ''
    throw new OperatingError('FETCH', `${answer}${lastWords(result)}`)
  }
  return { status: `FTP ${status}`, retries: 0, resumes: 0, seen: false }
}

const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, '\\$&')}"`

function configOf(url: string, lines: readonly string[]): string {
  return [`url = ${quoted(url)}`, ...COMMON, ...lines, ''].join('\n')
}

async function missingTold<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof OperatingError) || error.code !== 'LAUNCH') throw error
    throw new OperatingError('FETCH', 'FTP needs curl, which is missing on the agent', {
      cause: error,
      hint: "Install curl on the agent's machine, or serve the file over http",
    })
  }
}

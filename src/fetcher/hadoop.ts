// Everything that only the Hadoop client knows: hdfs, hftp, s3, s3a, s3n and what else it is set up for.
import { join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { type CommandResult, runCommand } from '../base/exec.ts'
import { asUser, lastWords, runWatched } from './program.ts'
import type { Loaded, LoadOptions, Owner, Source } from './source.ts'

export interface HadoopSettings {
  /** `--hadoop_home`, else the variable HADOOP_HOME of the agent. */
  readonly home: string | undefined
}

/** The client prints warnings of all kinds. */
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024

/** Found as Mesos finds it (spec/mesos.md 9.3): below the home, else on the PATH. */
export function hadoopSource(
  clock: Clock,
  uri: string,
  settings: HadoopSettings,
  user: Owner | undefined,
): Source {
  const client = new Client(settings, user)
  return {
    reader: user,
    size: (signal) => client.size(uri, signal),
    load: async (path, options, signal): Promise<Loaded> => {
      await client.probe(uri, signal)
      return client.load(clock, uri, path, options, signal)
    },
  }
}

class Client {
  readonly #program: string
  readonly #env: Readonly<Record<string, string>>
  readonly #user: Owner | undefined

  constructor({ home }: HadoopSettings, user: Owner | undefined) {
    this.#program = home === undefined ? 'hadoop' : join(home, 'bin', 'hadoop')
    this.#env = home === undefined ? {} : { HADOOP_HOME: home }
    this.#user = user
  }

  /** @throws OperatingError FETCH when there is no client that runs */
  async probe(uri: string, signal: AbortSignal): Promise<void> {
    const scheme = uri.slice(0, uri.indexOf('://'))
    const result = await this.#run(['version'], signal).catch((error: unknown) => error)
    signal.throwIfAborted()
    if (isResult(result) && result.exitCode === 0) return
    const why = isResult(result) ? lastWords(result) : (result as Error).message.replace(/\n.*$/s, '')
    const where = this.#program === 'hadoop' ? "hadoop on the agent's PATH" : this.#program
    throw new OperatingError(
      'FETCH',
      `The scheme '${scheme}' needs a Hadoop client, and ${where} does not run: ${why}`,
      {
        hint: 'Install one and start the agent with --hadoop_home (or HADOOP_HOME), or serve the file over http',
      },
    )
  }

  async size(uri: string, signal: AbortSignal): Promise<number | undefined> {
    const result = await this.#run(['fs', '-du', uri], signal).catch((error: unknown) => error)
    signal.throwIfAborted()
    if (!isResult(result) || result.exitCode !== 0) return undefined
    // SIZE [SIZE-OF-ALL-REPLICAS] PATH, among lines of warnings.
    const fields = result.stdout.split('\n').map((line) => line.trim().split(/\s+/))
    const found = fields.find(([size = '', ...rest]) => /^\d+$/.test(size) && rest.at(-1) === uri)
    const bytes = Number(found?.[0])
    return bytes > 0 ? bytes : undefined
  }

  async load(
    clock: Clock,
    uri: string,
    path: string,
    options: LoadOptions,
    signal: AbortSignal,
  ): Promise<Loaded> {
    const argv = [this.#program, 'fs', '-copyToLocal', uri, path]
    // The client writes beside the file, and renames it at its end.
    const files = [`${path}._COPYING_`, path]
    const program = { argv, user: this.#user, env: this.#env, files }
    const result = await runWatched(clock, program, options, signal)
    if (result.exitCode !== 0)
      throw new OperatingError('FETCH', `the Hadoop client failed: ${lastWords(result)}`)
    return { status: undefined, retries: 0, resumes: 0, seen: false }
  }

  #run(args: readonly string[], signal: AbortSignal): Promise<CommandResult> {
    const [file = '', ...rest] = asUser([this.#program, ...args], this.#user)
    return runCommand(file, rest, { env: this.#env, signal, group: true, maxOutputBytes: MAX_OUTPUT_BYTES })
  }
}

function isResult(value: unknown): value is CommandResult {
  return typeof value === 'object' && value !== null && 'stdout' in value && !(value instanceof Error)
}

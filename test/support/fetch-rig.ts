// A fetcher with a sandbox, a cache and a server of its own, all of it in a folder that goes with the test.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createSecure } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Clock } from '../../src/base/clock.ts'
import { systemClock } from '../../src/base/clock.ts'
import { Metrics } from '../../src/base/metrics.ts'
import { systemRandom } from '../../src/base/random.ts'
import { FetchCache } from '../../src/fetcher/cache.ts'
import { Fetcher, type FetcherOptions, type FetchRequest } from '../../src/fetcher/fetcher.ts'
import type { CommandInfoURI } from '../../src/wire/commands.ts'
import type { selfSigned } from './certificate.ts'
import type { ManualClock } from './clock.ts'

type Handler = (req: IncomingMessage, res: ServerResponse) => void

export interface FetchExtras {
  readonly signal?: AbortSignal
  readonly owner?: FetchRequest['owner']
  readonly progress?: string[]
  /** In place of the rig's own. */
  readonly sandbox?: string
}

export interface RigOptions extends Partial<FetcherOptions> {
  readonly clock?: Clock
  /** 0: no cache. */
  readonly cacheBytes?: number
  /** In place of a folder below that of the test. */
  readonly home?: string
  /** What needs the folder of the test. */
  readonly prepare?: (home: string) => Partial<FetcherOptions>
}

export class Rig implements AsyncDisposable {
  readonly home: string
  readonly sandbox: string
  readonly metrics = new Metrics()
  readonly cache: FetchCache | undefined
  readonly fetcher: Fetcher
  readonly #servers: Server[] = []

  static async open(options: RigOptions = {}): Promise<Rig> {
    const home = mkdtempSync(join(options.home ?? tmpdir(), 'fetch-'))
    // A task's user goes through to his sandbox, as below a work folder.
    chmodSync(home, 0o755)
    const metrics = new Metrics()
    const deps = { clock: options.clock ?? systemClock, random: systemRandom, metrics }
    const { cacheBytes = 0 } = options
    const cache = cacheBytes > 0 ? await FetchCache.open(deps, join(home, 'cache'), cacheBytes) : undefined
    return new Rig(home, deps, cache, options)
  }

  private constructor(
    home: string,
    deps: { readonly clock: Clock; readonly random: typeof systemRandom; readonly metrics: Metrics },
    cache: FetchCache | undefined,
    options: RigOptions,
  ) {
    this.home = home
    this.metrics = deps.metrics
    this.cache = cache
    this.sandbox = this.newSandbox('sandbox')
    this.fetcher = new Fetcher(
      { ...deps, cache },
      {
        stallTimeoutMs: 5000,
        frameworksHome: undefined,
        hadoopHome: undefined,
        environment: {},
        maxBytes: 2 ** 36,
        ...options,
        ...options.prepare?.(home),
      },
    )
  }

  newSandbox(name: string): string {
    const folder = join(this.home, name)
    mkdirSync(folder, { mode: 0o750 })
    return folder
  }

  fetch(uris: readonly CommandInfoURI[], extras: FetchExtras = {}): Promise<void> {
    const { owner, progress, signal = new AbortController().signal, sandbox = this.sandbox } = extras
    return this.fetcher.fetch(
      { containerId: 'c1', uris, sandbox, owner },
      (sentence) => progress?.push(sentence),
      signal,
    )
  }

  /** The URL of a server that answers so; with a certificate for `localhost`, over https. */
  async serve(handler: Handler, certificate?: ReturnType<typeof selfSigned>): Promise<string> {
    const server = certificate === undefined ? createServer(handler) : createSecure(certificate, handler)
    const port = await this.listen(server)
    return certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`
  }

  /** The port of a server, which is closed at the end. */
  async listen(server: Server): Promise<number> {
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  read(name: string, sandbox = this.sandbox): string {
    return readFileSync(join(sandbox, name), 'utf8')
  }

  /** Names in the sandbox. */
  get names(): string[] {
    return readdirSync(this.sandbox).sort()
  }

  /** Files of the cache, without its mark. */
  get cached(): string[] {
    const folder = join(this.home, 'cache')
    if (!existsSync(folder)) return []
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name !== '.tepui-fetcher-cache')
      .sort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    await this.cache?.[Symbol.asyncDispose]()
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** Moves the clock until the work is over; what it threw is returned. */
export async function over(clock: ManualClock, work: Promise<unknown>): Promise<unknown> {
  let end: { readonly error: unknown } | undefined
  const done = work.then(
    () => (end = { error: undefined }),
    (error: unknown) => (end = { error }),
  )
  while (end === undefined) await clock.advance(1000)
  await done
  return end.error
}

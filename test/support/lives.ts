// Lives of one agent's containerizer on the real machine, one after the other: the earlier one ends by SIGKILL.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { type Logger, silentLogger } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import type { Cgroups } from '../../src/containerizer/cgroups.ts'
import { openCgroups } from '../../src/containerizer/cgroups/open.ts'
import type { Container, Containerizer, ContainerSpec } from '../../src/containerizer/containerizer.ts'
import { type DockerOptions, openDocker } from '../../src/containerizer/docker/docker.ts'
import { createHostContainerizer } from '../../src/containerizer/host/containerizer.ts'
import type { Order } from './earlier-life.ts'
import { TEST_IMAGE } from './engine.ts'
import { commandSpec } from './host.ts'

export type Kind = 'host' | 'docker'

/** What all lives of one agent have in common. */
export interface LifeOptions {
  readonly kind: Kind
  readonly folder: string
  readonly tag: string
  readonly socket: string
  readonly logBytes: number
  /** Of a Docker containerizer. */
  readonly docker?: Pick<DockerOptions, 'killOrphans' | 'engineLossMs' | 'removeDelayMs'>
}

export interface Life {
  readonly containerizer: Containerizer
  readonly cgroups: Cgroups
}

export async function openNextLife(
  options: LifeOptions,
  parts: { clock: Clock; log: Logger },
): Promise<Life> {
  const { kind, folder, tag, socket, logBytes } = options
  const cgroups = openCgroups({ tag, cpus: 2, clock: parts.clock })
  const memoryTotalBytes = 8 * 1024 ** 3
  const containerizer =
    kind === 'docker'
      ? await openDocker({
          ...parts,
          socket,
          cgroups,
          agentTag: tag,
          memoryTotalBytes,
          removeDelayMs: 0,
          limitSwap: true,
          outputMaxBytes: logBytes,
          ...options.docker,
        })
      : createHostContainerizer({
          ...parts,
          cgroups,
          memoryTotalBytes,
          logBytes,
          runtimeDirectory: join(folder, 'runtime'),
          enableCfs: false,
          limitSwap: true,
          pidsLimit: 200,
        })
  return { containerizer, cgroups }
}

export interface Wanted {
  readonly value: string
  readonly reserved?: string
  readonly revocable?: boolean
}

/** Disposing it ends what is left. */
export class Lives implements AsyncDisposable {
  readonly options: LifeOptions
  #agent: ChildProcess | undefined
  #life: Life | undefined
  #containers: Container[] = []

  constructor(kind: Kind, options: Partial<LifeOptions> = {}) {
    const folder = mkdtempSync(join(tmpdir(), 'lives-'))
    const tag = `lives${systemRandom.uuid().slice(0, 8)}`
    this.options = { kind, folder, tag, socket: '/var/run/docker.sock', logBytes: 10 * 1024 ** 2, ...options }
  }

  spec({ value, reserved, revocable = false }: Wanted): ContainerSpec {
    const spec = { ...commandSpec(this.options.folder, value, reserved), revocable }
    if (this.options.kind === 'host') return { ...spec, environment: { HERE: spec.sandbox } }
    // So long an engine that ends by itself waits for one that hears no SIGTERM.
    const parameters = [{ key: 'stop-timeout', value: '1' }]
    const docker = { image: TEST_IMAGE, network: 'NONE' as const, parameters }
    const container = { type: 'DOCKER' as const, docker }
    // The sandbox, under the same name inside and outside.
    return { ...spec, container, environment: { HERE: '/mnt/mesos/sandbox' } }
  }

  /** Starts containers in a process of their own, which lives until `kill`. */
  async begin(specs: readonly ContainerSpec[]): Promise<void> {
    const script = fileURLToPath(new URL('./earlier-life.ts', import.meta.url))
    const agent = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#agent = agent
    const order: Order = {
      life: this.options,
      specs: specs.map((spec) => ({ ...spec, resources: spec.resources.toText() })),
    }
    agent.send(order)
    const told = await Promise.race([once(agent, 'message'), once(agent, 'exit')])
    if (told[0] !== 'running') throw new Error('The earlier life did not start its containers')
  }

  async kill(): Promise<void> {
    const agent = this.#agent
    this.#agent = undefined
    if (agent === undefined) return
    agent.kill('SIGKILL')
    await once(agent, 'exit')
  }

  /** The life after; there is one at a time. */
  async next(parts: { clock?: Clock; log?: Logger } = {}): Promise<Life> {
    await this.#end()
    this.#life = await openNextLife(this.options, { clock: systemClock, log: silentLogger, ...parts })
    return this.#life
  }

  /** The next life's recovery. */
  async recover(
    known: readonly ContainerSpec[],
    rebootedAt?: number,
  ): Promise<{ containers: readonly (Container | undefined)[]; removed: number }> {
    const { containerizer } = await this.next()
    const recovered = await containerizer.recover(known, rebootedAt)
    this.#containers = [...recovered.containers.values()]
    return {
      containers: known.map(({ containerId }) => recovered.containers.get(containerId)),
      removed: recovered.removed,
    }
  }

  /** To be ended and released with the lives. */
  keep(container: Container): void {
    this.#containers.push(container)
  }

  text({ sandbox }: ContainerSpec, name: string): string {
    const path = join(sandbox, name)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  /** A file that a command waits for. */
  sign({ sandbox }: ContainerSpec, name: string): void {
    writeFileSync(join(sandbox, name), '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    for (const container of this.#containers) {
      container.kill(0)
      await container.release()
    }
    const { containerizer } = await this.next()
    await containerizer.recover([])
    await this.#end()
    rmSync(this.options.folder, { recursive: true, force: true })
  }

  async #end(): Promise<void> {
    await this.#life?.containerizer.close()
    await this.#life?.cgroups.close()
    this.#life = undefined
  }
}

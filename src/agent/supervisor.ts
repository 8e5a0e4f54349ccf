/**
 * Carries containers through their lives, one async function each: sandbox, fetch, launch, wait, release. The core
 * hears of every step in order, and of the end only after the container truly ended.
 */
import { OperatingError, reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import { Turns } from '../base/turns.ts'
import {
  type Container,
  type Containerizer,
  type ContainerExit,
  type ContainerSpec,
  type LaunchObserver,
  Leaving,
} from '../containerizer/containerizer.ts'
import type { Resources } from '../resources/resources.ts'
import type { ContainerDetails, ContainerStatistics } from '../resources/usage.ts'
import type { AgentEvent, LaunchRequest } from './core/events.ts'

/** What is ready before a container is launched. */
export interface Sandbox {
  /** Absolute path on the host. */
  readonly directory: string
  /** The user to switch to; undefined keeps the agent's. */
  readonly user: string | undefined
  /** MESOS_* and the command's own variables. */
  readonly environment: Readonly<Record<string, string>>
}

/** An event of the container's life without its time, which the receiver adds. */
export type ContainerNews = Extract<
  WithoutTime<AgentEvent>,
  { type: 'progress' | 'started' | 'launch-failed' | 'exited' }
>
type WithoutTime<E> = E extends unknown ? Omit<E, 'now'> : never

export interface SupervisorDeps {
  /** Makes the directory with its owner and the environment. Throws `OperatingError`. */
  sandbox(request: LaunchRequest, signal: AbortSignal): Promise<Sandbox>
  /** Fetches all URIs of the request into the sandbox. Throws `OperatingError` FETCH. Not called without URIs. */
  fetch(
    request: LaunchRequest,
    sandbox: Sandbox,
    observer: LaunchObserver,
    signal: AbortSignal,
  ): Promise<void>
  /** In the order of `--containerizers`: the first that supports a container takes it. */
  readonly containerizers: readonly Containerizer[]
  /** Called for each step of a container's life, in order. */
  tell(news: ContainerNews): void
  readonly log: Logger
}

export interface SupervisorLimits {
  /** Containers alive at once; more are refused. */
  readonly containers: number
  /** Sandboxes, fetches and launches under way at once; others wait their turn. */
  readonly preparing: number
}

export const DEFAULT_SUPERVISOR_LIMITS: SupervisorLimits = { containers: 2000, preparing: 64 }

/** Why the preparation of a container was given up: `message` is for its task's status. */
class Stopped extends OperatingError {
  constructor() {
    super('STOPPED', 'The container was killed while it was being prepared')
  }
}

interface Life {
  readonly abort: AbortController
  readonly done: Promise<void>
  /** Set while its processes run. */
  container: Container | undefined
  /** Why it is being killed although nobody asked for it: its end is told as this. */
  overQuota?: Extract<ContainerExit, { kind: 'disk' }>
}

export class Supervisor {
  readonly #deps: SupervisorDeps
  readonly #limits: SupervisorLimits
  readonly #lives = new Map<string, Life>()
  readonly #preparing: Turns
  /** Nothing is told any more. */
  #left = false

  constructor(deps: SupervisorDeps, limits: SupervisorLimits = DEFAULT_SUPERVISOR_LIMITS) {
    this.#deps = deps
    this.#limits = limits
    this.#preparing = new Turns(limits.preparing)
  }

  get hasLeft(): boolean {
    return this.#left
  }

  /** Containers that are being prepared, run, or are being released. */
  get size(): number {
    return this.#lives.size
  }

  /** Begins a container's life; what becomes of it is told through `tell`, later and never thrown. */
  launch(request: LaunchRequest): void {
    const life: Life = {
      abort: new AbortController(),
      container: undefined,
      // Not at once: nobody is told anything while the caller is still carrying out its effects.
      done: Promise.resolve().then(() => this.#live(request, life)),
    }
    this.#lives.set(request.containerId, life)
  }

  /** Goes on with a container of an earlier life: its start is told again, its end as that of any other. */
  adopt(container: Container): void {
    const life: Life = {
      abort: new AbortController(),
      container,
      done: Promise.resolve().then(() => this.#watch(container, life)),
    }
    this.#lives.set(container.id, life)
  }

  /**
   * Lets everything go: what is being prepared is given up without a word, what runs goes on, nothing more is told.
   * Resolves with the ids of those that run once the others are gone.
   */
  async leave(): Promise<readonly string[]> {
    this.#left = true
    const others = [...this.#lives.values()].filter(({ container }) => container === undefined)
    for (const { abort } of others) abort.abort(new Leaving())
    await Promise.all(others.map(({ done }) => done))
    return [...this.#lives.keys()]
  }

  /** Gives up the preparation, or signals the running container; a shorter rest of the grace wins. */
  kill(containerId: string, graceMs: number): void {
    const life = this.#lives.get(containerId)
    if (life === undefined) return
    life.abort.abort(new Stopped())
    life.container?.kill(graceMs)
  }

  /** Kills a container whose sandbox took more than was reserved for it; nothing happens when it does not run. */
  endForDisk(containerId: string, usedBytes: number, limitBytes: number): void {
    const life = this.#lives.get(containerId)
    if (life?.container === undefined || life.overQuota !== undefined) return
    // Whoever was asked to end before ends for that.
    if (life.abort.signal.aborted) return
    life.overQuota = { kind: 'disk', usedBytes, limitBytes }
    this.#deps.log.warn({ containerId, usedBytes, limitBytes }, 'container over its disk quota is killed')
    life.container.kill(0)
  }

  /** New reservation and limits for a running container; containerizers that cannot change them keep the first. */
  async resize(containerId: string, resources: Resources, limits: ContainerSpec['limits']): Promise<void> {
    const container = this.#lives.get(containerId)?.container
    try {
      await container?.update?.(resources, limits)
    } catch (error) {
      this.#deps.log.warn({ containerId, reason: reasonOf(error) }, 'container not resized')
    }
  }

  /** Undefined while it does not run or when this machine cannot tell. */
  async statistics(containerId: string): Promise<ContainerStatistics | undefined> {
    return this.#lives.get(containerId)?.container?.statistics()
  }

  /** What pages show beside the statistics. */
  details(containerId: string): ContainerDetails | undefined {
    return this.#lives.get(containerId)?.container?.details?.()
  }

  /** Undefined while it does not run. */
  running(containerId: string): Container | undefined {
    return this.#lives.get(containerId)?.container
  }

  /** Its control group; undefined while it does not run or where it has none of ours. */
  groupOf(containerId: string): string | undefined {
    return this.#lives.get(containerId)?.container?.group
  }

  /** Resolves when every container has ended and is released. */
  async idle(): Promise<void> {
    while (this.#lives.size > 0) await Promise.all([...this.#lives.values()].map(({ done }) => done))
  }

  /** From the request to the removal of the last trace. */
  async #live(request: LaunchRequest, life: Life): Promise<void> {
    const { containerId } = request
    const { signal } = life.abort
    let container: Container
    try {
      container = await this.#preparing.run(signal, () => this.#prepare(request, signal))
    } catch (error) {
      this.#lives.delete(containerId)
      this.#tell({ type: 'launch-failed', containerId, message: launchStory(error) })
      return
    }
    // Its first process runs since the agent began to leave: the next life finds it.
    if (!this.#left) await this.#watch(container, life)
  }

  /** From the first process to the removal of the last trace. */
  async #watch(container: Container, life: Life): Promise<void> {
    const exit = await this.#run(container, life)
    // The next life finds it ended, and tells how.
    if (this.#left) return
    try {
      this.#tell({ type: 'exited', containerId: container.id, exit })
    } finally {
      await this.#release(container)
      this.#lives.delete(container.id)
    }
  }

  #tell(news: ContainerNews): void {
    if (!this.#left) this.#deps.tell(news)
  }

  async #prepare(request: LaunchRequest, signal: AbortSignal): Promise<Container> {
    const { containerId } = request
    if (this.#lives.size > this.#limits.containers)
      throw new OperatingError(
        'LIMIT',
        `This agent already holds ${this.#limits.containers} containers, which is its limit.`,
      )
    const observer: LaunchObserver = {
      progress: (message) => this.#tell({ type: 'progress', containerId, message }),
    }
    const sandbox = await this.#deps.sandbox(request, signal)
    signal.throwIfAborted()
    if (request.uris.length > 0) await this.#deps.fetch(request, sandbox, observer, signal)
    signal.throwIfAborted()
    const spec = specOf(request, sandbox)
    const containerizer = this.#deps.containerizers.find((candidate) => candidate.supports(spec))
    if (containerizer === undefined) throw this.#unsupported(spec)
    return containerizer.launch(spec, observer, signal)
  }

  #unsupported(spec: ContainerSpec): OperatingError {
    const names = this.#deps.containerizers.map(({ name }) => name).join(', ')
    const image = spec.container?.mesos?.image === undefined ? '' : ' with an image of its own'
    const kind = `${spec.container?.type ?? 'MESOS'}${image}`
    return new OperatingError(
      'LAUNCH',
      `No containerizer of this agent (--containerizers=${names}) can run a container of type ${kind}.`,
    )
  }

  async #run(container: Container, life: Life): Promise<ContainerExit> {
    const adopted = life.container !== undefined
    life.container = container
    // The kill came while the first process was being started: nobody was told that it runs.
    if (life.abort.signal.aborted && !adopted) container.kill(0)
    else
      this.#tell({
        type: 'started',
        containerId: container.id,
        pid: container.pid,
        addresses: container.addresses,
        inspect: container.inspect,
      })
    const exit = await container.exit
    life.container = undefined
    // One that ended well a moment before has ended well.
    return life.overQuota !== undefined && exit.kind === 'signaled' ? life.overQuota : exit
  }

  async #release(container: Container): Promise<void> {
    try {
      await container.release()
    } catch (error) {
      // Its task has ended all the same; the next start of the agent sweeps what is left.
      const reason = reasonOf(error)
      this.#deps.log.warn({ containerId: container.id, reason }, 'container not released')
    }
  }
}

export function specOf(request: LaunchRequest, sandbox: Sandbox): ContainerSpec {
  const { containerId, frameworkId, executorId, taskId, command, container } = request
  const { cluster, resources, limits, revocable } = request
  return {
    containerId,
    ...(cluster === undefined ? {} : { cluster }),
    frameworkId,
    executorId,
    taskId,
    command,
    container,
    resources,
    limits,
    revocable,
    sandbox: sandbox.directory,
    user: sandbox.user,
    environment: sandbox.environment,
  }
}

/** The whole reason with its hint: it is all that the framework's people will see. */
function launchStory(error: unknown): string {
  const reason = reasonOf(error)
  return error instanceof OperatingError && error.hint !== undefined ? `${reason} (${error.hint})` : reason
}

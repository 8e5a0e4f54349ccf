// The `mesos` containerizer: commands as host processes, held by control groups where there are any.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { every, type Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import { startDetached, type DetachedProcess } from '../../base/exec.ts'
import type { Logger } from '../../base/log.ts'
import { Scope } from '../../base/scope.ts'
import type { Cgroups, CgroupLimits } from '../cgroups.ts'
import {
  type Container,
  type Containerizer,
  type ContainerSpec,
  type LaunchObserver,
  Leaving,
  type Recovered,
} from '../containerizer.ts'
import { setOwnLimits } from '../own-quota.ts'
import { prepareCommand, type PreparedCommand } from './command.ts'
import { HostContainer } from './container.ts'
import { ShimEnds } from './ends.ts'
import { CgroupFence, signalProcess, TreeFence, type Fence } from './fence.ts'
import { recoverContainers, type Survivor } from './recovery.ts'
import { DEFAULT_HEAD_BYTES } from '../kept-head.ts'
import { DEFAULT_LOG_BYTES, type LogSizes, SandboxLog } from './sandbox-log.ts'
import { bootId, ContainerState } from './state.ts'

export interface HostOptions {
  readonly cgroups: Cgroups
  readonly clock: Clock
  readonly log: Logger
  /** Absolute; of this agent alone, outside all sandboxes. Survives the agent. */
  readonly runtimeDirectory: string
  /** `--cgroups_enable_cfs`: hold containers without a cpu limit to what they reserved. */
  readonly enableCfs: boolean
  /** `--cgroups_limit_swap`. */
  readonly limitSwap: boolean
  /** Most processes and threads in one container. */
  readonly pidsLimit: number
  /** Memory of this machine, for the order of its OOM killer. */
  readonly memoryTotalBytes: number
  /** Where `stdout` and `stderr` are cut. Default 10 MiB. */
  readonly logBytes?: number
  /** Bytes of the beginning of stdout and stderr that rotation leaves. */
  readonly logHeadBytes?: number
}

const SHIM = fileURLToPath(new URL('./shim.sh', import.meta.url))
const PREFIX = 'host-'
const ROTATE_EVERY_MS = 1_000
/** Entering groups takes milliseconds; a machine that needs longer than this does not start anything. */
const START_TIMEOUT_MS = 30_000
const MEGABYTE = 1024 ** 2

export function createHostContainerizer(options: HostOptions): Containerizer {
  return new HostContainerizer(options)
}

class HostContainerizer implements Containerizer {
  readonly name = 'mesos'
  readonly #options: HostOptions
  readonly #containers = new Set<HostContainer>()
  readonly #scope = new Scope()
  readonly #ends: ShimEnds
  readonly #bootId = bootId()

  constructor(options: HostOptions) {
    this.#options = options
    const { clock, log } = options
    this.#ends = new ShimEnds({ clock, log, scope: this.#scope })
    const onFailure = (error: unknown): void =>
      log.warn({ reason: reasonOf(error) }, 'The output of a host container could not be rotated')
    this.#scope.spawn(
      'rotate logs',
      (signal) =>
        every(clock, { ms: ROTATE_EVERY_MS, name: 'rotate logs', onFailure }, () => this.#rotate(), signal),
      (_name, error) => onFailure(error),
    )
  }

  supports(spec: ContainerSpec): boolean {
    const container = spec.container
    if (container === undefined) return true
    return container.type === 'MESOS' && container.mesos?.image === undefined
  }

  async launch(spec: ContainerSpec, _observer: LaunchObserver, signal: AbortSignal): Promise<Container> {
    signal.throwIfAborted()
    const command = await prepareCommand(spec)
    const { runtimeDirectory } = this.#options
    const state = new ContainerState(runtimeDirectory, spec.containerId)
    const undo = new AsyncDisposableStack()
    try {
      await state.create()
      undo.defer(() => state.remove())
      const logs = this.#openLogs(spec, command, undo)
      const fence = this.#fenceFor(spec)
      undo.defer(async () => {
        await fence.killAll()
        await fence.remove()
      })
      state.bear({ bootId: this.#bootId, marks: fence.marks })
      const shim = await this.#startShim(spec, command, state, logs, fence)
      fence.started(shim.pid)
      const pid = await this.#firstProcess(state, shim, signal)
      undo.move()
      return this.#supervise({ spec, pid, state, fence, shim }, logs)
    } catch (error) {
      await undo.disposeAsync()
      throw error
    }
  }

  async recover(known: readonly ContainerSpec[], rebootedAt?: number): Promise<Recovered> {
    const { survivors, removed } = await recoverContainers(
      {
        ...this.#options,
        ends: this.#ends,
        prefix: PREFIX,
        hasRebooted: rebootedAt !== undefined,
        quotaOf: (spec) => hostLimits(spec, this.#options).quotaCpus,
      },
      known,
    )
    const containers = survivors.map((one) => this.#supervise(one, this.#reopenLogs(one.spec)))
    return { containers: new Map(containers.map((one) => [one.id, one])), removed }
  }

  async close(): Promise<void> {
    await this.#scope[Symbol.asyncDispose]()
    for (const container of this.#containers) container.abandon()
  }

  #supervise({ spec, ...parts }: Survivor, logs: readonly SandboxLog[]): HostContainer {
    const { clock, log } = this.#options
    const container: HostContainer = new HostContainer({
      ...parts,
      spec,
      id: spec.containerId,
      clock,
      log,
      logs,
      resize: (resources, limits) =>
        parts.fence.limit(hostLimits({ ...spec, resources, limits }, this.#options)),
      released: () => void this.#containers.delete(container),
    })
    this.#containers.add(container)
    return container
  }

  /** What the task does with its files is its own affair: one that is not what it was is not rotated any more. */
  #reopenLogs({ containerId, sandbox }: ContainerSpec): readonly SandboxLog[] {
    const { log } = this.#options
    return ['stdout', 'stderr'].flatMap((name) => {
      try {
        return new SandboxLog(sandbox, name, 'as it is', this.#logSizes)
      } catch (error) {
        const fields = { container: containerId, reason: reasonOf(error) }
        log.warn(fields, 'the output of a container of an earlier life is not rotated any more')
        return []
      }
    })
  }

  get #logSizes(): LogSizes {
    const { logBytes = DEFAULT_LOG_BYTES, logHeadBytes = DEFAULT_HEAD_BYTES } = this.#options
    return { limitBytes: logBytes, headBytes: logHeadBytes }
  }

  async #rotate(): Promise<void> {
    for (const container of this.#containers) await container.rotateLogs()
  }

  #openLogs(
    spec: ContainerSpec,
    command: PreparedCommand,
    undo: AsyncDisposableStack,
  ): readonly SandboxLog[] {
    return ['stdout', 'stderr'].map((name) => {
      const log = new SandboxLog(spec.sandbox, name, command.account, this.#logSizes)
      undo.defer(() => log.close())
      return log
    })
  }

  #fenceFor(spec: ContainerSpec): Fence {
    const { cgroups, clock } = this.#options
    if (cgroups.layout === 'none') return new TreeFence(clock)
    const tier = spec.revocable ? 'lent' : 'owners'
    const path = cgroups.create(tier, `${PREFIX}${spec.containerId}`)
    setOwnLimits(cgroups, path, hostLimits(spec, this.#options))
    return new CgroupFence(cgroups, tier, path)
  }

  #startShim(
    spec: ContainerSpec,
    command: PreparedCommand,
    state: ContainerState,
    logs: readonly SandboxLog[],
    fence: Fence,
  ): Promise<DetachedProcess> {
    const adjust = oomScoreAdjust(spec, this.#options.memoryTotalBytes)
    const [stdout, stderr] = logs.map((log) => log.path) as [string, string]
    return startDetached(
      '/bin/sh',
      [SHIM, state.directory, stdout, stderr, adjust, ...fence.entrances, '--', ...command.argv],
      { cwd: spec.sandbox, env: command.environment },
    )
  }

  /** Waits until the shim says that the first process is inside, or tells why it never came there. */
  async #firstProcess(state: ContainerState, shim: DetachedProcess, signal: AbortSignal): Promise<number> {
    const { clock } = this.#options
    const end = clock.monotonic() + START_TIMEOUT_MS
    let over = false
    void shim.exited.then(() => (over = true))
    for (;;) {
      // Read after `over` is known: a command may be over before we look for the first time.
      const ended = over
      const first = await state.started()
      if (first !== undefined) return first.pid
      if (ended) throw new OperatingError('LAUNCH', `The container cannot be started: ${await state.notes()}`)
      // An agent that leaves waits these milliseconds: nobody knows whether the command has begun.
      const isUnwanted = signal.aborted && !(signal.reason instanceof Leaving)
      if (isUnwanted || clock.monotonic() > end) {
        // The whole process group: the inner shell may not have entered its groups yet.
        signalProcess(-shim.pid, 'SIGKILL')
        signal.throwIfAborted()
        throw new OperatingError('LAUNCH', `The container did not start in ${START_TIMEOUT_MS} ms`)
      }
      await clock.sleep(1)
    }
  }
}

/**
 * spec/mesos.md 8.3: quota from the limit, or from the request with CFS on; the hard memory limit is the limit
 * or the request.
 */
export function hostLimits(
  spec: ContainerSpec,
  options: Pick<HostOptions, 'enableCfs' | 'limitSwap' | 'pidsLimit'>,
): CgroupLimits {
  const cpus = spec.resources.scalar('cpus')
  const request = spec.resources.scalar('mem') * MEGABYTE
  const limit = spec.limits.mem === undefined ? request : spec.limits.mem * MEGABYTE
  const quota = spec.limits.cpus ?? (options.enableCfs ? cpus : Number.POSITIVE_INFINITY)
  return {
    cpus,
    revocable: spec.revocable,
    quotaCpus: quota,
    memoryRequestBytes: request,
    memoryLimitBytes: limit,
    limitSwap: options.limitSwap,
    pids: options.pidsLimit,
  }
}

/**
 * Borrowers die first when the machine runs out of memory (1000); a container that may use more than it
 * reserved before one that may not: 1000 − 1000 · request / total (spec/mesos.md 8.3). Empty keeps the agent's
 * own.
 */
export function oomScoreAdjust(spec: ContainerSpec, memoryTotalBytes: number): string {
  if (spec.revocable) return '1000'
  const request = spec.resources.scalar('mem') * MEGABYTE
  const limit = spec.limits.mem === undefined ? request : spec.limits.mem * MEGABYTE
  const wanted = limit > request ? Math.round(1000 - (1000 * request) / memoryTotalBytes) : 0
  const own = Number(readFileSync('/proc/self/oom_score_adj', 'utf8'))
  // Only raising is allowed to everybody.
  return wanted > own ? String(Math.min(wanted, 1000)) : ''
}

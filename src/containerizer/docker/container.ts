// One running engine container, from its start to its true cause of death and its removal.
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { Resources } from '../../resources/resources.ts'
import type { ContainerDetails, ContainerStatistics } from '../../resources/usage.ts'
import type { Cgroups, MemoryMarks, Tier } from '../cgroups.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import type { Container, ContainerExit, ContainerSpec, Executed } from '../containerizer.ts'
import { withNetwork } from '../network-usage.ts'
import { describeAsMade, type Made } from './as-made.ts'
import type { HostConfig } from './body.ts'
import { causeOf, signalNumber } from './cause.ts'
import type { ContainerDescription, Inspection } from './engine-answers.ts'
import { EngineError } from './engine-errors.ts'
import { usageOf } from './engine-usage.ts'
import type { Engine } from './engine.ts'
import { execute } from './execute.ts'
import { openDockerSession } from './session.ts'
import type { Session, SessionWish } from '../session.ts'
import type { KernelLog } from './kernel-log.ts'
import type { SandboxOutput } from './output.ts'
import type { Removals } from './removals.ts'
import { type End, Sight, type SightParts } from './sight.ts'

/** Where the kernel keeps the container's counters. */
export interface ContainerGroup {
  readonly cgroups: Cgroups
  readonly tier: Tier
  readonly path: string
  /** Taken before the start. */
  readonly marks: MemoryMarks
}

export interface ContainerParts extends Omit<SightParts, 'hasProcesses' | 'engine'> {
  /** The engine's id: 64 hexadecimal digits. */
  readonly dockerId: string
  /** Of a supervised task. */
  readonly taskId: string | undefined
  readonly engine: Engine
  readonly kernelLog: KernelLog
  readonly removals: Removals
  /** Undefined where the agent has no control groups of its own. */
  readonly group: ContainerGroup | undefined
  readonly memoryLimitBytes: number | undefined
  /** What a new reservation changes, given the memory limit of now. Throws `OperatingError` (LAUNCH). */
  readonly demand: (
    resources: Resources,
    limits: ContainerSpec['limits'],
    memoryBytes: number | undefined,
  ) => Partial<HostConfig>
  readonly output: SandboxOutput
  /** Ends the attached stream. */
  readonly detach: AbortController
  /** What it was made from, when that says enough of it: see `look`. */
  readonly made: Made | undefined
  /** Of one that an earlier life of the agent started: what the engine says of it. */
  readonly adopted?: Inspection
}

const RETRY_MS = 500
/** One for all: every container ends with it, and a reason of its own would cost a stack. */
const DETACHED = new OperatingError('STOPPED', 'The container has ended')
/** Longest time to find out which signal stops it. */
const STOP_SIGNAL_MS = 1000
/** A signal that the engine did not take for so long is sent to the control group. */
const PATIENCE_MS = 5000
/** After the end of its first process, output can only come from processes that left the container's namespaces. */
const LAST_OUTPUT_MS = 10_000
/** What is missing of an adopted one's output may be a whole log. */
const MISSING_OUTPUT_MS = 120_000

const NOTHING: ReadonlySet<number> = new Set()
const SIGKILL = signalNumber('SIGKILL')
const KILLED_BY_GROUP: ContainerExit = {
  kind: 'signaled',
  signal: 'SIGKILL',
  detail: 'Killed through its control group, because the Docker Engine did not do it',
}

/**
 *   running ──kill(g)──▶ stopping ──grace over──▶ killing
 *      │                    │                        │
 *      └────────────────────┴───────ended────────────┘ ──release()──▶ kept for the delay, removed
 */
export class DockerContainer implements Container {
  readonly id: string
  readonly exit: Promise<ContainerExit>
  readonly #parts: ContainerParts
  readonly #sight: Sight
  readonly #sent = new Set<number>()
  #inspection: Inspection | undefined
  readonly #startedAt: number
  #ended = false
  #deadline: number | undefined
  #killTimer: Disposable | undefined
  #peakBytes: number | undefined
  /** 0: it was looked for and not found. */
  #firstPid: number | undefined
  #memoryLimitBytes: number | undefined
  #released: Promise<void> | undefined
  #wasKilledByGroup = false

  /** To be made right after the engine's answer to the start request. */
  constructor(parts: ContainerParts) {
    this.#parts = parts
    this.id = parts.containerId
    this.#inspection = parts.adopted
    this.#sight = new Sight({ ...parts, hasProcesses: () => this.#hasProcesses() })
    this.#memoryLimitBytes = parts.memoryLimitBytes
    this.#startedAt = parts.clock.now()
    this.exit = this.#watch()
  }

  get pid(): number | undefined {
    const known = this.#inspection?.description.State.Pid ?? 0
    if (known > 0) return known
    // Looked for once: what is not there after the start has ended.
    this.#firstPid ??= this.#lowestPid() ?? 0
    return this.#firstPid === 0 ? undefined : this.#firstPid
  }

  get addresses(): readonly string[] {
    return this.#inspection === undefined ? [] : addressesOf(this.#inspection.description)
  }

  /** An array of one, the form in which `docker inspect` prints it and Mesos hands it on. */
  get inspect(): string | undefined {
    const { made } = this.#parts
    if (made !== undefined) return JSON.stringify([describeAsMade(made, this.pid ?? 0, this.#startedAt)])
    return this.#inspection === undefined ? undefined : `[${this.#inspection.raw}]`
  }

  /**
   * Reads what the engine knows about the running container, unless what it was made from says enough: an engine does
   * not answer while it tidies up after an end, hundreds of milliseconds that short tasks would be late.
   * Where it fails, the container runs on without it.
   */
  async look(): Promise<void> {
    if (this.#parts.made === undefined) await this.#inspectNow()
  }

  get group(): string | undefined {
    return this.#parts.group?.path
  }

  async update(resources: Resources, limits: ContainerSpec['limits']): Promise<void> {
    if (this.#ended) return
    const { engine, dockerId, demand } = this.#parts
    const changes = demand(resources, limits, this.#memoryLimitBytes)
    await engine.update(dockerId, changes)
    this.#memoryLimitBytes = changes.Memory ?? this.#memoryLimitBytes
  }

  execute(command: CommandInfo, signal: AbortSignal): Promise<Executed> {
    return execute(this.#parts, command, signal)
  }

  open(wish: SessionWish): Promise<Session> {
    const { group } = this.#parts
    const inside = group === undefined ? undefined : () => group.cgroups.processes(group.path)
    return openDockerSession({ ...this.#parts, inside }, wish)
  }

  kill(graceMs: number): void {
    if (this.#ended) return
    const { clock } = this.#parts
    const deadline = clock.monotonic() + Math.max(0, graceMs)
    if (this.#deadline !== undefined && deadline >= this.#deadline) return
    const isFirst = this.#deadline === undefined
    this.#deadline = deadline
    this.#killTimer?.[Symbol.dispose]()
    if (graceMs <= 0) {
      void this.#send('SIGKILL')
      return
    }
    if (isFirst) void this.#askToStop(graceMs)
    this.#killTimer = clock.after(graceMs, () => void this.#send('SIGKILL'))
  }

  async statistics(): Promise<ContainerStatistics | undefined> {
    if (this.#ended) return undefined
    const { group, engine, dockerId, clock } = this.#parts
    const fromFiles = group?.cgroups.statistics(group.path)
    const statistics = fromFiles ?? (await this.#fromEngine(engine, dockerId, clock))
    const peak = statistics?.memoryPeakBytes ?? statistics?.memoryBytes ?? 0
    this.#peakBytes = Math.max(this.#peakBytes ?? 0, peak)
    return statistics
  }

  details(): ContainerDetails | undefined {
    const { group } = this.#parts
    return this.#ended ? undefined : withNetwork(group?.cgroups.details(group.path), this.pid)
  }

  release(): Promise<void> {
    const { clock, dockerId, removals, taskId } = this.#parts
    this.#released ??= this.exit.then(() =>
      removals.schedule(dockerId, { containerId: this.id, taskId, endedAt: clock.now() }),
    )
    return this.#released
  }

  async #watch(): Promise<ContainerExit> {
    const { group } = this.#parts
    try {
      const end = await this.#endOf()
      if (end.exitCode === undefined) return this.#removed()
      this.#ended = true
      const [exit] = await Promise.all([this.#cause(end.exitCode, end.wasAway), this.#lastOutput()])
      return exit
    } catch (error) {
      if (this.#wasKilledByGroup) return KILLED_BY_GROUP
      return { kind: 'lost', detail: reasonOf(error) }
    } finally {
      this.#ended = true
      this.#killTimer?.[Symbol.dispose]()
      this.#parts.detach.abort(DETACHED)
      this.#closeOutput()
      group?.cgroups.forget(group.path)
    }
  }

  #endOf(): Promise<End> {
    const state = this.#parts.adopted?.description.State
    if (state === undefined || state.Running) return this.#sight.end()
    return Promise.resolve({ exitCode: state.ExitCode, wasAway: false })
  }

  #removed(): ContainerExit {
    if (this.#wasKilledByGroup) return KILLED_BY_GROUP
    const who = 'The engine no longer knows the container: somebody removed it'
    // Removed from the engine's books only, it may run on: nobody must start a second one beside it.
    if (this.#hasProcesses() !== true) return { kind: 'lost', detail: who }
    this.#killGroup()
    return { kind: 'lost', detail: `${who}; what still ran of it was killed` }
  }

  async #cause(exitCode: number, engineWasAway: boolean): Promise<ContainerExit> {
    // A clean end needs no explanation, and short tasks no looks and round trips more.
    if (exitCode === 0) return { kind: 'exited', code: 0 }
    const { dockerId, group, kernelLog, listening, adopted } = this.#parts
    const found = adopted?.description.State.Running === false ? adopted : await this.#inspectAgain()
    const oomKilled = found !== undefined && found !== 'no answer' && found.description.State.OOMKilled
    return causeOf({
      isRemoved: found === undefined,
      viaEngine: listening?.signals ?? NOTHING,
      engineWasAway,
      isAdopted: adopted !== undefined,
      exitCode,
      dockerId,
      oomKilled,
      kernelKill: kernelLog.killsIn(dockerId),
      tierWasHit:
        group !== undefined && group.cgroups.memoryMarks(group.tier).tierHits > group.marks.tierHits,
      limitBytes: this.#memoryLimitBytes,
      peakBytes: this.#peakBytes,
      sent: this.#sent,
    })
  }

  async #inspectAgain(): Promise<Inspection | undefined | 'no answer'> {
    try {
      return await this.#parts.engine.inspect(this.#parts.dockerId)
    } catch (error) {
      if (error instanceof EngineError) return 'no answer'
      throw error
    }
  }

  async #lastOutput(): Promise<void> {
    const { clock, log, adopted } = this.#parts
    const { promise: late, resolve: giveUp } = Promise.withResolvers<void>()
    const limitMs = adopted === undefined ? LAST_OUTPUT_MS : MISSING_OUTPUT_MS
    using _ = clock.after(limitMs, () => {
      log.warn({ container: this.id }, 'Gave up on output that did not end with its container')
      giveUp()
    })
    await Promise.race([this.#sight.copied, late])
  }

  #closeOutput(): void {
    const { output, log } = this.#parts
    try {
      output[Symbol.dispose]()
    } catch (error) {
      log.warn(
        { container: this.id, reason: reasonOf(error) },
        'Could not close the output files of a container',
      )
    }
  }

  async #fromEngine(
    engine: Engine,
    dockerId: string,
    clock: Clock,
  ): Promise<ContainerStatistics | undefined> {
    try {
      const answer = await engine.statistics(dockerId)
      return answer === undefined ? undefined : usageOf(answer, clock.now())
    } catch (error) {
      if (error instanceof EngineError) return undefined
      throw error
    }
  }

  /** The first process of a container has the lowest number of all in its group. */
  #lowestPid(): number | undefined {
    const { group } = this.#parts
    return this.#ended ? undefined : group?.cgroups.lowestProcess(group.path)
  }

  /** The image may name the signal that it wants to be stopped with; a slow engine is not waited for. */
  async #askToStop(graceMs: number): Promise<void> {
    const { clock } = this.#parts
    if (this.#inspection === undefined) {
      const { promise: enough, resolve } = Promise.withResolvers<void>()
      using _ = clock.after(Math.min(STOP_SIGNAL_MS, graceMs / 2), resolve)
      await Promise.race([this.#inspectNow(), enough])
    }
    const wanted = this.#inspection?.description.Config.StopSignal ?? ''
    await this.#send(wanted !== '' && signalNumber(wanted) !== undefined ? wanted : 'SIGTERM')
  }

  async #inspectNow(): Promise<void> {
    const { engine, log, dockerId } = this.#parts
    try {
      this.#inspection = await engine.inspect(dockerId)
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      log.warn({ container: this.id, reason: reasonOf(error) }, 'Could not inspect a started container')
    }
  }

  /** Tries until the engine took it, or the container is gone, or a stronger signal has taken over. */
  async #send(signal: string): Promise<void> {
    const { engine, dockerId, closed, log, clock, group } = this.#parts
    const number = signalNumber(signal) ?? 0
    const deadline = this.#deadline
    const isWanted = (): boolean => !this.#ended && !closed.aborted && this.#deadline === deadline
    this.#sent.add(number)
    // The engine itself may be waiting for the memory that a borrower holds: an owner stood still for 54 s.
    if (number === SIGKILL && group?.tier === 'lent') this.#killProcesses(group)
    using _patience = clock.after(PATIENCE_MS, () => {
      if (number === SIGKILL && isWanted()) this.#killGroup()
    })
    while (isWanted()) {
      try {
        await engine.kill(dockerId, signal)
        return
      } catch (error) {
        log.warn(
          { container: this.id, signal, reason: reasonOf(error) },
          'Could not send a signal, trying again',
        )
      }
      await this.#pause()
    }
  }

  /** Before another attempt; ends early when the containerizer is closed. */
  async #pause(): Promise<void> {
    try {
      await this.#parts.clock.sleep(RETRY_MS, this.#parts.closed)
    } catch (error) {
      if (!this.#parts.closed.aborted) throw error
    }
  }

  /** Undefined where the kernel cannot be asked. */
  #hasProcesses(): boolean | undefined {
    const { group } = this.#parts
    if (group === undefined) return undefined
    const { cgroups, path } = group
    return cgroups.lowestProcess(path) !== undefined || cgroups.processes(path).length > 0
  }

  #killGroup(): void {
    const { group, log } = this.#parts
    if (group === undefined) return
    log.warn({ container: this.id }, 'The engine does not kill a container: its control group is killed')
    this.#wasKilledByGroup = true
    this.#sight.expectEnd()
    this.#killProcesses(group)
  }

  #killProcesses({ cgroups, path }: ContainerGroup): void {
    cgroups.kill(path).catch((error: unknown) => {
      this.#parts.log.error({ container: this.id, reason: reasonOf(error) }, 'Could not kill a control group')
    })
  }
}

/** Addresses of the network that the container was created with first (spec/mesos.md 7.4), IPv4 before IPv6. */
function addressesOf({ HostConfig, NetworkSettings }: ContainerDescription): readonly string[] {
  const mode = HostConfig.NetworkMode === 'default' ? 'bridge' : HostConfig.NetworkMode
  const network = NetworkSettings.Networks?.[mode]
  const found = [network?.IPAddress ?? NetworkSettings.IPAddress, network?.GlobalIPv6Address]
  return found.filter((address): address is string => address !== undefined && address !== '')
}

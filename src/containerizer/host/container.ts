// The life of one host container: running, asked to end, killed, ended, released.
import type { Clock } from '../../base/clock.ts'
import { reasonOf } from '../../base/errors.ts'
import type { Logger } from '../../base/log.ts'
import { humanDuration } from '../../base/units.ts'
import type { Resources } from '../../resources/resources.ts'
import type { ContainerDetails, ContainerStatistics } from '../../resources/usage.ts'
import type { CommandInfo } from '../../wire/commands.ts'
import type { Container, ContainerExit, ContainerSpec, Executed } from '../containerizer.ts'
import { withNetwork } from '../network-usage.ts'
import type { Session, SessionWish } from '../session.ts'
import { execute } from './execute.ts'
import { explainExit } from './exit.ts'
import { signalProcess, type Fence } from './fence.ts'
import { openHostSession } from './session.ts'
import type { SandboxLog } from './sandbox-log.ts'
import type { ContainerState } from './state.ts'

/** The shell that supervises the command: our child, or one that an earlier life of the agent started. */
export interface Shim {
  /** Settles when it ended, or left its record; never rejects. */
  readonly exited: Promise<{ readonly exitCode: number | undefined; readonly signal: string | undefined }>
  /** Why there may be no record of the end, as a sentence, where that is known. */
  readonly unrecorded?: string
}

export interface HostContainerParts {
  readonly id: string
  readonly pid: number
  readonly clock: Clock
  readonly log: Logger
  readonly spec: ContainerSpec
  readonly fence: Fence
  readonly state: ContainerState
  readonly shim: Shim
  readonly logs: readonly SandboxLog[]
  /** Writes a new reservation and limits; throws `OperatingError` (ISOLATION). */
  readonly resize: (resources: Resources, limits: ContainerSpec['limits']) => void
  /** Called once after everything of it is gone. */
  readonly released: () => void
}

/** How often we look whether the rest of a container used its grace to end. */
const LOOK_MS = 10

export class HostContainer implements Container {
  readonly id: string
  readonly pid: number
  readonly addresses: readonly string[] = []
  readonly inspect = undefined
  readonly exit: Promise<ContainerExit>
  readonly #parts: HostContainerParts
  readonly #sessions = new Set<Session>()
  #ended = false
  /** Monotonic time of the SIGKILL; undefined until somebody asks for the end. */
  #deadline: number | undefined
  #timer: Disposable | undefined
  #killed: string | undefined
  #release: Promise<void> | undefined

  constructor(parts: HostContainerParts) {
    this.#parts = parts
    this.id = parts.id
    this.pid = parts.pid
    this.exit = this.#watch()
  }

  get group(): string | undefined {
    return this.#parts.fence.path
  }

  kill(graceMs: number): void {
    if (this.#ended) return
    const { clock, fence } = this.#parts
    const deadline = clock.monotonic() + graceMs
    if (this.#deadline !== undefined && deadline >= this.#deadline) return
    const again = this.#deadline !== undefined
    this.#deadline = deadline
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    if (graceMs <= 0) {
      this.#killed ??= 'Killed on request, without a grace period'
      this.#killAll()
      return
    }
    if (!again) for (const pid of fence.processes()) signalProcess(pid, 'SIGTERM')
    this.#killed ??= 'Ended on request by SIGTERM'
    this.#timer = clock.after(graceMs, () => {
      this.#killed = `Killed on request: it did not end within ${humanDuration(graceMs)} of SIGTERM`
      this.#killAll()
    })
  }

  execute(command: CommandInfo, signal: AbortSignal): Promise<Executed> {
    return execute(this.#parts, command, signal)
  }

  async open(wish: SessionWish): Promise<Session> {
    const session = await openHostSession(this.#parts, wish)
    this.#sessions.add(session)
    void session.exited.then(() => this.#sessions.delete(session))
    if (this.#ended) await session.end()
    return session
  }

  async statistics(): Promise<ContainerStatistics | undefined> {
    if (this.#ended) return undefined
    const statistics = await this.#parts.fence.statistics()
    // As in Mesos, a container in which the kernel killed anything for memory is ended whole (spec/mesos.md
    // 8.3). On v2 the kernel does it (memory.oom.group); on v1 it takes one process, and this look catches the
    // rest.
    if ((statistics?.oomKills ?? 0) > 0 && this.#deadline === undefined) this.#killAll()
    return statistics
  }

  details(): ContainerDetails | undefined {
    return this.#ended ? undefined : withNetwork(this.#parts.fence.details(), this.pid)
  }

  async rotateLogs(): Promise<void> {
    for (const log of this.#parts.logs) await log.rotate()
  }

  async update(resources: Resources, limits: ContainerSpec['limits']): Promise<void> {
    if (!this.#ended) this.#parts.resize(resources, limits)
  }

  release(): Promise<void> {
    this.#release ??= this.#releaseNow()
    return this.#release
  }

  /** Lets go without ending anything: the container outlives this life of the agent. */
  abandon(): void {
    this.#timer?.[Symbol.dispose]()
    for (const log of this.#parts.logs) log.close()
  }

  async #releaseNow(): Promise<void> {
    await this.exit
    const { fence, state, logs, released } = this.#parts
    for (const log of logs) log.close()
    await fence.remove()
    await state.remove()
    released()
  }

  async #watch(): Promise<ContainerExit> {
    const { shim, fence, state, log } = this.#parts
    try {
      const ended = await shim.exited
      // Nobody waits for a shell that somebody has open inside.
      for (const session of this.#sessions) await session.end()
      await this.#waitForGrace()
      // What the command left in the background ends with it, as Mesos destroys a container whose executor ended.
      await fence.killAll()
      const memory = fence.memoryDeath()
      const record = await state.exit()
      return explainExit({ record, shim: ended, memory, killed: this.#killed, unrecorded: shim.unrecorded })
    } catch (error) {
      log.error(
        { container: this.id, reason: reasonOf(error) },
        'The end of a host container could not be told',
      )
      return { kind: 'lost', detail: reasonOf(error) }
    } finally {
      this.#ended = true
      this.#timer?.[Symbol.dispose]()
    }
  }

  /** When the command ended after SIGTERM, its children still have the rest of the grace to end by themselves. */
  async #waitForGrace(): Promise<void> {
    const { clock, fence } = this.#parts
    while (this.#deadline !== undefined && clock.monotonic() < this.#deadline) {
      if (fence.processes().length === 0) return
      await clock.sleep(LOOK_MS)
    }
  }

  #killAll(): void {
    const { fence, log } = this.#parts
    fence.killAll().catch((error: unknown) => {
      log.error({ container: this.id, reason: reasonOf(error) }, 'A host container could not be killed')
    })
  }
}

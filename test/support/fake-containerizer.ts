// A containerizer without containers: a test says when a launch succeeds or fails and how its container ends.
import { OperatingError } from '../../src/base/errors.ts'
import type {
  Container,
  Containerizer,
  ContainerExit,
  ContainerSpec,
  LaunchObserver,
  Recovered,
} from '../../src/containerizer/containerizer.ts'
import type { OutputName, Session, SessionWish, WindowSize } from '../../src/containerizer/session.ts'
import type { Keeping } from '../../src/containerizer/keeping.ts'
import type { Resources } from '../../src/resources/resources.ts'
import type { ContainerDetails, ContainerStatistics } from '../../src/resources/usage.ts'

export interface FakeOptions {
  readonly name?: string
  supports?(spec: ContainerSpec): boolean
  /** What it keeps besides its containers. */
  readonly keeping?: Keeping | undefined
  /** Launches succeed at once; else a test calls `succeed` or `fail`. */
  readonly atOnce?: boolean
}

export class FakeContainerizer implements Containerizer {
  readonly name: string
  readonly keeping?: Keeping
  readonly #options: FakeOptions
  /** Launches under way, by container id. */
  readonly launches = new Map<string, FakeLaunch>()
  /** Containers by id, also ended ones. */
  readonly containers = new Map<string, FakeContainer>()
  /** Of all launches, in their order. */
  readonly specs: ContainerSpec[] = []
  /** The ids of each recovery. */
  readonly recovered: (readonly string[])[] = []
  closed = false

  constructor(options: FakeOptions = {}) {
    this.name = options.name ?? 'fake'
    if (options.keeping !== undefined) this.keeping = options.keeping
    this.#options = options
  }

  supports(spec: ContainerSpec): boolean {
    return this.#options.supports?.(spec) ?? true
  }

  async launch(spec: ContainerSpec, observer: LaunchObserver, signal: AbortSignal): Promise<Container> {
    const launch = new FakeLaunch(spec, observer, signal)
    this.launches.set(spec.containerId, launch)
    this.specs.push(spec)
    if (this.#options.atOnce === true) launch.succeed()
    try {
      const container = await launch.outcome
      this.containers.set(spec.containerId, container)
      return container
    } finally {
      this.launches.delete(spec.containerId)
    }
  }

  /** What runs of an earlier life: a test puts `containers` of another fake here. */
  readonly left = new Map<string, FakeContainer>()

  recover(known: readonly ContainerSpec[], rebootedAt?: number): Promise<Recovered> {
    const containers = new Map<string, Container>()
    this.recovered.push(known.map(({ containerId }) => containerId))
    for (const { containerId } of known) {
      const container = this.left.get(containerId)
      if (container === undefined || (rebootedAt !== undefined && !container.hasEnded)) continue
      containers.set(containerId, container)
      this.containers.set(containerId, container)
    }
    return Promise.resolve({ containers, removed: this.left.size - containers.size })
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }

  /** The launch or container of this id; throws when there is none, which is the test's mistake. */
  launching(containerId: string): FakeLaunch {
    const launch = this.launches.get(containerId)
    if (launch === undefined) throw new Error(`nothing launches ${containerId}`)
    return launch
  }

  container(containerId: string): FakeContainer {
    const container = this.containers.get(containerId)
    if (container === undefined) throw new Error(`there is no container ${containerId}`)
    return container
  }
}

export class FakeLaunch {
  readonly spec: ContainerSpec
  readonly observer: LaunchObserver
  readonly #outcome = Promise.withResolvers<FakeContainer>()

  constructor(spec: ContainerSpec, observer: LaunchObserver, signal: AbortSignal) {
    this.spec = spec
    this.observer = observer
    signal.addEventListener('abort', () => this.#outcome.reject(signal.reason), { once: true })
  }

  get outcome(): Promise<FakeContainer> {
    return this.#outcome.promise
  }

  succeed(): void {
    this.#outcome.resolve(new FakeContainer(this.spec))
  }

  fail(message: string): void {
    this.#outcome.reject(new OperatingError('LAUNCH', message))
  }
}

export class FakeContainer implements Container {
  readonly id: string
  readonly pid = 4242
  readonly addresses: readonly string[] = ['172.17.0.2']
  readonly inspect = undefined
  /** Graces of the kills that came, ms. */
  readonly kills: number[] = []
  /** Reservations that were asked for after the first. */
  readonly updates: Resources[] = []
  released = 0
  hasEnded = false
  /** What `release` and `update` throw, to see that nothing breaks. */
  refuses: Error | undefined
  readonly #exit = Promise.withResolvers<ContainerExit>()

  constructor(spec: ContainerSpec) {
    this.id = spec.containerId
  }

  get exit(): Promise<ContainerExit> {
    return this.#exit.promise
  }

  /** Ends it. */
  end(exit: ContainerExit = { kind: 'exited', code: 0 }): void {
    this.hasEnded = true
    this.#exit.resolve(exit)
  }

  kill(graceMs: number): void {
    this.kills.push(graceMs)
  }

  /** What was opened in it, by id. */
  readonly sessions = new Map<string, FakeSession>()

  open(wish: SessionWish): Promise<Session> {
    if (this.refuses !== undefined) return Promise.reject(this.refuses)
    const session = new FakeSession(wish)
    this.sessions.set(wish.id, session)
    return Promise.resolve(session)
  }

  async update(resources: Resources): Promise<void> {
    if (this.refuses !== undefined) throw this.refuses
    this.updates.push(resources)
  }

  statistics(): Promise<ContainerStatistics | undefined> {
    return Promise.resolve(undefined)
  }

  details(): ContainerDetails | undefined {
    return undefined
  }

  async release(): Promise<void> {
    this.released += 1
    if (this.refuses !== undefined) throw this.refuses
  }
}

/** A command that prints what a test gives it, and keeps what it is given. */
export class FakeSession implements Session {
  readonly wish: SessionWish
  readonly input: Buffer[] = []
  inputEnded = false
  readonly sizes: WindowSize[] = []
  readonly signals: number[] = []
  ends = 0
  readonly #exited = Promise.withResolvers<number>()
  readonly #printed = Promise.withResolvers<void>()
  #take: ((stream: OutputName, piece: Buffer) => Promise<void>) | undefined

  constructor(wish: SessionWish) {
    this.wish = wish
  }

  get exited(): Promise<number> {
    return this.#exited.promise
  }

  follow(take: (stream: OutputName, piece: Buffer) => Promise<void>): Promise<void> {
    this.#take = take
    return this.#printed.promise
  }

  /** Resolves when it is taken. */
  async print(stream: OutputName, piece: string | Buffer): Promise<void> {
    await this.#take?.(stream, Buffer.from(piece))
  }

  exit(status: number): void {
    this.#printed.resolve()
    this.#exited.resolve(status)
  }

  write(bytes: Uint8Array): Promise<void> {
    this.input.push(Buffer.from(bytes))
    return Promise.resolve()
  }

  endInput(): void {
    this.inputEnded = true
  }

  resize(size: WindowSize): void {
    this.sizes.push(size)
  }

  signal(number: number): Promise<void> {
    this.signals.push(number)
    return Promise.resolve()
  }

  end(): Promise<void> {
    this.ends += 1
    this.exit(9)
    return Promise.resolve()
  }
}

// A container is kept in sight while the engine restarts, hangs or forgets: the kernel says what the engine does not.
import { expect, test } from 'vitest'
import { silentLogger } from '../../../../src/base/log.ts'
import type { ContainerDescription, Inspection } from '../../../../src/containerizer/docker/engine-answers.ts'
import { brokenConnection } from '../../../../src/containerizer/docker/engine-errors.ts'
import { type End, Sight } from '../../../../src/containerizer/docker/sight.ts'
import { ManualClock } from '../../../support/clock.ts'

type State = 'running' | 'away' | 'hangs' | 'gone' | { readonly exitCode: number }

class Stage {
  readonly clock = new ManualClock()
  engine: State = 'running'
  processes: boolean | undefined = true
  outcome: End | Error | undefined
  readonly sight: Sight
  #cut: (() => void)[] = []

  constructor(options: { readonly isTold?: boolean } = {}) {
    const silent = { end: new Promise<undefined>(() => undefined), signals: new Set<number>() }
    this.sight = new Sight({
      containerId: 'one',
      dockerId: 'one',
      clock: this.clock,
      log: silentLogger,
      engine: { wait: (_id, signal) => this.#wait(signal), inspect: () => this.#inspect() },
      listening: options.isTold === true ? { ...silent, [Symbol.dispose]: () => undefined } : undefined,
      copied: new Promise(() => undefined),
      attachAgain: async () => undefined,
      hasProcesses: () => this.processes,
      closed: new AbortController().signal,
      engineLossMs: 60_000,
    })
    void this.sight.end().then(
      (end) => (this.outcome = end),
      (error: unknown) => (this.outcome = error as Error),
    )
  }

  /** The engine's state changes, and connections that are open break. */
  async turn(state: State): Promise<void> {
    await this.clock.settle()
    this.engine = state
    for (const cut of this.#cut.splice(0)) cut()
    await this.clock.settle()
  }

  #wait(signal: AbortSignal): Promise<number | undefined> {
    if (this.engine === 'away') return Promise.reject(brokenConnection('wait', '/socket', undefined))
    return new Promise((_resolve, reject) => {
      this.#cut.push(() => reject(brokenConnection('wait', '/socket', undefined)))
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  }

  #inspect(): Promise<Inspection | undefined> {
    const { engine } = this
    if (engine === 'away' || engine === 'hangs')
      return Promise.reject(brokenConnection('inspect', '/socket', undefined))
    if (engine === 'gone') return Promise.resolve(undefined)
    const State = { Running: engine === 'running', ExitCode: engine === 'running' ? 0 : engine.exitCode }
    return Promise.resolve({ description: { State } as ContainerDescription, raw: '' })
  }
}

test('an engine that is away for an hour loses nothing of a container that runs', async () => {
  const stage = new Stage()
  await stage.turn('away')
  await stage.clock.advance(3_600_000)
  expect(stage.outcome).toBeUndefined()
  await stage.turn({ exitCode: 4 })
  await stage.clock.advance(1000)
  expect(stage.outcome).toEqual({ exitCode: 4, wasAway: true })
})

test('a container that lived on over a restart of the engine is attached to again', async () => {
  const stage = new Stage()
  await stage.turn('away')
  await stage.clock.advance(5000)
  await stage.turn('running')
  // The copy of before ends with its stream, which the engine's end has cut.
  await stage.clock.advance(1000)
  expect(stage.outcome).toBeUndefined()
  await stage.turn({ exitCode: 0 })
  await stage.clock.advance(1000)
  expect(stage.outcome).toEqual({ exitCode: 0, wasAway: true })
})

test('one that has ended waits for the engine’s word until the limit, and is then lost in words', async () => {
  const stage = new Stage()
  await stage.turn('away')
  stage.processes = false
  await stage.clock.advance(59_000)
  expect(stage.outcome).toBeUndefined()
  await stage.clock.advance(3000)
  expect(stage.outcome).toMatchObject({
    code: 'ENGINE',
    message: expect.stringMatching(
      /not answered for 1m00s.*processes have ended, with which status is not known$/,
    ),
  })
})

test.each([true, false])(
  'a hanging engine is found out when the container has ended (told of ends: %s)',
  async (isTold) => {
    const stage = new Stage({ isTold })
    stage.engine = 'hangs'
    stage.processes = false
    await stage.clock.advance(120_000)
    expect(stage.outcome).toMatchObject({ code: 'ENGINE' })
  },
)

test('a hanging engine that goes on tells the true end', async () => {
  const stage = new Stage({ isTold: true })
  stage.engine = 'hangs'
  stage.processes = false
  await stage.clock.advance(40_000)
  stage.engine = { exitCode: 9 }
  await stage.clock.advance(1000)
  expect(stage.outcome).toMatchObject({ exitCode: 9 })
})

test('where the kernel cannot be asked, the limit decides', async () => {
  const stage = new Stage()
  stage.processes = undefined
  await stage.turn('away')
  await stage.clock.advance(62_000)
  expect(stage.outcome).toMatchObject({ message: expect.stringContaining('the container may still run') })
})

test('one that the engine has forgotten has no exit status', async () => {
  const stage = new Stage()
  await stage.turn('gone')
  await stage.clock.advance(1000)
  expect(stage.outcome).toEqual({ exitCode: undefined, wasAway: true })
})

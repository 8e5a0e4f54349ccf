// An engine that is not there at the start: waited for with a limit, or taken in whenever it comes.
import { describe, expect, test } from 'vitest'
import { OperatingError } from '../../../../src/base/errors.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import { LateDocker, openInTime } from '../../../../src/containerizer/docker/late.ts'
import { ManualClock } from '../../../support/clock.ts'
import { dockerSpec } from '../../../support/docker.ts'
import { FakeContainerizer } from '../../../support/fake-containerizer.ts'
import { FakeKeeping } from '../../../support/fake-keeping.ts'

const AWAY = new OperatingError('ENGINE', 'nobody answers at the socket', { hint: 'Start it' })

class Scene {
  readonly clock = new ManualClock()
  readonly kept = new FakeKeeping('/engine')
  readonly engine = new FakeContainerizer({ atOnce: true, keeping: this.kept })
  trouble: Error | undefined = AWAY
  tries = 0

  get options(): ConstructorParameters<typeof LateDocker<FakeContainerizer>>[0] {
    const open = (): Promise<FakeContainerizer> => {
      this.tries++
      return this.trouble === undefined ? Promise.resolve(this.engine) : Promise.reject(this.trouble)
    }
    return { open, clock: this.clock, log: silentLogger }
  }
}

describe('an engine that has containers of ours', () => {
  const wait = (scene: Scene, signal = new AbortController().signal): Promise<unknown> =>
    openInTime(scene.options, { kept: 2, limitMs: 60_000, signal }).catch((error: unknown) => error)

  test('is waited for, and is the containerizer from the start', async () => {
    const scene = new Scene()
    const opened = wait(scene)
    await scene.clock.advance(50_000)
    scene.trouble = undefined
    await scene.clock.advance(1000)
    expect(await opened).toBe(scene.engine)
  })

  test('and does not come within the limit ends the start, with whose containers it has and what to do', async () => {
    const scene = new Scene()
    const opened = wait(scene)
    await scene.clock.advance(61_000)
    expect(await opened).toMatchObject({
      code: 'ENGINE',
      message: expect.stringMatching(
        /^2 containers of an earlier life .* nobody could say: nobody answers at/,
      ),
      hint: expect.stringContaining('--docker_engine_timeout'),
    })
  })

  test('is not waited for by an agent that is asked to end', async () => {
    const scene = new Scene()
    const stop = new AbortController()
    const opened = wait(scene, stop.signal)
    await scene.clock.advance(1000)
    const reason = new Error('SIGTERM')
    stop.abort(reason)
    expect(await opened).toBe(reason)
  })

  test('is not waited for after another failure than its own', async () => {
    const scene = new Scene()
    scene.trouble = new TypeError('a bug')
    expect(await wait(scene)).toBe(scene.trouble)
  })
})

describe('an engine that has nothing of ours', () => {
  const launch = (late: LateDocker<FakeContainerizer>): Promise<unknown> =>
    late
      .launch(dockerSpec(), { progress: () => undefined }, new AbortController().signal)
      .catch((error: unknown) => error)

  test('is taken in when it comes, after what an earlier life left on it was ended', async () => {
    const scene = new Scene()
    const late = new LateDocker(scene.options, AWAY)
    expect(late.supports(dockerSpec())).toBe(true)
    expect(await late.recover()).toEqual({ containers: new Map(), removed: 0 })
    await scene.clock.advance(30_000)
    expect(await launch(late)).toMatchObject({
      code: 'ENGINE',
      message: 'No Docker tasks on this agent for now: nobody answers at the socket',
      hint: 'Start it',
    })
    scene.trouble = undefined
    await scene.clock.advance(6000)
    expect(scene.engine.recovered).toEqual([[]])
    const container = await launch(late)
    expect(container).toMatchObject({ id: scene.engine.specs[0]?.containerId })
    const { tries } = scene
    await scene.clock.advance(60_000)
    expect(scene.tries).toBe(tries)
    await late.close()
    expect(scene.engine.closed).toBe(true)
  })

  test('has nothing to collect until it comes, and all of it from then on', async () => {
    const scene = new Scene()
    const late = new LateDocker(scene.options, AWAY)
    const { keeping } = late
    const heard: unknown[] = []
    keeping.onImage = (use) => void heard.push(use)
    const { signal } = new AbortController()
    await Promise.all([late.recover(), keeping.measure(signal), keeping.removeContainers(0)])
    expect([keeping.folder, keeping.containers]).toEqual([undefined, []])
    for (const asked of [keeping.list(), keeping.find('a'), keeping.inUse(), keeping.remove('a')])
      await expect(asked).rejects.toMatchObject({ code: 'ENGINE', hint: 'Start it' })
    expect(scene.kept.asked).toEqual([])
    scene.trouble = undefined
    await scene.clock.advance(6000)
    expect(await late.comes).toBe(scene.engine)
    scene.kept.pulled('a:1')
    expect(heard).toEqual([{ reference: 'a:1', pulled: true }])
    expect([keeping.folder, await keeping.list()]).toEqual(['/engine', scene.kept.images])
    await keeping.removeContainers(7)
    expect(scene.kept.asked).toEqual([7])
    expect((await keeping.find('a:1'))?.names).toEqual(['a:1'])
    await keeping.remove('a:1')
    expect(await keeping.list()).toEqual([])
    await late.close()
  })

  test('is not looked for any more after the end', async () => {
    const scene = new Scene()
    const late = new LateDocker(scene.options, AWAY)
    await late.recover()
    await late.close()
    await scene.clock.advance(60_000)
    expect(scene.tries).toBe(0)
  })
})

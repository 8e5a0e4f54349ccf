// What every containerizer's `recover` must hold to, after an agent that was killed: call it in a test file.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import type { Container, ContainerSpec } from '../../src/containerizer/containerizer.ts'
import { leftovers } from '../support/engine.ts'
import { type Kind, Lives } from '../support/lives.ts'

const SOON = { timeout: 60_000, interval: 20 }
/** Ends when the test says so. */
const until = (file: string, then: string): string =>
  `while [ ! -e $HERE/${file} ]; do sleep 0.02; done; ${then}`
const HOG = 'x=a; while :; do x=$x$x; done'

function only(containers: readonly (Container | undefined)[]): Container {
  const [container] = containers
  if (container === undefined) throw new Error('The container was not found again')
  return container
}

class Scene {
  readonly kind: Kind
  #before: string[] = []
  #lives: Lives | undefined

  constructor(kind: Kind) {
    this.kind = kind
  }

  get lives(): Lives {
    if (this.#lives === undefined) throw new Error('Between two tests')
    return this.#lives
  }

  async open(): Promise<void> {
    this.#before = await leftovers()
    this.#lives = new Lives(this.kind)
  }

  async close(): Promise<void> {
    await this.lives[Symbol.asyncDispose]()
    await vi.waitFor(async () => {
      const left = await leftovers(this.#before)
      if (left.length > 0) throw new Error(`This is left: ${left.join('; ')}`)
    }, SOON)
  }

  /** Of one whose agent was killed, in the next life. */
  async adopted(spec: ContainerSpec): Promise<Container> {
    await this.lives.begin([spec])
    await this.lives.kill()
    return only((await this.lives.recover([spec])).containers)
  }

  /** Kills the agent, lets the container end, and waits until it has. */
  async endsAlone(spec: ContainerSpec): Promise<Container> {
    await this.lives.begin([spec])
    await this.lives.kill()
    this.lives.sign(spec, 'go')
    await this.hasEnded(spec)
    return only((await this.lives.recover([spec])).containers)
  }

  /** Resolves when a command that writes `over` at its end has ended. */
  hasEnded(spec: ContainerSpec): Promise<void> {
    return vi.waitFor(async () => {
      if (this.lives.text(spec, 'over') !== 'over\n') throw new Error('It has not come to its end')
      if (await this.isRunning(spec)) throw new Error('It has not ended')
    }, SOON)
  }

  /** The same while others run: its supervisor has written its end down. */
  hasLeftItsEnd(spec: ContainerSpec): Promise<void> {
    if (this.kind === 'docker') return this.hasEnded(spec)
    return vi.waitFor(() => {
      if (this.recordOf(spec) === '') throw new Error('It has not ended')
    }, SOON)
  }

  /** What the supervisor of a host container wrote down of its end; blank until then. */
  recordOf({ containerId }: ContainerSpec): string {
    if (this.kind === 'docker') return ''
    return readFileSync(join(this.lives.options.folder, 'runtime', containerId, 'exit'), 'utf8').trim()
  }

  async isRunning({ containerId }: ContainerSpec): Promise<boolean> {
    const left = await leftovers(this.#before)
    return left.some((one) =>
      this.kind === 'docker'
        ? one.includes(containerId) && one.endsWith('running')
        : one.startsWith('process'),
    )
  }
}

export function recoveryCompliance(kind: Kind): void {
  const scene = new Scene(kind)
  beforeEach(() => scene.open())
  afterEach(() => scene.close())
  describe('a container that runs', () => {
    whileItRuns(scene)
  })
  describe('a container that ended while the agent was away', () => {
    afterItEnded(scene)
  })
  describe('of all containers', () => {
    amongAll(scene)
  })
  test('after a start of the machine, what had ended before has its own end, and nothing else lives on', async () => {
    const [over, ran] = [
      scene.lives.spec({ value: until('go', 'echo over >$HERE/over; exit 9') }),
      scene.lives.spec({ value: 'sleep 1000' }),
    ]
    await scene.lives.begin([over, ran])
    await scene.lives.kill()
    scene.lives.sign(over, 'go')
    await scene.hasLeftItsEnd(over)
    const { containers, removed } = await scene.lives.recover([over, ran], systemClock.now())
    expect(containers[1]).toBeUndefined()
    expect(removed).toBe(0)
    expect(await containers[0]?.exit).toEqual({ kind: 'exited', code: 9 })
    expect(await scene.isRunning(ran)).toBe(false)
  })
}

function whileItRuns(scene: Scene): void {
  test('is found again with the same process, and ends truly', async () => {
    const spec = scene.lives.spec({ value: `echo $$ >$HERE/pid; ${until('go', 'exit 7')}` })
    const container = await scene.adopted(spec)
    expect(container.pid).toBeGreaterThan(1)
    if (scene.kind === 'host')
      await expect.poll(() => scene.lives.text(spec, 'pid')).toBe(`${container.pid}\n`)
    scene.lives.sign(spec, 'go')
    expect(await container.exit).toEqual({ kind: 'exited', code: 7 })
  })

  test('survives two agents', async () => {
    const spec = scene.lives.spec({ value: until('go', 'exit 3') })
    const first = await scene.adopted(spec)
    const second = only((await scene.lives.recover([spec])).containers)
    expect(second.pid).toBe(first.pid)
    scene.lives.sign(spec, 'go')
    expect(await second.exit).toEqual({ kind: 'exited', code: 3 })
  })

  test('is asked to end with a grace, and killed after it', async () => {
    const spec = scene.lives.spec({ value: 'trap "echo asked" TERM; echo up; while :; do sleep 0.02; done' })
    await scene.lives.begin([spec])
    await expect.poll(() => scene.lives.text(spec, 'stdout'), SOON).toBe('up\n')
    await scene.lives.kill()
    const container = only((await scene.lives.recover([spec])).containers)
    container.kill(60_000)
    await expect.poll(() => scene.lives.text(spec, 'stdout'), SOON).toBe('up\nasked\n')
    container.kill(50)
    expect(await container.exit).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' })
  })

  test('is measured, and its limits can be changed', async () => {
    const spec = scene.lives.spec({ value: 'while :; do :; done', reserved: 'cpus:0.2;mem:64' })
    const container = await scene.adopted(spec)
    await expect.poll(async () => (await container.statistics())?.cpuSeconds, SOON).toBeGreaterThan(0.05)
    const { resources } = scene.lives.spec({ value: '', reserved: 'cpus:0.2;mem:96' })
    await container.update?.(resources, {})
    expect((await container.statistics())?.memoryLimitBytes).toBe(96 * 1024 ** 2)
    const less = scene.lives.spec({ value: '', reserved: 'cpus:0.2;mem:64' })
    await container.update?.(less.resources, {})
    expect((await container.statistics())?.memoryLimitBytes).toBe(96 * 1024 ** 2)
  })

  test('on lent resources is still in the lent tier', async () => {
    const spec = scene.lives.spec({ value: 'sleep 1000', revocable: true })
    await scene.lives.begin([spec])
    await scene.lives.kill()
    const { containerizer, cgroups } = await scene.lives.next()
    const { containers } = await containerizer.recover([spec])
    const container = only([containers.get(spec.containerId)])
    const group = container.group ?? ''
    expect(group.startsWith(`${cgroups.tier('lent')}/`)).toBe(true)
    // One that somebody has ended, such as the kernel for want of memory on the machine, says how.
    const how = cgroups.processes(group).length > 0 ? 'it runs' : await container.exit
    expect([how, scene.recordOf(spec)]).toEqual(['it runs', ''])
  })
}

function afterItEnded(scene: Scene): void {
  test.each([
    ['exit 9', { kind: 'exited', code: 9 }],
    ['exit 0', { kind: 'exited', code: 0 }],
  ])('by %s is told as it was, at once', async (command, exit) => {
    const spec = scene.lives.spec({
      value: until('go', `echo last words; echo over >$HERE/over; ${command}`),
    })
    const container = await scene.endsAlone(spec)
    expect(await container.exit).toEqual(exit)
    expect(scene.lives.text(spec, 'stdout')).toBe('last words\n')
  })

  test('by memory is told with whose limit it was', async () => {
    const spec = scene.lives.spec({
      value: until('go', `echo over >$HERE/over; ${HOG}`),
      reserved: 'cpus:0.5;mem:32',
    })
    const container = await scene.endsAlone(spec)
    expect(await container.exit).toMatchObject({ kind: 'memory', level: 'own' })
  })

  test('is told again when the agent died before it released it', async () => {
    const spec = scene.lives.spec({ value: until('go', 'echo over >$HERE/over; exit 5') })
    expect(await (await scene.endsAlone(spec)).exit).toEqual({ kind: 'exited', code: 5 })
    const again = only((await scene.lives.recover([spec])).containers)
    expect(await again.exit).toEqual({ kind: 'exited', code: 5 })
  })
}

function amongAll(scene: Scene): void {
  test('one that never started is missing', async () => {
    const spec = scene.lives.spec({ value: 'true' })
    expect(await scene.lives.recover([spec])).toEqual({ containers: [undefined], removed: 0 })
  })

  test('one that nobody knows is ended, and another agent’s is not touched', async () => {
    await using others = new Lives(scene.kind)
    const [mine, unknown] = [
      scene.lives.spec({ value: 'sleep 1000' }),
      scene.lives.spec({ value: 'sleep 1000' }),
    ]
    const foreign = others.spec({ value: 'sleep 1000' })
    await Promise.all([scene.lives.begin([mine, unknown]), others.begin([foreign])])
    await Promise.all([scene.lives.kill(), others.kill()])
    const { containers, removed } = await scene.lives.recover([mine])
    expect([only(containers).id, removed]).toEqual([mine.containerId, 1])
    expect(only((await others.recover([foreign])).containers).pid).toBeGreaterThan(1)
  })

  test('every line that is printed before, meanwhile and after is there once, in order', async () => {
    // In bursts: what is printed in seconds without any agent has to fit into the engine's log.
    const burst = 'n=$((i+50)); while [ $i -lt $n ]; do i=$((i+1)); echo $i; echo $i >&2; done; sleep 0.005'
    const spec = scene.lives.spec({
      value: `i=0; while [ ! -e $HERE/go ]; do ${burst}; done; echo $i >$HERE/over`,
    })
    await scene.lives.begin([spec])
    for (let life = 0; life < 3; life++) {
      const reached = scene.lives.text(spec, 'stdout').length
      await expect.poll(() => scene.lives.text(spec, 'stdout').length, SOON).toBeGreaterThan(reached + 20_000)
      await scene.lives.kill()
      await scene.lives.recover([spec])
    }
    const container = only((await scene.lives.recover([spec])).containers)
    scene.lives.sign(spec, 'go')
    expect(await container.exit).toEqual({ kind: 'exited', code: 0 })
    const count = Number(scene.lives.text(spec, 'over'))
    const expected = Array.from({ length: count }, (_, index) => `${index + 1}\n`).join('')
    for (const name of ['stdout', 'stderr'])
      expect(differenceOf(scene.lives.text(spec, name), expected)).toBe('none')
  })
}

/** Said shortly: the texts are long. */
function differenceOf(text: string, expected: string): string {
  if (text === expected) return 'none'
  const [lines, wanted] = [text.split('\n'), expected.split('\n')]
  const at = lines.findIndex((line, index) => line !== wanted[index])
  return `line ${at} of ${wanted.length}: ${JSON.stringify(lines.slice(Math.max(0, at - 2), at + 4))}`
}

// An engine that restarts, hangs or is used by others behind our back: each container ends once, and truly.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Container, ContainerSpec } from '../../src/containerizer/containerizer.ts'
import { nothingLeft } from '../support/cluster.ts'
import { leftovers, requireEngine } from '../support/engine.ts'
import { Lives } from '../support/lives.ts'
import { OwnEngine } from '../support/own-engine.ts'

const SOON = { timeout: 40_000, interval: 50 }
const TICKS =
  'i=0; while [ ! -e $HERE/go ]; do i=$((i+1)); echo $i; sleep 0.01; done; echo $i >$HERE/over; exit 6'

let before: string[]
let engine: OwnEngine
let lives: Lives

beforeAll(requireEngine)

afterEach(async () => {
  await engine.heal()
  await lives[Symbol.asyncDispose]()
  await nothingLeft(before)
})

async function launch(spec: ContainerSpec): Promise<Container> {
  const { containerizer } = await lives.next()
  const container = await containerizer.launch(
    spec,
    { progress: () => undefined },
    new AbortController().signal,
  )
  lives.keep(container)
  return container
}

const lines = (spec: ContainerSpec): number => lives.text(spec, 'stdout').split('\n').length
const grows = async (spec: ContainerSpec): Promise<void> => {
  const now = lines(spec)
  await expect.poll(() => lines(spec), SOON).toBeGreaterThan(now + 20)
}

describe('an engine with live-restore that is stopped', () => {
  beforeAll(async () => {
    engine = await OwnEngine.open('--live-restore')
  }, 120_000)
  afterAll(() => engine[Symbol.asyncDispose]())
  beforeEach(async () => {
    before = await leftovers()
    lives = new Lives('docker', { socket: engine.socket })
  })

  test('and comes back has ended nothing, and no line is lost or doubled', async () => {
    const spec = lives.spec({ value: TICKS })
    const container = await launch(spec)
    await grows(spec)
    await engine.stop()
    await engine.start()
    await grows(spec)
    lives.sign(spec, 'go')
    expect(await container.exit).toEqual({ kind: 'exited', code: 6 })
    const count = Number(lives.text(spec, 'over'))
    expect(lives.text(spec, 'stdout')).toBe(
      Array.from({ length: count }, (_, index) => `${index + 1}\n`).join(''),
    )
  })

  test('and is away when the container ends tells its end afterwards', async () => {
    const spec = lives.spec({ value: TICKS })
    const container = await launch(spec)
    await grows(spec)
    await engine.stop()
    lives.sign(spec, 'go')
    await expect.poll(() => lives.text(spec, 'over'), SOON).not.toBe('')
    await engine.start()
    expect(await container.exit).toEqual({ kind: 'exited', code: 6 })
  })
})

/** The container's own record, which the engine has no part in. */
const KILLED =
  'echo begun >>$HERE/begun; while [ ! -e $HERE/go ]; do sleep 0.02; done; echo over >$HERE/over; exit 6'

describe.each([['with', ['--live-restore']] as const, ['without', []] as const])(
  'an engine %s live-restore that is killed by SIGKILL',
  (_, flags) => {
    beforeAll(async () => {
      engine = await OwnEngine.open(...flags)
    }, 120_000)
    afterAll(() => engine[Symbol.asyncDispose]())
    beforeEach(async () => {
      before = await leftovers()
      lives = new Lives('docker', { socket: engine.socket })
    })

    test('and comes back: a container is told as ended once it has, and truly', async () => {
      const spec = lives.spec({ value: KILLED })
      const container = await launch(spec)
      await expect.poll(() => lives.text(spec, 'begun'), SOON).toBe('begun\n')
      await engine.stop('SIGKILL')
      await engine.start()
      lives.sign(spec, 'go')
      const exit = await container.exit
      // Without live-restore the next engine ends what the killed one left.
      if (lives.text(spec, 'over') === 'over\n') expect(exit).toEqual({ kind: 'exited', code: 6 })
      else
        expect(exit).toMatchObject({
          kind: 'signaled',
          detail: expect.stringContaining('the Docker Engine was away'),
        })
      expect(lives.text(spec, 'begun')).toBe('begun\n')
    })

    test('while the agent is away too: the next life of the agent tells the same', async () => {
      const spec = lives.spec({ value: KILLED })
      await lives.begin([spec])
      await expect.poll(() => lives.text(spec, 'begun'), SOON).toBe('begun\n')
      await lives.kill()
      await engine.stop('SIGKILL')
      lives.sign(spec, 'go')
      await expect.poll(() => lives.text(spec, 'over'), SOON).toBe('over\n')
      await engine.start()
      const { containers } = await lives.recover([spec])
      expect(await containers[0]?.exit).toEqual({ kind: 'exited', code: 6 })
      expect(lives.text(spec, 'begun')).toBe('begun\n')
    })
  },
)

describe('an engine without live-restore', () => {
  beforeAll(async () => {
    engine = await OwnEngine.open()
  }, 120_000)
  afterAll(() => engine[Symbol.asyncDispose]())
  beforeEach(async () => {
    before = await leftovers()
    lives = new Lives('docker', { socket: engine.socket })
  })

  test('that is stopped ends its containers, and they say so', async () => {
    const spec = lives.spec({ value: 'trap "" TERM; while :; do sleep 0.1; done' })
    const container = await launch(spec)
    await engine.stop()
    await engine.start()
    expect(await container.exit).toMatchObject({
      kind: 'signaled',
      signal: 'SIGKILL',
      detail: expect.stringMatching(/because it was stopped itself|the Docker Engine was away/),
    })
  })

  test.each(['lent', 'owners'] as const)(
    'that forgot a container whose process waits to begin: group and process in the %s tier are ended',
    async (tier) => {
      const { containerizer, cgroups } = await lives.next()
      const group = cgroups.create(tier, '5e'.repeat(32))
      const stuck = spawn('sleep', ['1000'], { stdio: 'ignore' })
      const gone = once(stuck, 'exit')
      for (const entrance of cgroups.entrances(group)) writeFileSync(entrance, String(stuck.pid))
      await containerizer.recover([])
      expect(await gone).toEqual([null, 'SIGKILL'])
      expect([...cgroups.dockerGroups('cgroupfs')]).toEqual([])
    },
  )

  test('that forgets one while the agent runs: it is ended too', async () => {
    const { containerizer, cgroups } = await lives.next()
    await containerizer.recover([])
    const group = cgroups.create('lent', '5e'.repeat(32))
    const stuck = spawn('sleep', ['1000'], { stdio: 'ignore' })
    const gone = once(stuck, 'exit')
    for (const entrance of cgroups.entrances(group)) writeFileSync(entrance, String(stuck.pid))
    expect(await gone).toEqual([null, 'SIGKILL'])
    await expect.poll(() => [...cgroups.dockerGroups('cgroupfs')], SOON).toEqual([])
  })

  test('that hangs does not keep a container from being killed', async () => {
    const container = await launch(lives.spec({ value: 'sleep 1000' }))
    const { pid } = container
    engine.hang()
    container.kill(0)
    const exit = await container.exit
    engine.goOn()
    expect([exit, pid]).toEqual([
      { kind: 'signaled', signal: 'SIGKILL', detail: expect.stringContaining('control group') },
      expect.any(Number),
    ])
  })

  test('that hangs does not keep a borrower that must go at once, not even for a moment', async () => {
    const container = await launch(lives.spec({ value: 'sleep 1000', revocable: true }))
    engine.hang()
    container.kill(0)
    // Where an owner's process would wait 5 s for the engine.
    const gone = { timeout: 4000, interval: 20 }
    await expect.poll(() => existsSync(`/proc/${container.pid}`), gone).toBe(false)
    engine.goOn()
    expect(await container.exit).toMatchObject({ kind: 'signaled', signal: 'SIGKILL' })
  })

  test.each([
    ['POST', '/stop?t=0', /"SIGKILL".*the Docker Engine sent it, for somebody else/],
    ['POST', '/kill?signal=QUIT', /"SIGQUIT".*the Docker Engine sent it, for somebody else/],
    ['DELETE', '?force=1', /for somebody else \(.* rm -f\)|removed it|remove the running container/],
  ])('whose container somebody else ends by %s %s says so', async (method, action, words) => {
    const spec = lives.spec({ value: 'trap "exit 131" QUIT; while :; do sleep 0.05; done' })
    const container = await launch(spec)
    await engine.ask(method, `/containers/mesos-${spec.containerId}${action}`)
    expect(JSON.stringify(await container.exit)).toMatch(words)
  })
})

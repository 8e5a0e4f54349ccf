// Control groups that the engine forgot: which count as forgotten, and that they are ended wherever they turn up.
import { expect, test } from 'vitest'
import { OperatingError } from '../../../../src/base/errors.ts'
import { silentLogger } from '../../../../src/base/log.ts'
import type { Inspection } from '../../../../src/containerizer/docker/engine-answers.ts'
import { Strays } from '../../../../src/containerizer/docker/strays.ts'
import { ManualClock } from '../../../support/clock.ts'

class Scene {
  readonly clock = new ManualClock()
  readonly groups = new Map<string, string>()
  readonly ended: string[] = []
  readonly mine = new Set<string>()
  readonly strays: Strays
  /** To the engine, whoever made them. */
  known: string[] = []
  asked = 0
  trouble: Error | undefined

  constructor() {
    this.strays = new Strays({
      engine: {
        inspect: (id) => {
          this.asked++
          if (this.trouble !== undefined) return Promise.reject(this.trouble)
          return Promise.resolve(this.known.includes(id) ? ({ raw: id } as Inspection) : undefined)
        },
      },
      cgroups: {
        dockerGroups: () => this.groups,
        kill: (path) => Promise.resolve(void this.ended.push(`kill ${path}`)),
        remove: (path) => {
          for (const [id, one] of this.groups) if (one === path) this.groups.delete(id)
          return Promise.resolve(void this.ended.push(`remove ${path}`))
        },
      },
      cgroupDriver: 'cgroupfs',
      clock: this.clock,
      log: silentLogger,
      mine: this.mine,
    })
  }
}

test('a group of neither ours nor the engine’s is killed, then removed; the others are left', async () => {
  const scene = new Scene()
  for (const id of ['mine', 'foreign', 'stray']) scene.groups.set(id, `/lent/${id}`)
  scene.mine.add('mine')
  scene.known = ['foreign']
  await scene.strays.sweep()
  expect(scene.ended).toEqual(['kill /lent/stray', 'remove /lent/stray'])
})

test('the engine is not asked while all groups are of containers of this life', async () => {
  const scene = new Scene()
  scene.groups.set('mine', '/owners/mine')
  scene.mine.add('mine')
  await scene.strays.sweep()
  expect([scene.asked, scene.ended]).toEqual([0, []])
})

test('nothing is ended while the engine does not say what it knows, and a later look makes up for it', async () => {
  const scene = new Scene()
  const stop = new AbortController()
  scene.groups.set('stray', '/lent/stray')
  scene.trouble = new OperatingError('ENGINE', 'away')
  const run = scene.strays.run(stop.signal)
  await scene.clock.advance(20_000)
  expect([scene.asked > 0, scene.ended]).toEqual([true, []])
  scene.trouble = undefined
  await scene.clock.advance(20_000)
  expect(scene.ended).toEqual(['kill /lent/stray', 'remove /lent/stray'])
  stop.abort()
  await run
})

// The Docker Engine is killed by SIGKILL under a working agent: each task has one start and one true end.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { nothingLeft } from '../support/cluster.ts'
import { Daemons } from '../support/daemons.ts'
import { leftovers, requireEngine, TEST_IMAGE } from '../support/engine.ts'
import { OwnEngine } from '../support/own-engine.ts'
import { RawScheduler, task, TERMINAL } from '../support/raw-scheduler.ts'

const KEEPS = { capabilities: [{ type: 'PARTITION_AWARE' }], checkpoint: true, failover_timeout: 60 }
const SOON = { timeout: 60_000, interval: 50 }

let before: string[]
let engine: OwnEngine
let daemons: Daemons

describe.each([['with', ['--live-restore']] as const, ['without', []] as const])(
  'an engine %s live-restore',
  (_, flags) => {
    beforeAll(async () => {
      await requireEngine()
      before = await leftovers()
      engine = await OwnEngine.open(...flags)
    }, 120_000)

    beforeEach(async () => {
      await engine.heal()
      daemons = await Daemons.start()
    })

    afterEach(() => daemons[Symbol.asyncDispose]())

    afterAll(async () => {
      await engine[Symbol.asyncDispose]()
      await nothingLeft(before)
    })

    test('that is killed and comes back: each task has one start and one true end, and new ones run', async () => {
      const agent = await daemons.agent(0, `--docker_socket=${engine.socket}`)
      using scheduler = await RawScheduler.subscribe(daemons.masterPort, KEEPS)
      const offer = await scheduler.offer()
      const at = (name: string): string => join(daemons.folder, name)
      const volumes = [{ host_path: daemons.folder, container_path: daemons.folder, mode: 'RW' }]
      // So long the next engine waits for one that hears no SIGTERM.
      const parameters = [{ key: 'stop-timeout', value: '1' }]
      const boxed = {
        container: { type: 'DOCKER', docker: { image: TEST_IMAGE, network: 'HOST', parameters }, volumes },
      }
      const until = (name: string, code: number): string =>
        `echo begun >>${at(`${name}.begun`)}; while [ ! -e ${at(name)} ]; do sleep 0.05; done; ` +
        `echo over >${at(`${name}.over`)}; exit ${code}`
      await scheduler.launch(offer, [
        task(offer, 'while', until('while', 7), boxed),
        task(offer, 'after', until('after', 9), boxed),
        task(offer, 'host', until('host', 3)),
      ])
      for (const id of ['while', 'after', 'host']) {
        await scheduler.status(id, 'TASK_RUNNING')
        await expect.poll(() => existsSync(at(`${id}.begun`)), SOON).toBe(true)
      }
      await engine.stop('SIGKILL')
      // Ends while the engine is away.
      writeFileSync(at('while'), '')
      writeFileSync(at('host'), '')
      expect((await scheduler.end('host')).message).toContain('exited with status 3')
      await expect.poll(() => existsSync(at('while.over')), SOON).toBe(true)
      await engine.start()
      writeFileSync(at('after'), '')
      const ends = [await scheduler.end('while'), await scheduler.end('after')]
      expect(ends[0]?.message).toMatch(/exited with status 7/)
      // Without live-restore the next engine ends what the killed one left, and that is what is told.
      if (existsSync(at('after.over'))) expect(ends[1]?.message).toContain('exited with status 9')
      else expect(ends[1]?.message).toContain('the Docker Engine was away')
      for (const id of ['while', 'after', 'host'])
        expect(readFileSync(at(`${id}.begun`), 'utf8')).toBe('begun\n')
      expect(endsOf(scheduler).toSorted()).toEqual(['after', 'host', 'while'])
      const another = await scheduler.standingOffer()
      await scheduler.launch(another, [task(another, 'new', 'exit 4', boxed)])
      expect((await scheduler.end('new')).message).toContain('exited with status 4')
      expect([agent.process.exitCode, another.agent_id]).toEqual([null, offer.agent_id])
      await scheduler.teardown()
    }, 180_000)
  },
)

/** The tasks of which an end was told, once for each end. */
function endsOf(scheduler: RawScheduler): readonly string[] {
  const told = scheduler.events.flatMap(({ update }) =>
    update !== undefined && TERMINAL.test(update.status.state) ? [update.status] : [],
  )
  // An update may come again until its acknowledgement has come through; it is the same one.
  return [...new Map(told.map(({ task_id, uuid }) => [uuid, task_id.value])).values()]
}

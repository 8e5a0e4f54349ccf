// The master calls back every agent that registers, and tells it when it is not reached, and when it is again.
import { createServer, type Server } from 'node:http'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import { silentLogger } from '../../../src/base/log.ts'
import { Metrics } from '../../../src/base/metrics.ts'
import { CallBacks } from '../../../src/master/call-backs.ts'
import type { LinkEvent } from '../../../src/wire/link.ts'
import { ManualClock } from '../../support/clock.ts'
import { freePort } from '../../support/free-port.ts'

const servers: Server[] = []

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
    await once(server, 'close')
  }
})

/** Answers as an agent's page does. */
async function answering(body: string, port = 0, onCall = (): void => undefined): Promise<number> {
  const server = createServer((_, response) => {
    onCall()
    response.end(body)
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  servers.push(server)
  return (server.address() as { port: number }).port
}

class Rig implements Disposable {
  readonly clock = new ManualClock()
  readonly metrics = new Metrics()
  readonly heard: LinkEvent[] = []
  readonly callBacks: CallBacks
  #news = Promise.withResolvers<void>()

  constructor(timeoutMs = 5000) {
    const { clock, metrics } = this
    const tell = (_: string, event: LinkEvent): void => {
      this.heard.push(event)
      this.#news.resolve()
    }
    this.callBacks = new CallBacks({ clock, metrics, log: silentLogger, timeoutMs, tell })
  }

  watch(port: number, connection = 'c1'): void {
    this.callBacks.watch(connection, { agentId: 'A1', ip: '127.0.0.1', port })
  }

  /** The next thing that the agent is told. */
  async next(): Promise<LinkEvent | undefined> {
    await this.#news.promise
    this.#news = Promise.withResolvers<void>()
    return this.heard.at(-1)
  }

  unreached(): unknown {
    return this.metrics.snapshot()['master/agents_not_called_back']
  }

  [Symbol.dispose](): void {
    this.callBacks[Symbol.dispose]()
  }
}

describe('an agent that registers', () => {
  test('and is reached is called once and told nothing', async () => {
    using rig = new Rig()
    const called = Promise.withResolvers<void>()
    let calls = 0
    const port = await answering('{"id":"A1"}', 0, () => {
      calls++
      called.resolve()
    })
    rig.watch(port)
    await called.promise
    await expect.poll(() => rig.clock.pending).toBe(0)
    await rig.clock.advance(600_000)
    expect([calls, rig.heard, rig.unreached()]).toEqual([1, [], 0])
  })

  test('and is not reached is told where and why, once, and again when it is reached', async () => {
    using rig = new Rig()
    const port = await freePort()
    const at = `127.0.0.1:${port}`
    rig.watch(port)
    expect(await rig.next()).toEqual({
      type: 'UNREACHED',
      unreached: {
        message: `the master cannot reach you at ${at}: connect ECONNREFUSED ${at}. See --advertise_ip and --ip`,
      },
    })
    expect(rig.unreached()).toBe(1)
    await expect.poll(() => rig.clock.pending).toBe(1)
    await rig.clock.advance(10_000)
    await expect.poll(() => rig.metrics.snapshot()['master/agent_callbacks_failed']).toBe(2)
    expect(rig.heard).toHaveLength(1)
    await answering('{"id":"A1"}', port)
    await expect.poll(() => rig.clock.pending).toBe(1)
    await rig.clock.advance(20_000)
    expect(await rig.next()).toMatchObject({ type: 'REACHED' })
    expect(rig.unreached()).toBe(0)
  })

  test.each([
    ['another agent', '{"id":"B7"}', /: agent B7 answers there\./],
    ['another program', 'hello', /something answers there that is no agent of Tepui/],
  ])('is told when %s answers at its address', async (_, body, words) => {
    using rig = new Rig()
    rig.watch(await answering(body))
    expect((await rig.next())?.unreached?.message).toMatch(words)
  })

  test('and does not know its id yet counts as reached', async () => {
    using rig = new Rig()
    const called = Promise.withResolvers<void>()
    rig.watch(await answering('{"id":""}', 0, () => called.resolve()))
    await called.promise
    await expect.poll(() => rig.clock.pending).toBe(0)
    expect(rig.heard).toEqual([])
  })

  test('and takes the call but does not answer is told after the time of the flag', async () => {
    using rig = new Rig(7000)
    const server = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(server, 'listening')
    servers.push(server)
    rig.watch((server.address() as { port: number }).port)
    await once(server, 'request')
    await rig.clock.advance(7000)
    expect((await rig.next())?.unreached?.message).toMatch(/had no answer within 7000 ms/)
  })

  test('and leaves is not called any more', async () => {
    using rig = new Rig()
    rig.watch(await freePort())
    await rig.next()
    await expect.poll(() => rig.clock.pending).toBe(1)
    rig.callBacks.forget('c1')
    expect([rig.clock.pending, rig.unreached()]).toEqual([0, 0])
  })

  test('is not called at all when the flag says 0', async () => {
    using rig = new Rig(0)
    rig.watch(await freePort())
    expect([rig.clock.pending, rig.heard]).toEqual([0, []])
  })
})

test('of very many agents at most 32 are called at a time, and all in the end', async () => {
  using rig = new Rig()
  let [under, most, calls] = [0, 0, 0]
  const open: (() => void)[] = []
  for (let index = 1; index <= 80; index++) {
    const ip = `127.0.1.${index}`
    const server = createServer((_, response) => {
      most = Math.max(most, ++under)
      calls++
      open.push(() => {
        under--
        response.end('{"id":"A1"}')
      })
    }).listen(0, ip)
    await once(server, 'listening')
    servers.push(server)
    const { port } = server.address() as { port: number }
    rig.callBacks.watch(`c${index}`, { agentId: 'A1', ip, port })
  }
  await expect.poll(() => calls).toBeGreaterThanOrEqual(32)
  await expect
    .poll(() => {
      for (const answer of open.splice(0)) answer()
      return calls
    })
    .toBe(80)
  expect(most).toBe(32)
})

// The stream of the web page over real HTTP: a snapshot, what changes, what a reader missed, and the limits.
import { get, type IncomingMessage } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { scalar, TestMaster } from '../../support/master-server.ts'

interface Block {
  readonly id: string
  readonly event: Readonly<Record<string, unknown>> & { readonly type: string }
}

/** Reads server-sent events as a browser does. */
class Reader {
  readonly #answer: IncomingMessage
  readonly #blocks: Block[] = []
  #rest = ''
  #wake: () => void = () => undefined
  ended = false

  private constructor(answer: IncomingMessage) {
    this.#answer = answer
    answer.setEncoding('utf8').on('data', (piece: string) => {
      const blocks = (this.#rest + piece).split('\n\n')
      this.#rest = blocks.pop() ?? ''
      for (const block of blocks) this.#blocks.push(parse(block))
      this.#wake()
    })
    answer.on('close', () => {
      this.ended = true
      this.#wake()
    })
  }

  static open(master: TestMaster, last?: string): Promise<Reader> {
    const headers = last === undefined ? {} : { 'Last-Event-ID': last }
    const url = `http://127.0.0.1:${master.port}/master/api/x1/stream`
    return new Promise((resolve, reject) => {
      get(url, { headers, agent: false }, (answer) => resolve(new Reader(answer))).on('error', reject)
    })
  }

  get type(): string | undefined {
    return this.#answer.headers['content-type']
  }

  async next(type?: string): Promise<Block> {
    for (;;) {
      const block = this.#blocks.shift()
      if (block !== undefined && (type === undefined || block.event.type === type)) return block
      if (block !== undefined) continue
      if (this.ended) throw new Error('The stream has ended')
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await promise
    }
  }

  close(): void {
    this.#answer.destroy()
  }
}

function parse(block: string): Block {
  const lines = block.split('\n')
  const field = (name: string): string =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
  return { id: field('id'), event: JSON.parse(field('data')) as Block['event'] }
}

const readers: Reader[] = []
let master: TestMaster | undefined

afterEach(async () => {
  for (const reader of readers.splice(0)) reader.close()
  await master?.[Symbol.asyncDispose]()
  master = undefined
})

async function start(): Promise<TestMaster> {
  master = await TestMaster.start()
  return master
}

async function open(on: TestMaster, last?: string): Promise<Reader> {
  const reader = await Reader.open(on, last)
  readers.push(reader)
  return reader
}

/** The next change of these rows. */
async function changeOf(reader: Reader, kind: string): Promise<Block['event']> {
  for (;;) {
    const { event } = await reader.next('change')
    if ((event[kind] as readonly unknown[]).length > 0) return event
  }
}

const names = (rows: unknown, field = 'id'): unknown[] =>
  (rows as Record<string, unknown>[]).map((row) => row[field])

test('begins with all that the master knows, and goes on with what changes', async () => {
  const running = await start()
  const agent = await running.agent()
  const reader = await open(running)
  expect(reader.type).toBe('text/event-stream')
  const { event } = await reader.next()
  expect(event).toMatchObject({ type: 'snapshot', master: { id: running.id }, frameworks: [], tasks: [] })
  expect(names(event['agents'])).toEqual([agent.id])
  const framework = await running.framework({ name: '</script><b>' })
  await running.clock.advance(1000)
  const change = await reader.next('change')
  expect(names(change.event['frameworks'])).toEqual([framework.id])
  expect(names(change.event['frameworks'], 'name')).toEqual(['</script><b>'])
  await framework.call('TEARDOWN')
  await running.clock.advance(1000)
  const gone = await reader.next('change')
  expect(gone.event['frameworks']).toMatchObject([{ id: framework.id, state: 'completed' }])
})

test('tasks are told by framework and agent, and a framework without one says what it waits for', async () => {
  const running = await start()
  const key = 'tepui_needs'
  const waits = { name: 't', cpus: 1, mem: 128, lent: false }
  const agent = await running.agent()
  const framework = await running.framework({ labels: { labels: [{ key, value: JSON.stringify(waits) }] } })
  const reader = await open(running)
  const { event } = await reader.next('snapshot')
  expect(event['frameworks']).toMatchObject([{ id: framework.id, waits }])
  const offer = await framework.offer()
  await framework.launch(offer, 't', 'u')
  await running.clock.advance(1000)
  const change = await changeOf(reader, 'tasks')
  expect(change['tasks']).toEqual([
    {
      framework: framework.id,
      agent: agent.id,
      tasks: [
        ['t', 't', 'TASK_STAGING', null, 1, 128],
        ['u', 'u', 'TASK_STAGING', null, 1, 128],
      ],
    },
  ])
  expect(change['frameworks']).not.toMatchObject([{ waits }])
  await agent.update(framework, 't', 'TASK_FINISHED')
  await running.clock.advance(1000)
  expect((await changeOf(reader, 'tasks'))['tasks']).toMatchObject([
    { tasks: [['t', 't', 'TASK_FINISHED', expect.any(Number), 1, 128]] },
  ])
})

test('a reader that comes back gets what it missed, and one from another life of the master everything', async () => {
  const running = await start()
  const first = await open(running)
  await first.next('history')
  await running.clock.advance(1000)
  const seen = await first.next('usage')
  first.close()
  const agent = await running.agent({
    agent_info: { hostname: 'late', port: 5051, resources: [scalar('cpus', 1)] },
  })
  await running.clock.advance(1000)
  const second = await open(running, seen.id)
  const missed = await second.next()
  const [epoch, number] = seen.id.split('-')
  // Not a snapshot, and nothing is left out.
  expect(missed.id).toBe(`${epoch}-${Number(number) + 1}`)
  expect(missed.event.type).not.toBe('snapshot')
  const change = missed.event.type === 'change' ? missed : await second.next('change')
  expect(names(change.event['agents'])).toEqual([agent.id])
  const stranger = await open(running, 'ffffffff-3')
  expect((await stranger.next()).event.type).toBe('snapshot')
})

test('an agent that does not tell its usage leaves the page as it is', async () => {
  const running = await start()
  // A toy agent has a port on which nobody listens.
  await running.agent()
  const reader = await open(running)
  await reader.next('snapshot')
  await running.clock.advance(1000)
  const { event } = await reader.next('usage')
  expect(event['usage']).toEqual({})
  const point = event['point'] as number[]
  expect(point.at(-1)).toBe(0)
  expect(await running.metric('tepui/page_readers')).toBe(1)
})

test('more readers than there may be are refused with a sentence', async () => {
  const running = await start()
  for (let count = 0; count < 200; count++) await open(running)
  const { body, status } = await running.get('/api/x1/stream')
  expect({ status, body }).toEqual({
    status: 503,
    body: '200 pages are open already: close one and try again',
  })
  expect(await running.metric('tepui/page_readers_refused')).toBe(1)
})

test('of one task it tells all, and of one that is not there that it is not', async () => {
  const running = await start()
  const framework = await running.framework()
  const { body, status } = await running.get(`/api/x1/task?framework=${framework.id}&task=none`)
  expect({ status, body }).toEqual({
    status: 404,
    body: "Framework 'test' has no task 'none', or not any more",
  })
  expect((await running.get('/api/x1/task?framework=x&task=none')).status).toBe(404)
  expect((await running.get('/api/x1/task?framework=x')).status).toBe(400)
})

test('the page is for browsers, the sentence for programs, and no path leads out of its folder', async () => {
  const running = await start()
  expect((await running.get('/')).body).toContain('Tepui master at')
  for (const path of [
    '/assets/../../package.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/assets/nothing.js',
  ])
    expect([404, 503]).toContain((await running.get(path)).status)
})

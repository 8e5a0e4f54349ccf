// An agent with a running task, and clients of the sessions in it, written from the documents alone.
import { join } from 'node:path'
import { RecordDecoder } from '../../src/wire/recordio.ts'
import { type OpenLink, runTask, TestAgent, ToyMaster } from './agent-server.ts'
import { ManualClock } from './clock.ts'
import type { FakeContainer, FakeSession } from './fake-containerizer.ts'
import { type RawAnswer, RawConnection, requestText } from './raw-http.ts'

export interface Running extends AsyncDisposable {
  readonly agent: TestAgent
  readonly master: ToyMaster
  readonly link: OpenLink
  readonly clock: ManualClock
  readonly container: FakeContainer
  /** Of the task. */
  readonly sandbox: string
}

/** An agent with one running command task, whose updates so far are acknowledged. */
export async function running(...argv: readonly string[]): Promise<Running> {
  const clock = new ManualClock()
  const undo = new AsyncDisposableStack()
  const master = undo.use(await ToyMaster.start(clock))
  const agent = undo.use(await TestAgent.start(master.address, { clock, argv }))
  const link = await master.link()
  link.send(runTask('hello'))
  for (const count of [1, 2]) {
    const told = (await master.callsOf('UPDATE', count)).at(-1)?.update?.status
    link.send({
      type: 'ACKNOWLEDGE',
      acknowledge: { framework_id: { value: 'F1' }, task_id: { value: 'hello' }, uuid: told?.uuid },
    })
  }
  const [container] = agent.containers.containers.values()
  if (container === undefined) throw new Error('nothing was launched')
  const run = join('frameworks', 'F1', 'executors', 'hello', 'runs', container.id)
  const sandbox = join(agent.workDir, 'slaves', 'M-S0', run)
  return { agent, master, link, clock, container, sandbox, [Symbol.asyncDispose]: () => undo.disposeAsync() }
}

export interface Wish {
  readonly id?: string
  readonly parent?: string
  readonly command?: object
  readonly container?: object
}

export function launchCall({ container }: Running, { id = 's1', parent, ...rest }: Wish = {}): string {
  const container_id = { value: id, parent: { value: parent ?? container.id } }
  const session = { container_id, command: { value: 'sh' }, ...rest }
  return JSON.stringify({
    type: 'LAUNCH_NESTED_CONTAINER_SESSION',
    launch_nested_container_session: session,
  })
}

export const STREAM_HEADERS = {
  'Content-Type': 'application/json',
  Accept: 'application/recordio',
  'Message-Accept': 'application/json',
}

/** A client that reads records. */
export class Reader implements Disposable {
  readonly connection: RawConnection

  private constructor(connection: RawConnection) {
    this.connection = connection
  }

  static async open({ agent }: Running, body: string): Promise<Reader> {
    const connection = await RawConnection.open(agent.port)
    connection.send(requestText('POST /slave(1)/api/v1', STREAM_HEADERS, body))
    const head = await connection.until('\r\n\r\n')
    if (!head.startsWith('HTTP/1.1 200')) throw new Error(head)
    return new Reader(connection)
  }

  get records(): readonly unknown[] {
    const body = this.connection.bytes.subarray(this.connection.received.indexOf('\r\n\r\n') + 4)
    return new RecordDecoder().push(unchunked(body)).map((one) => JSON.parse(Buffer.from(one).toString()))
  }

  async until(count: number): Promise<readonly unknown[]> {
    await this.connection.until(() => this.records.length >= count)
    return this.records
  }

  [Symbol.dispose](): void {
    this.connection[Symbol.dispose]()
  }
}

function unchunked(body: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf('\r\n', at)
    if (end < 0) break
    const length = Number.parseInt(body.toString('latin1', at, end), 16)
    pieces.push(body.subarray(end + 2, end + 2 + length))
    at = end + 2 + length + 2
  }
  return Buffer.concat(pieces)
}

export const output = (type: string, text: string): object => ({
  type: 'DATA',
  data: { type, data: Buffer.from(text).toString('base64') },
})

/** Resolves with the session once the agent has opened it. */
export function sessionIn({ container }: Running, id = 's1'): FakeSession {
  const session = container.sessions.get(`${container.id}.${id}`)
  if (session === undefined) throw new Error(`there is no session ${id}`)
  return session
}

export function call({ agent }: Running, type: string, part: object, headers = {}): Promise<RawAnswer> {
  return agent.post('/api/v1', JSON.stringify({ type, [type.toLowerCase()]: part }), headers)
}

export const nested = ({ container }: Running, id = 's1'): object => ({
  container_id: { value: id, parent: { value: container.id } },
})

/** Records of ATTACH_CONTAINER_INPUT on a connection of their own. */
export class Writer implements Disposable {
  readonly connection: RawConnection

  private constructor(connection: RawConnection) {
    this.connection = connection
  }

  static async open({ agent }: Running, headers: Readonly<Record<string, string>> = {}): Promise<Writer> {
    const connection = await RawConnection.open(agent.port)
    const all = {
      'Content-Type': 'application/recordio',
      'Message-Content-Type': 'application/json',
      'Transfer-Encoding': 'chunked',
      ...headers,
    }
    connection.send(requestText('POST /api/v1', all))
    return new Writer(connection)
  }

  send(input: object): void {
    this.record({ type: 'ATTACH_CONTAINER_INPUT', attach_container_input: input })
  }

  record(value: object): void {
    const text = JSON.stringify(value)
    const record = `${text.length}\n${text}`
    this.connection.send(`${record.length.toString(16)}\r\n${record}\r\n`)
  }

  input(text: string): void {
    const data = { type: 'STDIN', data: Buffer.from(text).toString('base64') }
    this.send({ type: 'PROCESS_IO', process_io: { type: 'DATA', data } })
  }

  end(): void {
    this.connection.send('0\r\n\r\n')
  }

  async answer(): Promise<string> {
    const received = await this.connection.until(/\r\n\r\n/)
    return `${received.split(' ')[1]} ${received.slice(received.indexOf('\r\n\r\n') + 4)}`
  }

  [Symbol.dispose](): void {
    this.connection[Symbol.dispose]()
  }
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

// A command in a task's container, as a client of the master sees it: its output, its input, its end.
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import { HttpClient, type IncomingStream, PeerRefusal } from '../http/client.ts'
import { RECORDS_TYPE, Upload } from '../http/upload.ts'
import { AgentCall } from '../wire/agent-call.ts'
import { AgentResponse } from '../wire/agent-response.ts'
import type { ContainerID } from '../wire/ids.ts'
import { encodeMessage, parseMessage } from '../wire/json.ts'
import { ProcessIO } from '../wire/process-io.ts'
import { masterUrl } from './master-api.ts'
import type { StateTask } from './master-api.ts'

export interface WindowSize {
  readonly rows: number
  readonly columns: number
}

export interface SessionWish {
  /** The program and its arguments. */
  readonly argv: readonly string[]
  readonly user: string | undefined
  /** Undefined without a terminal. */
  readonly terminal: WindowSize | undefined
}

interface Surroundings {
  readonly clock: Clock
  readonly random: Random
  readonly signal: AbortSignal
}

export type Output = (stream: 'stdout' | 'stderr', bytes: Uint8Array) => Promise<void>

const JSON_TYPE = 'application/json'
const JSON_HEADERS = { 'Content-Type': JSON_TYPE }
/** The engine may be busy. */
const TIMEOUT_MS = 60_000

/** A session that has begun. It ends when this end of it is closed. */
export class ClientSession implements Disposable {
  readonly #http: HttpClient
  readonly #clock: Clock
  readonly #url: string
  readonly #id: ContainerID
  readonly #stream: IncomingStream
  #input: Upload | undefined

  private constructor(http: HttpClient, clock: Clock, url: string, id: ContainerID, stream: IncomingStream) {
    this.#http = http
    this.#clock = clock
    this.#url = url
    this.#id = id
    this.#stream = stream
  }

  /** @throws OperatingError REFUSED in the words of the master or agent, UNREACHABLE */
  static async open(
    typed: string,
    task: StateTask,
    wish: SessionWish,
    { clock, random, signal }: Surroundings,
  ): Promise<ClientSession> {
    const parent = task.containerId
    if (parent === undefined)
      throw new OperatingError('REFUSED', `Task '${task.id}' has no container yet`, {
        hint: '`tepui why TASK` tells what it waits for',
      })
    const id = { value: random.uuid(), parent: { value: parent } }
    const http = new HttpClient(clock)
    const url = new URL(`/api/x1/agents/${encodeURIComponent(task.agentId)}/session`, masterUrl(typed)).href
    const [value = ''] = wish.argv
    const call: AgentCall = {
      type: 'LAUNCH_NESTED_CONTAINER_SESSION',
      launch_nested_container_session: {
        container_id: id,
        command: {
          shell: false,
          value,
          arguments: [...wish.argv],
          ...(wish.user !== undefined && { user: wish.user }),
        },
        ...(wish.terminal !== undefined && {
          container: { type: 'MESOS', tty_info: { window_size: wish.terminal } },
        }),
      },
    }
    const headers = { ...JSON_HEADERS, Accept: RECORDS_TYPE, 'Message-Accept': JSON_TYPE }
    const body = encodeMessage(AgentCall, call)
    try {
      const outgoing = { method: 'POST', url, headers, body, timeoutMs: TIMEOUT_MS } as const
      return new ClientSession(http, clock, url, id, await http.openStream(outgoing, signal))
    } catch (error) {
      http[Symbol.dispose]()
      throw refusedBy(error, typed)
    }
  }

  /** Hands out all output; resolves at its end. @throws OperatingError UNREACHABLE, PROTOCOL; the signal's reason */
  async follow(output: Output): Promise<void> {
    for await (const record of this.#stream.records) {
      const io = parseMessage(ProcessIO, record)
      if (!io.ok) throw new OperatingError('PROTOCOL', `The session sent no output: ${io.error}`)
      const { data } = io.value
      if (data?.data === undefined) continue
      await output(data.type === 'STDERR' ? 'stderr' : 'stdout', Buffer.from(data.data, 'base64'))
    }
  }

  /** Sends input; nothing is the end of it. Resolves when there is room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    const data = Buffer.from(bytes).toString('base64')
    this.#send({ type: 'DATA', data: { type: 'STDIN', data } })
    await this.#input?.room()
  }

  endInput(): void {
    this.#send({ type: 'DATA', data: { type: 'STDIN', data: '' } })
  }

  resize(size: WindowSize): void {
    this.#send({ type: 'CONTROL', control: { type: 'TTY_INFO', tty_info: { window_size: size } } })
  }

  /** The exit code, as shells count it. @throws OperatingError REFUSED when it is not known */
  async exitCode(signal: AbortSignal): Promise<number> {
    const call: AgentCall = {
      type: 'WAIT_NESTED_CONTAINER',
      wait_nested_container: { container_id: this.#id },
    }
    const body = encodeMessage(AgentCall, call)
    const outgoing = { method: 'POST', url: this.#url, headers: JSON_HEADERS, body } as const
    const { text } = await this.#http.request(outgoing, signal)
    const answer = parseMessage(AgentResponse, text)
    const status = answer.ok ? answer.value.wait_nested_container?.exit_status : undefined
    if (status === undefined)
      throw new OperatingError('REFUSED', 'The agent does not know how the command ended')
    return codeOf(status)
  }

  [Symbol.dispose](): void {
    this.#input?.close()
    this.#stream.close()
    this.#http[Symbol.dispose]()
  }

  #send(io: ProcessIO): void {
    this.#input ??= this.#openInput()
    const call: AgentCall = {
      type: 'ATTACH_CONTAINER_INPUT',
      attach_container_input: { type: 'PROCESS_IO', process_io: io },
    }
    this.#input.send(encodeMessage(AgentCall, call))
  }

  #openInput(): Upload {
    const headers = { 'Message-Content-Type': JSON_TYPE }
    const input = new Upload({ clock: this.#clock, url: this.#url, headers })
    const call: AgentCall = {
      type: 'ATTACH_CONTAINER_INPUT',
      attach_container_input: { type: 'CONTAINER_ID', container_id: this.#id },
    }
    input.send(encodeMessage(AgentCall, call))
    return input
  }
}

/** What shells make of the status of wait(2). */
export function codeOf(status: number): number {
  const signal = status & 0x7f
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal
}

function refusedBy(error: unknown, typed: string): unknown {
  if (error instanceof PeerRefusal) {
    const [words = '', ...hint] = error.text.trim().split('. ')
    return new OperatingError('REFUSED', words === '' ? `status ${error.status}` : words, {
      ...(hint.length > 0 && { hint: hint.join('. ') }),
    })
  }
  if (!(error instanceof OperatingError) || error.code !== 'UNREACHABLE') return error
  return new OperatingError('UNREACHABLE', `No master answers at ${typed}`, {
    cause: error.cause ?? error,
    hint: 'Start one with `tepui up`, or name it: --master HOST:PORT (or TEPUI_MASTER)',
  })
}

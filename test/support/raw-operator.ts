// An operator's client written from the documents alone, on node:http, as somebody else would write it.
import { request } from 'node:http'

interface Wrapped {
  readonly value: string
}

export interface OperatorTask {
  readonly task_id: Wrapped
  readonly framework_id: Wrapped
  readonly agent_id: Wrapped
  state: string
  readonly statuses?: readonly { readonly container_status?: { readonly container_id?: Wrapped } }[]
}

export interface OperatorState {
  readonly get_tasks: { readonly tasks?: OperatorTask[]; readonly completed_tasks?: OperatorTask[] }
  readonly get_agents: {
    readonly agents?: { readonly agent_info: { readonly id: Wrapped }; readonly pid: string }[]
  }
  readonly get_frameworks: {
    readonly frameworks?: { readonly framework_info: { readonly id: Wrapped; readonly name: string } }[]
  }
}

interface OperatorEvent {
  readonly type: string
  readonly subscribed?: { readonly get_state: OperatorState; readonly heartbeat_interval_seconds: number }
  readonly task_added?: { readonly task: OperatorTask }
  readonly task_updated?: { readonly status: { readonly task_id: Wrapped }; readonly state: string }
  readonly framework_added?: { readonly framework: { readonly framework_info: { readonly id: Wrapped } } }
  readonly framework_removed?: { readonly framework_info: { readonly id: Wrapped } }
}

const HEADERS = { 'Content-Type': 'application/json', Accept: 'application/json' }

/** Sends a call; resolves to the part of the answer that is named after its type. */
export async function operate<T>(port: number, type: string, part?: object): Promise<T> {
  const body = JSON.stringify({ type, ...(part && { [type.toLowerCase()]: part }) })
  const { status, text } = await post(port, body)
  if (status !== 200) throw new Error(`${type} was answered with ${status}: ${text}`)
  return (text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>)[type.toLowerCase()]) as T
}

function post(port: number, body: string): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
  const options = { host: '127.0.0.1', port, path: '/api/v1', method: 'POST', headers: HEADERS }
  const sent = request(options, (response) => {
    const pieces: Buffer[] = []
    response.on('data', (piece: Buffer) => pieces.push(piece))
    response.on('end', () =>
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(pieces).toString() }),
    )
    response.on('error', reject)
  })
  sent.on('error', reject)
  sent.end(body)
  return promise
}

/** What such a client knows of a cluster: the snapshot, kept up to date by the events alone. */
export class OperatorView implements Disposable {
  readonly tasks = new Map<string, string>()
  readonly frameworks = new Set<string>()
  readonly types: string[] = []
  heartbeatSeconds = 0
  #rest = Buffer.alloc(0)
  #close: () => void = () => undefined
  #changed = Promise.withResolvers<void>()

  static async subscribe(port: number): Promise<OperatorView> {
    const view = new OperatorView()
    const options = { host: '127.0.0.1', port, path: '/api/v1', method: 'POST', headers: HEADERS }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const sent = request(options, (response) => {
      if (response.statusCode !== 200) reject(new Error(`SUBSCRIBE was answered with ${response.statusCode}`))
      response.on('data', (piece: Buffer) => view.#take(piece))
      response.on('error', () => undefined)
      resolve()
    })
    sent.on('error', reject)
    sent.end('{"type":"SUBSCRIBE"}')
    view.#close = () => sent.destroy()
    await promise
    await view.until(() => view.types.includes('HEARTBEAT'))
    return view
  }

  /** Waits until the view is as wanted; the test's own limit ends it. */
  async until(wanted: () => boolean): Promise<void> {
    while (!wanted()) await this.#changed.promise
  }

  #take(piece: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, piece])
    for (;;) {
      const end = this.#rest.indexOf('\n')
      if (end < 0) return
      const length = Number(this.#rest.subarray(0, end).toString())
      if (this.#rest.length < end + 1 + length) return
      const record = this.#rest.subarray(end + 1, end + 1 + length).toString()
      this.#rest = this.#rest.subarray(end + 1 + length)
      this.#apply(JSON.parse(record) as OperatorEvent)
    }
  }

  #apply(event: OperatorEvent): void {
    this.types.push(event.type)
    const { subscribed, task_added, task_updated, framework_added, framework_removed } = event
    for (const task of subscribed?.get_state.get_tasks.tasks ?? [])
      this.tasks.set(task.task_id.value, task.state)
    for (const { framework_info } of subscribed?.get_state.get_frameworks.frameworks ?? [])
      this.frameworks.add(framework_info.id.value)
    this.heartbeatSeconds = subscribed?.heartbeat_interval_seconds ?? this.heartbeatSeconds
    if (task_added) this.tasks.set(task_added.task.task_id.value, task_added.task.state)
    if (task_updated) this.tasks.set(task_updated.status.task_id.value, task_updated.state)
    if (framework_added) this.frameworks.add(framework_added.framework.framework_info.id.value)
    if (framework_removed) this.frameworks.delete(framework_removed.framework_info.id.value)
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }

  [Symbol.dispose](): void {
    this.#close()
  }
}

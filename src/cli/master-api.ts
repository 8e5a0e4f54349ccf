// What commands ask of a master and its agents, with the few fields that they read; everything is checked for its form.
// Read from the `/state` of Mesos, which every master has; the rows of the web page (wire/page.ts) are another form.
import type { Clock } from '../base/clock.ts'
import { OperatingError } from '../base/errors.ts'
import { HttpClient, PeerRefusal } from '../http/client.ts'

/** A JSON object of a page; fields are read through the functions below. */
export type Json = Readonly<Record<string, unknown>>

export interface StateAgent {
  readonly id: string
  /** What people call it: its attribute `agent`, else host:port. */
  readonly name: string
  readonly hostname: string
  readonly ip: string
  readonly port: number
  readonly active: boolean
  /** `active`, `draining`, `drained`, `deactivated`, or `away` when it is not connected. */
  readonly standing: string
  readonly attributes: Json
  readonly resources: Json
  readonly used: Json
}

export interface StateTask {
  readonly id: string
  readonly name: string
  readonly frameworkId: string
  /** That of the container: of a command task its own id. */
  readonly executorId: string
  readonly agentId: string
  readonly state: string
  readonly cpus: number
  readonly mem: number
  /** Of the cpus, those that are lent. */
  readonly lentCpus: number
  readonly role: string
  readonly image: string | undefined
  /** Wall time of the first and the newest status, s. */
  readonly since: number | undefined
  readonly changed: number | undefined
  readonly containerId: string | undefined
}

export interface StateFramework {
  readonly id: string
  readonly name: string
  readonly user: string
  readonly roles: readonly string[]
  readonly active: boolean
  readonly connected: boolean
  readonly failoverTimeout: number
  readonly labels: Json
  readonly tasks: readonly StateTask[]
  readonly completedTasks: readonly StateTask[]
  readonly used: Json
  readonly registered: number
  readonly offers: readonly StateOffer[]
}

/** What is offered now. */
export interface StateOffer {
  readonly id: string
  readonly frameworkId: string
  readonly agentId: string
  readonly role: string
  readonly resources: Json
}

export interface ClusterState {
  readonly masterId: string
  readonly version: string
  readonly agents: readonly StateAgent[]
  readonly frameworks: readonly StateFramework[]
  readonly completedFrameworks: readonly StateFramework[]
}

export const object = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {}
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])
export const text = (value: unknown): string => (typeof value === 'string' ? value : '')
export const number = (value: unknown): number => (typeof value === 'number' ? value : 0)

/** Reads pages of one master and its agents. */
export class MasterApi implements Disposable {
  readonly #http: HttpClient
  readonly #base: URL
  readonly #typed: string
  readonly #signal: AbortSignal

  /** @throws OperatingError USAGE for an address that cannot be meant */
  constructor(master: string, clock: Clock, signal: AbortSignal) {
    this.#http = new HttpClient(clock)
    this.#base = masterUrl(master)
    this.#typed = master
    this.#signal = signal
  }

  /** `host:port`, as the SDK wants it. */
  get address(): string {
    return this.#base.host
  }

  /** A page of the master. @throws OperatingError UNREACHABLE with what was typed, REFUSED, PROTOCOL */
  async get(path: string): Promise<Json> {
    return object(await this.#ask('GET', new URL(path, this.#base), undefined))
  }

  /** A page of the master of any form. @throws as `get` */
  async page(path: string): Promise<unknown> {
    return this.#ask('GET', new URL(path, this.#base), undefined)
  }

  /** The answer as text. @throws as `get` */
  async post(path: string, body: string, contentType: string): Promise<string> {
    const headers = { 'Content-Type': contentType }
    return this.#send(new URL(path, this.#base), { method: 'POST', headers, body })
  }

  /** A page of an agent, as it is. @throws OperatingError UNREACHABLE, REFUSED, PROTOCOL */
  async fromAgent(agent: { readonly ip: string; readonly port: number }, path: string): Promise<unknown> {
    return this.#ask('GET', new URL(path, `http://${agent.ip}:${agent.port}`), agent)
  }

  /** A stream of the master, record by record, until it ends. @throws as `get`; the signal's reason */
  async *stream(path: string): AsyncGenerator<Json> {
    const url = new URL(path, this.#base)
    const { records } = await this.#heard(url, undefined, () =>
      this.#http.openStream({ url: url.href }, this.#signal),
    )
    for await (const record of records) yield object(JSON.parse(record))
  }

  async state(): Promise<ClusterState> {
    return clusterState(await this.get('/state'))
  }

  async #ask(method: 'GET', url: URL, agent: object | undefined): Promise<unknown> {
    const answer = await this.#send(url, { method }, agent)
    try {
      return JSON.parse(answer) as unknown
    } catch (error) {
      throw new OperatingError('PROTOCOL', `${url.host} did not answer ${url.pathname} in JSON`, {
        cause: error,
        hint: 'Is a Tepui or Mesos master at this address?',
      })
    }
  }

  async #send(
    url: URL,
    how: { method: 'GET' | 'POST'; headers?: Readonly<Record<string, string>>; body?: string },
    agent?: object,
  ): Promise<string> {
    const answer = await this.#heard(url, agent, () =>
      this.#http.request({ url: url.href, ...how }, this.#signal),
    )
    return answer.text
  }

  async #heard<T>(url: URL, agent: object | undefined, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      if (error instanceof PeerRefusal) throw refused(url, error)
      if (!(error instanceof OperatingError) || error.code !== 'UNREACHABLE') throw error
      if (agent !== undefined)
        throw new OperatingError('UNREACHABLE', `No agent answers at ${url.host}`, { cause: error })
      throw new OperatingError('UNREACHABLE', `No master answers at ${this.#typed}`, {
        cause: error.cause ?? error,
        hint: 'Start one with `tepui up`, or name it: --master HOST:PORT (or TEPUI_MASTER)',
      })
    }
  }

  [Symbol.dispose](): void {
    this.#http[Symbol.dispose]()
  }
}

/** The master does not answer with what was asked for, and says why. */
export class MasterRefusal extends OperatingError {
  readonly status: number

  constructor(message: string, status: number) {
    super('REFUSED', message)
    this.status = status
  }
}

function refused(url: URL, error: PeerRefusal): OperatingError {
  const words = error.text.trim() === '' ? `status ${error.status}` : error.text.trim()
  // What the operator API and our own pages refuse with is a whole sentence; older masters do not have the latter.
  const isSentence = url.pathname === '/api/v1' || url.pathname.startsWith('/api/x1/')
  if (isSentence && error.text.trim() !== '' && error.status !== 404)
    return new MasterRefusal(words, error.status)
  return new MasterRefusal(`${url.host} refused ${url.pathname}: ${words}`, error.status)
}

/** @throws OperatingError USAGE */
export function masterUrl(master: string): URL {
  const url = URL.parse(master.includes('://') ? master : `http://${master}`)
  if (url?.protocol !== 'http:' || url.hostname === '') {
    throw new OperatingError('USAGE', `'${master}' is no address of a master`, {
      hint: 'Give --master HOST:PORT or http://HOST:PORT, for example 127.0.0.1:5050',
    })
  }
  // The port of our master, not that of the web.
  if (url.port === '' && !master.endsWith(':80')) url.port = '5050'
  return new URL(url.origin)
}

/** The parts of `/state` that commands show. */
export function clusterState(page: Json): ClusterState {
  const version = text(page['version'])
  if (version === '') {
    throw new OperatingError('PROTOCOL', 'The answer to /state is not that of a master', {
      hint: 'Is a Tepui or Mesos master at this address?',
    })
  }
  return {
    masterId: text(page['id']),
    version,
    agents: list(page['slaves']).map((one) => agentRow(object(one))),
    frameworks: list(page['frameworks']).map((one) => frameworkRow(object(one))),
    completedFrameworks: list(page['completed_frameworks']).map((one) => frameworkRow(object(one))),
  }
}

function agentRow(page: Json): StateAgent {
  const attributes = object(page['attributes'])
  const [, address = ''] = text(page['pid']).split('@')
  const cut = address.lastIndexOf(':')
  const port = Number(address.slice(cut + 1))
  const named = text(attributes['agent'])
  return {
    id: text(page['id']),
    name: named === '' ? `${text(page['hostname'])}:${port}` : named,
    hostname: text(page['hostname']),
    ip: address.slice(0, cut),
    port,
    active: page['active'] === true,
    standing: standingOf(page),
    attributes,
    resources: object(page['resources']),
    used: object(page['used_resources']),
  }
}

function standingOf(page: Json): string {
  const drain = text(object(page['drain_info'])['state'])
  if (drain !== '') return drain.toLowerCase()
  if (page['deactivated'] === true) return 'deactivated'
  return page['active'] === true ? 'active' : 'away'
}

function frameworkRow(page: Json): StateFramework {
  const roles = list(page['roles']).map(text)
  const labels = list(page['labels']).map(object)
  return {
    id: text(page['id']),
    name: text(page['name']),
    user: text(page['user']),
    roles: roles.length > 0 ? roles : [text(page['role']) || '*'],
    active: page['active'] === true,
    connected: page['connected'] === true,
    failoverTimeout: number(page['failover_timeout']),
    labels: Object.fromEntries(labels.map((label) => [text(label['key']), label['value']])),
    tasks: [...list(page['tasks']), ...list(page['unreachable_tasks'])].map((one) => taskRow(object(one))),
    completedTasks: list(page['completed_tasks']).map((one) => taskRow(object(one))),
    used: object(page['used_resources']),
    registered: number(page['registered_time']),
    offers: list(page['offers']).map((one) => offerRow(object(one))),
  }
}

function offerRow(page: Json): StateOffer {
  return {
    id: text(page['id']),
    frameworkId: text(page['framework_id']),
    agentId: text(page['slave_id']),
    role: text(object(page['allocation_info'])['role']),
    resources: object(page['resources']),
  }
}

function taskRow(page: Json): StateTask {
  const resources = object(page['resources'])
  const statuses = list(page['statuses']).map(object)
  const container = statuses.map((status) => object(object(status['container_status'])['container_id']))
  const id = text(page['id'])
  const executor = text(page['executor_id'])
  const lentCpus = number(resources['cpus_revocable'])
  return {
    id,
    name: text(page['name']),
    frameworkId: text(page['framework_id']),
    executorId: executor === '' ? id : executor,
    agentId: text(page['slave_id']),
    state: text(page['state']),
    cpus: number(resources['cpus']) + lentCpus,
    mem: number(resources['mem']) + number(resources['mem_revocable']),
    lentCpus,
    role: text(page['role']),
    image: text(object(object(page['container'])['docker'])['image']) || undefined,
    since: timeOf(statuses[0]),
    changed: timeOf(statuses.at(-1)),
    containerId: text(container.at(-1)?.['value']) || undefined,
  }
}

function timeOf(status: Json | undefined): number | undefined {
  const time = number(status?.['timestamp'])
  return time > 0 ? time : undefined
}

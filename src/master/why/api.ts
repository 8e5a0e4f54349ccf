/**
 * `GET /api/x1/why`: why a `task` waits or ended, why a `framework` gets nothing, why an `agent` lends so little, what
 * an `event` was, or where a task of `cpus`, `mem` (MB) and `lent` would fit. Beside the master's card stand the
 * decisions that agents' lending made about it, and what happened to it lately.
 */
import { counted } from '../../base/words.ts'
import type { Clock } from '../../base/clock.ts'
import { OperatingError, reasonOf } from '../../base/errors.ts'
import type { HttpRequest } from '../../http/request.ts'
import { json, text, type Answer } from '../../http/response.ts'
import { type Need, needOf } from '../../resources/need.ts'
import { eventPage } from '../../store/event-query.ts'
import type { EventQuery } from '../../store/event-log.ts'
import type { AgentsApi, Merged } from '../api-agents.ts'
import type { Agent, Cluster, Framework, Task } from '../core/cluster.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import { agentName, amountsText } from '../history/entries.ts'
import type { History } from '../history/history.ts'
import { lendingOf, lendLine } from '../lend-line.ts'
import { allFrameworks, allTasksOf, tallyOf } from '../tally.ts'
import { endedCard, type EndedCard } from './ended.ts'
import type { LastOffers } from './last-offers.ts'
import { type PlaceRow, placeRows } from './rows.ts'
import { lastLines } from './stderr.ts'

export interface WhyDeps {
  readonly cluster: Cluster
  readonly clock: Clock
  readonly agents: AgentsApi
  readonly history: History
  readonly offers: LastOffers
}

const HISTORY = 20
const MOST_TYPED = 300
const NOTHING: Merged = { events: [], unanswered: [] }

type Card = Readonly<Record<string, unknown>>

export class WhyApi {
  readonly #deps: WhyDeps

  constructor(deps: WhyDeps) {
    this.#deps = deps
  }

  /** 404 with a sentence when there is no such thing, 400 when it is not clear what is asked. */
  async handle(request: HttpRequest): Promise<Answer> {
    const { query } = request
    const asked = ['task', 'framework', 'agent', 'event'].filter((name) => query.has(name))
    const [kind, other] = asked
    if (other !== undefined) return text(400, `Give '${kind}' or '${other}', not both`)
    const typed = query.get(kind ?? '') ?? ''
    if (typed.length > MOST_TYPED)
      return text(400, `Parameter '${kind}' has more than ${MOST_TYPED} characters`)
    switch (kind) {
      case 'task':
        return this.#task(typed, request)
      case 'framework':
        return this.#framework(typed)
      case 'agent':
        return this.#agent(typed, request)
      case 'event':
        return this.#event(typed, request)
      default:
        return this.#question(query)
    }
  }

  async #task(typed: string, request: HttpRequest): Promise<Answer> {
    const found = this.#findTask(typed, request.query.get('framework_id'))
    if (found === undefined) {
      const waiting = this.#waitingFor(typed)
      if (waiting !== undefined) return json(this.#waitingCard(waiting, typed))
      return this.#forgotten(typed, request)
    }
    const { framework, task } = found
    const id = task.info.task_id.value
    const agent = this.#deps.cluster.agents.get(task.agentId)
    const ended = endedCard(task)
    const decisions = await this.#decisions(request, id, agent)
    const stderr = ended === undefined || agent === undefined ? [] : await this.#stderr(task, agent, request)
    return json({
      about: { kind: 'task', id, name: task.info.name },
      sentence: ended === undefined ? this.#runningText(task, agent) : endText(task, ended),
      task: {
        state: task.state,
        framework: framework.info.name,
        framework_id: framework.id,
        agent: agent === undefined ? task.agentId : agentName(agent),
        agent_id: task.agentId,
        amounts: amountsText(task.resources),
      },
      ...(ended !== undefined && { ended: { ...ended, stderr } }),
      history: this.#history({ taskId: id }),
      ...decisions,
    })
  }

  /** Only the log may still know it, or an agent's. */
  async #forgotten(id: string, request: HttpRequest): Promise<Answer> {
    const history = this.#history({ taskId: id })
    const decisions = await this.#decisions(request, id, undefined)
    if (history.length === 0 && decisions.events.length === 0)
      return text(404, `There is no task '${id}', and none is remembered`)
    const sentence = `'${id}' is over, and the master has forgotten all but this`
    return json({ about: { kind: 'task', id, name: id }, sentence, history, ...decisions })
  }

  #framework(typed: string): Answer {
    const all = [...allFrameworks(this.#deps.cluster)]
    const framework = all.find(({ id }) => id === typed) ?? all.find(({ info }) => info.name === typed)
    if (framework === undefined) return text(404, `There is no framework '${typed}'`)
    return json(this.#waitingCard(framework, framework.info.name))
  }

  /** Where its next task would find a place, and why it does not. */
  #waitingCard(framework: Framework, name: string): Card {
    const { cluster, clock, offers } = this.#deps
    const need = needOf(framework.info)
    const rows = placeRows({ cluster, framework, need, offers, now: clock.now() })
    return {
      about: { kind: name === framework.info.name ? 'framework' : 'task', id: framework.id, name },
      sentence: waitingText(framework, need, rows),
      framework: {
        name: framework.info.name,
        id: framework.id,
        state: cluster.completedFrameworks.has(framework.id) ? 'gone' : framework.state.kind,
        roles: framework.roles,
        tasks: framework.tasks.size,
      },
      since: framework.reregisteredAt ?? framework.registeredAt,
      offers_seen: offers.seenBy(framework.id),
      ...(need !== undefined && { need }),
      rows,
      history: this.#history({ frameworkId: framework.id }),
      ...NOTHING,
    }
  }

  async #agent(typed: string, request: HttpRequest): Promise<Answer> {
    const { agents, cluster } = this.#deps
    const all = [...cluster.agents.values()]
    const agent = cluster.agents.get(typed) ?? all.find((one) => agentName(one) === typed)
    if (agent === undefined) return text(404, `There is no agent '${typed}'`)
    const lends = lendingOf(agent, tallyOf(cluster).used.of(agent.id))
    const found = await agents.merged('why', { query: new Map(), signal: request.signal }, [agent])
    return json({
      about: { kind: 'agent', id: agent.id, name: agentName(agent) },
      sentence: lendLine(lends),
      lending: lends,
      history: this.#history({ agentId: agent.id }),
      ...(typeof found === 'string' ? NOTHING : found),
    })
  }

  /** One of the master's, one of the agents', or both: each counts its own. */
  async #event(typed: string, request: HttpRequest): Promise<Answer> {
    if (!/^\d{1,15}$/.test(typed))
      return text(400, `Parameter 'event' is '${typed}': expected the number of an event`)
    const [own] = this.#deps.history.query({ id: Number(typed) })
    const found = await this.#deps.agents.merged('why', request)
    if (typeof found === 'string') return text(400, found)
    if (own === undefined && found.events.length === 0) return text(404, `There is no event ${typed}`)
    return json({
      about: { kind: 'event', id: typed, name: typed },
      sentence: own?.text ?? `Event ${typed} is one of lending`,
      history: own === undefined ? [] : [eventPage(own)],
      ...found,
    })
  }

  /** Where a task would fit that nobody has asked for yet. */
  #question(query: HttpRequest['query']): Answer {
    const amounts = ['cpus', 'mem'].map((name) => Number(query.get(name) ?? '0'))
    const [cpus = 0, mem = 0] = amounts
    if (
      !amounts.every((amount) => amount >= 0 && Number.isFinite(amount)) ||
      (!query.has('cpus') && !query.has('mem'))
    )
      return text(400, "Give 'task', 'framework', 'agent', 'event', or amounts: 'cpus' and 'mem' (MB)")
    const need = { name: query.get('name') ?? 'a task', cpus, mem, lent: query.get('lent') === 'true' }
    const { cluster, clock, offers } = this.#deps
    const rows = placeRows({ cluster, framework: undefined, need, offers, now: clock.now() })
    const fitting = rows.filter(({ fits }) => fits).length
    const sentence = `${needWords(need)}: fits on ${fitting} of ${counted(rows.length, 'agent')}`
    return json({ about: { kind: 'question', id: '', name: need.name }, sentence, need, rows })
  }

  /** @param frameworkId of which it is; tasks of several may have the same id */
  #findTask(
    typed: string,
    frameworkId: string | undefined,
  ): { readonly framework: Framework; readonly task: Task } | undefined {
    let best: { readonly framework: Framework; readonly task: Task } | undefined
    const all = [...allFrameworks(this.#deps.cluster)]
    for (const framework of all.filter(({ id }) => (frameworkId ?? id) === id))
      for (const task of allTasksOf(framework)) {
        if (task.info.task_id.value !== typed && task.info.name !== typed) continue
        // One that lives is meant rather than one that ended, and of those the newest.
        if (best === undefined || isTerminal(best.task.state) || !isTerminal(task.state))
          best = { framework, task }
      }
    return best
  }

  #waitingFor(typed: string): Framework | undefined {
    return [...this.#deps.cluster.frameworks.values()].findLast(({ info }) => needOf(info)?.name === typed)
  }

  #runningText(task: Task, agent: Agent | undefined): string {
    const where = agent === undefined ? task.agentId : agentName(agent)
    const word = task.state.replace(/^TASK_/, '').toLowerCase()
    return `'${task.info.task_id.value}' is ${word} on ${where} with ${amountsText(task.resources)}`
  }

  #history(query: EventQuery): readonly object[] {
    return this.#deps.history.query({ ...query, limit: HISTORY }).map(eventPage)
  }

  /** Of one agent when it is known where it was, else of all. */
  async #decisions(request: HttpRequest, task: string, agent: Agent | undefined): Promise<Merged> {
    const asked = { query: new Map([['task', task]]), signal: request.signal }
    const found = await this.#deps.agents.merged('why', asked, agent === undefined ? undefined : [agent])
    return typeof found === 'string' ? NOTHING : found
  }

  async #stderr(task: Task, agent: Agent, request: HttpRequest): Promise<readonly string[]> {
    try {
      return await lastLines(task, (query) =>
        this.#deps.agents.read(agent, 'files/read', { query, signal: request.signal }),
      )
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      return [`(not to be had: ${reasonOf(error)})`]
    }
  }
}

const needWords = ({ cpus, lent, mem }: Need): string =>
  `${counted(cpus, lent ? 'lent cpu' : 'cpu')}, ${mem} MB`

function waitingText(framework: Framework, need: Need | undefined, rows: readonly PlaceRow[]): string {
  const { name } = framework.info
  if (need === undefined) return `What ${name} needs is not known to the master; this is what is free`
  const fitting = rows.filter(({ fits }) => fits).length
  const wants = `'${need.name}' wants ${needWords(need)}`
  if (framework.tasks.size > 0) return `${wants}; ${name} has ${counted(framework.tasks.size, 'live task')}`
  if (rows.length === 0) return `${wants}: it waits, and there are no agents`
  return fitting > 0
    ? `${wants}: it fits on ${fitting} of ${counted(rows.length, 'agent')}`
    : `${wants}: it waits, because it fits on none of ${counted(rows.length, 'agent')}`
}

function endText(task: Task, { sentence, state, taken_back: takenBack }: EndedCard): string {
  const id = task.info.task_id.value
  const word = state
    .replace(/^TASK_/, '')
    .toLowerCase()
    .replaceAll('_', ' ')
  return takenBack ? `'${id}' was taken back (not a crash): ${sentence}` : `'${id}' is ${word}: ${sentence}`
}

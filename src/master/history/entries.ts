// What happened as the entries of the event log: a kind, whom it is about, a sentence, the figures. Pure.
import { humanDuration } from '../../base/units.ts'
import { counted } from '../../base/words.ts'
import type { LogEntry } from '../../store/event-log.ts'
import type { Resources } from '../../resources/resources.ts'
import type { TaskStatus } from '../../wire/tasks.ts'
import type { Agent, Framework, OutstandingOffer, Task } from '../core/cluster.ts'
import { isTerminal } from '../../wire/terminal-states.ts'
import type { Occurrence } from '../core/occurrences.ts'

/** Every kind of entry, as a query may name it. */
export const EVENT_KINDS = [
  'offer-accepted',
  'offer-declined',
  'offer-rescinded',
  'offer-expired',
  'offer-withdrawn',
  'task-launched',
  'task-brought',
  'task-state',
  'task-ended',
  'task-taken-back',
  'task-refused',
  'agent-registered',
  'agent-returned',
  'agent-disconnected',
  'agent-unreachable',
  'agent-removed',
  'agent-standing',
  'lent',
  'lend-mode',
  'lend-step',
  'framework-subscribed',
  'framework-recovered',
  'framework-disconnected',
  'framework-updated',
  'framework-removed',
  'master-started',
  'master-ended',
  'operator',
  'exec',
] as const

export type EventKind = (typeof EVENT_KINDS)[number]

export interface Entry extends LogEntry {
  readonly kind: EventKind
}

/** What is needed to name the things that an occurrence only has ids of. */
export interface Names {
  readonly agent: (id: string) => Agent | undefined
  readonly framework: (id: string) => Framework | undefined
}

/** The words of a message that are kept in a sentence. */
const MOST_WORDS = 1000
const cut = (words: string): string => (words.length > MOST_WORDS ? `${words.slice(0, MOST_WORDS)}…` : words)

/** What people call an agent: its attribute `agent`, else its address. */
export function agentName({ info, address }: Agent): string {
  const named = info.attributes?.find(({ name }) => name === 'agent')?.text?.value
  return named ?? `${info.hostname}:${address.port}`
}

/** `1.5 cpus, 256 MB`, and how much of the cpus is lent. */
export function amountsText(resources: Resources): string {
  const cpus = resources.scalar('cpus')
  const lent = resources.revocable().scalar('cpus')
  const [gpus, mem] = [resources.scalar('gpus'), resources.scalar('mem')]
  return [
    `${counted(cpus, 'cpu')}${lent > 0 ? (lent === cpus ? ' lent' : ` (${lent} of them lent)`) : ''}`,
    ...(gpus > 0 ? [counted(gpus, 'gpu')] : []),
    `${mem} MB`,
  ].join(', ')
}

function figuresOf(resources: Resources): Readonly<Record<string, number>> {
  return {
    cpus: resources.scalar('cpus'),
    mem: resources.scalar('mem'),
    lent_cpus: resources.revocable().scalar('cpus'),
  }
}

/** The entry that tells of it; undefined for what is not worth one. */
export function entryOf(what: Occurrence, at: number, names: Names): Entry | undefined {
  switch (what.kind) {
    case 'offer-made':
      return undefined
    case 'offer-ended':
      return offerEntry(what, at, names)
    case 'task-added':
      return launchEntry(what.task, at, what.brought, names)
    case 'task-updated':
      return statusEntry(what.task, what.status, at, names)
    case 'task-refused':
      return refusedEntry(what.framework, what.status, at)
    case 'framework-subscribed':
    case 'framework-recovered':
    case 'framework-disconnected':
    case 'framework-updated':
    case 'framework-removed':
      return frameworkEntry(what, at)
    default:
      return agentEntry(what, at)
  }
}

function offerEntry(
  what: Extract<Occurrence, { kind: 'offer-ended' }>,
  at: number,
  { agent: agentOf, framework: frameworkOf }: Names,
): Entry {
  const { how, offer, refuseMs, tasks } = what
  const agent = agentOf(offer.agentId)
  const name = frameworkOf(offer.frameworkId)?.info.name ?? offer.frameworkId
  const where = agent === undefined ? offer.agentId : agentName(agent)
  const more =
    how === 'accepted'
      ? `for ${counted(tasks ?? 0, 'task')}`
      : refuseMs === undefined
        ? ''
        : `and does not want it for ${refuseMs / 1000} s`
  const text = `${OFFER_WORDS[how](name, `${amountsText(offer.resources)} on ${where}`)} ${more}`
  return {
    at,
    kind: `offer-${how}`,
    agentId: offer.agentId,
    frameworkId: offer.frameworkId,
    text: text.trimEnd(),
    record: {
      offer: offer.id,
      role: offer.role,
      ...figuresOf(offer.resources),
      ...(refuseMs !== undefined && { refuse_ms: refuseMs }),
      ...(tasks !== undefined && { tasks }),
    },
  }
}

const OFFER_WORDS: Readonly<Record<string, (framework: string, what: string) => string>> & {
  readonly [K in Extract<Occurrence, { kind: 'offer-ended' }>['how']]: (
    framework: string,
    what: string,
  ) => string
} = {
  accepted: (framework, what) => `${framework} accepted ${what}`,
  declined: (framework, what) => `${framework} declined ${what}`,
  rescinded: (framework, what) => `The offer of ${what} to ${framework} was rescinded`,
  expired: (framework, what) => `${framework} did not answer the offer of ${what} in time`,
  withdrawn: (framework, what) => `The offer of ${what} to ${framework} ended without an answer`,
}

const ofTask = ({ agentId, frameworkId, info }: Task): Pick<Entry, 'agentId' | 'frameworkId' | 'taskId'> => ({
  agentId,
  frameworkId,
  taskId: info.task_id.value,
})

function whereOf(task: Task, { agent: agentOf }: Names): string {
  const agent = agentOf(task.agentId)
  return agent === undefined ? task.agentId : agentName(agent)
}

function launchEntry(task: Task, at: number, brought: boolean, names: Names): Entry {
  const { info, resources, role } = task
  const id = info.task_id.value
  const framework = names.framework(task.frameworkId)?.info.name ?? task.frameworkId
  const [what, where] = [amountsText(resources), whereOf(task, names)]
  return {
    at,
    kind: brought ? 'task-brought' : 'task-launched',
    ...ofTask(task),
    text: brought
      ? `${where} came back with '${id}' of ${framework} (${what})`
      : `${framework} launched '${id}' on ${where} with ${what}`,
    record: { name: info.name, role, ...figuresOf(resources) },
  }
}

const wordOf = (state: string): string =>
  state
    .replace(/^TASK_/, '')
    .toLowerCase()
    .replaceAll('_', ' ')

function statusEntry(task: Task, status: TaskStatus, at: number, names: Names): Entry {
  const { healthy, message, reason, source, state } = status
  const ends = isTerminal(state) || state === 'TASK_UNREACHABLE'
  const takenBack = reason === 'REASON_CONTAINER_PREEMPTED'
  const said = message === undefined || message === '' ? '' : `: ${cut(message)}`
  return {
    at,
    kind: takenBack ? 'task-taken-back' : ends ? 'task-ended' : 'task-state',
    ...ofTask(task),
    text: takenBack
      ? `'${task.info.task_id.value}' was taken back on ${whereOf(task, names)}${said}`
      : `'${task.info.task_id.value}' is ${wordOf(state)} on ${whereOf(task, names)}${said}`,
    record: {
      state,
      ...(reason !== undefined && { reason }),
      ...(source !== undefined && { source }),
      ...(message !== undefined && { message: cut(message) }),
      ...(healthy !== undefined && { healthy }),
      ...figuresOf(task.resources),
    },
  }
}

function refusedEntry(framework: Framework, status: TaskStatus, at: number): Entry {
  const { agent_id: agentId, message = '', reason, state, task_id: id } = status
  return {
    at,
    kind: 'task-refused',
    frameworkId: framework.id,
    taskId: id.value,
    ...(agentId !== undefined && { agentId: agentId.value }),
    text: `'${id.value}' of ${framework.info.name} was not launched: ${cut(message)}`,
    record: { state, reason, message: cut(message) },
  }
}

function frameworkEntry(
  what: Extract<Occurrence, { framework: Framework }> & { kind: `framework-${string}` },
  at: number,
): Entry {
  const { framework, kind } = what
  const { info, roles } = framework
  const name = `'${info.name}'`
  const time = humanDuration((info.failover_timeout ?? 0) * 1000)
  const words: Readonly<Record<typeof kind, string>> = {
    'framework-subscribed':
      what.kind === 'framework-subscribed' && what.again
        ? `Framework ${name} subscribed again`
        : `Framework ${name} subscribed`,
    'framework-recovered': `Framework ${name} is known from an agent; it has not subscribed yet`,
    'framework-disconnected': `Framework ${name} disconnected; it has ${time} to come back`,
    'framework-updated': `Framework ${name} changed what it says of itself`,
    'framework-removed': `Framework ${name} is removed: ${what.kind === 'framework-removed' ? what.why : ''}`,
  }
  return {
    at,
    kind,
    frameworkId: framework.id,
    text: words[kind],
    record: { name: info.name, user: info.user, roles, principal: info.principal },
  }
}

function agentEntry(what: Extract<Occurrence, { agent: Agent }>, at: number): Entry | undefined {
  const { agent } = what
  const name = agentName(agent)
  const entry = (kind: EventKind, text: string, record: object = {}): Entry => ({
    at,
    kind,
    agentId: agent.id,
    text,
    record: { agent: name, hostname: agent.info.hostname, ...record },
  })
  switch (what.kind) {
    case 'agent-registered': {
      const total = figuresOf(agent.total)
      const amounts = amountsText(agent.own)
      return what.how === 'new'
        ? entry('agent-registered', `${name} registered with ${amounts}`, total)
        : entry('agent-returned', `${name} came back with ${amounts}`, total)
    }
    case 'agent-disconnected':
      return entry('agent-disconnected', `${name} disconnected`)
    case 'agent-removed':
      return entry(what.unreachable ? 'agent-unreachable' : 'agent-removed', `${name} ${what.why}`)
    case 'agent-standing': {
      const { deactivated, drain } = agent
      return entry('agent-standing', `${name} ${standingText(agent)}`, { deactivated, drain: drain?.state })
    }
    case 'lent-changed': {
      const cpus = agent.oversubscribed.scalar('cpus')
      return entry('lent', `${name} lends ${counted(cpus, 'cpu')}`, {
        cpus,
        mem: agent.oversubscribed.scalar('mem'),
      })
    }
    case 'lend-mode': {
      const to = agent.lending?.mode ?? ''
      return entry('lend-mode', `${name} is in mode ${to} of lending`, { from: what.from, to })
    }
    case 'lend-step': {
      const step = LEND_STEPS[what.counter]
      if (step === undefined) return undefined
      const times = what.by === 1 ? '' : ` ${what.by} times`
      return entry('lend-step', `${name} ${step}${times}`, { counter: what.counter, times: what.by })
    }
  }
}

const LEND_STEPS: Readonly<Record<string, string>> = {
  'tepui/lend_squeezes': 'held its borrowers to less',
  'tepui/lend_freezes': 'froze borrowers',
  'tepui/lend_thaws': 'let frozen borrowers go on',
  'tepui/lend_relaxes': 'gave its borrowers more again',
  'tepui/lend_unlends': 'stopped lending for a while',
  'tepui/lend_evictions': 'ended borrowers',
}

function standingText({ deactivated, drain }: Agent): string {
  if (drain !== undefined) return drain.state === 'DRAINED' ? 'is drained' : 'is being drained'
  return deactivated ? 'is deactivated: it is offered to nobody' : 'is in use again'
}

/** Offers that end in the same way again and again are counted, not told each time; the same of both is the same. */
export function sameOffer(how: string, offer: OutstandingOffer): string {
  const { agentId, frameworkId, resources, role } = offer
  const { cpus, lent_cpus: lent, mem } = figuresOf(resources)
  return `${how} ${frameworkId} ${agentId} ${role} ${cpus} ${lent} ${mem}`
}

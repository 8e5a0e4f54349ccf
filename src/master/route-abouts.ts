// What each route of the master is for: `/openapi.json`, `/docs` and `/help` are made of it.
import type { About, Abouts } from '../http/docs/about.ts'
import { operatorExample } from '../http/docs/examples.ts'
import { BUILD_FIELDS, HISTORY_QUERY, SHARED } from '../http/docs/shared-abouts.ts'
import { LinkCall, LinkEvent } from '../wire/link.ts'
import { MasterCall, MasterCallType } from '../wire/master-call.ts'
import { MasterEvent } from '../wire/master-event.ts'
import { MasterResponse } from '../wire/master-response.ts'
import { SchedulerCall, SchedulerEvent, SchedulerResponse } from '../wire/scheduler.ts'
import { LATER } from './operator/later.ts'
import { SCHEDULER_EXAMPLES } from './scheduler-examples.ts'

const OF_AGENT = { agent_id: 'whose files, when the path does not tell it' } as const
const JSON_BODY = 'The body is a JSON object.'

const OPERATOR: About = {
  kind: 'calls',
  summary: 'The operator API: what is there, what happens (SUBSCRIBE), and steering.',
  call: MasterCall,
  answer: MasterResponse,
  event: MasterEvent,
  examples: Object.fromEntries(
    Object.keys(MasterCallType.numbers).map((type) => [type, operatorExample(type)]),
  ),
  later: Object.values(LATER).flat(),
}

/** Those of Mesos. */
const PAGES: Abouts = {
  '/state': {
    kind: 'page',
    summary: 'The whole cluster.',
    fields: {
      ...BUILD_FIELDS,
      start_time: ['number', 'seconds since 1970'],
      elected_time: ['number', 'seconds since 1970'],
      id: ['string', 'of this life of the master'],
      pid: ['string', 'master@IP:PORT'],
      hostname: ['string', 'as it is told to others'],
      capabilities: ['array', 'names'],
      activated_slaves: ['number', 'agents that are offered'],
      deactivated_slaves: ['number', 'agents that are known and not offered'],
      unreachable_slaves: ['number', 'agents that may come back'],
      leader: ['string', 'pid of the leading master'],
      leader_info: ['object', 'id, pid, port, hostname of it'],
      cluster: ['string', 'its name', 'sometimes'],
      log_dir: ['string', 'where it logs to', 'sometimes'],
      flags: ['object', 'value as text by name'],
      slaves: ['array', 'agents'],
      recovered_slaves: ['array', 'always empty'],
      frameworks: ['array', 'with their tasks, offers and executors'],
      completed_frameworks: ['array', 'the same of those that ended'],
      orphan_tasks: ['array', 'always empty'],
      unregistered_frameworks: ['array', 'always empty'],
    },
  },
  '/state-summary': {
    kind: 'page',
    summary: 'Agents and frameworks with counts of their tasks.',
    fields: {
      hostname: ['string', 'of the master'],
      cluster: ['string', 'its name', 'sometimes'],
      slaves: ['array', 'agents'],
      frameworks: ['array', 'frameworks'],
    },
  },
  '/slaves': {
    kind: 'page',
    summary: 'Agents in full.',
    fields: { slaves: ['array', 'agents'], recovered_slaves: ['array', 'always empty'] },
    query: { slave_id: 'only this one' },
  },
  '/frameworks': {
    kind: 'page',
    summary: 'Frameworks with their tasks.',
    fields: {
      frameworks: ['array', 'that run'],
      completed_frameworks: ['array', 'that ended'],
      unregistered_frameworks: ['array', 'always empty'],
    },
    query: { framework_id: 'only this one' },
  },
  '/tasks': {
    kind: 'page',
    summary: 'Tasks, the newest first.',
    fields: { tasks: ['array', 'with their statuses'] },
    query: {
      framework_id: 'only of this one',
      task_id: 'only this one',
      limit: 'at most so many (100); below 0 all',
      offset: 'leave so many out',
      order: 'asc or desc',
    },
  },
  '/roles': {
    kind: 'page',
    summary: 'What each role has and may have.',
    fields: { roles: ['array', 'by name'] },
  },
  '/redirect': { kind: 'plain', summary: '307 to the leading master.', mediaType: undefined },
  '/teardown': {
    kind: 'plain',
    summary: 'Ends a framework with all its tasks.',
    mediaType: undefined,
    form: { frameworkId: 'its id' },
  },
}

/** Those of Tepui. */
const OWN: Abouts = {
  '/api/x1/agent': {
    kind: 'calls',
    summary: 'The link of our agents.',
    call: LinkCall,
    event: LinkEvent,
    examples: {},
  },
  '/api/x1/agents': {
    kind: 'page',
    summary: "ID/PAGE below it: an agent's own page, with the methods that it has there.",
    fields: {},
  },
  '/api/x1/lend': {
    kind: 'page',
    summary: 'What each agent lends, to whom, by which estimate.',
    fields: { total: ['object', 'of all agents'], agents: ['array', 'each of them'] },
  },
  '/api/x1/lend/history': {
    kind: 'page',
    summary: 'Decisions about lending of all agents, by time.',
    fields: {
      events: ['array', 'decisions, oldest first'],
      unanswered: ['array', 'agents that did not answer'],
    },
    query: { ...HISTORY_QUERY, kind: 'only of this kind', task: 'only about this one' },
  },
  '/api/x1/why': {
    kind: 'page',
    summary:
      'Why a task waits or ended, a framework gets nothing, an agent lends so little, or what an event was.',
    fields: {
      about: ['object', 'what was asked about'],
      sentence: ['string', 'the answer in one sentence'],
    },
    query: {
      task: 'the id or name of a task',
      framework_id: 'of which framework the task is, where several have one of that id',
      framework: 'the id or name of a framework',
      agent: 'the id or name of an agent',
      event: 'the number of an event',
      cpus: 'where a task of so many cpus would fit',
      mem: 'and of so much memory, MB',
      lent: 'true: its cpus are lent ones',
    },
  },
  '/api/x1/events': {
    kind: 'page',
    summary: 'What happened in the cluster.',
    fields: {
      events: ['array', 'oldest first'],
      oldest: ['any', 'number of the oldest event that is kept, or null'],
      newest: ['any', 'number of the newest, or null'],
      since: ['any', 'time of the oldest, ms since 1970, or null'],
    },
    query: {
      ...HISTORY_QUERY,
      after: 'only those behind this number',
      before: 'only those before this number',
      kind: 'only of these kinds, with commas',
      agent: 'a name, an id, or its beginning',
      framework: 'a name, an id, or its beginning',
      task: 'the id of a task',
      follow: 'true: a stream of records that goes on',
    },
  },
  '/api/x1/kill': {
    kind: 'page',
    summary: `Ends a task as if its framework asked for it, after grace_ms when that is given. ${JSON_BODY}`,
    query: { reason: 'why, for the log of events' },
    fields: { task_id: ['string', 'of the task'], framework_id: ['string', 'of its framework'] },
  },
  '/api/x1/stream': {
    kind: 'plain',
    summary: 'What the web page shows, as it changes.',
    mediaType: 'text/event-stream',
  },
  '/api/x1/task': {
    kind: 'page',
    summary: 'One task, for the web page.',
    fields: {},
    query: { framework: 'the id of its framework', task: 'its id' },
  },
  '/api/x1/usage': {
    kind: 'page',
    summary:
      'The last day of the whole cluster, a point each five minutes, added up from what agents remember.',
    fields: {
      now: ['number', 'wall time, ms'],
      step: ['number', 'ms between two points'],
      columns: ['array', 'the names of the numbers of a point'],
      points: ['array', 'oldest first'],
    },
  },
  '/assets': { kind: 'plain', summary: 'The files of the web page.', mediaType: 'application/octet-stream' },
  '/': { kind: 'plain', summary: 'The web page, or a line of text for programs.', mediaType: 'text/html' },
}

/** @param later paths that are answered with 501, and what they are about */
export function masterAbouts(later: readonly (readonly [path: string, subject: string])[]): Abouts {
  return {
    ...withAgent(SHARED),
    ...PAGES,
    ...OWN,
    '/api/v1': OPERATOR,
    '/api/v1/scheduler': {
      kind: 'calls',
      summary: 'The scheduler API: frameworks subscribe, take offers, launch tasks.',
      call: SchedulerCall,
      answer: SchedulerResponse,
      event: SchedulerEvent,
      examples: SCHEDULER_EXAMPLES,
    },
    ...Object.fromEntries(
      later.map(([path, subject]) => [path, { kind: 'later', summary: `Of Mesos, not yet: ${subject}.` }]),
    ),
  }
}

/** Files are those of an agent, here. */
function withAgent(abouts: Abouts): Abouts {
  return Object.fromEntries(
    Object.entries(abouts).map(([path, about]) => [
      path,
      path.startsWith('/files/') && (about.kind === 'page' || about.kind === 'plain')
        ? { ...about, query: { ...about.query, ...OF_AGENT } }
        : about,
    ]),
  )
}

// What each route of the agent is for: `/openapi.json`, `/docs` and `/help` are made of it.
import type { Abouts, PageField } from '../http/docs/about.ts'
import { operatorExample } from '../http/docs/examples.ts'
import { BUILD_FIELDS, HISTORY_QUERY, SHARED } from '../http/docs/shared-abouts.ts'
import { AgentCall, AgentCallType } from '../wire/agent-call.ts'
import { AgentResponse } from '../wire/agent-response.ts'
import { ExecutorCall, ExecutorEvent } from '../wire/executor.ts'
import { ProcessIO } from '../wire/process-io.ts'

const ids = { framework_id: { value: 'framework' }, executor_id: { value: 'executor' } }
const status = { task_id: { value: 'task' }, state: 'TASK_RUNNING', source: 'SOURCE_EXECUTOR' }

const EXECUTOR_EXAMPLES = {
  SUBSCRIBE: { type: 'SUBSCRIBE', ...ids, subscribe: {} },
  UPDATE: { type: 'UPDATE', ...ids, update: { status: { ...status, uuid: 'jiempx7OQquSBbkHh4uyhg==' } } },
  MESSAGE: { type: 'MESSAGE', ...ids, message: { data: 'aGVsbG8=' } },
  HEARTBEAT: { type: 'HEARTBEAT', ...ids },
}

const CONTAINER: Readonly<Record<string, PageField>> = {
  executor_id: ['string', 'the task, for a task without an executor of its own'],
  executor_name: ['string', 'its name'],
  framework_id: ['string', 'whose it is'],
  source: ['string', 'what the executor said'],
  statistics: ['object', 'what it uses, by the names of Mesos', 'sometimes'],
}

const LENDING: Abouts = {
  '/api/x1/lend': {
    kind: 'page',
    summary: 'What is lent and why so much; POST changes the switch and the options (a JSON object).',
    fields: {
      mode: ['string', 'off, observe, lend or full'],
      paused: ['boolean', 'an operator has paused it'],
      lending: ['boolean', 'whether something is lent now'],
      why_not: ['string', 'why nothing more is lent', 'sometimes'],
      lent: ['object', 'amounts by name'],
      estimate: ['object', 'the newest estimate with its terms', 'sometimes'],
      decisions: ['array', 'the newest'],
    },
    query: { check: 'true: read the tier back from the kernel first' },
  },
  '/api/x1/lend/history': {
    kind: 'page',
    summary: 'Decisions about lending, by time.',
    fields: {
      agent_id: ['string', 'of this agent'],
      hostname: ['string', 'of this agent'],
      events: ['array', 'decisions, oldest first'],
    },
    query: {
      ...HISTORY_QUERY,
      after: 'only those behind this number',
      kind: 'only of this kind',
      task: 'only about this one',
      framework: 'only about this one',
    },
  },
  '/api/x1/why': {
    kind: 'page',
    summary: 'Decisions about a task, or about one event.',
    fields: {
      agent_id: ['string', 'of this agent'],
      hostname: ['string', 'of this agent'],
      events: ['array', 'decisions, oldest first'],
    },
    query: { task: 'the id of a task', event: 'the number of an event' },
  },
}

const OWN: Abouts = {
  ...LENDING,
  '/api/x1/self': {
    kind: 'page',
    summary: 'What the agent itself costs, without its containers.',
    fields: {
      pid: ['number', 'of the process'],
      uptime_secs: ['number', 'seconds'],
      cpus_system_time_secs: ['number', 'seconds of processor time'],
      cpus_user_time_secs: ['number', 'seconds of processor time'],
      mem_rss_bytes: ['number', 'bytes'],
      mem_heap_bytes: ['number', 'bytes'],
      mem_external_bytes: ['number', 'bytes'],
      containers: ['number', 'that it has'],
    },
  },
  '/api/x1/usage': { kind: 'page', summary: 'What was used, as charts need it.', fields: {} },
  '/api/x1/fetch': {
    kind: 'page',
    summary: 'What is fetched, what was, and what the cache holds.',
    fields: {
      cache: ['any', 'the cache, or null'],
      under_way: ['array', 'fetches', 'sometimes'],
      recent: ['array', 'fetches that ended', 'sometimes'],
    },
  },
  '/api/x1/fetch/purge': {
    kind: 'page',
    summary: 'Removes from the cache what nobody uses.',
    fields: {},
  },
  '/api/x1/gc': {
    kind: 'page',
    summary: 'What is to be collected, when and why; POST collects now ({"older_than": "1hrs"}).',
    fields: {
      now: ['number', 'ms since 1970'],
      disk: ['any', 'of the work folder, or null'],
      rules: ['object', 'by which is collected'],
      scheduled_total: ['number', 'that wait'],
      scheduled_bytes: ['number', 'of them'],
      scheduled: ['array', 'the next of them'],
      collecting: ['boolean', 'whether it is under way'],
    },
  },
}

/** @param later paths that are answered with 501, and what they are about */
export function agentAbouts(later: readonly (readonly [path: string, subject: string])[]): Abouts {
  return {
    ...SHARED,
    ...OWN,
    '/api/v1': {
      kind: 'calls',
      summary: 'The operator API: what is there, and containers.',
      call: AgentCall,
      answer: AgentResponse,
      event: ProcessIO,
      examples: Object.fromEntries(
        Object.keys(AgentCallType.numbers).map((type) => [type, operatorExample(type)]),
      ),
    },
    '/api/v1/executor': {
      kind: 'calls',
      summary: 'The executor API: executors subscribe, get tasks, tell what becomes of them.',
      call: ExecutorCall,
      event: ExecutorEvent,
      examples: EXECUTOR_EXAMPLES,
    },
    '/state': {
      kind: 'page',
      summary: 'What runs here.',
      fields: {
        ...BUILD_FIELDS,
        id: ['string', 'of the agent; empty until it is registered'],
        pid: ['string', 'as clients take it apart'],
        hostname: ['string', 'as it is told to others'],
        resources: ['object', 'amounts by name'],
        attributes: ['object', 'value by name'],
        flags: ['object', 'value as text by name'],
        frameworks: ['array', 'with executors and tasks'],
        completed_frameworks: ['array', 'the same of those that ended'],
      },
    },
    '/containers': {
      kind: 'page',
      summary: 'Every container with what it uses.',
      list: true,
      fields: { container_id: ['string', 'its id'], ...CONTAINER, status: ['object', 'its first process'] },
      query: { container_id: 'only this one' },
    },
    ...Object.fromEntries(
      ['/monitor/statistics', '/monitor/statistics.json'].map((path) => [
        path,
        { kind: 'page', summary: 'What every container uses.', list: true, fields: CONTAINER } as const,
      ]),
    ),
    ...Object.fromEntries(
      later.map(([path, subject]) => [path, { kind: 'later', summary: `Of Mesos, not yet: ${subject}.` }]),
    ),
  }
}

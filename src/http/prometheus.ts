/** `/metrics`: what a daemon shows to Prometheus, in its text format. Families are read when somebody asks. */
import type { Registry } from 'prom-client'
import { TAKE_BACK, TAKE_BACK_BOUNDS, bucketOf } from '../resources/lend-counters.ts'
import type { Route } from './routes.ts'

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
  /** Behind the family's name: `_bucket`, `_sum`, `_count` of a histogram. */
  readonly suffix?: string
}

export interface Family {
  /** With the unit in it: `tepui_self_rss_bytes`; counters end in `_total`. */
  readonly name: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  /** What it means, in which unit. */
  readonly help: string
  readonly read: () => readonly Sample[]
}

/** @throws Error when two families have one name: a mistake in the program */
export function prometheusRoute(families: readonly Family[]): Route {
  const named = new Set(families.map(({ name }) => name))
  if (named.size < families.length) throw new Error('Two metrics for Prometheus have one name')
  let registry: Registry | undefined
  return {
    path: '/metrics',
    methods: ['GET'],
    exact: true,
    handle: async () => {
      registry ??= await registryOf(families)
      const body = Buffer.from(await registry.metrics())
      return { kind: 'bytes', status: 200, contentType: registry.contentType, body }
    },
  }
}

/** Its library is loaded when somebody asks: most agents are never scraped, and would hold it for nothing. */
async function registryOf(families: readonly Family[]): Promise<Registry> {
  const { Registry: PrometheusRegistry } = await import('prom-client')
  const registry = new PrometheusRegistry()
  for (const { name, type, help, read } of families) {
    const get = () => ({
      name,
      help,
      type,
      values: read().map(({ labels = {}, suffix = '', value }) => ({
        labels,
        value,
        metricName: name + suffix,
      })),
    })
    // The registry asks for nothing else; its own classes count for themselves, and these are counted already.
    registry.registerMetric({ name, help, get } as never)
  }
  return registry
}

/** A family without labels. */
export function single(
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  read: () => number | undefined,
): Family {
  return {
    name,
    type,
    help,
    read: () => {
      const value = read()
      return value === undefined ? [] : [{ value }]
    },
  }
}

/** A family with a sample for each value of one label. */
export function byLabel(
  type: 'gauge' | 'counter',
  name: string,
  help: string,
  label: string,
  read: () => Readonly<Record<string, number>>,
): Family {
  return {
    name,
    type,
    help,
    read: () =>
      Object.entries(read()).map(([value, number]) => ({ labels: { [label]: value }, value: number })),
  }
}

/** What both daemons show of lending; the master's are the sums of what its agents count. */
export function lendFamilies(count: (name: string) => number): Family[] {
  const lend = (name: string): number => count(`tepui/lend_${name}`)
  const action = (cause: string, what: string, value: number): Sample => ({
    labels: { cause, action: what },
    value,
  })
  return [
    {
      name: 'tepui_lend_takebacks_total',
      type: 'counter',
      help:
        'Steps with which lent resources were taken back from borrowers, by action (squeeze: a smaller quota for ' +
        'all of them, freeze: one was stopped, evict: one was ended) and by what the owners were short of.',
      read: () => [
        action('cpu', 'squeeze', lend('squeezes')),
        action('cpu', 'freeze', lend('freezes')),
        ...['cpu', 'memory', 'starved', 'load', 'other'].map((cause) =>
          action(cause, 'evict', lend(`evictions/${cause}`)),
        ),
      ],
    },
    {
      name: 'tepui_lend_takeback_seconds',
      type: 'histogram',
      help: 'Seconds from the decision to take something back to the moment when the owners have it.',
      read: () => [
        ...TAKE_BACK_BOUNDS.map((bound) => ({
          suffix: '_bucket',
          labels: { le: `${bound}` },
          value: count(bucketOf(bound)),
        })),
        { suffix: '_bucket', labels: { le: '+Inf' }, value: count(`${TAKE_BACK}/le_inf`) },
        { suffix: '_sum', value: count(`${TAKE_BACK}/sum`) },
        { suffix: '_count', value: count(`${TAKE_BACK}/count`) },
      ],
    },
    single(
      'counter',
      'tepui_lend_not_ours_total',
      'Times that an owner suffered and borrowers were found not to be the cause, so that nothing was taken back.',
      () => lend('not_ours'),
    ),
    single(
      'counter',
      'tepui_lend_tier_mended_total',
      'Groups of borrowers that somebody, systemd as a rule, had taken their class or quota from; they have it again.',
      () => lend('tier_mended'),
    ),
    single('counter', 'tepui_lend_refused_total', 'Steps of taking back that the kernel refused.', () =>
      lend('refused'),
    ),
  ]
}

/** What the daemon itself costs, and who talks to it. */
export function selfFamilies(count: (name: string) => number, uptimeSecs: () => number): Family[] {
  return [
    single('gauge', 'tepui_uptime_seconds', 'Seconds since this process began its work.', uptimeSecs),
    single('gauge', 'tepui_self_rss_bytes', 'Resident memory of this process alone, in bytes.', () =>
      process.memoryUsage.rss(),
    ),
    single(
      'counter',
      'tepui_self_cpu_seconds_total',
      'Processor time that this process used, user and system together, in seconds.',
      () => {
        const { user, system } = process.cpuUsage()
        return (user + system) / 1e6
      },
    ),
    single('counter', 'tepui_http_requests_total', 'HTTP requests that came.', () => count('http/requests')),
    single(
      'counter',
      'tepui_http_failed_requests_total',
      'HTTP requests that were answered 500 because of an error of ours.',
      () => count('http/failed_requests'),
    ),
    single('gauge', 'tepui_http_streams', 'Endless answers that are open now, of every API.', () =>
      count('http/streams'),
    ),
    single(
      'counter',
      'tepui_http_streams_cut_total',
      'Streams that were cut because their reader did not keep up.',
      () => count('http/streams_cut'),
    ),
  ]
}

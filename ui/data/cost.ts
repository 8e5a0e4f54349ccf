// What Tepui itself costs, of its metrics, in words for people. Pure.
import { amount, bytes, counted, percent } from './words.ts'

type Facts = readonly (readonly [name: string, words: string])[]

/** Memory and processor time of a daemon alone. */
export function ownCost(rssBytes: number, cpuSeconds: number, uptimeSeconds: number): string {
  return `${bytes(rssBytes)}, ${percent(cpuSeconds / Math.max(1, uptimeSeconds))} of a core since it began`
}

/** Of the metrics of a master; what it does not tell is left out. */
export function masterCost(metrics: Readonly<Record<string, number>>): Facts {
  const figure = (name: string): number => metrics[name] ?? Number.NaN
  const [cpus, free, total] = ['cpus_total', 'mem_free_bytes', 'mem_total_bytes'].map((name) =>
    figure(`system/${name}`),
  ) as [number, number, number]
  const loads = ['1min', '5min', '15min'].map((span) => amount(figure(`system/load_${span}`)))
  const [rss, cpu, uptime] = [
    figure('tepui/self_rss_bytes'),
    figure('tepui/self_cpu_seconds'),
    figure('master/uptime_secs'),
  ]
  const all: readonly (readonly [name: string, needed: number, words: () => string])[] = [
    ['the master itself', rss + cpu + uptime, () => ownCost(rss, cpu, uptime)],
    [
      'one allocation takes',
      figure('allocator/mesos/allocation_run_ms'),
      () => `${amount(figure('allocator/mesos/allocation_run_ms'))} ms`,
    ],
    ['requests read', figure('http/requests'), () => String(figure('http/requests'))],
    [
      'of them failed',
      figure('http/failed_requests'),
      () => `${figure('http/failed_requests')}, and ${figure('http/bad_requests')} were no HTTP`,
    ],
    [
      'open now',
      figure('http/connections'),
      () =>
        `${counted(figure('http/connections'), 'connection')}, ${counted(figure('http/streams'), 'stream')}, ` +
        counted(figure('tepui/page_readers'), 'web page'),
    ],
    ['load of its machine', cpus, () => `${loads.join(', ')} in 1, 5, 15 min, on ${counted(cpus, 'core')}`],
    ['memory of its machine', total, () => `${bytes(free)} free of ${bytes(total)}`],
  ]
  return all.flatMap(([name, needed, words]) => (Number.isFinite(needed) ? [[name, words()] as const] : []))
}

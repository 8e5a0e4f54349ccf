// What is known of a container at its end, for the garbage collector and for the tombstone of its sandbox.
import type { Ending } from '../../gc/plan.ts'
import type { ContainerFacts } from '../../gc/tombstone.ts'
import { exitWords } from '../core/exits.ts'
import { type AgentState, type Executor, executorOf, type Task } from '../core/state.ts'
import type { ContainerStatistics } from '../../resources/usage.ts'
import type { ContainerNews } from '../supervisor.ts'

type EndNews = Extract<ContainerNews, { type: 'exited' | 'launch-failed' }>

/** What was measured of a container last; of one that ran shortly nothing was. */
export interface LastMeasured {
  readonly diskBytes: number | undefined
  readonly statistics: ContainerStatistics | undefined
}

export interface EndOfContainer {
  readonly facts: ContainerFacts
  readonly ending: Ending
}

const FAILURES = new Set(['TASK_FAILED', 'TASK_ERROR', 'TASK_LOST', 'TASK_GONE', 'TASK_DROPPED'])
/** Causes for which nobody looks into a sandbox later. */
const ON_REQUEST = new Set(['killed', 'framework-removed', 'agent-shutdown', 'idle'])

/**
 * To be asked before the core hears of the end. Undefined for a container that it does not know.
 * @param now wall time, ms
 */
export function endOf(
  state: Readonly<AgentState>,
  news: EndNews,
  now: number,
  measured: LastMeasured,
): EndOfContainer | undefined {
  const executor = executorOf(state, news.containerId)
  if (executor === undefined || state.agentId === undefined) return undefined
  const tasks = [...executor.tasks.values(), ...executor.completedTasks]
  const startedAt = executor.process?.startedAt
  const facts: ContainerFacts = {
    agentId: state.agentId,
    frameworkId: executor.frameworkId,
    executorId: executor.id,
    containerId: news.containerId,
    taskIds: tasks.map(({ info }) => info.task_id.value),
    endedAt: now,
    ...(startedAt !== undefined && { startedAt }),
    cause: news.type === 'exited' ? exitWords(news.exit) : news.message,
    figures: { ...measuredFigures(measured), ...figuresOf(news, startedAt, now) },
  }
  return { facts, ending: endingOf(executor, tasks, news) }
}

function endingOf({ life }: Executor, tasks: readonly Task[], news: EndNews): Ending {
  if (tasks.some(({ state }) => FAILURES.has(state))) return 'failed'
  if ('cause' in life && ON_REQUEST.has(life.cause.kind)) return 'killed'
  return news.type === 'exited' && news.exit.kind === 'exited' && news.exit.code === 0
    ? 'succeeded'
    : 'failed'
}

function measuredFigures({ diskBytes, statistics }: LastMeasured): Readonly<Record<string, number>> {
  const figures = {
    cpu_secs: statistics?.cpuSeconds,
    mem_bytes: statistics?.memoryBytes,
    mem_peak_bytes: statistics?.memoryPeakBytes,
    disk_used_bytes: diskBytes,
  }
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => value !== undefined)) as Readonly<
    Record<string, number>
  >
}

function figuresOf(
  news: EndNews,
  startedAt: number | undefined,
  now: number,
): Readonly<Record<string, number>> {
  const figures: Record<string, number> = {}
  if (startedAt !== undefined) figures['run_secs'] = (now - startedAt) / 1000
  if (news.type !== 'exited') return figures
  const { exit } = news
  if (exit.kind === 'exited') figures['exit_code'] = exit.code
  if (exit.kind === 'disk') {
    figures['disk_limit_bytes'] = exit.limitBytes
    figures['disk_used_bytes'] = exit.usedBytes
  }
  if (exit.kind !== 'memory') return figures
  if (exit.limitBytes !== undefined) figures['mem_limit_bytes'] = exit.limitBytes
  if (exit.peakBytes !== undefined) figures['mem_peak_bytes'] = exit.peakBytes
  return figures
}

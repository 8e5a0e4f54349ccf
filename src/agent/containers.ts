// The supervisor with its sandboxes and its fetcher: what becomes of a container from the request to its last trace.
import { utimesSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { Fetcher } from '../fetcher/fetcher.ts'
import type { AgentFlags } from './flags.ts'
import type { AgentDeps, Ground } from './ground.ts'
import { type MadeSandbox, makeSandbox, type SandboxSettings } from './sandbox.ts'
import { type ContainerNews, Supervisor } from './supervisor.ts'

export interface ContainerEdges {
  readonly flags: AgentFlags
  readonly ground: Ground
  readonly metrics: Metrics
  readonly agentId: () => string
  readonly tell: (news: ContainerNews) => void
}

const FETCHED = 'containerizer/fetcher/task_fetches_succeeded'
const NOT_FETCHED = 'containerizer/fetcher/task_fetches_failed'

export function openSupervisor(edges: ContainerEdges, deps: AgentDeps): Supervisor {
  const { flags, ground, metrics, tell } = edges
  const { clock, random, log } = deps
  metrics.declare(FETCHED, NOT_FETCHED)
  const fetcher = new Fetcher(
    { clock, random },
    { stallTimeoutMs: flags.fetcher_stall_timeout, frameworksHome: flags.frameworks_home },
  )
  const settings = (): SandboxSettings => ({
    workDir: ground.workDir,
    switchUser: flags.switch_user,
    agentId: edges.agentId(),
    ip: ground.ip,
    port: ground.info.port ?? 0,
    extra: flags.executor_environment_variables ?? {},
    sandboxDirectory: flags.sandbox_directory,
  })
  const made = new Map<string, MadeSandbox>()
  return new Supervisor({
    log,
    containerizers: ground.containerizers,
    sandbox: async (request) => {
      const sandbox = await makeSandbox(request, settings(), random)
      made.set(request.containerId, sandbox)
      return sandbox
    },
    fetch: async (request, sandbox, observer, signal) => {
      const owner = made.get(request.containerId)?.owner
      const wanted = { uris: request.uris, sandbox: sandbox.directory, owner }
      try {
        await fetcher.fetch(wanted, (sentence) => observer.progress(sentence), signal)
        metrics.count(FETCHED)
      } catch (error) {
        metrics.count(NOT_FETCHED)
        throw error
      }
    },
    tell: (news) => {
      if (news.type === 'exited' || news.type === 'launch-failed') {
        stamp(made.get(news.containerId), clock, log)
        made.delete(news.containerId)
      }
      tell(news)
    },
  })
}

/** The sandbox's age for the garbage collector counts from the end of its container. */
function stamp(sandbox: MadeSandbox | undefined, clock: Clock, log: Logger): void {
  if (sandbox === undefined) return
  const now = clock.now() / 1000
  try {
    utimesSync(sandbox.directory, now, now)
  } catch (error) {
    const fields = { sandbox: sandbox.directory, reason: reasonOf(error) }
    log.warn(fields, 'the sandbox is not to be found any more')
  }
}

// The supervisor with its sandboxes and its fetcher: what becomes of a container from the request to its last trace.
import { utimesSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { reasonOf } from '../base/errors.ts'
import type { Logger } from '../base/log.ts'
import type { Fetching } from './fetching.ts'
import type { AgentFlags } from './flags.ts'
import type { AgentDeps, Ground } from './ground.ts'
import { type MadeSandbox, makeSandbox, type SandboxSettings, sandboxSettings } from './sandbox.ts'
import { type ContainerNews, Supervisor } from './supervisor.ts'

export interface ContainerEdges {
  readonly flags: AgentFlags
  readonly ground: Ground
  readonly fetching: Fetching
  readonly agentId: () => string
  /** @throws OperatingError when nothing new may start here now */
  readonly admit: () => Promise<void>
  readonly tell: (news: ContainerNews) => void
}

export function openSupervisor(edges: ContainerEdges, deps: AgentDeps): Supervisor {
  const { fetching, flags, ground, tell } = edges
  const { clock, random, log } = deps
  const { info, ip, workDir } = ground
  const settings = (): SandboxSettings =>
    sandboxSettings(flags, { workDir, agentId: edges.agentId(), ip, port: info.port ?? 0 })
  // Those of an earlier life are stamped at their end like others.
  const made = new Map<string, Pick<MadeSandbox, 'directory' | 'owner'>>(
    ground.known.map(({ containerId, sandbox }) => [containerId, { directory: sandbox, owner: undefined }]),
  )
  return new Supervisor({
    log,
    containerizers: ground.containerizers,
    sandbox: async (request) => {
      await edges.admit()
      const sandbox = await makeSandbox(request, settings(), random)
      made.set(request.containerId, sandbox)
      return sandbox
    },
    fetch: async (request, sandbox, observer, signal) => {
      const { containerId, uris } = request
      const owner = made.get(containerId)?.owner
      const wanted = { containerId, uris, sandbox: sandbox.directory, owner }
      await fetching.fetch(wanted, (sentence) => observer.progress(sentence), signal)
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
function stamp(sandbox: Pick<MadeSandbox, 'directory'> | undefined, clock: Clock, log: Logger): void {
  if (sandbox === undefined) return
  const now = clock.now() / 1000
  try {
    utimesSync(sandbox.directory, now, now)
  } catch (error) {
    const fields = { sandbox: sandbox.directory, reason: reasonOf(error) }
    log.warn(fields, 'the sandbox is not to be found any more')
  }
}

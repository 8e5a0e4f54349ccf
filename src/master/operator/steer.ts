// The calls of operators that change something: frameworks torn down, agents drained, deactivated, given up.
import { assert } from '../../base/errors.ts'
import { empty, text, type Answer } from '../../http/response.ts'
import type { MasterCall, MasterCallDrainAgent } from '../../wire/master-call.ts'
import type { CallHandler } from '../../http/operator/dispatch.ts'
import type { Cluster } from '../core/cluster.ts'
import { problemWithWish } from '../core/draining.ts'
import type { AgentID } from '../../wire/ids.ts'
import type { History } from '../history/history.ts'
import type { Happening, Shell } from '../shell.ts'

export interface SteerDeps {
  readonly cluster: Cluster
  readonly shell: Shell
  readonly history: Pick<History, 'operator'>
}

type Wish = Parameters<typeof problemWithWish>[1]

/** 200 when it is done; 400 or 404 with the reason why it cannot be. Who asked is written down. */
export function steerHandlers(deps: SteerDeps): Readonly<Record<SteerType, CallHandler<MasterCall>>> {
  const agents =
    (wish: Wish, what: (call: MasterCall) => AgentWish | undefined): CallHandler<MasterCall> =>
    (call, request) => {
      const wanted = what(call)
      assert(wanted !== undefined, 'the gate looked at the part of the call')
      const { agentId, happening, saying } = wanted
      const problem = problemWithWish(deps.cluster, wish, agentId)
      if (problem !== undefined) return text(problem.status, problem.message)
      deps.history.operator({ agentId, text: `An operator ${saying}` }, request.remote.address)
      deps.shell.dispatch(happening)
      return empty(200)
    }
  return {
    TEARDOWN: ({ teardown }, { remote }) =>
      tearDown(deps, teardown?.framework_id.value ?? '', remote.address),
    DRAIN_AGENT: agents('drain', ({ drain_agent: asked }) =>
      about(asked, (agentId) => ({ type: 'drain-agent', agentId, config: configOf(asked) }), 'drains it'),
    ),
    DEACTIVATE_AGENT: agents('deactivate', ({ deactivate_agent: asked }) =>
      about(asked, (agentId) => ({ type: 'deactivate-agent', agentId }), 'deactivates it'),
    ),
    REACTIVATE_AGENT: agents('reactivate', ({ reactivate_agent: asked }) =>
      about(asked, (agentId) => ({ type: 'reactivate-agent', agentId }), 'puts it to use again'),
    ),
    MARK_AGENT_GONE: agents('mark-gone', ({ mark_agent_gone: asked }) =>
      about(asked, (agentId) => ({ type: 'mark-agent-gone', agentId }), 'gives it up for good'),
    ),
  }
}

type SteerType = 'TEARDOWN' | 'DRAIN_AGENT' | 'DEACTIVATE_AGENT' | 'REACTIVATE_AGENT' | 'MARK_AGENT_GONE'

interface AgentWish {
  readonly agentId: string
  readonly happening: Happening
  /** For the events: `An operator …`. */
  readonly saying: string
}

function about(
  asked: { readonly agent_id: AgentID } | undefined,
  make: (agentId: string) => Happening,
  saying: string,
): AgentWish | undefined {
  if (asked === undefined) return undefined
  const agentId = asked.agent_id.value
  return { agentId, happening: make(agentId), saying }
}

/** As if the framework had called TEARDOWN. */
export function tearDown({ cluster, shell, history }: SteerDeps, frameworkId: string, from: string): Answer {
  if (!cluster.frameworks.has(frameworkId)) return text(400, 'No framework found with specified ID')
  history.operator({ frameworkId, text: `An operator tears framework ${frameworkId} down` }, from)
  shell.dispatch({ type: 'framework-call', frameworkId, call: { type: 'TEARDOWN' } })
  return empty(200)
}

/** What is wrong with the times of a DRAIN_AGENT. */
export function problemWithDrain({ drain_agent: asked }: MasterCall): string | undefined {
  const { seconds = 0, nanos = 0 } = asked?.max_grace_period ?? {}
  return seconds < 0 || nanos < 0 ? "Expecting 'max_grace_period' to be non-negative" : undefined
}

function configOf(asked: MasterCallDrainAgent | undefined): {
  max_grace_period?: { nanoseconds: number }
  mark_gone: boolean
} {
  const { max_grace_period: grace, mark_gone = false } = asked ?? {}
  if (grace === undefined) return { mark_gone }
  return { max_grace_period: { nanoseconds: (grace.seconds ?? 0) * 1e9 + (grace.nanos ?? 0) }, mark_gone }
}

// The calls of operators that change something: frameworks torn down, agents drained, deactivated, given up.
import { assert } from '../../base/errors.ts'
import { empty, text, type Answer } from '../../http/response.ts'
import type { MasterCall, MasterCallDrainAgent } from '../../wire/master-call.ts'
import type { CallHandler } from '../../http/operator/dispatch.ts'
import type { Cluster } from '../core/cluster.ts'
import { problemWithWish } from '../core/draining.ts'
import type { AgentID } from '../../wire/ids.ts'
import { agentName } from '../history/entries.ts'
import type { History } from '../history/history.ts'
import type { Happening, Shell } from '../shell.ts'
import { readReason } from './reason.ts'

export interface SteerDeps {
  readonly cluster: Cluster
  readonly shell: Shell
  readonly history: Pick<History, 'operator'>
}

type Wish = Parameters<typeof problemWithWish>[1]

/** 200 when it is done; 400 or 404 with why it cannot be. Who asked is written down, and why (`?reason=`). */
export function steerHandlers(deps: SteerDeps): Readonly<Record<SteerType, CallHandler<MasterCall>>> {
  const agents =
    (wish: Wish, what: (call: MasterCall) => AgentWish | undefined): CallHandler<MasterCall> =>
    (call, request) => {
      const wanted = what(call)
      assert(wanted !== undefined, 'the gate looked at the part of the call')
      const { agentId, happening, verb } = wanted
      const problem = problemWithWish(deps.cluster, wish, agentId)
      if (problem !== undefined) return text(problem.status, problem.message)
      const reason = readReason(request)
      if ('refusal' in reason) return reason.refusal
      const agent = deps.cluster.agents.get(agentId)
      const name = agent === undefined ? agentId : agentName(agent)
      const said = `An operator ${verb(name)}${reason.because}`
      deps.history.operator({ agentId, text: said }, request.remote.address)
      deps.shell.dispatch(happening)
      return empty(200)
    }
  return {
    TEARDOWN: ({ teardown }, { remote }) =>
      tearDown(deps, teardown?.framework_id.value ?? '', remote.address),
    DRAIN_AGENT: agents('drain', ({ drain_agent: asked }) =>
      about(
        asked,
        (agentId) => ({ type: 'drain-agent', agentId, config: configOf(asked) }),
        (name) => `drains ${name}`,
      ),
    ),
    DEACTIVATE_AGENT: agents('deactivate', ({ deactivate_agent: asked }) =>
      about(
        asked,
        (agentId) => ({ type: 'deactivate-agent', agentId }),
        (name) => `deactivates ${name}`,
      ),
    ),
    REACTIVATE_AGENT: agents('reactivate', ({ reactivate_agent: asked }) =>
      about(
        asked,
        (agentId) => ({ type: 'reactivate-agent', agentId }),
        (name) => `puts ${name} to use again`,
      ),
    ),
    MARK_AGENT_GONE: agents('mark-gone', ({ mark_agent_gone: asked }) =>
      about(
        asked,
        (agentId) => ({ type: 'mark-agent-gone', agentId }),
        (name) => `gives ${name} up for good`,
      ),
    ),
  }
}

type SteerType = 'TEARDOWN' | 'DRAIN_AGENT' | 'DEACTIVATE_AGENT' | 'REACTIVATE_AGENT' | 'MARK_AGENT_GONE'

interface AgentWish {
  readonly agentId: string
  readonly happening: Happening
  /** For the events, from the agent's name: `An operator …`. */
  readonly verb: (name: string) => string
}

function about(
  asked: { readonly agent_id: AgentID } | undefined,
  make: (agentId: string) => Happening,
  verb: AgentWish['verb'],
): AgentWish | undefined {
  if (asked === undefined) return undefined
  const agentId = asked.agent_id.value
  return { agentId, happening: make(agentId), verb }
}

/** As if the framework had called TEARDOWN. */
export function tearDown({ cluster, shell, history }: SteerDeps, frameworkId: string, from: string): Answer {
  const framework = cluster.frameworks.get(frameworkId)
  if (framework === undefined) return text(400, 'No framework found with specified ID')
  history.operator({ frameworkId, text: `An operator tears '${framework.info.name}' down` }, from)
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

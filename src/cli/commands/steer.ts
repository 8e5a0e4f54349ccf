// What operators do to agents and frameworks: `tepui drain`, `undrain`, `teardown`, by the calls of Mesos.
import { OperatingError } from '../../base/errors.ts'
import type { Command, Context } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { findFramework } from '../find-framework.ts'
import { agentsNamed } from '../lend-api.ts'
import { type StateAgent, MasterApi } from '../master-api.ts'
import { isSet, textOf, timeOf } from '../option-values.ts'
import { isData, showData } from '../output.ts'

export const drainCommand: Command = {
  name: 'drain',
  arguments: ['<agent>'],
  summary: 'Take an agent out of use: it gets no tasks any more, and those that it has are ended',
  options: [
    { flags: '--grace <time>', help: 'The longest that a task may take to end (default: what it asks for)' },
    { flags: '--gone', help: 'Give the agent up for good when it is empty' },
    { flags: '--reason <words>', help: 'Why: `tepui events` tells it' },
  ],
  run: async (context, [name = ''], options) => {
    const grace = timeOf(options, 'grace')
    const config = {
      ...(grace !== undefined && { max_grace_period: durationOf(grace) }),
      ...(isSet(options, 'gone') && { mark_gone: true }),
    }
    return steer(context, name, {
      done: 'is being drained; `tepui agents` and `tepui events` tell when it is',
      reason: textOf(options, 'reason'),
      call: (id) => ({ type: 'DRAIN_AGENT', drain_agent: { agent_id: { value: id }, ...config } }),
    })
  },
}

/** As the protobuf of Google has it, which this call takes where others take nanoseconds. */
const durationOf = (ms: number): { readonly seconds: number; readonly nanos: number } => ({
  seconds: Math.floor(ms / 1000),
  nanos: Math.round((ms % 1000) * 1e6),
})

export const undrainCommand: Command = {
  name: 'undrain',
  arguments: ['<agent>'],
  summary: 'Put an agent that was drained or deactivated to use again',
  run: (context, [name = '']) =>
    steer(context, name, {
      done: 'is in use again',
      call: (id) => ({ type: 'REACTIVATE_AGENT', reactivate_agent: { agent_id: { value: id } } }),
    }),
}

interface Steering {
  readonly done: string
  readonly reason?: string | undefined
  readonly call: (agentId: string) => object
}

async function steer(context: Context, name: string, { call, done, reason }: Steering): Promise<number> {
  const { clock, common, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const agent = onlyOne(agentsNamed((await api.state()).agents, name), name)
  const path = reason === undefined ? '/api/v1' : `/api/v1?reason=${encodeURIComponent(reason)}`
  await api.post(path, JSON.stringify(call(agent.id)), 'application/json')
  await tell(context, { agent: agent.name, agent_id: agent.id }, `${agent.name} ${done}`)
  return EXIT.done
}

function onlyOne(agents: readonly StateAgent[], typed: string): StateAgent {
  const [agent, other] = agents
  if (agent !== undefined && other === undefined) return agent
  const names = agents.map(({ id, name }) => `${name} (${id})`).join(', ')
  throw new OperatingError('USAGE', `'${typed}' means ${agents.length} agents: ${names}`, {
    hint: 'Type more of the id',
  })
}

export const teardownCommand: Command = {
  name: 'teardown',
  arguments: ['<framework>'],
  summary: 'End a framework with all its tasks, as if it had asked for it',
  run: async (context, [name = '']) => {
    const { clock, common, signal } = context
    using api = new MasterApi(common.master, clock, signal)
    const { id, name: named, tasks } = findFramework(await api.state(), name)
    const form = 'application/x-www-form-urlencoded'
    await api.post('/teardown', `frameworkId=${encodeURIComponent(id)}`, form)
    await tell(context, { framework: named, framework_id: id, tasks: tasks.length }, `${named} is torn down`)
    return EXIT.done
  },
}

async function tell(context: Context, data: object, words: string): Promise<void> {
  if (isData(context.common)) await showData(context, data)
  else context.screen.print(words)
}

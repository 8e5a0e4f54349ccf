// What operators do to agents and frameworks, by the calls of Mesos: `tepui drain`, `deactivate`, `gone`, `teardown`.
import { OperatingError } from '../../base/errors.ts'
import { counted } from '../../base/words.ts'
import type { Command, Context } from '../command.ts'
import { confirm, YES_OPTION } from '../confirm.ts'
import { EXIT } from '../exit-codes.ts'
import { allTasks } from '../find-task.ts'
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

export const deactivateCommand: Command = {
  name: 'deactivate',
  arguments: ['<agent>'],
  summary: 'Offer an agent to nobody any more; its tasks go on (undrain puts it to use again)',
  options: [{ flags: '--reason <words>', help: 'Why: `tepui events` tells it' }],
  run: (context, [name = ''], options) =>
    steer(context, name, {
      done: 'is offered to nobody; its tasks go on',
      reason: textOf(options, 'reason'),
      call: (id) => ({ type: 'DEACTIVATE_AGENT', deactivate_agent: { agent_id: { value: id } } }),
    }),
}

export const goneCommand: Command = {
  name: 'gone',
  arguments: ['<agent>'],
  summary: 'Give an agent up for good: its tasks are told gone, and it is refused should it come back',
  options: [{ flags: '--reason <words>', help: 'Why: `tepui events` tells it' }, YES_OPTION],
  run: (context, [name = ''], options) =>
    steer(context, name, {
      done: 'is given up for good',
      reason: textOf(options, 'reason'),
      ask: (agent, tasks) => confirm(context, options, goneText(agent, tasks)),
      call: (id) => ({ type: 'MARK_AGENT_GONE', mark_agent_gone: { agent_id: { value: id } } }),
    }),
}

function goneText({ name, standing }: StateAgent, tasks: number): string {
  const state = standing === 'active' ? 'connected' : standing
  return `Give up ${name}, which is ${state}, for good with its ${counted(tasks, 'task')}`
}

interface Steering {
  readonly done: string
  /** Before it is done. @throws OperatingError when it is not to be */
  readonly ask?: (agent: StateAgent, tasks: number) => Promise<void>
  readonly reason?: string | undefined
  readonly call: (agentId: string) => object
}

async function steer(context: Context, name: string, { ask, call, done, reason }: Steering): Promise<number> {
  const { clock, common, signal } = context
  using api = new MasterApi(common.master, clock, signal)
  const state = await api.state()
  const agent = onlyOne(agentsNamed(state.agents, name), name)
  await ask?.(agent, allTasks(state).filter(({ isLive, task }) => isLive && task.agentId === agent.id).length)
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

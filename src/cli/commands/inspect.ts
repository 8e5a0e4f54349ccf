// `tepui inspect task|agent|framework NAME`: everything that the master says of one thing.
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { findFramework } from '../find-framework.ts'
import { allTasks, findTask } from '../find-task.ts'
import { agentsNamed } from '../lend-api.ts'
import { type ClusterState, type Json, list, MasterApi, object } from '../master-api.ts'
import { isData, showData } from '../output.ts'

const KINDS: readonly string[] = ['task', 'agent', 'framework']

export const inspectCommand: Command = {
  name: 'inspect',
  arguments: ['<kind>', '<name>'],
  summary: 'Print everything that the master says of a task, an agent or a framework (YAML, or -o json)',
  run: async (context, [kind = '', name = '']) => {
    const { clock, common, signal } = context
    if (!KINDS.includes(kind))
      throw usageError(`'${kind}' cannot be inspected`, 'tepui inspect task|agent|framework NAME')
    using api = new MasterApi(common.master, clock, signal)
    const found = await inspected(api, await api.state(), kind, name)
    await showData(isData(common) ? context : { ...context, common: { ...common, output: 'yaml' } }, found)
    return EXIT.done
  },
}

async function inspected(api: MasterApi, state: ClusterState, kind: string, name: string): Promise<Json> {
  const one = async (path: string, field: string, what: string): Promise<Json> => {
    const [found] = list((await api.get(path))[field])
    if (found === undefined) throw new OperatingError('REFUSED', `The master has forgotten ${what} '${name}'`)
    return object(found)
  }
  switch (kind) {
    case 'task': {
      const { id, frameworkId } = findTask(allTasks(state), name).task
      const query = new URLSearchParams({ task_id: id, framework_id: frameworkId })
      return one(`/tasks?${query.toString()}`, 'tasks', 'task')
    }
    case 'agent': {
      const [agent] = agentsNamed(state.agents, name)
      return one(`/slaves?slave_id=${encodeURIComponent(agent?.id ?? name)}`, 'slaves', 'agent')
    }
    default: {
      const { id } = findFramework(state, name)
      const page = await api.get(`/frameworks?framework_id=${encodeURIComponent(id)}`)
      const [found] = [...list(page['frameworks']), ...list(page['completed_frameworks'])]
      return object(found)
    }
  }
}

// `tepui agents`: which agents there are and what they have.
import type { Command } from '../command.ts'
import { EXIT } from '../exit-codes.ts'
import { MasterApi, number, text } from '../master-api.ts'
import { table } from '../screen.ts'
import { amountText, memoryText } from '../words.ts'
import { isData, showData } from '../output.ts'

export const agentsCommand: Command = {
  name: 'agents',
  summary: 'List the agents and what they have',
  run: async (context) => {
    const { clock, common, screen, signal } = context
    using api = new MasterApi(common.master, clock, signal)
    const { agents } = await api.state()
    if (isData(common)) {
      await showData(context, agents)
      return EXIT.done
    }
    if (agents.length === 0)
      screen.note('No agent is registered. Start one: tepui agent --master=HOST:PORT --work_dir=DIR')
    const wide = common.output === 'wide'
    const rows = agents.map((agent) => [
      agent.name,
      `${agent.ip}:${agent.port}`,
      agent.standing,
      `${amountText(number(agent.used['cpus']))} of ${amountText(number(agent.resources['cpus']))}`,
      amountText(number(agent.used['cpus_revocable'])),
      `${memoryText(number(agent.used['mem']))} of ${memoryText(number(agent.resources['mem']))}`,
      ...(wide
        ? [`${memoryText(number(agent.used['disk']))} of ${memoryText(number(agent.resources['disk']))}`]
        : []),
      (wide ? Object.keys(agent.attributes) : ['os', 'kernel', 'docker', 'cgroups'])
        .filter((name) => agent.attributes[name] !== undefined)
        .map((name) => `${name}=${String(agent.attributes[name])}`)
        .join(' '),
      ...(wide ? [text(agent.resources['ports'])] : []),
      agent.id,
    ])
    const more = wide ? ['DISK', 'ATTRIBUTES', 'PORTS'] : ['MACHINE']
    const head = ['AGENT', 'ADDRESS', 'STATE', 'CPUS', 'LENT', 'MEMORY', ...more, 'ID']
    for (const line of table(head, rows)) screen.print(line)
    return EXIT.done
  },
}

// `tepui demo`: the story of lending, told and measured on this machine.
import type { Command } from '../command.ts'
import { isSet, timeOf } from '../option-values.ts'

export const demoCommand: Command = {
  name: 'demo',
  summary: 'Show on this machine how idle CPUs are lent and taken back, with measured figures',
  options: [
    { flags: '--json', help: 'Print nothing but one object with the figures' },
    { flags: '--yes', help: 'Answer all questions with yes (for the script that starts it)' },
    { flags: '--for <time>', help: 'How long it may take at most (default 2m)' },
  ],
  run: async (context, _, options) => {
    const { runDemo } = await import('../demo/demo.ts')
    const json = isSet(options, 'json') || context.common.output === 'json'
    return runDemo(context, { json, withinMs: timeOf(options, 'for') ?? 120_000 })
  },
}

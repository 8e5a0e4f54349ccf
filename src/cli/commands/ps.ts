// `tepui ps`: the tasks that run, or all that the master remembers; those that are wanted, in the form that is wanted.
import type { Command, OptionValues } from '../command.ts'
import { listOptions, showList } from '../listing.ts'
import { isSet, textOf } from '../option-values.ts'
import { STATE_WORDS, statesOf, TASK_LISTING, tasksWanted, type Wanted } from '../task-list.ts'

export const psCommand: Command = {
  name: 'ps',
  summary: 'List tasks',
  options: [
    { flags: '-a, --all', help: 'Also tasks that have ended' },
    { flags: '--lent', help: 'Only those on lent CPUs' },
    { flags: '--agent <agent>', help: 'Only those of this agent' },
    { flags: '--framework <framework>', help: 'Only those of this framework' },
    {
      flags: '--state <states>',
      help: 'Only in these states, such as running or failed,lost',
      choices: STATE_WORDS.map((word) => word.replaceAll(' ', '-')),
    },
    ...listOptions(TASK_LISTING.columns),
  ],
  run: async (context, _, options) => {
    const wanted = wantedOf(options)
    return showList(context, TASK_LISTING, options, async (api, shown) =>
      tasksWanted(await api.state(), wanted, shown),
    )
  },
}

function wantedOf(options: OptionValues): Wanted {
  return {
    all: isSet(options, 'all'),
    lent: isSet(options, 'lent'),
    agent: textOf(options, 'agent'),
    framework: textOf(options, 'framework'),
    states: statesOf(textOf(options, 'state')),
  }
}

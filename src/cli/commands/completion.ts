// `tepui completion bash|zsh|fish`: scripts that complete commands, options and the names of what is there.
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import type { Command, Context } from '../command.ts'
import { type Commands, completions } from '../completions.ts'
import { EXIT } from '../exit-codes.ts'
import { type ClusterState, MasterApi } from '../master-api.ts'

/** A shell that waits longer for names is worse than one without. */
const NAMES_WITHIN_MS = 300

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_tepui() {
  local IFS=$'\\n'
  COMPREPLY=($(tepui completion words "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _tepui tepui`,
  zsh: `#compdef tepui
_tepui() {
  local -a found
  found=("\${(@f)$(tepui completion words "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _tepui tepui`,
  fish: `function __tepui_words
  set -l words (commandline -opc) (commandline -ct)
  tepui completion words $words[2..-1] 2>/dev/null
end
complete -c tepui -a '(__tepui_words)'`,
}

/** @param names of all commands, of which this is one */
export function completionCommand(names: readonly string[], named: Commands['named']): Command {
  return {
    name: 'completion',
    arguments: ['<shell>', '[words...]'],
    summary:
      'Print a script that completes commands and live names: source <(tepui completion bash); also zsh, fish',
    passThrough: true,
    run: async (context, [shell = '', ...words]) => {
      if (shell === 'words') {
        const found = await completions({ names, named }, words, () => stateSoon(context))
        for (const word of found) context.screen.print(word)
        return EXIT.done
      }
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined
      if (script === undefined)
        throw usageError(`There is no completion for '${shell}'`, 'tepui completion bash, zsh or fish')
      context.screen.print(script)
      return EXIT.done
    },
  }
}

/** Undefined when the master does not answer at once. */
async function stateSoon({ clock, common, signal }: Context): Promise<ClusterState | undefined> {
  const late = new AbortController()
  using _ = clock.after(NAMES_WITHIN_MS, () =>
    late.abort(new OperatingError('UNREACHABLE', 'The master is too slow for names')),
  )
  using api = new MasterApi(common.master, clock, AbortSignal.any([signal, late.signal]))
  try {
    return await api.state()
  } catch (error) {
    // Commands and options are completed without it.
    if (error instanceof OperatingError) return undefined
    throw error
  }
}

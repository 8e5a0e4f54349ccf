// `tepui completion bash|zsh|fish`: scripts that complete commands, options and the names of what is there.
import { OperatingError } from '../../base/errors.ts'
import { usageError } from '../../base/flags.ts'
import type { Command, Context } from '../command.ts'
import { type Commands, completions } from '../completions.ts'
import { masterMeant, readContexts } from '../contexts.ts'
import { EXIT } from '../exit-codes.ts'
import { type ClusterState, MasterApi } from '../master-api.ts'

/** A shell that waits longer for names is worse than one without. */
const NAMES_WITHIN_MS = 800

// Names are quoted: they are what frameworks call their tasks, and come to stand on a command line. zsh and fish do so.
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_tepui() {
  # HOST:PORT and TASK:PATH are three words to bash; what stands before the last colon is not replaced.
  local i word words=() before=
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((\${#words[@]})) && [[ $word == :* || \${words[-1]} == *: ]]; then words[-1]+=$word; else words+=("$word"); fi
  done
  [[ $COMP_WORDBREAKS == *:* && $word != "\${words[-1]}" ]] && before=\${words[-1]%"\${words[-1]##*:}"}
  mapfile -t COMPREPLY < <(tepui completion words "\${words[@]}" 2>/dev/null)
  for i in "\${!COMPREPLY[@]}"; do printf -v "COMPREPLY[i]" %q "\${COMPREPLY[i]#"$before"}"; done
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
  set -l found (tepui completion words $words[2..-1] 2>/dev/null)
  if set -q found[1]; printf '%s\\n' $found; else; __fish_complete_path (commandline -ct); end
end
complete -c tepui -f -a '(__tepui_words)'`,
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
        const masters = (): readonly string[] => [...readContexts(context.environment).masters.keys()]
        const found = await completions({ names, named, masters }, words, () =>
          stateSoon(context, masterIn(words)),
        )
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

/** The master that the words themselves name. */
function masterIn(words: readonly string[]): string | undefined {
  const at = words.findIndex((word) => word === '-m' || word === '--master')
  return at < 0 ? undefined : words[at + 1]
}

/** Undefined when the master does not answer at once. */
async function stateSoon(
  { clock, common, environment, signal }: Context,
  master = common.master,
): Promise<ClusterState | undefined> {
  const late = new AbortController()
  using _ = clock.after(NAMES_WITHIN_MS, () =>
    late.abort(new OperatingError('UNREACHABLE', 'The master is too slow for names')),
  )
  using api = new MasterApi(masterMeant(master, environment), clock, AbortSignal.any([signal, late.signal]))
  try {
    return await api.state()
  } catch (error) {
    // Commands and options are completed without it.
    if (error instanceof OperatingError) return undefined
    throw error
  }
}

// Asks before what cannot be undone: at a terminal by a question, elsewhere it takes --yes.
import { createInterface } from 'node:readline/promises'
import { OperatingError } from '../base/errors.ts'
import { usageError } from '../base/flags.ts'
import type { Context, Option, OptionValues } from './command.ts'
import { isSet } from './option-values.ts'

export const YES_OPTION: Option = { flags: '-y, --yes', help: 'Do it without a question' }

/**
 * @param deed what is about to happen, such as `End 3 tasks (a, b, c)`
 * @throws OperatingError USAGE without a terminal and --yes, STOPPED when the answer is not yes
 */
export async function confirm({ signal }: Context, options: OptionValues, deed: string): Promise<void> {
  if (isSet(options, 'yes')) return
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw usageError(`${deed}: nobody is there to ask`, 'Give --yes to do it without a question')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await terminal.question(`${deed}? [y/N] `, { signal })
    if (!/^y(es)?$/i.test(answer.trim())) throw new OperatingError('STOPPED', 'Nothing was done')
  } finally {
    terminal.close()
  }
}

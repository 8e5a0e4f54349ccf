// What the exit code of a command says; docs/reference/commands.md has the same table.
import type { ErrorCode } from '../base/errors.ts'

export const EXIT = {
  done: 0,
  error: 1,
  /** `run`: no offer fitted within --timeout. */
  notPlaced: 2,
  /** `run`: the task ran on lent resources and its owner wanted them back. */
  takenBack: 3,
  /** `each`: some agents failed, others did not. */
  partly: 4,
  usage: 64,
  /** Nobody answers at the address of the master. */
  unreachable: 69,
  /** `run`, `exec`: it ended without an exit code of its own, and not by a signal. */
  ours: 125,
  /** Stopped by Ctrl-C, as shells count it: 128 and the number of the signal. */
  interrupted: 130,
} as const

/** The exit code for a trouble that ended a command. */
export function exitCodeOf(code: ErrorCode): number {
  if (code === 'USAGE') return EXIT.usage
  return code === 'UNREACHABLE' ? EXIT.unreachable : EXIT.error
}

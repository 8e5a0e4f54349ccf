// How an error is told (spec/experience.md 3.2): what failed, the cause, the fix; never a stack without --debug.
import { OperatingError, reasonOf } from '../base/errors.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'

export interface Told {
  readonly lines: readonly string[]
  readonly exitCode: number
}

/**
 * The lines for standard error and the exit code.
 * @param program `tepui`, or `tepui run` for a command
 */
export function tell(program: string, error: unknown, debug: boolean): Told {
  const stack = debug && error instanceof Error && error.stack !== undefined ? [error.stack] : []
  if (error instanceof OperatingError) {
    const cause = error.cause === undefined ? '' : reasonOf(error.cause)
    return {
      lines: [
        `${program}: ${oneLine(error.message)}`,
        ...(cause === '' || error.message.includes(cause) ? [] : [`  cause: ${oneLine(cause)}`]),
        ...(error.hint === undefined ? [] : [`  fix:   ${oneLine(error.hint)}`]),
        ...stack,
      ],
      exitCode: exitCodeOf(error.code),
    }
  }
  const lines = [`${program}: a fault of its own: ${oneLine(reasonOf(error))}`]
  if (!debug) lines.push('  fix:   Run it again with --debug and report what it prints')
  return { lines: [...lines, ...stack], exitCode: EXIT.error }
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ')
}

// How `tepui run` tells the end of its task, and with which exit code it ends itself: pure.
import { counted } from '../base/words.ts'
import { shortfallText } from '../frameworks/placement.ts'
import { exitCodeOfTask, type RunOutcome, wasTakenBack } from '../frameworks/run.ts'
import type { TaskStatus } from '../sdk/sdk.ts'
import { EXIT } from './exit-codes.ts'
import { stateWord } from './words.ts'

export interface End {
  readonly exitCode: number
  readonly lines: readonly string[]
}

/** @param stopped the user pressed Ctrl-C */
export function endOf(outcome: RunOutcome, stopped: boolean): End {
  switch (outcome.kind) {
    case 'stopped':
      return { exitCode: EXIT.interrupted, lines: ['tepui run: stopped before it was placed'] }
    case 'not-placed': {
      const { nearest, seen } = outcome
      const cause =
        nearest === undefined
          ? '  cause: no offer came: no agent has anything free for this role'
          : `  cause: of ${counted(seen, 'offer')} none fits; ` +
            `the nearest is ${nearest.agentName}: ${shortfallText(nearest.missing)}`
      const fix = '  fix:   ask for less, wait longer (--timeout), or look at `tepui top --once`'
      return { exitCode: EXIT.notPlaced, lines: ['tepui run: not placed in time', cause, fix] }
    }
    case 'task-ended':
      return endOfTask('tepui run', outcome.status, outcome.placement.agentName, stopped)
  }
}

/** @param program that tells it, such as `tepui wait` */
export function endOfTask(program: string, status: TaskStatus, agent: string, stopped = false): End {
  const words = status.message ?? ''
  const said = words === '' ? '' : `: ${words}`
  if (status.state === 'TASK_FINISHED')
    return { exitCode: EXIT.done, lines: [`ended     ${words}`.trimEnd()] }
  if (wasTakenBack(status)) {
    const lines = [
      `${program}: taken back on ${agent}: its owner wanted the lent resources (not a crash)`,
      `  cause: ${words}`,
      '  fix:   run it again; it waits until something is lent',
    ]
    return { exitCode: EXIT.takenBack, lines }
  }
  if (stopped)
    return { exitCode: EXIT.interrupted, lines: [`${program}: ended on ${agent} because you asked${said}`] }
  const reason = status.reason === undefined ? '' : ` (${status.reason})`
  const lines = [`${program}: ${stateWord(status.state)} on ${agent}${said}${reason}`]
  return { exitCode: exitCodeOfTask(status) ?? launchCode(words), lines }
}

/** As Docker counts a program that cannot be started: 126 when it may not be run, 127 when there is none. */
function launchCode(words: string): number {
  if (/permission denied/i.test(words) && /exec|start/i.test(words)) return 126
  if (/executable file not found|no such file or directory/i.test(words) && /exec|start/i.test(words))
    return 127
  return EXIT.ours
}

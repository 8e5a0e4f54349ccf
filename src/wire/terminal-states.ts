// Which states of a task are its last (spec/mesos.md 2.8). Apart from the messages, which are much to load.

const TERMINAL: ReadonlySet<string> = new Set([
  'TASK_FINISHED',
  'TASK_FAILED',
  'TASK_KILLED',
  'TASK_ERROR',
  'TASK_LOST',
  'TASK_DROPPED',
  'TASK_GONE',
  'TASK_GONE_BY_OPERATOR',
])

/** Whether a state is the last one that a task has. TASK_UNREACHABLE and TASK_UNKNOWN are not. */
export function isTerminal(state: string): boolean {
  return TERMINAL.has(state)
}

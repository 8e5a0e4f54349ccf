// How a container's end is told: in the words of Mesos's executors, and as the number that `waitpid` gives.
import type { ContainerExit } from '../../containerizer/containerizer.ts'
import { unreachable } from '../../base/errors.ts'
import { diskFigures } from './limitations.ts'

// Linux's numbers and glibc's names of signals (signal(7), strsignal(3)): Mesos prints the latter.
const SIGNALS: Readonly<Record<string, readonly [number, string]>> = {
  SIGHUP: [1, 'Hangup'],
  SIGINT: [2, 'Interrupt'],
  SIGQUIT: [3, 'Quit'],
  SIGILL: [4, 'Illegal instruction'],
  SIGTRAP: [5, 'Trace/breakpoint trap'],
  SIGABRT: [6, 'Aborted'],
  SIGBUS: [7, 'Bus error'],
  SIGFPE: [8, 'Floating point exception'],
  SIGKILL: [9, 'Killed'],
  SIGUSR1: [10, 'User defined signal 1'],
  SIGSEGV: [11, 'Segmentation fault'],
  SIGUSR2: [12, 'User defined signal 2'],
  SIGPIPE: [13, 'Broken pipe'],
  SIGALRM: [14, 'Alarm clock'],
  SIGTERM: [15, 'Terminated'],
  SIGSTKFLT: [16, 'Stack fault'],
  SIGXCPU: [24, 'CPU time limit exceeded'],
  SIGXFSZ: [25, 'File size limit exceeded'],
  SIGVTALRM: [26, 'Virtual timer expired'],
  SIGPROF: [27, 'Profiling timer expired'],
  SIGIO: [29, 'I/O possible'],
  SIGPWR: [30, 'Power failure'],
  SIGSYS: [31, 'Bad system call'],
}

const SIGKILL = 9

/** `exited with status 3`, `terminated with signal Terminated`, or the kernel's story. */
export function exitWords(exit: ContainerExit): string {
  switch (exit.kind) {
    case 'exited':
      return `exited with status ${exit.code}`
    case 'signaled': {
      const words = `terminated with signal ${SIGNALS[exit.signal]?.[1] ?? exit.signal}`
      return exit.detail === undefined ? words : `${words}; ${exit.detail}`
    }
    case 'memory':
      return `killed for memory: ${exit.detail}`
    case 'disk':
      return `killed for disk: ${diskFigures(exit)}`
    case 'lost':
      return `ended in an unknown way: ${exit.detail}`
    default:
      return unreachable(exit, 'container exit')
  }
}

/** What `waitpid` would have said: the exit status in the second byte, a signal in the first, −1 when nobody knows. */
export function waitStatus(exit: ContainerExit): number {
  switch (exit.kind) {
    case 'exited':
      return exit.code << 8
    case 'signaled':
      return SIGNALS[exit.signal]?.[0] ?? -1
    case 'memory':
    case 'disk':
      return SIGKILL
    case 'lost':
      return -1
    default:
      return unreachable(exit, 'container exit')
  }
}

/**
 * Keeps the turns of borrowers short. The kernel's scheduler gives the idle class a turn now and then although an owner
 * is runnable (EEVDF: it is owed a share, however small), and looks again only at its next tick: 4 ms at 250 Hz. A
 * process that wakes on that processor makes it look at once. So one sleeps on each, and does nothing else: a line of
 * Perl, which is a part of every Debian, for Node's own timers are of whole milliseconds, on one processor.
 * docs/decisions/0009-short-turns-for-borrowers.md has what it brings and costs.
 */
import { readFileSync } from 'node:fs'
import { reasonOf } from '../base/errors.ts'
import { type ProcessGroup, startGroup } from '../base/exec.ts'

export const TURN_PROGRAMS: readonly string[] = ['perl', 'taskset', 'chrt']

/**
 * Arguments: seconds, processors. One process for each, all of which end when the standard input does, so that they
 * cannot outlive an agent that was killed, or together when one of them fails. As batch (SCHED_BATCH) they take the
 * processor from the idle class when they wake, and from nobody else: an owner that computes is not interrupted.
 */
const PROGRAM = `
  use strict;
  my ($seconds, @cpus) = @ARGV;
  my $cpu = pop @cpus;
  open STDOUT, '>', '/dev/null';
  sub fail { print STDERR "$_[0]\\n"; kill 'KILL', -getpgrp }
  while (@cpus) {
    my $child = fork // fail("fork: $!");
    last if $child == 0;
    $cpu = pop @cpus;
  }
  @cpus = ();
  system('taskset', '-pc', $cpu, $$) == 0 or fail("taskset does not pin a process to processor $cpu");
  system('chrt', '-b', '-p', '0', $$) == 0 or fail('chrt does not make a process batch');
  my $input = '';
  vec($input, 0, 1) = 1;
  1 until select(my $ended = $input, undef, undef, $seconds);
`

export interface TurnTimersOptions {
  /** How long a turn may last at most, ms. */
  readonly turnMs: number
  /** The processors; those that we may use when left out. */
  readonly cpus?: readonly number[]
  /** Why they do not run, once for each end that nobody asked for. */
  readonly onTrouble: (reason: string) => void
  readonly program?: string
}

export class TurnTimers implements Disposable {
  readonly #options: TurnTimersOptions
  #group: ProcessGroup | undefined
  #starting: Promise<void> | undefined
  #isWanted = false

  constructor(options: TurnTimersOptions) {
    this.#options = options
  }

  /** Whether turns are kept short now. */
  get isRunning(): boolean {
    return this.#group !== undefined
  }

  /** Resolves when they run, or do not. */
  async start(): Promise<void> {
    this.#isWanted = true
    this.#starting ??= this.#start().finally(() => (this.#starting = undefined))
    await this.#starting
  }

  stop(): void {
    this.#isWanted = false
    const group = this.#group
    this.#group = undefined
    group?.kill()
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  async #start(): Promise<void> {
    if (this.#group !== undefined) return
    const { cpus = allowedCpus(), onTrouble, program = 'perl', turnMs } = this.#options
    try {
      const group = await startGroup(program, ['-e', PROGRAM, String(turnMs / 1000), ...cpus.map(String)])
      if (!this.#isWanted) return group.kill()
      this.#group = group
      void this.#watch(group)
    } catch (error) {
      onTrouble(reasonOf(error))
    }
  }

  async #watch(group: ProcessGroup): Promise<void> {
    let words = ''
    group.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-1000)))
    const { exitCode, signal } = await group.exited
    if (this.#group !== group) return
    this.#group = undefined
    group.kill()
    this.#options.onTrouble(words.trim() || `they ended by ${signal ?? `status ${exitCode}`}`)
  }
}

/** The processors that this process may use; `0-3,8` in the kernel's words. */
export function allowedCpus(status = readFileSync('/proc/self/status', 'utf8')): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0'
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, index) => first + index)
  })
}

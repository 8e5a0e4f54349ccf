// Decides how a container ended: the shim's record, the shell's own end, and the kernel's counters of memory kills.
import { constants } from 'node:os'
import type { MemoryDeath } from '../cgroups.ts'
import type { ContainerExit } from '../containerizer.ts'

/** The shim's record: a code, or the number of the signal. */
export type ExitRecord =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signaled'; readonly number: number }

/** Reads `STATE/exit`; undefined when it is absent, still blank or cut short. What follows the first line is blank. */
export function parseExitRecord(text: string | undefined): ExitRecord | undefined {
  const match = /^(exited|signaled) (\d{1,3})\n/.exec(text ?? '')
  if (match === null) return undefined
  const status = Number(match[2])
  if (match[1] === 'signaled' && status > 128) return { kind: 'signaled', number: status - 128 }
  return { kind: 'exited', code: status }
}

/** `SIGKILL` for 9; real-time signals have no name and stay numbers. */
export function signalName(number: number): string {
  const named = Object.entries(constants.signals).find(([, value]) => value === number)
  return named?.[0] ?? `SIG${number}`
}

/** 9 for `SIGKILL`; 0 for a name that this machine does not know. */
export function signalNumberOf(name: string | undefined): number {
  return Object.entries(constants.signals).find(([known]) => known === name)?.[1] ?? 0
}

export interface EndFacts {
  readonly record: ExitRecord | undefined
  readonly shim: { readonly exitCode: number | undefined; readonly signal: string | undefined }
  readonly memory: MemoryDeath | undefined
  /** What we did to it ourselves, as a sentence; undefined when nobody asked us to kill it. */
  readonly killed: string | undefined
  /** Why there may be no record, as a sentence, where that is known. */
  readonly unrecorded?: string | undefined
}

export function explainExit(facts: EndFacts): ContainerExit {
  const { memory, killed } = facts
  const record = facts.record ?? recordOfShim(facts.shim)
  const succeeded = record?.kind === 'exited' && record.code === 0
  // A program that saw a child die for memory usually fails with a code of its own; the cause is the kill all the same.
  if (memory !== undefined && !succeeded && killed === undefined) {
    const { level, limitBytes, peakBytes, detail } = memory
    return { kind: 'memory', level, limitBytes, peakBytes, detail }
  }
  if (record === undefined) {
    const cause = facts.shim.signal ?? 'an unknown cause'
    const detail = facts.unrecorded ?? `The shell that supervised the command was ended by ${cause} first`
    return { kind: 'lost', detail }
  }
  if (record.kind === 'exited') return record
  return { kind: 'signaled', signal: signalName(record.number), detail: killed }
}

/** When the disk was too full for the record, the shell's own exit code still has the status. */
function recordOfShim(shim: EndFacts['shim']): ExitRecord | undefined {
  const { exitCode } = shim
  if (exitCode === undefined) return undefined
  return exitCode > 128 ? { kind: 'signaled', number: exitCode - 128 } : { kind: 'exited', code: exitCode }
}

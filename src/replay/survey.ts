// The first reading of a recording: checks all of it, and finds out what the replay has to know beforehand.
import { OperatingError } from '../base/errors.ts'
import type { Moment } from './rows.ts'
import { LONGEST_INTERVAL_MS, stepsOf } from './seconds.ts'

/** A little over a year: more would take hours. */
const MAX_SECONDS = 32_000_000

export interface Survey {
  readonly rows: number
  readonly moments: number
  readonly owners: number
  readonly borrowers: number
  /** ms, as the recording counts them. */
  readonly from: number
  readonly to: number
  /** Snapshots that it becomes. */
  readonly seconds: number
  /** Time in intervals that were too long, of which nothing is known, ms. */
  readonly gapMs: number
  /** Of the machine where its rows tell, else the most that owners had reserved at one time. */
  readonly cores: number
  readonly memoryMb: number
}

/** Where no row of the machine tells how much memory there is, it is no trouble. */
const PLENTY_MB = 1024 * 1024

/** @throws OperatingError USAGE when there are no owners, LIMIT when it goes on for too long */
export async function survey(moments: AsyncGenerator<Moment, number>): Promise<Survey> {
  const names = { owner: new Set<string>(), borrower: new Set<string>(), machine: new Set<string>() }
  const most = { machineCores: 0, machineMb: 0, cores: 0 }
  let [count, seconds, gapMs] = [0, 0, 0]
  let from: number | undefined
  let to = 0
  for (;;) {
    const next = await moments.next()
    if (next.done === true) {
      if (names.owner.size === 0)
        throw new OperatingError('USAGE', 'The recording has no row of an owner below its header')
      return {
        rows: next.value,
        moments: count,
        owners: names.owner.size,
        borrowers: names.borrower.size,
        from: from ?? 0,
        to,
        seconds,
        gapMs,
        cores: most.machineCores > 0 ? most.machineCores : most.cores,
        memoryMb: most.machineMb > 0 ? most.machineMb : PLENTY_MB,
      }
    }
    const { at, rows } = next.value
    count++
    if (from !== undefined && at - to > LONGEST_INTERVAL_MS) gapMs += at - to
    seconds += from === undefined ? 1 : stepsOf(at - to)
    if (seconds > MAX_SECONDS)
      throw new OperatingError('LIMIT', `The recording is longer than ${MAX_SECONDS} seconds`)
    from ??= at
    to = at
    let cores = 0
    for (const { kind, name, limit, memLimitMb } of rows) {
      names[kind].add(name)
      if (kind === 'owner') cores += limit
      if (kind === 'machine') most.machineCores = Math.max(most.machineCores, limit)
      if (kind === 'machine') most.machineMb = Math.max(most.machineMb, memLimitMb ?? 0)
    }
    most.cores = Math.max(most.cores, cores)
  }
}

// An owner grows by 1 GiB/s into memory that was lent: what it notices, what is freed, and whether that was needed.
import { type Figure, figure } from '../../src/base/figures.ts'
import { availableMb } from './machine.ts'
import type { Ramp, Ramped } from './ramp.ts'
import type { LendRig, LendRecord } from './rig.ts'
import { borrower } from './tail.ts'
import type { Started } from './tasks.ts'
import { Worker } from './worker.ts'

const RAMP_MB_PER_SECOND = 1024
const HOLD_MS = 1500
/** Of each borrower. */
const BORROWED_MB = 640
/** What the machine keeps beside borrowers before the ramp; the rest is lent and in use. */
const LEFT_MB = 6000
/** What must come back from borrowers, MB. */
const NEEDED_MB = 6000
/** The controller's default: 5 % stay available, and half of that is the least. */
const RESERVE = 0.05
const FILL_MS = 60_000

interface Ran {
  readonly ramped: Ramped | undefined
  readonly records: readonly LendRecord[]
  readonly neededMb: number
}

/** Needs a rig that lends memory, with an agent of almost all of the machine's. */
export async function measureMemory(rig: LendRig, totalMb: number): Promise<readonly Figure[]> {
  const killing = await run(rig, totalMb, 'full')
  rig.context.say(`  with kills: ${told(killing)}`)
  for (const round of killing.records.filter(({ kind }) => kind === 'evict'))
    rig.context.say(`    ${roundOf(round.record)}`)
  const sparing = await run(rig, totalMb, 'lend')
  rig.context.say(`  kills off: ${told(sparing)}`)
  const kills = killing.records.filter(({ kind }) => kind === 'evict')
  // The kills of one round share one record.
  const killed = kills.reduce((sum, { record }) => sum + (record['chosen'] as readonly string[]).length, 0)
  const freedMb = kills.reduce((sum, { record }) => sum + freedBy(record), 0)
  // With kills off the kernel ends borrowers itself, last resort: an owner that noticed nothing of it needed no kills.
  const harmless = (sparing.ramped?.stallMs ?? Number.POSITIVE_INFINITY) <= 50
  return [
    figure('memory ramp: owners ended by the kernel', killing.ramped === undefined ? 1 : 0, '', '= 0'),
    figure('memory ramp: longest stall', killing.ramped?.stallMs ?? Number.NaN, 'ms', '<= 50'),
    figure('memory ramp: freed over needed', freedMb / killing.neededMb, '', '<= 1.25'),
    figure('memory ramp: rounds of kills', kills.length, ''),
    figure('memory ramp: kills', killed, ''),
    figure('memory ramp: unneeded kills (the same with kills off)', harmless ? killed : 0, '', '= 0'),
    figure('memory ramp: longest stall with kills off', sparing.ramped?.stallMs ?? Number.NaN, 'ms'),
    figure('memory ramp: usual time for 8 MB', killing.ramped?.usualMs ?? Number.NaN, 'ms'),
    figure('memory ramp: speed reached', speedOf(killing.ramped), 'MB/s'),
  ]
}

async function run(rig: LendRig, totalMb: number, mode: 'full' | 'lend'): Promise<Ran> {
  await rig.set({ mode })
  const reserveMb = RESERVE * totalMb
  const mem = Math.floor(totalMb - 3000)
  const worker = await Worker.start<Ramp, Ramped>(rig, { program: 'ramp', cpus: 1.9, mem })
  const borrowers: Started[] = []
  const count = Math.floor((availableMb() - LEFT_MB) / BORROWED_MB)
  try {
    for (let index = 0; index < count; index++) borrowers.push(await rig.start(rig.borrowers, hog(index)))
    let before = Number.NaN
    await rig.until('borrowers held what they were lent', FILL_MS, async () => {
      const last = before
      await rig.sleep(1000)
      before = availableMb()
      return last - before < 20
    })
    const available = availableMb()
    const mb = available - reserveMb / 2 + NEEDED_MB
    const since = rig.context.clock.now()
    const ramped = await worker
      .ask({ mb, mbPerSecond: RAMP_MB_PER_SECOND, holdMs: HOLD_MS })
      .catch((error: unknown) => {
        rig.context.say(`  the owner did not answer: ${String(error)}`)
        return undefined
      })
    return { ramped, records: await rig.history(since), neededMb: NEEDED_MB }
  } finally {
    await worker[Symbol.asyncDispose]()
    for (const task of borrowers) await task.kill()
    for (const task of borrowers) await task.over
  }
}

function hog(index: number): ReturnType<typeof borrower> {
  const vm = ['--vm', '1', '--vm-bytes', `${BORROWED_MB - 40}m`, '--vm-keep', '--vm-hang', '0', '--quiet']
  return borrower(`memory${index}`, ['stress-ng', ...vm], 0.02, BORROWED_MB)
}

function speedOf(ramped: Ramped | undefined): number {
  return ramped === undefined ? Number.NaN : ramped.mb / ramped.seconds
}

function freedBy(record: LendRecord['record']): number {
  const chosen = record['chosen'] as readonly string[]
  const candidates = record['candidates'] as readonly { readonly id: string; readonly frees: number }[]
  return candidates.filter(({ id }) => chosen.includes(id)).reduce((sum, { frees }) => sum + frees, 0)
}

/** One round of evictions in a line: what led to it, what it found missing, whom it took. */
function roundOf(record: LendRecord['record']): string {
  const { signal, value, threshold, needs, before } = record as Readonly<Record<string, number | string>> & {
    readonly before: { readonly value: number }
  }
  const chosen = record['chosen'] as readonly string[]
  const [found, limit, missed] = [value, threshold, needs].map((one) => Number(Number(one).toPrecision(3)))
  const left = before.value.toFixed(0)
  return `${signal} ${found} (limit ${limit}), ${left} MB left, ${missed} missed: ${chosen.length} ended`
}

function told({ ramped, records }: Ran): string {
  const kinds = Object.entries(Object.groupBy(records, ({ kind }) => kind))
  const words = kinds.map(([kind, some]) => `${some?.length} ${kind}`).join(', ')
  return `stall ${ramped?.stallMs.toFixed(0) ?? 'unknown'} ms, ${words === '' ? 'no decisions' : words}`
}

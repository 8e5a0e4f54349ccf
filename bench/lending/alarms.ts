// Owners that suffer from something else than borrowers: nobody may be held back or ended for it, but for a moment's
// freeze that asks whether borrowers are the reason.
import { type Figure, figure } from '../../src/base/figures.ts'
import type { LendRecord, LendRig } from './rig.ts'
import { borrower, CPU_BOUND } from './tail.ts'
import type { Started, Wish } from './tasks.ts'

interface Alarm {
  readonly name: string
  readonly owner: Wish
  readonly borrower: Wish
}

const owner = (name: string, cpus: number, run: Wish['run'], quotaCpus?: number): Wish => ({
  name,
  cpus,
  mem: 256,
  docker: true,
  run,
  ...(quotaCpus !== undefined && { quotaCpus }),
})

const ALARMS: readonly Alarm[] = [
  {
    name: 'an owner hits its own quota',
    owner: owner('quota', 1, ['stress-ng', '--cpu', '2', '--quiet'], 0.5),
    borrower: borrower('hog', [...CPU_BOUND]),
  },
  {
    name: "the host's disk is busy",
    owner: owner('disk', 1, [
      'stress-ng',
      '--hdd',
      '1',
      '--hdd-bytes',
      '64m',
      '--hdd-opts',
      'sync',
      '--quiet',
    ]),
    borrower: borrower('hog', [...CPU_BOUND]),
  },
  {
    name: 'an owner has more threads than cores, borrowers are idle',
    owner: owner('threads', 1.8, ['stress-ng', '--cpu', '4', '--quiet']),
    borrower: borrower('sleeper', ['sleep', '600']),
  },
]

/** Needs a rig with nothing on it. */
export async function measureAlarms(rig: LendRig, seconds: number): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const alarm of ALARMS) {
    // Only idle reservations are lent: this one is there until the borrower runs.
    const reserve = await rig.start(rig.owners, owner('idle', 1.9, ['sleep', '600']))
    const first = await rig.start(rig.borrowers, alarm.borrower)
    await end(reserve)
    const since = rig.context.clock.now()
    const troubled = await rig.start(rig.owners, alarm.owner)
    await rig.sleep(seconds * 1000)
    const records = await rig.history(since)
    const held = records.filter(({ kind }) => kind === 'squeeze' || kind === 'freeze')
    const [probes, wrong] = [held.filter(isProbe), held.filter((record) => !isProbe(record))]
    for (const { text } of wrong) rig.context.say(`  false alarm: ${text}`)
    for (const { text } of probes) rig.context.say(`  asked: ${text}`)
    figures.push(
      figure(`false alarms: ${alarm.name}: squeezes`, wrong.length, '', '= 0'),
      figure(`false alarms: ${alarm.name}: freezes of 50 ms that asked`, probes.length, ''),
      figure(
        `false alarms: ${alarm.name}: kills`,
        records.filter(({ kind }) => kind === 'evict').length,
        '',
        '= 0',
      ),
    )
    await end(troubled)
    await end(first)
  }
  return figures
}

/** A freeze that ended by itself, as a question. */
const isProbe = ({ record }: LendRecord): boolean => record['probeMs'] !== undefined

async function end(task: Started): Promise<void> {
  await task.kill()
  await task.over
}

// What a borrower gets done beside an owner, over the same program that owns the owner's idle share outright.
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatingError } from '../../src/base/errors.ts'
import { type Figure, figure } from '../../src/base/figures.ts'
import { seededRandom } from '../../src/base/random.ts'
import { median, medianInterval } from '../statistics.ts'
import type { LendRig } from './rig.ts'
import type { Owner } from './services.ts'
import { borrower } from './tail.ts'
import type { Wish } from './tasks.ts'

export interface WorkOptions {
  readonly rate: number
  readonly rounds: number
  readonly seconds: number
}

const CORES = 2

/**
 * Each round: the idle share that the owner leaves when it is alone, then the same program with a quota of just that
 * and no owner, then beside the owner. Needs a rig without a borrower.
 */
export async function measureWork(
  rig: LendRig,
  owner: Owner,
  options: WorkOptions,
): Promise<readonly Figure[]> {
  const { rate, rounds, seconds } = options
  const ratios: number[] = []
  const shares: number[] = []
  for (let round = 1; round <= rounds; round++) {
    const alone = await rig.measured(() => owner.phase(rate, Math.min(2, seconds), round))
    const quotaCpus = alone.cpu.idle * CORES
    const own = await work(rig, { ...wish(seconds), cpus: 0.1, quotaCpus }, false)
    const [beside] = await Promise.all([
      work(rig, wish(seconds), true),
      // Longer than the borrower lives, so that it is never alone on the machine.
      owner.phase(rate, seconds + 1.5, round),
    ])
    rig.context.say(
      `  idle ${quotaCpus.toFixed(2)} cores: ${own.toFixed(0)} ops/s outright, ${beside.toFixed(0)} lent`,
    )
    ratios.push(beside / own)
    shares.push(quotaCpus)
  }
  const { low } = medianInterval(ratios, seededRandom(rate))
  return [
    figure("borrower's work over owning the idle share, lower end", low, '', '>= 0.9'),
    figure("borrower's work over owning the idle share, median", median(ratios), ''),
    figure('idle share that was lent', median(shares), 'cores'),
  ]
}

function wish(seconds: number): Wish {
  const method = ['--cpu', '2', '--cpu-method', 'matrixprod']
  return borrower('work', ['stress-ng', ...method, '--timeout', `${seconds}s`, '--metrics-brief'])
}

/** Operations per second, as stress-ng counts them itself. */
async function work(rig: LendRig, one: Wish, lent: boolean): Promise<number> {
  const task = await rig.start(lent ? rig.borrowers : rig.owners, one)
  await task.over
  const pattern = join(rig.daemons.folder, 'agent/**/executors', task.taskId, 'runs/*/std*')
  const text = globSync(pattern)
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n')
  // stressor, operations, seconds, user time, system time, operations per second
  const found = /\bcpu\s+(\d+)\s+([\d.]+)\s+[\d.]+\s+[\d.]+\s+[\d.]+/.exec(text)
  if (found === null)
    throw new OperatingError('LAUNCH', `The borrower ${task.taskId} told no figures: ${text.slice(-300)}`)
  return Number(found[1]) / Number(found[2])
}

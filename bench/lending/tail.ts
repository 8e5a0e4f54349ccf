// An owner's slowest requests beside borrowers that use all the rest, over the same owner alone; and how full it gets.
import { type Figure, figure } from '../../src/base/figures.ts'
import { seededRandom } from '../../src/base/random.ts'
import { median, medianInterval, sum } from '../statistics.ts'
import type { CpuShare } from './machine.ts'
import type { LendRig } from './rig.ts'
import type { Owner } from './services.ts'
import type { Wish } from './tasks.ts'

export interface TailOptions {
  /** Shares of the knee. */
  readonly loads: readonly number[]
  readonly knee: number
  /** Pairs of one phase alone and one beside borrowers. */
  readonly rounds: number
  readonly seconds: number
}

/** One load's figures, for the sheet and the pictures. */
export interface Tail {
  readonly load: number
  readonly ratio: number
  /** Upper end of the 95 % interval of the median ratio. */
  readonly upper: number
  readonly alone: number
  readonly beside: number
  readonly aloneP50: number
  readonly besideP50: number
  readonly busyAlone: number
  readonly busyBeside: number
  readonly pairs: readonly (readonly [alone: number, beside: number])[]
}

/** Borrowers that use whatever there is: as many threads as cores. */
export const CPU_BOUND = ['stress-ng', '--cpu', '2', '--cpu-method', 'matrixprod', '--quiet'] as const

export function borrower(name: string, run: Wish['run'], cpus = 0.1, mem = 128): Wish {
  return { name, cpus, mem, run, docker: true }
}

interface Leg {
  readonly p50: number
  readonly p99: number
  readonly cpu: CpuShare
}

/** Expects a borrower that runs; it is stopped for the phases alone, and left running. */
export async function measureTails(
  rig: LendRig,
  owner: Owner,
  options: TailOptions,
): Promise<readonly Tail[]> {
  const tails: Tail[] = []
  for (const load of options.loads) {
    const tail = await measureTail(rig, owner, options, load)
    const cpu = `machine ${(tail.busyBeside * 100).toFixed(0)} % busy`
    rig.context.say(
      `  ${load * 100} % of the knee: p99 ${tail.alone.toFixed(3)} ms alone, ${tail.beside.toFixed(3)} beside, ${cpu}`,
    )
    tails.push(tail)
  }
  return tails
}

async function measureTail(rig: LendRig, owner: Owner, options: TailOptions, load: number): Promise<Tail> {
  const legs = { alone: [] as Leg[], beside: [] as Leg[] }
  const rate = Math.round(options.knee * load)
  for (let round = 0; round < options.rounds; round++) {
    const order = round % 2 === 0 ? (['alone', 'beside'] as const) : (['beside', 'alone'] as const)
    // The same arrivals for both, others in each round.
    for (const leg of order)
      legs[leg].push(await measureLeg(rig, owner, leg, [rate, options.seconds, round + 1]))
  }
  rig.borrow(true)
  const pairs = legs.alone.map(({ p99 }, index) => [p99, legs.beside[index]?.p99 ?? Number.NaN] as const)
  const ratios = pairs.map(([alone, beside]) => beside / alone)
  return {
    load,
    ratio: median(ratios),
    upper: medianInterval(ratios, seededRandom(rate)).high,
    alone: median(legs.alone.map(({ p99 }) => p99)),
    beside: median(legs.beside.map(({ p99 }) => p99)),
    aloneP50: median(legs.alone.map(({ p50 }) => p50)),
    besideP50: median(legs.beside.map(({ p50 }) => p50)),
    busyAlone: mean(legs.alone.map(({ cpu }) => cpu.busy)),
    busyBeside: mean(legs.beside.map(({ cpu }) => cpu.busy)),
    pairs,
  }
}

async function measureLeg(
  rig: LendRig,
  owner: Owner,
  leg: 'alone' | 'beside',
  [rate, seconds, seed]: readonly [number, number, number],
): Promise<Leg> {
  rig.borrow(leg === 'beside')
  await rig.sleep(SETTLE_MS)
  const { value, cpu } = await rig.measured(() => owner.phase(rate, seconds, seed))
  return { p50: value.p50, p99: value.p99, cpu }
}

const SETTLE_MS = 50
const mean = (values: readonly number[]): number => sum(values) / values.length

export function tailFigures(
  tails: readonly Tail[],
  name: string,
  level: string | undefined,
): readonly Figure[] {
  return tails.flatMap((tail) => {
    const at = `${name} at ${Math.round(tail.load * 100)} % of its knee`
    return [
      figure(`p99 of ${at}, beside / alone, upper end`, tail.upper, '', level),
      figure(`p99 of ${at}, beside / alone, median`, tail.ratio, ''),
      figure(`p99 of ${at}, alone`, tail.alone, 'ms'),
      figure(`p50 of ${at}, beside / alone`, tail.besideP50 / tail.aloneP50, ''),
    ]
  })
}

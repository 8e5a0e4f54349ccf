/**
 * The lending bench: what owners notice of borrowers, what borrowers get done, how soon and how rightly lending reacts.
 * Everything goes through `tepui master` and `tepui agent`; owners and their load run in the owners' tier.
 */
import { fileURLToPath } from 'node:url'
import { OperatingError } from '../src/base/errors.ts'
import { type Figure, figure, figureSheet, machineFacts } from '../src/base/figures.ts'
import type { Bench, BenchContext } from './bench.ts'
import { measureIdle } from './launch/idle.ts'
import { LENDING_FLAGS, openRig } from './launch/rig.ts'
import { measureAlarms } from './lending/alarms.ts'
import { type CpuShare, readTicks, shareBetween } from './lending/machine.ts'
import { measureMemory } from './lending/memory.ts'
import { POLICIES } from './lending/policies.ts'
import { drawPictures } from './lending/pictures.ts'
import { measureFall, measureLadder } from './lending/reactions.ts'
import { ensureImage, LendRig, type RigOptions, type Tally } from './lending/rig.ts'
import { findKnee, startOwner } from './lending/services.ts'
import { measureSteady } from './lending/steady.ts'
import { measureSteps, startStepper } from './lending/steps.ts'
import { borrower, CPU_BOUND, measureTails, tailFigures } from './lending/tail.ts'
import { recordTimeline } from './lending/timeline.ts'
import { measureWork } from './lending/work.ts'

const LOADS = [0.2, 0.4, 0.6]
/** The owner's load while a borrower's work is counted, share of its knee. */
const WORK_LOAD = 0.4
const BUSY_LEVEL = '>= 90'
/** Decisions that explain what owners and borrowers got. */
const TOLD: ReadonlySet<string> = new Set(['squeeze', 'freeze', 'not-ours', 'thaw'])

/** What a part adds to the sheet: figures, and the series that pictures are drawn from. */
interface Outcome {
  readonly figures: readonly Figure[]
  readonly series?: Readonly<Record<string, unknown>>
}

interface Part {
  readonly full: boolean
  run(context: BenchContext, tally: Tally, full: boolean): Promise<Outcome>
}

const PARTS: Readonly<Record<string, Part>> = {
  tail: { full: false, run: tailPart },
  work: { full: false, run: workPart },
  steps: { full: false, run: stepsPart },
  fall: { full: false, run: fallPart },
  ladder: { full: false, run: ladderPart },
  alarms: { full: false, run: alarmsPart },
  steady: { full: false, run: steadyPart },
  timeline: { full: true, run: timelinePart },
  policies: { full: true, run: policiesPart },
  bandwidth: { full: true, run: bandwidthPart },
  memory: { full: true, run: memoryPart },
  cost: { full: true, run: costPart },
}

export const lendingBench: Bench = {
  summary: 'what owners notice of borrowers, what these get done, how soon lending reacts',
  switches: { full: 'longer, with what cannot be measured well in three minutes' },
  options: {
    only: `some of the parts ${Object.keys(PARTS).join(', ')}, parted by commas`,
    owner: 'redis (default), memcached or nginx',
    pictures: 'folder for pictures (SVG) of what was measured; made when it does not exist',
    knee: "the owner's highest rate with a p99 below 1 ms, requests/s, when it is known",
  },
  limitMs: (switches) => (switches.has('full') ? 3_600_000 : 240_000),
  async run(context) {
    const { clock, options, say } = context
    const full = context.switches.has('full')
    const wanted = readParts(options['only'], full)
    await ensureImage(fileURLToPath(new URL('../scripts/bench-images.sh', import.meta.url)))
    const began = clock.monotonic()
    const tally: Tally = { discarded: 0, runs: 0, decisions: new Map() }
    const before = await foreignLoad(context)
    const figures: Figure[] = []
    const series: Record<string, unknown> = {}
    for (const name of wanted) {
      say(`${name} (${Math.round((clock.monotonic() - began) / 1000)} s)`)
      const outcome = await runPart(name, context, tally, full)
      figures.push(...outcome.figures)
      Object.assign(series, outcome.series)
    }
    if (options['pictures'] !== undefined)
      say(`drawn: ${drawPictures(series, options['pictures']).join(', ')}`)
    figures.push(
      figure('kills in all parts', tally.decisions.get('evict') ?? 0, ''),
      figure('phases thrown away for steal', tally.discarded, `of ${tally.runs}`),
      figure('machine busy before the bench', before.busy * 100, '%'),
    )
    return figureSheet('lending', figures, clock.now(), {
      form: full ? 'full' : 'quick',
      tookSeconds: Math.round((clock.monotonic() - began) / 1000),
      decisions: Object.fromEntries(tally.decisions),
      series,
    })
  },
}

/** What one part could not measure is told as missed and costs the other parts nothing. */
async function runPart(name: string, context: BenchContext, tally: Tally, full: boolean): Promise<Outcome> {
  try {
    return (await PARTS[name]?.run(context, tally, full)) ?? { figures: [] }
  } catch (error) {
    if (context.signal.aborted || !(error instanceof OperatingError) || error.code === 'USAGE') throw error
    context.say(`  ${name} was not measured: ${error.message}`)
    return { figures: [figure(`parts not measured: ${name}`, 1, '', '= 0')] }
  }
}

/** @throws OperatingError USAGE */
function readParts(only: string | undefined, full: boolean): readonly string[] {
  if (only === undefined) return Object.keys(PARTS).filter((name) => full || PARTS[name]?.full === false)
  const wanted = only.split(',').map((name) => name.trim())
  const unknown = wanted.find((name) => PARTS[name] === undefined)
  if (unknown === undefined) return wanted
  throw new OperatingError(
    'USAGE',
    `--only has '${unknown}': expected some of ${Object.keys(PARTS).join(', ')}`,
  )
}

/** What others use of the machine: figures of a busy one say little about lending. */
async function foreignLoad({ clock, signal }: BenchContext): Promise<CpuShare> {
  const before = readTicks()
  await clock.sleep(1000, signal)
  return shareBetween(before, readTicks())
}

async function withRig(
  context: BenchContext,
  tally: Tally,
  options: RigOptions,
  work: (rig: LendRig) => Promise<Outcome>,
): Promise<Outcome> {
  await using rig = await LendRig.open(context, tally, options)
  return await work(rig)
}

function tailPart(context: BenchContext, tally: Tally, full: boolean): Promise<Outcome> {
  return withRig(context, tally, {}, async (rig) => {
    const name = context.options['owner'] ?? 'redis'
    await using owner = await startOwner(rig, name)
    const knee = await kneeOf(rig, owner)
    const since = context.clock.now()
    await rig.start(rig.borrowers, borrower('hog', [...CPU_BOUND]))
    const [rounds, seconds] = full ? [20, 5] : [6, 0.8]
    const tails = await measureTails(rig, owner, { loads: LOADS, knee, rounds, seconds })
    const busy = Math.min(...tails.map(({ busyBeside }) => busyBeside))
    for (const { kind, text } of await rig.history(since))
      if (TOLD.has(kind)) context.say(`    ${kind}: ${text}`)
    return {
      figures: [
        ...tailFigures(tails, name, '<= 1.05'),
        figure('machine cpu use meanwhile, least', busy * 100, '%', BUSY_LEVEL),
        figure(`knee of ${name}`, knee, 'requests/s'),
        figure('squeezes meanwhile', await rig.count('squeeze', since), ''),
      ],
      series: { tails },
    }
  })
}

async function kneeOf(rig: LendRig, owner: Parameters<typeof findKnee>[1]): Promise<number> {
  const given = rig.context.options['knee']
  if (given === undefined) return findKnee(rig, owner)
  if (/^[1-9]\d{0,6}$/.test(given)) return Number(given)
  throw new OperatingError('USAGE', `--knee is '${given}': expected requests per second, a whole number`)
}

function workPart(context: BenchContext, tally: Tally, full: boolean): Promise<Outcome> {
  return withRig(context, tally, {}, async (rig) => {
    await using owner = await startOwner(rig, context.options['owner'] ?? 'redis')
    const rate = Math.round((await kneeOf(rig, owner)) * WORK_LOAD)
    const [rounds, seconds] = full ? [10, 10] : [2, 3]
    return { figures: await measureWork(rig, owner, { rate, rounds, seconds }) }
  })
}

function stepsPart(context: BenchContext, tally: Tally, full: boolean): Promise<Outcome> {
  return withRig(context, tally, {}, async (rig) => {
    await using stepper = await startStepper(rig)
    await rig.start(rig.borrowers, borrower('hog', [...CPU_BOUND]))
    const { figures, later } = await measureSteps(rig, stepper, full ? 100 : 10)
    return { figures, series: { steps: later } }
  })
}

/** The history of a second in place of a day, so that each fall is followed by a rise within seconds. */
const FORGETFUL = {
  percentile: '1',
  sigma: '0',
  window: '1secs',
  rise: '1',
  rise_interval: '1secs',
  quiet: '1secs',
  quiet_max: '1secs',
}

function fallPart(context: BenchContext, tally: Tally, full: boolean): Promise<Outcome> {
  return withRig(context, tally, { estimator: FORGETFUL }, async (rig) => {
    await using stepper = await startStepper(rig)
    await rig.start(rig.borrowers, borrower('hog', [...CPU_BOUND]))
    return { figures: await measureFall(rig, stepper, full ? 20 : 4) }
  })
}

/** A freeze and a squeeze that are over soon, so that a trial takes seconds; what leads to them is as always. */
function ladderPart(context: BenchContext, tally: Tally, full: boolean): Promise<Outcome> {
  const controller = { hold: '500ms', hold_cap: '500ms', calm: '300ms', growth: '10', innocent: '0ns' }
  return withRig(context, tally, { controller }, async (rig) => {
    await using stepper = await startStepper(rig)
    await rig.start(rig.borrowers, borrower('hog', [...CPU_BOUND]))
    return { figures: await measureLadder(rig, stepper, full ? 10 : 3) }
  })
}

function alarmsPart(context: BenchContext, tally: Tally, full: boolean): Promise<Outcome> {
  return withRig(context, tally, {}, async (rig) => ({ figures: await measureAlarms(rig, full ? 60 : 3) }))
}

async function steadyPart(_context: BenchContext, _tally: Tally, full: boolean): Promise<Outcome> {
  return { figures: await measureSteady(full ? 3 : 1) }
}

/** For the guide: no figure comes of it. */
function timelinePart(context: BenchContext, tally: Tally): Promise<Outcome> {
  return withRig(context, tally, { estimator: FORGETFUL }, async (rig) => {
    await using stepper = await startStepper(rig)
    await rig.start(rig.borrowers, borrower('hog', [...CPU_BOUND]))
    return { figures: [], series: { timeline: await recordTimeline(rig, stepper) } }
  })
}

/** The same owner at the same load under each policy, ours last. */
function policiesPart(context: BenchContext, tally: Tally): Promise<Outcome> {
  return withRig(context, tally, {}, async (rig) => {
    const name = context.options['owner'] ?? 'redis'
    await using owner = await startOwner(rig, name)
    const knee = await kneeOf(rig, owner)
    await rig.start(rig.borrowers, borrower('hog', [...CPU_BOUND]))
    const options = { loads: [WORK_LOAD], knee, rounds: 8, seconds: 3 }
    const figures: Figure[] = []
    const series: Record<string, unknown> = {}
    const measure = async (policy: string): Promise<void> => {
      context.say(`  ${policy}`)
      const [tail] = await measureTails(rig, owner, options)
      if (tail === undefined) return
      series[policy] = tail
      figures.push(
        figure(`p99 beside / alone, ${policy}, upper end`, tail.upper, ''),
        figure(`machine cpu use, ${policy}`, tail.busyBeside * 100, '%'),
      )
    }
    for (const policy of POLICIES) {
      await using _ = policy.begin(rig)
      await measure(policy.name)
    }
    await measure('ours')
    return { figures, series: { policies: series } }
  })
}

/** Borrowers that are bound by memory bandwidth, which no class of the scheduler takes away: told as measured. */
function bandwidthPart(context: BenchContext, tally: Tally): Promise<Outcome> {
  return withRig(context, tally, {}, async (rig) => {
    const name = context.options['owner'] ?? 'redis'
    await using owner = await startOwner(rig, name)
    const knee = await kneeOf(rig, owner)
    await rig.start(rig.borrowers, borrower('stream', ['stress-ng', '--stream', '2', '--quiet'], 0.1, 512))
    const tails = await measureTails(rig, owner, { loads: LOADS, knee, rounds: 8, seconds: 3 })
    return { figures: tailFigures(tails, `${name} beside memory-bound borrowers`, undefined) }
  })
}

function memoryPart(context: BenchContext, tally: Tally): Promise<Outcome> {
  const totalMb = machineFacts().memoryBytes / 2 ** 20
  const estimator = { memory: 'true', memory_share: '1', rise: '1' }
  const mem = Math.floor(totalMb - 2000)
  return withRig(context, tally, { estimator, mem }, async (rig) => ({
    figures: await measureMemory(rig, totalMb),
  }))
}

async function costPart(context: BenchContext): Promise<Outcome> {
  await using rig = await openRig(context, LENDING_FLAGS)
  return { figures: await measureIdle(rig, 50, 30) }
}

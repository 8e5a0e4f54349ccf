/**
 * The story of lending, act by act, each told with what was measured:
 *
 *   the owner alone ─▶ its idle part is lent ─▶ borrowers work ─▶ the owner's load rises ─▶ offers are rescinded,
 *   borrowers ended ─▶ the owner is as fast as alone ─▶ its load falls ─▶ lending again
 */
import { availableParallelism } from 'node:os'
import type { Clock } from '../../base/clock.ts'
import { OperatingError } from '../../base/errors.ts'
import { counted } from '../../base/words.ts'
import type { BatchNote } from '../../frameworks/batch.ts'
import { lendRow, sumLine } from '../lend-view.ts'
import { type StateAgent, type Json, list, type MasterApi, object, text } from '../master-api.ts'
import { topRow } from '../top-view.ts'
import { amountText } from '../words.ts'
import { type Measured, patienceOf, RECOVERED_SHARE } from './figures.ts'
import { Ladder } from './ladder.ts'
import type { Customers, Load, Speed } from './load.ts'
import { busyShare, readBusy } from './machine.ts'
import type { Borrowers, DemoDeps, Service } from './tasks.ts'

export interface Act {
  /** Since the beginning, s. */
  readonly at: number
  readonly name: string
  readonly words: string
}

export interface Stage extends DemoDeps {
  readonly clock: Clock
  /** `host:port` of the service. */
  readonly service: string
  readonly web: Service
  readonly neighbour: Service
  readonly reserved: number
  /** How long it may take at most: an emulated machine needs more for each act. */
  readonly withinMs: number
  /** Starts the borrower; its notes come to the story. */
  readonly borrow: (onNote: (note: BatchNote) => void) => Promise<Borrowers>
  readonly tell: (name: string, words: string) => void
}

const LIGHT: Load = { customers: 1, restMs: 120 }
/** Where an answer costs more cpu than here, a light load rests longer: so many times its cost, up to a bound. */
const REST = { times: 6, mostMs: 1500 }
/** Enough to fill the machine. */
const FULL: Load = { customers: Math.max(8, 4 * availableParallelism()), restMs: 0 }
const MEASURE_MS = 4000
/** Fewer answers than this are measured for longer, where there is time. */
const FEWEST = 20
/** Of the time that an act may take, how long the owner's speed is looked at. */
const RECOVERY_PATIENCE = 4 / 9
/** The speed of a shorter one is mostly chance. */
const STRETCH_MS = 1000
const LOOK_MS = 100
/** The window of the agents' estimator, and two samples. */
const FORGOTTEN_MS = 10_000

export class Story {
  readonly #stage: Stage
  readonly #api: MasterApi
  readonly #customers: Customers
  readonly #ladder: Ladder
  readonly measured: Measured
  #borrowers: Borrowers | undefined
  #offered: number | undefined
  #spikeAt = Number.NaN
  #burstEnd = 0
  /** When the load fell, and how long after that a new borrower ran. */
  #fellAt = Number.NaN
  #trouble: Error | undefined

  constructor(stage: Stage, customers: Customers, api: MasterApi) {
    this.#stage = stage
    this.#customers = customers
    this.#api = api
    this.#ladder = new Ladder((path) => this.#onAgent(path))
    this.measured = {
      reserved: stage.reserved,
      ownerIdleUse: undefined,
      lent: undefined,
      busyAlone: undefined,
      busyLent: undefined,
      unitsPerSecond: undefined,
      units: 0,
      light: undefined,
      lightBeside: undefined,
      alone: undefined,
      during: undefined,
      after: undefined,
      recoveredAfterMs: undefined,
      rescindedAfterMs: undefined,
      heldAfterMs: undefined,
      endedAfterMs: undefined,
      takenBack: 0,
      lendingAgainAfterMs: undefined,
      neighbourEnded: 0,
    }
  }

  async play(): Promise<void> {
    const { neighbour, web } = this.#stage
    void web.ended.then((status) => {
      if (status === undefined) return
      this.#trouble = new OperatingError(
        'LAUNCH',
        `The service ended: ${status.state} ${status.message ?? ''}`,
      )
    })
    void neighbour.ended.then((status) => {
      if (status !== undefined) this.measured.neighbourEnded++
    })
    await this.#alone()
    await this.#idle()
    try {
      await this.#lend()
      await this.#beside()
      await this.#spike()
      await this.#recovered()
      await this.#again()
    } finally {
      this.measured.units = this.#borrowers?.units ?? 0
      await this.#borrowers?.[Symbol.asyncDispose]()
    }
  }

  /** Its full speed with the machine to itself: what everything later is held against. */
  async #alone(): Promise<void> {
    this.#customers.set(FULL)
    // The first second is for processes and caches to warm up.
    await this.#sleep(1000)
    const speed = await this.#speed(MEASURE_MS)
    this.measured.alone = speed
    this.#tell('ALONE', `under full load web answers ${words(speed)}`)
  }

  async #idle(): Promise<void> {
    this.#customers.set(this.#light)
    this.#burstEnd = this.#stage.clock.monotonic()
    await this.#sleep(1500)
    const before = readBusy()
    const row = await this.#usage(MEASURE_MS)
    this.measured.busyAlone = busyShare(before, readBusy())
    this.measured.ownerIdleUse = row.used
    this.measured.light = this.#customers.speedSince(this.#stage.clock.monotonic() - MEASURE_MS)
    const idle = amountText(this.#stage.reserved - row.used)
    const busy = percent(this.measured.busyAlone)
    this.#tell(
      'OWNER',
      `web reserves ${counted(this.#stage.reserved, 'cpu')} and uses ${amountText(row.used)}: ${idle} lie idle, ` +
        `the machine is ${busy} busy; ${words(this.measured.light)}`,
    )
  }

  async #lend(): Promise<void> {
    // What the burst took, of the service and of its customers, counts until the window has passed.
    const { clock } = this.#stage
    await this.#sleep(Math.max(0, this.#burstEnd + FORGOTTEN_MS - clock.monotonic()))
    this.#borrowers = await this.#stage.borrow((note) => this.#noted(note))
    await this.#until(
      () => this.#offered !== undefined,
      'nothing was lent',
      () => this.#whyNot(),
    )
    const row = await this.#lendRow()
    this.#tell(
      'LENDING',
      `of the idle part ${counted(amountText(this.#offered ?? 0), 'cpu')} can be borrowed: ${sumLine(row)}`,
    )
    await this.#until(
      () => (this.#borrowers?.running ?? 0) > 0,
      'no borrower came to run',
      () => this.#whyNot(),
    )
  }

  async #beside(): Promise<void> {
    await this.#until(
      () => (this.#borrowers?.units ?? 0) > 0,
      'no borrower did any work',
      () => this.#whyNot(),
    )
    const { clock } = this.#stage
    // Agents sample once a second; before two samples a borrower has no rate.
    await this.#sleep(1500)
    this.measured.lent = (await this.#lendRow()).lent
    const [unitsBefore, begun, before] = [this.#borrowers?.units ?? 0, clock.monotonic(), readBusy()]
    const row = await this.#usage(MEASURE_MS + 1000)
    const seconds = (clock.monotonic() - begun) / 1000
    this.measured.busyLent = busyShare(before, readBusy())
    this.measured.unitsPerSecond = ((this.#borrowers?.units ?? 0) - unitsBefore) / seconds
    this.measured.lightBeside = this.#customers.speedSince(begun)
    this.#tell(
      'WORKING',
      `${counted(this.#borrowers?.running ?? 0, 'borrower')} at work: ` +
        `${counted(amountText(row.lentUsed), 'cpu')} used, ${this.measured.unitsPerSecond.toFixed(0)} units/s, ` +
        `the machine is ${percent(this.measured.busyLent)} busy; web beside them: ${words(this.measured.lightBeside)}`,
    )
  }

  async #spike(): Promise<void> {
    const { clock } = this.#stage
    const at = clock.now()
    this.#spikeAt = clock.monotonic()
    this.#customers.set(FULL)
    this.#tell('LOAD', `${FULL.customers} customers at a time, without rest: web wants its cpus`)
    await this.#until(
      async () => {
        await this.#tellSteps(at)
        return (this.#borrowers?.takenBack ?? 0) > 0
      },
      'nothing was taken back',
      () => this.#whyNot(),
    )
    // Other borrowers that go in the same round are part of the same act.
    await this.#sleep(300)
    this.measured.during = this.#customers.speedSince(this.#spikeAt)
    this.measured.takenBack = this.#borrowers?.takenBack ?? 0
    this.#tell('DURING', `from the rise to the take-back web answered ${words(this.measured.during)}`)
  }

  /** Tells what the agent did to borrowers since the rise, as it recorded it. */
  async #tellSteps(riseAt: number): Promise<void> {
    for (const { afterMs, kind, why } of await this.#ladder.news(riseAt)) {
      if (kind === 'squeeze' || kind === 'freeze') this.measured.heldAfterMs ??= afterMs
      this.#tell(kind.toUpperCase(), `${(afterMs / 1000).toFixed(2)} s after the rise: ${why}`)
    }
  }

  /** Looks at the owner's speed until it is what it was alone, and finds when that began. */
  async #recovered(): Promise<void> {
    const { clock } = this.#stage
    const begun = clock.monotonic()
    const alone = this.measured.alone?.perSecond ?? Number.NaN
    for (;;) {
      const speed = await this.#speed(MEASURE_MS)
      const share = speed.perSecond / alone
      this.measured.after = speed
      if (share < RECOVERED_SHARE && clock.monotonic() - begun <= RECOVERY_PATIENCE * this.#patienceMs)
        continue
      const since = this.#customers.fastAfter(this.#spikeAt, RECOVERED_SHARE * alone, STRETCH_MS)
      this.measured.recoveredAfterMs = since
      const when = since === undefined ? 'Never' : `From ${(since / 1000).toFixed(2)} s after the rise on`
      this.#tell(
        'RECOVERED',
        `${when} at ${percent(RECOVERED_SHARE)} of its speed alone or more; ` +
          `now web answers ${words(speed)}: ${percent(share)}`,
      )
      return
    }
  }

  async #again(): Promise<void> {
    const { clock } = this.#stage
    this.#customers.set(this.#light)
    this.#fellAt = clock.monotonic()
    this.#tell('LOAD', 'falls again: what web used until now counts for 8 s more')
    await this.#until(
      () => this.measured.lendingAgainAfterMs !== undefined,
      'lending did not begin again',
      () => this.#whyNot(),
    )
    const row = await this.#lendRow()
    this.#tell(
      'LENDING',
      `again ${((this.measured.lendingAgainAfterMs ?? Number.NaN) / 1000).toFixed(1)} s later: ` +
        `lent ${counted(amountText(row.lent), 'cpu')}, ${counted(this.#borrowers?.running ?? 0, 'borrower')} at work`,
    )
  }

  #noted(note: BatchNote): void {
    const { clock } = this.#stage
    const since = clock.monotonic() - this.#spikeAt
    const after = Number.isNaN(since) ? '' : `${(since / 1000).toFixed(1)} s after the rise: `
    switch (note.kind) {
      case 'offered':
        this.#offered ??= note.lentCpus
        return
      case 'rescinded':
        if (Number.isNaN(since) || this.measured.rescindedAfterMs !== undefined) return
        // What is called back after the load fell was offered anew, and says nothing of the rise.
        if (!Number.isNaN(this.#fellAt)) return
        this.measured.rescindedAfterMs = since
        return this.#tell(
          'RESCIND',
          `${after}an offer of ${counted(amountText(note.lentCpus), 'lent cpu')} on ${note.agentName} is called back`,
        )
      case 'taken-back':
        if (!Number.isNaN(since)) this.measured.endedAfterMs ??= since
        return this.#tell('TAKE-BACK', `${after}${note.placement.taskId} was ended. ${note.message}`)
      case 'ended':
        return this.#tell(
          'ENDED',
          `${note.placement.taskId}: ${note.status.state} ${note.status.message ?? ''}`,
        )
      case 'running':
        if (!Number.isNaN(this.#fellAt))
          this.measured.lendingAgainAfterMs ??= clock.monotonic() - this.#fellAt
        return
      case 'launched':
        return
    }
  }

  async #speed(ms: number): Promise<Speed> {
    const { clock } = this.#stage
    const begun = clock.monotonic()
    const until = begun + Math.max(ms, this.#patienceMs / 9)
    await this.#sleep(ms)
    // Of a few answers a speed would be chance.
    while (this.#customers.speedSince(begun).requests < FEWEST && clock.monotonic() < until)
      await this.#sleep(LOOK_MS)
    const speed = this.#customers.speedSince(begun)
    if (speed.requests > 0) return speed
    const seconds = ((clock.monotonic() - begun) / 1000).toFixed(0)
    throw new OperatingError(
      'UNREACHABLE',
      `The service answered nothing for ${seconds} s: ${this.#customers.trouble}`,
    )
  }

  async #usage(ms: number): Promise<ReturnType<typeof topRow>> {
    const before = await this.#agentPage()
    await this.#sleep(ms)
    return topRow('a1', {}, [before, await this.#agentPage()], { tasks: 0, lentTasks: 0 })
  }

  #agentPage(): Promise<Json> {
    return this.#onAgent('/api/x1/lend')
  }

  async #onAgent(path: string): Promise<Json> {
    const { address } = this.#stage.web.placement
    if (address === undefined)
      throw new OperatingError('PROTOCOL', 'The offer did not say where its agent answers')
    return object(await this.#api.fromAgent(address, path))
  }

  async #lendRow(): Promise<ReturnType<typeof lendRow>> {
    const { agents } = await this.#api.state()
    const agent = agents.find(({ id }) => id === this.#stage.web.placement.agentId) as StateAgent
    const own = list((await this.#api.get('/api/x1/lend'))['agents']).map(object)
    return lendRow(agent, own.find((one) => text(one['id']) === agent.id) ?? {}, await this.#agentPage())
  }

  /** By what an answer costs when the machine is full of them. */
  get #light(): Load {
    const costMs =
      (1000 * availableParallelism()) / (this.measured.alone?.perSecond ?? Number.POSITIVE_INFINITY)
    return { ...LIGHT, restMs: Math.min(REST.mostMs, Math.max(LIGHT.restMs, REST.times * costMs)) }
  }

  get #patienceMs(): number {
    return patienceOf(this.#stage.withinMs)
  }

  async #whyNot(): Promise<string> {
    return sumLine(await this.#lendRow())
  }

  /** @throws OperatingError LIMIT with the reason when it does not come true in time */
  async #until(
    isTrue: () => boolean | Promise<boolean>,
    otherwise: string,
    why: () => Promise<string>,
  ): Promise<void> {
    const { clock } = this.#stage
    const until = clock.monotonic() + this.#patienceMs
    while (!(await isTrue())) {
      if (this.#trouble !== undefined) throw this.#trouble
      if (clock.monotonic() > until) {
        throw new OperatingError('LIMIT', `After ${this.#patienceMs / 1000} s ${otherwise}: ${await why()}`, {
          hint: 'Is the machine busy with something else? Try again when it is quiet',
        })
      }
      await this.#sleep(LOOK_MS)
    }
  }

  #sleep(ms: number): Promise<void> {
    return this.#stage.clock.sleep(ms, this.#stage.signal)
  }

  #tell(name: string, text: string): void {
    this.#stage.tell(name, text)
  }
}

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`

function words({ failed, p50, p99, perSecond }: Speed): string {
  const lost = failed === 0 ? '' : `, ${failed} failed`
  const rate = perSecond.toFixed(perSecond < 20 ? 1 : 0)
  return `${rate} requests/s, p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms${lost}`
}

// Why a task waits, agent by agent, and how one ended: what the master says from its books.
import { expect, test } from 'vitest'
import { endedCard } from '../../../src/master/why/ended.ts'
import { LastOffers } from '../../../src/master/why/last-offers.ts'
import { type PlaceRow, placeRows } from '../../../src/master/why/rows.ts'
import type { Need } from '../../../src/resources/need.ts'
import { NEED_LABEL, needText, readNeed } from '../../../src/resources/need.ts'
import { capabilities, MasterRig, parse, task, uuidOf } from '../../support/master-rig.ts'

const need = (changes: Partial<Need> = {}): Need => ({
  name: 'n',
  cpus: 2,
  mem: 512,
  lent: false,
  ...changes,
})

class Rig extends MasterRig {
  readonly offers_ = new LastOffers()

  tell(): void {
    for (const what of this.happenings.splice(0)) this.offers_.watch(what, this.now)
  }

  rows(wanted: Need | undefined, frameworkId?: string): readonly PlaceRow[] {
    this.tell()
    const { cluster } = this.core
    const framework = frameworkId === undefined ? undefined : cluster.frameworks.get(frameworkId)
    return placeRows({ cluster, framework, need: wanted, offers: this.offers_, now: this.now })
  }
}

const short = (rows: readonly PlaceRow[]): unknown[] =>
  rows.map(({ agent, fits, reason, short_by: by }) => [agent, fits, by, reason])

test('The nearest miss comes first, with what it is short by and who holds the rest', () => {
  const rig = new Rig()
  rig.agent('small', 'cpus:0.5;mem:4096')
  const near = rig.agent('near', 'cpus:2;mem:4096')
  rig.agent('room', 'cpus:8;mem:4096')
  const id = rig.framework('f1', { name: 'shop' })
  const offers = rig.offers('f1').filter(({ agent_id: agent }) => agent.value === near)
  rig.launch(id, offers, [task('web', near, 'cpus:0.25;mem:64')])
  expect(short(rig.rows(need()))).toEqual([
    ['host-room:5051', true, {}, 'there is room'],
    ['host-near:5051', false, { cpus: 0.25 }, 'shop holds 0.25 cpus, 64 MB of it'],
    ['host-small:5051', false, { cpus: 1.5 }, 'the agent has no more'],
  ])
})

test('A place that fits and yet gets no task says what became of the offer', () => {
  const rig = new Rig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1')
  const reason = (): string | undefined => rig.rows(need(), id)[0]?.reason
  expect(reason()).toBe('there is room: an offer comes with the next round')
  const [offer] = rig.offers('f1')
  expect(reason()).toBe('the framework holds an offer of it now')
  rig.now += 700
  if (offer !== undefined)
    rig.call(id, { type: 'DECLINE', decline: { offer_ids: [offer.id], filters: { refuse_seconds: 30 } } })
  rig.tell()
  rig.now += 1000
  expect(reason()).toBe('the framework declined it; it is offered again in 29 s')
  expect(rig.rows(need(), id)[0]?.last_offer).toMatchObject({ how: 'declined', cpus: 8, mem: 16_384 })
  expect(rig.offers_.seenBy(id)).toBe(1)
  rig.now += 60_000
  rig.call(id, { type: 'SUPPRESS' })
  expect(reason()).toBe('the framework wants no offers now (SUPPRESS)')
  rig.framework('f2')
  rig.offers('f2')
  rig.call(id, { type: 'REVIVE' })
  expect(reason()).toBe('it is offered to another framework now')
  rig.step({ type: 'drain-agent', agentId, config: {} })
  expect(reason()).toBe('the agent is drained')
  rig.step({ type: 'agent-disconnected', connection: 'a1' })
  rig.now += 4000
  expect(reason()).toBe('the agent is away for 4 s')
})

test('Who wants lent cpus hears why so little is lent', () => {
  const rig = new Rig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1', { capabilities: capabilities('MULTI_ROLE', 'REVOCABLE_RESOURCES') })
  const stranger = rig.framework('f2')
  const wanted = need({ cpus: 1, lent: true })
  const row = (of = id): PlaceRow | undefined => rig.rows(wanted, of)[0]
  expect(row()?.reason).toBe('the agent does not lend (tepui lend set --mode full)')
  rig.agentCall(agentId, { type: 'LENDING', lending: { mode: 'full', sum: '0.4 idle − 0.2 headroom = 0.2' } })
  expect(row()).toMatchObject({
    fits: false,
    short_by: { 'lent cpus': 1 },
    reason: '0.4 idle − 0.2 headroom = 0.2',
  })
  expect(row(stranger)?.reason).toMatch(/does not take lent resources/)
  rig.agentCall(agentId, { type: 'LENDING', lending: { mode: 'full', closed: 'paused by an operator' } })
  expect(row()?.reason).toBe('paused by an operator')
  rig.agentCall(agentId, { type: 'LENDING', lending: { mode: 'observe' } })
  expect(row()?.reason).toMatch(/only observes/)
  rig.agentCall(agentId, { type: 'LENDING', lending: { mode: 'full' } })
  rig.agentCall(agentId, {
    type: 'OVERSUBSCRIBED',
    oversubscribed: { resources: parse('cpus:1.5').markRevocable().toWire() },
  })
  expect(row()).toMatchObject({ fits: true, free: { lent_cpus: 1.5 } })
})

function ended(status: object): ReturnType<typeof endedCard> {
  const rig = new MasterRig()
  const agentId = rig.agent('a1')
  const id = rig.framework('f1')
  rig.launch(id, rig.offers('f1'), [task('t', agentId)])
  const said = { task_id: { value: 't' }, state: 'TASK_RUNNING' as const, uuid: uuidOf('x'), ...status }
  rig.agentCall(agentId, { type: 'UPDATE', update: { framework_id: { value: id }, status: said } })
  const found = rig.core.cluster.frameworks.get(id)?.tasks.get('t')
  return found === undefined ? undefined : endedCard(found)
}

test('The card of an end tells exit or signal, who ended it, and what to do next', () => {
  expect(ended({})).toBeUndefined()
  expect(ended({ state: 'TASK_FAILED', message: 'Command exited with status 3' })).toMatchObject({
    sentence: 'Command exited with status 3',
    exit: 3,
    signal: undefined,
    taken_back: false,
    next: ['tepui logs --stderr t', 'tepui fs ls t'],
  })
  expect(ended({ state: 'TASK_FAILED', message: 'Command terminated with signal Killed' })).toMatchObject({
    signal: 'Killed',
    exit: undefined,
  })
  const limitation = { resources: [{ name: 'mem', type: 'SCALAR', scalar: { value: 64 } }] }
  const reason = 'REASON_CONTAINER_LIMITATION_MEMORY'
  expect(ended({ state: 'TASK_FAILED', message: 'Memory limit', reason, limitation })).toMatchObject({
    by: 'the kernel, at a limit of memory',
    figures: { cpus: 1, mem: 64, limit_mem: 64 },
    next: ['Give it more memory (now 64 MB): --mem 128', 'tepui logs --stderr t'],
  })
  const preempted = { state: 'TASK_GONE', message: 'web wanted it', reason: 'REASON_CONTAINER_PREEMPTED' }
  expect(ended(preempted)).toMatchObject({ taken_back: true, by: "the agent's controller, for an owner" })
})

test('A need is read back from its label, and nothing else is taken for one', () => {
  expect(NEED_LABEL).toBe('tepui_needs')
  expect(readNeed(needText(need({ lent: true })))).toEqual(need({ lent: true }))
  for (const text of ['', 'x', 'null', '[]', '{"name":1}', '{"name":"n","cpus":-1,"mem":1}'])
    expect(readNeed(text)).toBeUndefined()
})

// Which offers hold what a task wants, and what is missing in the others.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { matchOffer, nearer, shortfallText } from '../../../src/frameworks/placement.ts'
import { offerOf, WISH } from './offers.ts'

const missingIn = (offer: ReturnType<typeof offerOf>, want: Partial<typeof WISH>): string => {
  const match = matchOffer(offer, { ...WISH, ...want })
  return match.fits ? 'nothing' : shortfallText(match.missing)
}

describe('An offer fits a task', () => {
  test('when it has its cpus and memory, of which just so much is taken', () => {
    const match = matchOffer(offerOf({ cpus: 2, mem: 512 }), WISH)
    expect(match).toMatchObject({
      fits: true,
      resources: [
        { name: 'cpus', scalar: { value: 0.5 } },
        { name: 'mem', scalar: { value: 64 } },
      ],
    })
  })

  test('and names every shortfall with what is wanted and what is there otherwise', () => {
    expect(missingIn(offerOf({ cpus: 0.2, mem: 32 }), {})).toBe(
      'cpus: 0.5 wanted, 0.2 there; mem: 64 MB wanted, 32 MB there',
    )
  })

  test('that borrows only with lent cpus, and one that does not only with its own', () => {
    expect(missingIn(offerOf({ cpus: 4 }), { revocable: true })).toBe('lent cpus: 0.5 wanted, 0 there')
    expect(missingIn(offerOf({ cpus: 0.1, lent: 4 }), {})).toBe('cpus: 0.5 wanted, 0.1 there')
    const match = matchOffer(offerOf({ cpus: 0, lent: 0.6 }), { ...WISH, revocable: true })
    expect(match).toMatchObject({ fits: true, resources: [{ name: 'cpus', revocable: {} }, { name: 'mem' }] })
  })

  test('on the agent or with the attribute that is asked for', () => {
    expect(missingIn(offerOf({ agent: 'a1' }), { on: 'a2' })).toBe('agent: a2 wanted, a1 there')
    expect(missingIn(offerOf({ agent: 'a2' }), { on: 'a2' })).toBe('nothing')
    expect(missingIn(offerOf({ zone: 'b' }), { on: 'zone=b' })).toBe('nothing')
    expect(missingIn(offerOf({ zone: 'b' }), { on: 'zone=c' })).toMatch(/^agent: zone=c wanted/)
  })

  test('with ports: the one that is named, or different ones of the range', () => {
    const want = {
      ...WISH,
      ports: [
        { host: 0, container: 80 },
        { host: 31_000, container: 81 },
        { host: 0, container: 82 },
      ],
    }
    const match = matchOffer(offerOf({ ports: [31_000, 31_002] }), want)
    expect(match).toMatchObject({ fits: true, ports: [{ host: 31_001 }, { host: 31_000 }, { host: 31_002 }] })
    expect(missingIn(offerOf({ ports: [31_000, 31_002] }), { ports: [{ host: 80, container: 80 }] })).toBe(
      'port: 80 wanted, 31000-31002 there',
    )
  })

  test('takes reserved resources before others, and keeps their reservation', () => {
    const offer = offerOf({ cpus: 0.3 })
    offer.resources?.push({
      name: 'cpus',
      type: 'SCALAR',
      scalar: { value: 0.4 },
      reservations: [{ type: 'STATIC', role: 'web' }],
    })
    const match = matchOffer(offer, WISH)
    expect(match.fits && match.resources.slice(0, 2)).toMatchObject([
      { scalar: { value: 0.4 }, reservations: [{ role: 'web' }] },
      { scalar: { value: 0.1 } },
    ])
  })

  test('never with more than it has, and always with exactly what is wanted', () => {
    const amount = fc.integer({ min: 0, max: 4000 }).map((milli) => milli / 1000)
    fc.assert(
      fc.property(amount, amount, fc.integer({ min: 1, max: 4000 }), (cpus, lent, milli) => {
        const want = { ...WISH, cpus: milli / 1000, revocable: lent > cpus }
        const match = matchOffer(offerOf({ cpus, lent }), want)
        const has = want.revocable ? lent : cpus
        expect(match.fits).toBe(has >= want.cpus)
        const taken = match.fits ? match.resources.filter(({ name }) => name === 'cpus') : []
        const sum = taken.reduce((total, { scalar }) => total + (scalar?.value ?? 0), 0)
        expect(sum).toBeCloseTo(match.fits ? want.cpus : 0, 9)
      }),
    )
  })
})

test('The nearest miss is the one with the smallest share missing', () => {
  const miss = (
    share: number,
  ): { missing: { what: string; wanted: string; has: string; share: number }[] } => ({
    missing: [{ what: 'cpus', wanted: '1', has: '0', share }],
  })
  expect(nearer(nearer(undefined, miss(0.5)), miss(0.2)).missing[0]?.share).toBe(0.2)
  expect(nearer(miss(0.2), miss(0.2001)).missing[0]?.share).toBe(0.2)
})

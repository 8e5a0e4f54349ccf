// Records of what lending did: each kind recomputes when its figures lead to the result, and says why when not.
import { expect, test } from 'vitest'
import { parseDecision } from '../../../src/resources/decision-form.ts'
import { type Decision, recompute, type Term, type Told } from '../../../src/resources/decision.ts'

const term = (name: string, value: number): Term => ({
  name,
  value,
  unit: 'cpus',
  of: undefined,
  why: 'because',
})

const told: Told = {
  at: 1000,
  owner: 'web',
  borrowers: ['a', 'b'],
  signal: 'cpu pressure',
  value: 0.2,
  threshold: 0.05,
  comparison: 'at least',
  unit: 'share',
  forMs: 200,
  terms: [],
  before: { value: 0, unit: 'cpus' },
  after: { value: 0, unit: 'cpus' },
  why: 'it had to be',
  effect: {},
}

const candidate = (id: string, frees: number, cost: number) => ({
  id,
  task: id,
  frees,
  progress: cost,
  cost,
  score: cost / frees,
})

const GOOD: Record<string, Decision> = {
  lend: {
    ...told,
    kind: 'lend',
    terms: [term('idle', 1.5), term('headroom', -0.2)],
    after: { value: 1.3, unit: 'cpus' },
  },
  unlend: { ...told, kind: 'unlend' },
  squeeze: {
    ...told,
    kind: 'squeeze',
    floor: 0.1,
    terms: [term('cores', 2), term('owners', -1.9), term('headroom', -0.2)],
    before: { value: 'max', unit: 'cpus' },
    after: { value: 0.1, unit: 'cpus' },
  },
  relax: {
    ...told,
    kind: 'relax',
    factor: 1.2,
    ceiling: 2,
    before: { value: 0.1, unit: 'cpus' },
    after: { value: 0.12, unit: 'cpus' },
  },
  freeze: { ...told, kind: 'freeze', probeMs: 50, after: { value: 2, unit: 'frozen' } },
  thaw: { ...told, kind: 'thaw', before: { value: 3, unit: 'frozen' }, after: { value: 1, unit: 'frozen' } },
  evict: {
    ...told,
    kind: 'evict',
    rule: 'cheapest',
    needs: 100,
    candidates: [candidate('a', 60, 1), candidate('b', 50, 2), candidate('c', 120, 9)],
    chosen: ['a', 'b'],
    workLostCpuSeconds: 3,
    before: { value: 40, unit: 'MB' },
    after: { value: 150, unit: 'MB' },
  },
  'not-ours': { ...told, kind: 'not-ours', evidence: 'borrowers idle', found: 0.01, limit: 0.04 },
  mode: { ...told, kind: 'mode', from: 'observe', to: 'full', by: 'an operator' },
}

test.each(Object.entries(GOOD))('a record of a %s recomputes, and survives JSON', (_, decision) => {
  expect(recompute(decision)).toBeUndefined()
  const read = parseDecision(JSON.parse(JSON.stringify(decision)))
  expect(JSON.stringify(read)).toBe(JSON.stringify(decision))
})

const WRONG: readonly (readonly [string, object, RegExp])[] = [
  ['lend', { after: { value: 1.4, unit: 'cpus' } }, /was 1\.4 cpus, but the sum of its terms is 1\.3/],
  ['lend', { after: { value: 1.3, unit: 'MB' } }, /'idle' is in cpus but the result in MB/],
  ['lend', { value: 0.01 }, /It acted although cpu pressure of web was 0\.01 share, not at least 0\.05/],
  ['squeeze', { comparison: 'below' }, /not below 0\.05/],
  ['squeeze', { after: { value: 0.05, unit: 'cpus' } }, /not below the floor, is 0\.1/],
  ['squeeze', { floor: 0.3 }, /is 0\.3/],
  ['relax', { after: { value: 0.2, unit: 'cpus' } }, /1\.2 times more is 0\.12/],
  ['relax', { after: { value: 'max', unit: 'cpus' } }, /lifted at 2/],
  ['relax', { before: { value: 'max', unit: 'cpus' } }, /no quota to relax/],
  ['freeze', { after: { value: 1, unit: 'frozen' } }, /2 borrowers are named/],
  ['thaw', { borrowers: ['a'] }, /1 borrowers are named/],
  ['evict', { chosen: ['a', 'x'] }, /not among the candidates/],
  ['evict', { chosen: ['a', 'a'] }, /not among the candidates/],
  ['evict', { chosen: [], workLostCpuSeconds: 0 }, /Nobody was chosen/],
  ['evict', { workLostCpuSeconds: 4 }, /The work lost is 3/],
  ['evict', { after: { value: 100, unit: 'MB' } }, /The chosen ones free 110/],
  ['evict', { needs: 50 }, /could have been spared/],
  ['evict', { needs: 200 }, /free 110 of 200, and others were spared/],
  [
    'evict',
    { chosen: ['c'], workLostCpuSeconds: 9, after: { value: 160, unit: 'MB' } },
    /costs 3 would have freed enough, this one costs 9/,
  ],
  ['evict', { rule: 'all' }, /Not all were chosen/],
  ['not-ours', { found: 0.5 }, /Borrowers used 0\.5 cpus/],
  ['not-ours', { evidence: 'probe freeze', found: 0.01 }, /borrowers were the reason/],
  ['mode', { to: 'observe' }, /is what it was before/],
]

test.each(WRONG)('a record of a %s with %j does not recompute', (kind, change, words) => {
  expect(recompute({ ...GOOD[kind], ...change } as Decision)).toMatch(words)
})

test.each([
  [null, 'must be an object'],
  [[], 'must be an object'],
  [{ kind: 'dance' }, 'not "dance"'],
  [{ kind: 'toString' }, 'not "toString"'],
  [{ ...GOOD['lend'], at: 'now' }, "The field 'at' of a decision 'lend' is wrong"],
  [{ ...GOOD['lend'], terms: [{ name: 'x' }] }, "The field 'terms'"],
  [{ ...GOOD['lend'], effect: { after1s: { wait: 'long' } } }, "The field 'effect'"],
  [{ ...GOOD['squeeze'], floor: undefined }, "'floor' of a decision 'squeeze' is wrong: missing"],
  [{ ...GOOD['evict'], candidates: [{}] }, "The field 'candidates'"],
  [{ ...GOOD['mode'], to: 'sometimes' }, "The field 'to'"],
])('%j is no decision', (value, words) => {
  expect(parseDecision(value)).toMatchObject({ rejected: true, message: expect.stringContaining(words) })
})

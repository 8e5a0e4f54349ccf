// An estimator that lends half of what owners leave idle: --resource_estimator=./examples/half-estimator.ts?share=0.5
// Its types say what a module gets and gives; they are erased, so that a copy of this file needs nothing of Tepui's.
import type { EstimatorFactory, Term } from '../src/estimator/estimator.ts'

const half: EstimatorFactory = (options) => {
  const share = Number(options['share'] ?? 0.5)
  if (!(share > 0 && share <= 1))
    throw new Error(`share is '${options['share']}': expected more than 0, at most 1`)
  // The counters of the last snapshot: cores are the seconds that they have grown by, per second.
  let last: { readonly at: number; readonly seconds: ReadonlyMap<string, number> } | undefined
  return {
    name: 'half',
    estimate: ({ monotonic, containers }) => {
      const before = last
      const read = containers.map(
        ({ containerId, statistics }) => [containerId, statistics?.cpuSeconds] as const,
      )
      const seconds = new Map(
        read.flatMap(([id, value]) => (value === undefined ? [] : [[id, value] as const])),
      )
      last = { at: monotonic, seconds }
      if (before === undefined || monotonic <= before.at)
        return { kind: 'unknown', reason: 'there is no rate yet' }
      const terms: Term[] = []
      for (const { containerId, taskIds, revocable, allocated } of containers) {
        const of = taskIds[0] ?? containerId
        const held = allocated.scalar('cpus')
        const [now, then] = [seconds.get(containerId), before.seconds.get(containerId)]
        if (revocable) {
          terms.push({ name: 'lent already', value: -held, unit: 'cpus', of, why: 'a borrower runs on it' })
        } else if (now !== undefined && then !== undefined) {
          // Whom it cannot see it leaves alone: such an owner adds nothing.
          const used = ((now - then) * 1000) / (monotonic - before.at)
          const value = Math.max(0, held - used) * share
          terms.push({
            name: 'half of the idle',
            value,
            unit: 'cpus',
            of,
            why: `uses ${used.toFixed(2)} of ${held}`,
          })
        }
      }
      return lendNothingNegative(terms)
    },
  }
}
export default half

function lendNothingNegative(terms: Term[]): { kind: 'known'; additional: { cpus: number }; terms: Term[] } {
  const sum = terms.reduce((total, { value }) => total + value, 0)
  const cpus = Math.floor(Math.max(0, sum) * 10) / 10
  // The terms must add up to what is lent, so that whoever asks finds out why it is so much.
  terms.push({
    name: 'rounding',
    value: cpus - sum,
    unit: 'cpus',
    of: undefined,
    why: 'down to tenths, not below 0',
  })
  return { kind: 'known', additional: { cpus }, terms }
}

// An estimator that lends a fixed amount by night, with --resource_estimator=./examples/night-estimator.ts?from=22&to=6
// It shows options, settings that change while it runs, and that time comes with the snapshot (hours are UTC).
import type { EstimatorFactory, Term } from '../src/estimator/estimator.ts'

const HOUR_MS = 3_600_000

interface Night {
  readonly from: number
  readonly to: number
  readonly cpus: number
}

const night: EstimatorFactory = (options) => {
  let settings = read({ from: 22, to: 6, cpus: 1 }, options)
  return {
    name: 'night',
    configure: (changed) => {
      // Read before it is taken: a refusal leaves everything as it was.
      settings = read(settings, changed)
    },
    estimate: ({ at, containers }) => {
      const { from, to, cpus } = settings
      const hour = Math.floor(at / HOUR_MS) % 24
      const isNight = from <= to ? hour >= from && hour < to : hour >= from || hour < to
      const terms: Term[] = []
      const add = (name: string, value: number, why: string, of?: string): void => {
        terms.push({ name, value, unit: 'cpus', of, why })
      }
      add('by night', isNight ? cpus : 0, `it is ${hour} h, and night is from ${from} to ${to} h`)
      for (const { revocable, allocated, taskIds } of containers) {
        if (revocable) add('lent already', -allocated.scalar('cpus'), 'a borrower runs on it', taskIds[0])
      }
      const rest = terms.reduce((sum, { value }) => sum + value, 0)
      if (rest < 0) add('not taken back', -rest, 'borrowers may finish in the morning')
      return { kind: 'known', additional: { cpus: Math.max(0, rest) }, terms }
    },
  }
}
export default night

function read(old: Night, options: Readonly<Record<string, string>>): Night {
  const read: Record<string, number> = { ...old }
  for (const [name, text] of Object.entries(options)) {
    const most = name === 'cpus' ? 1000 : 24
    if (!Object.hasOwn(old, name))
      throw new Error(`'night' has no option '${name}'; it has from, to and cpus`)
    const value = Number(text)
    if (!(value >= 0 && value <= most))
      throw new Error(`${name} is '${text}': expected a number from 0 to ${most}`)
    read[name] = value
  }
  return { ...old, ...read }
}

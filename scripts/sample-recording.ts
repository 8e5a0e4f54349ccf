// Makes examples/recordings/office-day.csv: a made-up day of three services on four cores, the same with every run.
// node scripts/sample-recording.ts > examples/recordings/office-day.csv
import { type Random, seededRandom } from '../src/base/random.ts'

const MINUTE_S = 60
const DAY_S = 86_400
const SEED = 20_261_122

interface Service {
  readonly name: string
  readonly limit: number
  readonly memLimit: number
  readonly mem: number
  /** Cores at night, and at the height of the day. */
  readonly low: number
  readonly high: number
  /** Bursts per hour: seconds, and cores on top. */
  readonly bursts: number
  readonly burstSeconds: number
  readonly burstCpus: number
}

/** A web server of people in offices, a database that follows it, a job that runs its report at two in the night. */
const SERVICES: readonly Service[] = [
  {
    name: 'web',
    limit: 2,
    memLimit: 1024,
    mem: 420,
    low: 0.1,
    high: 0.9,
    bursts: 1,
    burstSeconds: 8,
    burstCpus: 0.5,
  },
  {
    name: 'database',
    limit: 1,
    memLimit: 2048,
    mem: 1500,
    low: 0.08,
    high: 0.35,
    bursts: 0.5,
    burstSeconds: 20,
    burstCpus: 0.3,
  },
  {
    name: 'report',
    limit: 1,
    memLimit: 512,
    mem: 90,
    low: 0.02,
    high: 0.02,
    bursts: 0,
    burstSeconds: 0,
    burstCpus: 0,
  },
]
const REPORT_FROM_S = 2 * 3600
const REPORT_TO_S = REPORT_FROM_S + 1500
const REPORT_CPUS = 0.95
const CORES = 4
const MACHINE_MB = 8192

/** The whole file; rows of a minute, with its mean and its highest second. */
export function sampleRecording(seed = SEED): string {
  const random = seededRandom(seed)
  const lines = ['time,kind,owner,cpu,cpu_peak,mem,limit,mem_limit']
  const until = new Map<string, number>()
  for (let from = 0; from < DAY_S; from += MINUTE_S) {
    const first = from === 0
    const time = from + MINUTE_S
    let [cpus, memory] = [0, 900]
    for (const service of SERVICES) {
      const { mean, peak } = minuteOf(service, from, until, random)
      const mem = Math.round(service.mem * (0.97 + 0.06 * random.next()))
      cpus += mean
      memory += mem
      const limits = first ? `${service.limit},${service.memLimit}` : ','
      lines.push(`${time},,${service.name},${mean.toFixed(2)},${peak.toFixed(2)},${mem},${limits}`)
    }
    const busy = cpus + 0.04 + 0.02 * random.next()
    const limits = first ? `${CORES},${MACHINE_MB}` : ','
    lines.push(`${time},machine,,${busy.toFixed(2)},,${memory},${limits}`)
  }
  return `${lines.join('\n')}\n`
}

function minuteOf(
  service: Service,
  from: number,
  until: Map<string, number>,
  random: Random,
): { readonly mean: number; readonly peak: number } {
  let [sum, peak] = [0, 0]
  for (let second = from; second < from + MINUTE_S; second++) {
    if (random.next() < service.bursts / 3600) until.set(service.name, second + service.burstSeconds)
    const burst = second < (until.get(service.name) ?? 0) ? service.burstCpus : 0
    const steady = service.low + (service.high - service.low) * busyness(second)
    const report = second >= REPORT_FROM_S && second < REPORT_TO_S && service.name === 'report'
    const level = (report ? REPORT_CPUS : steady) + burst
    const cpus = Math.min(service.limit, level * (0.85 + 0.3 * random.next()))
    sum += cpus
    peak = Math.max(peak, cpus)
  }
  return { mean: sum / MINUTE_S, peak }
}

/** 0 at night, 1 before and after lunch: two humps between eight and six o'clock. */
function busyness(second: number): number {
  const hour = second / 3600
  const hump = (middle: number): number => Math.exp(-(((hour - middle) / 2) ** 2))
  return Math.min(1, hump(10.5) + hump(15))
}

if (import.meta.main) process.stdout.write(sampleRecording())

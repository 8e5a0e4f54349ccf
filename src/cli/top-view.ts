// One line of `tepui top`: rates between two pages of an agent, and the bar that shows them. Pure.
import { type Json, list, number, object, text } from './master-api.ts'

export interface TopRow {
  readonly agent: string
  readonly total: number
  /** Reserved by owners, and used of that. CPUs. */
  readonly allocated: number
  readonly used: number
  readonly allocatedIdle: number
  /** May be lent, and used by borrowers. */
  readonly lending: boolean
  /** `off`, `observe`, `lend` or `full`; empty when the agent does not answer. */
  readonly mode: string
  readonly lent: number
  readonly lentUsed: number
  readonly free: number
  /** MB. */
  readonly memoryAllocated: number
  readonly memoryUsed: number
  /** Largest share of the time in which an owner waited for a core; undefined where the kernel does not tell. */
  readonly pressure: number | undefined
  readonly tasks: number
  readonly lentTasks: number
  readonly takenBack: number
}

interface Sample {
  readonly id: string
  readonly revocable: boolean
  readonly at: number
  readonly cpuSeconds: number
  readonly memoryBytes: number
  readonly waited: number | undefined
}

const MB = 1024 ** 2

export function topRow(
  agent: string,
  own: Json,
  [before, after]: readonly [Json, Json],
  counts: { readonly tasks: number; readonly lentTasks: number },
): TopRow {
  const rates = ratesOf(samplesOf(before), samplesOf(after))
  const sum = (revocable: boolean): number =>
    rates.filter((one) => one.revocable === revocable).reduce((total, { cpus }) => total + cpus, 0)
  const total = number(object(own['total'])['cpus'])
  const allocated = number(object(own['allocated'])['cpus'])
  const [used, lentUsed] = [sum(false), sum(true)]
  const waits = rates.flatMap(({ revocable, waiting }) =>
    revocable || waiting === undefined ? [] : [waiting],
  )
  return {
    agent,
    total,
    allocated,
    used,
    allocatedIdle: Math.max(0, allocated - used - lentUsed),
    lending: after['lending'] === true,
    mode: text(after['mode']),
    lent: number(object(after['lent'])['cpus']),
    lentUsed,
    free: Math.max(0, total - Math.max(allocated, used + lentUsed)),
    memoryAllocated: number(object(own['allocated'])['mem']),
    memoryUsed: rates.reduce((bytes, one) => bytes + one.memoryBytes, 0) / MB,
    pressure: waits.length === 0 ? undefined : Math.max(...waits),
    takenBack: list(after['corrections']).length,
    ...counts,
  }
}

function samplesOf(page: Json): readonly Sample[] {
  return list(page['containers']).flatMap((one) => {
    const container = object(one)
    const statistics = object(container['statistics'])
    if (typeof statistics['cpuSeconds'] !== 'number') return []
    const waited = statistics['cpuPressureSomeSeconds']
    return [
      {
        id: text(container['container_id']),
        revocable: container['revocable'] === true,
        at: number(statistics['at']),
        cpuSeconds: statistics['cpuSeconds'],
        memoryBytes: number(statistics['memoryBytes']),
        waited: typeof waited === 'number' ? waited : undefined,
      },
    ]
  })
}

function ratesOf(
  before: readonly Sample[],
  after: readonly Sample[],
): readonly { revocable: boolean; cpus: number; memoryBytes: number; waiting: number | undefined }[] {
  return after.map((now) => {
    const then = before.find(({ id }) => id === now.id)
    const seconds = then === undefined ? 0 : (now.at - then.at) / 1000
    const rate = (from: number, to: number): number => (seconds > 0 ? Math.max(0, to - from) / seconds : 0)
    const isTold = then?.waited !== undefined && now.waited !== undefined && seconds > 0
    return {
      revocable: now.revocable,
      cpus: then === undefined ? 0 : rate(then.cpuSeconds, now.cpuSeconds),
      memoryBytes: now.memoryBytes,
      waiting: isTold ? Math.min(1, rate(then.waited ?? 0, now.waited ?? 0)) : undefined,
    }
  })
}

/** `█` used of what is allocated, `▓` lent in use, `▒` allocated but idle, `░` free; together what the agent has. */
export function barOf({ allocatedIdle, lentUsed, total, used }: TopRow, width = 20): string {
  const parts: readonly (readonly [string, number])[] = [
    ['█', used],
    ['▓', lentUsed],
    ['▒', allocatedIdle],
  ]
  let bar = ''
  let sum = 0
  for (const [sign, cpus] of parts) {
    sum += cpus
    const end = total > 0 ? Math.min(width, Math.round((sum / total) * width)) : 0
    bar += sign.repeat(Math.max(0, end - bar.length))
  }
  return bar.padEnd(width, '░')
}
